"""random_expressions.py SEED COUNT NODES MACHINE: random expressions of matrices,
on back-ends and with NumPy, must agree within rounding."""

import random
import sys

import numpy

import ebbrt


class Value:
    """A matrix on both sides, and by how much its elements may differ."""

    def __init__(self, ours, theirs, bound) -> None:
        self.ours, self.theirs, self.bound = ours, theirs, bound

    def check(self, what: str) -> None:
        ours = self.ours.numpy()
        if (ours.shape, ours.dtype) != (self.theirs.shape, self.theirs.dtype):
            raise SystemExit(f"{what}: {ours.shape} {ours.dtype}, not {self.theirs.shape} {self.theirs.dtype}")
        if ours.size and not numpy.abs(ours - self.theirs).max() <= self.bound:
            raise SystemExit(f"{what}: {numpy.abs(ours - self.theirs).max()} > {self.bound}")


# Of complex numbers, whose products are some real ones.
EPSILON = 4 * numpy.finfo(float).eps


def largest(array) -> float:
    return float(numpy.abs(array).max()) if array.size else 0.0


class Chooser:
    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def tile(self):
        sizes = [1, 2, 3, 5, 8, 13, 64]
        return self.rng.choice(sizes), self.rng.choice(sizes)

    def size(self) -> int:
        return self.rng.choice([0, 1, 2, 3, 7, 16, 25, 40]) if self.rng.random() < 0.3 else (
            self.rng.randrange(1, 30))

    def leaf(self, rows: int, columns: int) -> Value:
        tile = self.tile()
        # No tile so small that there are hundreds of them.
        if rows * columns > 100 * tile[0] * tile[1]:
            tile = (16, 16)
        kind = self.rng.randrange(5)
        if kind == 0:
            value = self.rng.uniform(-2, 2)
            return Value(ebbrt.Matrix.full(rows, columns, value, tile),
                         numpy.full((rows, columns), value), 0.0)
        if kind == 1 and rows == columns:
            return Value(ebbrt.Matrix.identity(rows, tile), numpy.eye(rows), 0.0)
        if kind == 2:
            ours = ebbrt.Matrix.random(rows, columns, self.rng.randrange(1 << 64), tile)
            return Value(ours, ours.numpy(), 0.0)
        if kind == 3 and rows and columns:
            ours = ebbrt.Matrix(rows, columns, tile)
            theirs = numpy.zeros((rows, columns))
            for _ in range(3):
                i, j = self.rng.randrange(rows), self.rng.randrange(columns)
                ours[i, j] = theirs[i, j] = self.rng.uniform(-3, 3)
            return Value(ours, theirs, 0.0)
        theirs = numpy.array([[self.rng.uniform(-1, 1) for _ in range(columns)]
                              for _ in range(rows)]).reshape(rows, columns)
        if self.rng.random() < 0.3:
            theirs = theirs * (1 - 0.5j)
        return Value(ebbrt.Matrix.from_numpy(theirs, tile), theirs, 0.0)

    def value(self, rows: int, columns: int, depth: int) -> Value:
        if depth == 0:
            return self.leaf(rows, columns)
        kind = self.rng.randrange(8)
        if kind == 0:
            a = self.value(columns, rows, depth - 1)
            return Value(a.ours.T, a.theirs.T, a.bound)
        if kind == 1:
            inner = self.size()
            a = self.value(rows, inner, depth - 1)
            b = self.value(inner, columns, depth - 1)
            theirs = a.theirs @ b.theirs
            x, y = largest(a.theirs), largest(b.theirs)
            bound = inner * (a.bound * y + b.bound * x + a.bound * b.bound
                             + 2 * (inner + 1) * EPSILON * x * y)
            return Value(a.ours @ b.ours, theirs, bound)
        if kind == 2:
            top, left = self.rng.randrange(3), self.rng.randrange(3)
            a = self.value(rows + top + 1, columns + left + 2, depth - 1)
            return Value(a.ours[top:top + rows, left:left + columns],
                         a.theirs[top:top + rows, left:left + columns], a.bound)
        if kind == 3:
            a = self.value(rows, columns, depth - 1)
            number = self.rng.uniform(-2, 2)
            theirs = a.theirs * number
            return Value(number * a.ours, theirs,
                         a.bound * abs(number) + 2 * EPSILON * largest(theirs))
        if kind == 4:
            a = self.value(rows, columns, depth - 1)
            theirs = abs(a.theirs) + 0.5
            return Value(abs(a.ours) + 0.5, theirs, a.bound + 2 * EPSILON * (1 + largest(theirs)))
        if kind == 5:
            a = self.value(rows, columns, depth - 1)
            return Value(a.ours.in_tiles(self.tile() if rows * columns < 200 else 9), a.theirs,
                         a.bound)
        a = self.value(rows, columns, depth - 1)
        b = self.value(rows, columns, depth - 1)
        x, y = largest(a.theirs), largest(b.theirs)
        if kind == 6:
            theirs = a.theirs - b.theirs
            return Value(a.ours - b.ours, theirs, a.bound + b.bound + 2 * EPSILON * (x + y))
        theirs = a.theirs * b.theirs
        bound = a.bound * y + b.bound * x + a.bound * b.bound + 2 * EPSILON * x * y
        return Value(a.ours * b.ours, theirs, bound)


def main() -> None:
    seed, count, nodes = map(int, sys.argv[1:4])
    ebbrt.start(nodes=nodes, machine=sys.argv[4])
    for number in range(count):
        choose = Chooser(seed * 1_000_003 + number)
        what = f"seed {seed}, expression {number}"
        value = choose.value(choose.size(), choose.size(), choose.rng.randrange(4))
        value.check(what)
        if value.theirs.size:
            slack = value.bound * value.theirs.size + EPSILON * abs(value.theirs).sum() * 8
            if not abs(value.ours.sum() - value.theirs.sum()) <= slack:
                raise SystemExit(f"{what}: sum")
            for name in ("min", "max") if value.theirs.dtype == float else ():
                ours, theirs = getattr(value.ours, name)(), getattr(value.theirs, name)()
                if not abs(ours - theirs) <= value.bound:
                    raise SystemExit(f"{what}: {name}")
            i, j = (choose.rng.randrange(size) for size in value.theirs.shape)
            if not abs(value.ours[i, j] - value.theirs[i, j]) <= value.bound:
                raise SystemExit(f"{what}: element {i}, {j}")
            if not value.ours == value.ours.in_tiles(choose.tile()):
                raise SystemExit(f"{what}: it does not equal itself")
    print(f"{count} expressions agree")


if __name__ == "__main__":
    main()
