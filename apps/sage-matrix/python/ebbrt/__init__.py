"""Matrices whose tiles live on virtual machines that are booted when needed.

    >>> import ebbrt
    >>> ebbrt.start(nodes=2)
    >>> A = ebbrt.Matrix.random(300, 200, seed=1, tile=128)
    >>> B = A.T @ A
    >>> B.shape
    (200, 200)
    >>> abs(B - B.T).max()
    0.0
    >>> ebbrt.stop()

Operations only note what is to be done. Tiles are computed when a value is asked
for, all that don't wait for each other at once, on the machines that hold them.
"""

import atexit
import numbers
import operator
import os
import pathlib

import numpy

from ebbrt import _core
from ebbrt._core import AllocationFailed, MatrixLost, NodeLost

__all__ = ["AllocationFailed", "Matrix", "MatrixLost", "NodeLost", "nodes", "start", "stop"]

_TILE = 512
_UNARY = {
    name: number
    for number, name in enumerate(
        "add multiply divide reverse_subtract reverse_divide power reverse_power abs sqrt exp log sin cos tanh".split()
    )
}
_BINARY = {name: number for number, name in enumerate("add subtract multiply divide equal".split())}
_MAPS = "abs sqrt exp log sin cos tanh".split()


def start(nodes=4, memory=128, machine="microvm", image=None):
    """Makes this process a front-end. Machines are booted later, when tiles need
    them: at most `nodes`, each with `memory` MiB. Once per process.

    `machine` is microvm, pc, q35, or process, with which `image` is a program.
    """
    if not 1 <= operator.index(nodes) <= 250:
        raise ValueError(f"nodes: {nodes} should be from 1 to 250")
    if machine not in ("microvm", "pc", "q35", "process"):
        raise ValueError(f"machine: {machine!r} is not microvm, pc, q35 or process")
    if operator.index(memory) < 16:
        raise ValueError(f"memory: {memory} MiB should be at least 16")
    image = image or os.environ.get("EBBRT_MATRIX_IMAGE")
    if not image:
        raise ValueError("image: say which, or set EBBRT_MATRIX_IMAGE")
    if not pathlib.Path(image).is_file():
        raise FileNotFoundError(f"image: there is no file {image}")
    _core.start(str(image), nodes, memory, machine)


def stop():
    """Ends all machines and the front-end; matrices can't be used any more."""
    if _core.running():
        _core.stop()


def nodes():
    """How many machines there are now."""
    return _core.nodes()


atexit.register(stop)


def _size(name, value, least=0, most=2**31):
    value = operator.index(value)
    if not least <= value <= most:
        raise ValueError(f"{name}: {value} should be from {least} to {most}")
    return value


def _tiles(tile):
    rows, columns = tile if isinstance(tile, tuple) else (tile, tile)
    return _size("tile", rows, 1, 2**16), _size("tile", columns, 1, 2**16)


