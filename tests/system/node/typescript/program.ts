// What tsc turns into JavaScript, and what it finds wrong (broken.ts).
declare const console: { log(...words: unknown[]): void };

interface Shape {
  readonly name: string;
  area(): number;
}

abstract class Named implements Shape {
  constructor(readonly name: string) {}
  abstract area(): number;
  toString(): string {
    return `${this.name} of ${this.area().toFixed(1)}`;
  }
}

class Rectangle extends Named {
  constructor(private readonly width: number, private readonly height: number) {
    super("rectangle");
  }
  area(): number {
    return this.width * this.height;
  }
}

enum Order {
  Ascending = 1,
  Descending = -1,
}

function sorted<T extends Shape>(shapes: readonly T[], order: Order): T[] {
  return [...shapes].sort((a, b) => order * (a.area() - b.area()));
}

const shapes = sorted([new Rectangle(1, 2), new Rectangle(3, 4)], Order.Descending);
console.log(shapes.map(String).join(", "));
