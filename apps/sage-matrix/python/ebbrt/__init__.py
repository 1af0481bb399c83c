"""Matrices whose tiles live on virtual machines that are booted when needed.

    >>> import ebbrt
    >>> ebbrt.start(nodes=2)
    >>> A = ebbrt.Matrix.random(300, 200, seed=1, tile=128)
    >>> B = A.T @ A
    >>> B.shape
    (200, 200)
    >>> abs(B - B.T).max()
    0.0

Sage's numbers, vectors and matrices take part (docs/sage-worksheet.rst has more):

    sage: A = ebbrt.Matrix.from_numpy(matrix(RDF, 2, [1, 2, 3, 4]), tile=1)
    sage: (1/2 * A @ A).sage()
    [ 3.5  5.0]
    [ 7.5 11.0]
    sage: (I * A)[1, 0]
    3j
    sage: A @ vector([1, -1])
    (-1.0, -1.0)
    sage: A == A.sage()
    True

    >>> ebbrt.stop()

Operations only note what is to be done. Tiles are computed when a value is asked
for, all that don't wait for each other at once, on the machines that hold them.
"""

import atexit
import operator
import os
import pathlib

import numpy

from ebbrt import _core
from ebbrt._core import AllocationFailed, MatrixLost, NodeLost
from ebbrt._elements import TYPES, as_array, as_number, is_sages, type_number
from ebbrt._progress import Progress

__all__ = ["AllocationFailed", "Matrix", "MatrixLost", "NodeLost", "nodes", "start", "stop"]

_TILE = 512
# In the order of the numbers that _core gives them.
_UNARY = {
    name: number
    for number, name in enumerate(
        "add multiply divide reverse_subtract reverse_divide power reverse_power abs sqrt exp log sin cos tanh "
        "real imag conj negate".split()
    )
}
_BINARY = {name: number for number, name in enumerate("add subtract multiply divide equal".split())}
_MAPS = "abs sqrt exp log sin cos tanh".split()