class Matrix:
    """A matrix of float64.

    Arithmetic is NumPy's: * and / go element by element, @ is the product;
    a number may take the place of either side. == compares whole matrices.
    """

    # NumPy leaves operators with its arrays on the left to us.
    __array_ufunc__ = None
    __slots__ = ("_expression",)

    def __init__(self, rows, columns, tile=_TILE, dtype="float64"):
        """Of zeros."""
        if numpy.dtype(dtype) != numpy.float64:
            raise TypeError(f"dtype: {dtype} is not supported; float64 is")
        self._expression = Matrix.full(rows, columns, 0.0, tile)._expression

    @classmethod
    def _of(cls, expression):
        matrix = object.__new__(cls)
        matrix._expression = expression
        return matrix

    @classmethod
    def full(cls, rows, columns, value, tile=_TILE):
        """Each element is `value`."""
        rows, columns = _size("rows", rows), _size("columns", columns)
        return cls._of(_core.constant(rows, columns, *_tiles(tile), float(value)))

    @classmethod
    def zeros(cls, rows, columns, tile=_TILE):
        return cls.full(rows, columns, 0.0, tile)

    @classmethod
    def identity(cls, size, tile=_TILE):
        return cls._of(_core.identity(_size("size", size), *_tiles(tile)))

    @classmethod
    def random(cls, rows, columns, seed=0, tile=_TILE):
        """Of [0, 1), the same for the same seed however the matrix is tiled."""
        rows, columns = _size("rows", rows), _size("columns", columns)
        seed = _size("seed", seed, 0, 2**64 - 1)
        return cls._of(_core.random(rows, columns, *_tiles(tile), seed))

    @classmethod
    def from_numpy(cls, array, tile=_TILE):
        """A copy of an array of two dimensions, or of anything that makes one."""
        array = numpy.asarray(array)
        if not (array.dtype == object or numpy.can_cast(array.dtype, numpy.float64, "same_kind")):
            raise TypeError(f"elements of {array.dtype} can't be those of a matrix of float64")
        array = numpy.ascontiguousarray(array, dtype=numpy.float64)
        return cls._of(_core.from_array(array, *_tiles(tile)))

    # --- what it is ---------------------------------------------------------
    @property
    def shape(self):
        return self._expression.shape

    @property
    def tile(self):
        return self._expression.tile

    @property
    def dtype(self):
        return numpy.dtype(numpy.float64)

    def __repr__(self):
        (rows, columns), (down, across) = self.shape, self.tile
        return f"Matrix of {rows} x {columns} float64, in tiles of {down} x {across}"

    def __len__(self):
        return self.shape[0]

    def __bool__(self):
        raise TypeError("is a matrix true? use ==, sum() or max()")

    def __reduce_ex__(self, protocol):
        raise TypeError("a matrix lives on its machines and can't be pickled; pickle numpy()")

    __hash__ = None

    # --- values -------------------------------------------------------------
    def numpy(self):
        """All elements, as an array of this process's own."""
        return self._expression.array()

    def __array__(self, dtype=None):
        return numpy.asarray(self.numpy(), dtype=dtype)

    def sage(self):
        """As Sage's matrix(RDF, ...)."""
        from sage.all import RDF, matrix

        return matrix(RDF, self.numpy())

    def evaluate(self):
        """Computes all tiles now; the matrix."""
        self._expression.evaluate()
        return self

    def sum(self):
        return self._expression.reduce()[0]

    def min(self):
        return self._extreme("min", 1)

    def max(self):
        return self._extreme("max", 2)

    def mean(self):
        rows, columns = self.shape
        if rows * columns == 0:
            raise ValueError("mean of a matrix without elements")
        return self.sum() / (rows * columns)

    def norm(self):
        """Frobenius'."""
        return self._expression.reduce()[3] ** 0.5

    def _extreme(self, what, place):
        if 0 in self.shape:
            raise ValueError(f"{what} of a matrix without elements")
        reduction = self._expression.reduce()
        return float("nan") if reduction[4] else reduction[place]

    # --- arithmetic ---------------------------------------------------------
    def _apply(self, function, operand=0.0):
        return Matrix._of(self._expression.apply(_UNARY[function], float(operand)))

    def _combine(self, function, other):
        other = self._matrix(other)
        if other is None:
            return NotImplemented
        return Matrix._of(self._expression.combine(_BINARY[function], other._expression))

    def _matrix(self, other):
        """`other` as a matrix, None if it can't be one."""
        if isinstance(other, Matrix):
            return other
        if isinstance(other, numpy.ndarray) and other.ndim == 2:
            return Matrix.from_numpy(other, self.tile)
        return None

    @staticmethod
    def _is_number(value):
        if isinstance(value, (numbers.Real, numpy.bool_)):
            return True
        # Sage's own numbers are none of Python's, but become floats.
        return hasattr(value, "__float__") and not isinstance(
            value, (Matrix, numpy.ndarray, numbers.Complex, numpy.complexfloating))

    def __add__(self, other):
        if self._is_number(other):
            return self._apply("add", other)
        return self._combine("add", other)

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        if self._is_number(other):
            return self._apply("add", -float(other))
        return self._combine("subtract", other)

    def __rsub__(self, other):
        if self._is_number(other):
            return self._apply("reverse_subtract", other)
        left = self._matrix(other)
        return NotImplemented if left is None else left - self

    def __mul__(self, other):
        if self._is_number(other):
            return self._apply("multiply", other)
        return self._combine("multiply", other)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        if self._is_number(other):
            return self._apply("divide", other)
        return self._combine("divide", other)

    def __rtruediv__(self, other):
        if self._is_number(other):
            return self._apply("reverse_divide", other)
        left = self._matrix(other)
        return NotImplemented if left is None else left / self

    def __pow__(self, exponent):
        """Element by element."""
        if not self._is_number(exponent):
            return NotImplemented
        return self._apply("power", exponent)

    def __rpow__(self, base):
        if not self._is_number(base):
            return NotImplemented
        return self._apply("reverse_power", base)

    def __neg__(self):
        return self._apply("multiply", -1)

    def __pos__(self):
        return Matrix._of(self._expression)

    def __abs__(self):
        return self._apply("abs")

    def map(self, name):
        """A function of each element."""
        if name not in _MAPS:
            raise ValueError(f"map: {name!r} is not one of {', '.join(_MAPS)}")
        return self._apply(name)

    def __matmul__(self, other):
        if isinstance(other, numpy.ndarray) and other.ndim == 1:
            column = Matrix.from_numpy(other.reshape(-1, 1), (self.tile[1], 1))
            return (self @ column).numpy().reshape(-1)
        other = self._matrix(other)
        if other is None:
            return NotImplemented
        return Matrix._of(self._expression.multiply(other._expression))

    def __rmatmul__(self, other):
        if isinstance(other, numpy.ndarray) and other.ndim == 1:
            row = Matrix.from_numpy(other.reshape(1, -1), (1, self.tile[0]))
            return (row @ self).numpy().reshape(-1)
        left = self._matrix(other)
        return NotImplemented if left is None else left @ self

    @property
    def T(self):
        return Matrix._of(self._expression.transpose())

    def transpose(self):
        return self.T

    def __eq__(self, other):
        """Whether all elements are equal; of different shapes none are."""
        if getattr(other, "shape", None) != self.shape:
            return False if isinstance(other, (Matrix, numpy.ndarray)) else NotImplemented
        if 0 in self.shape:
            return True
        equal = self._combine("equal", other)
        return equal if equal is NotImplemented else equal._extreme("==", 1) == 1

    # --- parts --------------------------------------------------------------
    def _index(self, index, axis):
        size = self.shape[axis]
        at = operator.index(index)
        if not -size <= at < size:
            raise IndexError(f"index {at} is out of range of {size} {'rows columns'.split()[axis]}")
        return at % size

    def __getitem__(self, key):
        """An element, or the part between two slices without steps; a number as
        one of the two keeps one row or column."""
        if not isinstance(key, tuple) or len(key) != 2:
            raise TypeError("a matrix is indexed by two: A[row, column]")
        if not any(isinstance(part, slice) for part in key):
            row, column = (self._index(part, axis) for axis, part in enumerate(key))
            return self._expression.element(row, column)
        return Matrix._of(self._expression.part(*self._part(key)))

    def _part(self, key):
        """Row and column of the part's beginning, its rows and columns."""
        begin, size = [], []
        for axis, part in enumerate(key):
            if isinstance(part, slice):
                first, last, step = part.indices(self.shape[axis])
                if step != 1:
                    raise ValueError(f"a slice's step is 1, not {step}")
            else:
                first = self._index(part, axis)
                last = first + 1
            begin.append(first)
            size.append(max(last - first, 0))
        return (*begin, *size)

    def __setitem__(self, key, value):
        """Sets an element, or the part between two slices, to a number, or to a
        matrix or an array of the part's shape."""
        if not isinstance(key, tuple) or len(key) != 2:
            raise TypeError("a matrix is indexed by two: A[row, column]")
        row, column, rows, columns = self._part(key)
        if self._is_number(value):
            part = Matrix.full(rows, columns, value, self.tile)
        else:
            part = self._matrix(value)
        if part is None:
            raise TypeError(f"a part can't be set to a {type(value).__name__}")
        if part.shape != (rows, columns):
            raise ValueError(f"the part is {rows} x {columns}, the value "
                             f"{part.shape[0]} x {part.shape[1]}")
        self._expression = self._expression.with_part(row, column, part._expression)

    def randomize(self, seed=0):
        """Becomes random(..., seed) of the same shape and tiles."""
        self._expression = Matrix.random(*self.shape, seed, self.tile)._expression

    def in_tiles(self, tile):
        """The same matrix in tiles of another size."""
        return Matrix._of(self._expression.in_tiles(*_tiles(tile)))
