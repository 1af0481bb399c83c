const count: number = "three";
export function twice(of: string): number {
  return of.length * 2 + missing;
}