def start(nodes=4, memory=128, machine="microvm", image=None, progress=None, console=False):
    """Makes this process a front-end. Machines are booted later, when tiles need
    them: at most `nodes`, each with `memory` MiB. Once per process.

    `machine` is microvm, pc, q35, or process, with which `image` is a program; without
    one it is that of the environment's EBBRT_MATRIX_IMAGE, for processes
    EBBRT_MATRIX_PROGRAM, which `ebbrt run` sets. What takes more than a second shows
    its progress if `progress` is true, or if standard error is a terminal and it is
    None; `console` shows what the machines write to theirs.
    """
    if not 1 <= operator.index(nodes) <= 250:
        raise ValueError(f"nodes: {nodes} should be from 1 to 250")
    if machine not in ("microvm", "pc", "q35", "process"):
        raise ValueError(f"machine: {machine!r} is not microvm, pc, q35 or process")
    if operator.index(memory) < 16:
        raise ValueError(f"memory: {memory} MiB should be at least 16")
    variable = "EBBRT_MATRIX_PROGRAM" if machine == "process" else "EBBRT_MATRIX_IMAGE"
    image = image or os.environ.get(variable)
    if not image:
        raise ValueError(f"image: say which, or set {variable}")
    if not pathlib.Path(image).is_file():
        raise FileNotFoundError(f"image: there is no file {image}")
    _core.start(str(image), nodes, memory, machine, bool(console))
    _core.show_progress(Progress(progress))


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
    """A matrix of float64, or of float32, complex64 or complex128.

    Arithmetic is NumPy's: * and / go element by element, @ is the product;
    a number may take the place of either side. Elements of two types become
    those of the smallest that holds both; a number leaves them as they are, but
    for a complex one. == compares whole matrices.
    """

    # NumPy leaves operators with its arrays on the left to us.
    __array_ufunc__ = None
    __slots__ = ("_expression",)

    def __init__(self, rows, columns, tile=_TILE, dtype="float64"):
        """Of zeros."""
        self._expression = Matrix.full(rows, columns, 0.0, tile, dtype)._expression

    @classmethod
    def _of(cls, expression):
        matrix = object.__new__(cls)
        matrix._expression = expression
        return matrix

    @staticmethod
    def _grid(rows, columns, tile, dtype):
        return _core.Grid(_size("rows", rows), _size("columns", columns), *_tiles(tile), type_number(dtype))

    @classmethod
    def full(cls, rows, columns, value, tile=_TILE, dtype=None):
        """Each element is `value`."""
        number = as_number(value)
        if number is None:
            raise TypeError(f"value: a {type(value).__name__} is not a number")
        if dtype is None:
            dtype = "complex128" if isinstance(number, complex) else "float64"
        if isinstance(number, complex) and not numpy.issubdtype(dtype, numpy.complexfloating):
            raise TypeError(f"value: {value} is complex, and {dtype} is not")
        return cls._of(_core.constant(cls._grid(rows, columns, tile, dtype), number))

    @classmethod
    def zeros(cls, rows, columns, tile=_TILE, dtype="float64"):
        return cls.full(rows, columns, 0.0, tile, dtype)

    @classmethod
    def identity(cls, size, tile=_TILE, dtype="float64"):
        return cls._of(_core.identity(cls._grid(size, size, tile, dtype)))

    @classmethod
    def random(cls, rows, columns, seed=0, tile=_TILE, dtype="float64"):
        """Of [0, 1), complex ones in both parts; the same for the same seed however
        the matrix is tiled."""
        seed = _size("seed", seed, 0, 2**64 - 1)
        return cls._of(_core.random(cls._grid(rows, columns, tile, dtype), seed))

    @classmethod
    def from_numpy(cls, array, tile=_TILE, dtype=None):
        """A copy of an array of two dimensions, of a matrix of Sage's, or of anything
        that makes an array. What is none of the types of matrices becomes float64."""
        array = as_array(array)
        if array.dtype == object and dtype is None:
            try:
                array = array.astype(numpy.float64)
            except (TypeError, ValueError):
                array = array.astype(numpy.complex128)
        if array.ndim != 2:
            raise ValueError(f"a matrix has two dimensions, this array has {array.ndim}")
        if dtype is None:
            own = array.dtype.newbyteorder("=")
            dtype = own if own in TYPES else numpy.float64
        grid = cls._grid(*array.shape, tile, dtype)
        if not (array.dtype == object or numpy.can_cast(array.dtype, dtype, "same_kind")):
            raise TypeError(f"elements of {array.dtype} can't be those of a matrix of {dtype}")
        return cls._of(_core.from_buffer(grid, numpy.ascontiguousarray(array, dtype=dtype)))

    # --- what it is ---------------------------------------------------------
    @property
    def shape(self):
        return self._expression.grid.shape

    @property
    def tile(self):
        return self._expression.grid.tile

    @property
    def dtype(self):
        return TYPES[self._expression.grid.type]

    def _holds_complex(self):
        return self.dtype.kind == "c"

    def __repr__(self):
        (rows, columns), (down, across) = self.shape, self.tile
        return f"Matrix of {rows} x {columns} {self.dtype}, in tiles of {down} x {across}"

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
        return self._expression.bytes().view(self.dtype).reshape(self.shape)

    def __array__(self, dtype=None):
        return numpy.asarray(self.numpy(), dtype=dtype)

    def sage(self):
        """As Sage's matrix(RDF, ...), of complex elements matrix(CDF, ...)."""
        from sage.all import CDF, RDF, matrix

        return matrix(CDF if self._holds_complex() else RDF, self.numpy())

    def _matrix_(self, ring=None):
        """What Sage's matrix() asks for."""
        return self.sage() if ring is None else self.sage().change_ring(ring)

    def evaluate(self):
        """Computes all tiles now; the matrix."""
        self._expression.evaluate()
        return self

    def sum(self):
        """Of all elements, in double precision."""
        total = self._expression.sum()
        return total if self._holds_complex() else total.real

    def min(self):
        return self._extreme("min", 0)

    def max(self):
        return self._extreme("max", 1)

    def mean(self):
        rows, columns = self.shape
        if rows * columns == 0:
            raise ValueError("mean of a matrix without elements")
        return self.sum() / (rows * columns)

    def norm(self):
        """Frobenius'."""
        return self._expression.squares() ** 0.5

    def _extreme(self, what, place):
        if self._holds_complex():
            raise TypeError(f"{what}: complex numbers have no order")
        if 0 in self.shape:
            raise ValueError(f"{what} of a matrix without elements")
        *extremes, nan = self._expression.extremes()
        return float("nan") if nan else extremes[place]

    # --- arithmetic ---------------------------------------------------------
    def _apply(self, function, operand=0.0):
        """Where the operand is a number."""
        number = as_number(operand)
        if number is None:
            return NotImplemented
        matrix = self._complex() if isinstance(number, complex) else self
        return Matrix._of(matrix._expression.apply(_UNARY[function], number))

    def _complex(self):
        """The same with complex elements."""
        return self.astype(numpy.result_type(self.dtype, numpy.complex64))

    def _combine(self, function, other):
        right = self._operand(function, other)
        if right is None:
            return NotImplemented
        return Matrix._of(self._expression.combine(_BINARY[function], right._expression))

    def _operand(self, function, other):
        """`other` as a matrix to go element by element with, None if it is none."""
        if function in ("multiply", "divide") and is_sages(other):
            raise TypeError(f"{function}: of Sage's matrices * is the product, of these it is that of elements: "
                            "take @, or Matrix.from_numpy() of the other")
        return self._matrix(other)

    def _matrix(self, other):
        """`other` as a matrix, None if it can't be one."""
        if isinstance(other, Matrix):
            return other
        array = self._foreign(other)
        return None if array is None or array.ndim != 2 else Matrix.from_numpy(array, self.tile)

    def _either(self, function, other):
        """With a number, or with a matrix."""
        result = self._apply(function, other)
        return self._combine(function, other) if result is NotImplemented else result

    def _reversed(self, function, other):
        """With the number or matrix on the left."""
        result = self._apply("reverse_" + function, other)
        if result is not NotImplemented or (left := self._operand(function, other)) is None:
            return result
        return left._combine(function, self)

    def __add__(self, other):
        return self._either("add", other)

    def __radd__(self, other):
        return self + other

    def __sub__(self, other):
        number = as_number(other)
        return self._combine("subtract", other) if number is None else self._apply("add", -number)

    def __rsub__(self, other):
        return self._reversed("subtract", other)

    def __mul__(self, other):
        return self._either("multiply", other)

    def __rmul__(self, other):
        return self * other

    def __truediv__(self, other):
        return self._either("divide", other)

    def __rtruediv__(self, other):
        return self._reversed("divide", other)

    def __pow__(self, exponent):
        """Element by element."""
        return self._apply("power", exponent)

    def __rpow__(self, base):
        return self._apply("reverse_power", base)

    def __neg__(self):
        return self._apply("negate")

    def __pos__(self):
        return Matrix._of(self._expression)

    def __abs__(self):
        return self._apply("abs")

    @property
    def real(self):
        return self._apply("real")

    @property
    def imag(self):
        return self._apply("imag")

    def conj(self):
        return self._apply("conj")

    def astype(self, dtype):
        """With elements of another type, rounded to it; complex ones don't become
        real: take `real`, `imag` or abs()."""
        to = type_number(dtype)
        if self._holds_complex() and TYPES[to].kind != "c":
            raise TypeError(f"astype: {self.dtype} does not become {dtype}; take real, imag or abs()")
        return Matrix._of(self._expression.convert(to))

    def map(self, name):
        """A function of each element."""
        if name not in _MAPS:
            raise ValueError(f"map: {name!r} is not one of {', '.join(_MAPS)}")
        return self._apply(name)

    def __matmul__(self, other):
        array = self._foreign(other)
        if array is not None and array.ndim == 1:
            column = Matrix.from_numpy(array.reshape(-1, 1), (self.tile[1], 1))
            return self._like(other, (self @ column).numpy().reshape(-1))
        right = self._matrix(other if array is None else array)
        return NotImplemented if right is None else Matrix._of(self._expression.multiply(right._expression))

    def __rmatmul__(self, other):
        array = self._foreign(other)
        if array is not None and array.ndim == 1:
            row = Matrix.from_numpy(array.reshape(1, -1), (1, self.tile[0]))
            return self._like(other, (row @ self).numpy().reshape(-1))
        left = self._matrix(other if array is None else array)
        return NotImplemented if left is None else left @ self

    @staticmethod
    def _foreign(other):
        """An array, or Sage's matrix or vector as one; else None."""
        return as_array(other) if isinstance(other, numpy.ndarray) or is_sages(other) else None

    @staticmethod
    def _like(vector, values):
        """Values as a vector of the same kind."""
        if not is_sages(vector):
            return values
        from sage.all import vector as make

        return make(values)

    @property
    def T(self):
        return Matrix._of(self._expression.transpose())

    def transpose(self):
        return self.T

    def __eq__(self, other):
        """Whether all elements are equal; of different shapes none are."""
        try:
            right = self._matrix(other)
        except TypeError:  # elements that are no numbers
            return False
        if right is None:
            return False if isinstance(other, numpy.ndarray) else NotImplemented
        if right.shape != self.shape:
            return False
        return 0 in self.shape or self._combine("equal", right).min() == 1

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
            element = self._expression.element(row, column)
            return element if self._holds_complex() else element.real
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
        number = as_number(value)
        if number is None:
            part = self._matrix(value)
        else:
            part = Matrix.full(rows, columns, number, self.tile,
                               None if isinstance(number, complex) else self.dtype)
        if part is None:
            raise TypeError(f"a part can't be set to a {type(value).__name__}")
        if part._holds_complex() and not self._holds_complex():
            raise TypeError(f"a part of a matrix of {self.dtype} can't be set to complex numbers")
        if part.shape != (rows, columns):
            raise ValueError(f"the part is {rows} x {columns}, the value "
                             f"{part.shape[0]} x {part.shape[1]}")
        self._expression = self._expression.with_part(row, column, part._expression)

    def randomize(self, seed=0):
        """Becomes random(..., seed) of the same shape and tiles."""
        self._expression = Matrix.random(*self.shape, seed, self.tile, self.dtype)._expression

    def in_tiles(self, tile):
        """The same matrix in tiles of another size."""
        return Matrix._of(self._expression.in_tiles(*_tiles(tile)))
