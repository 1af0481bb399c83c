"""Elements of matrices: their types, and what of Python's, NumPy's and Sage's can be
such."""

import numbers

import numpy

# In the order of the numbers that _core gives them.
TYPES = [numpy.dtype(name) for name in "float32 float64 complex64 complex128".split()]


def type_number(dtype):
    """The number of an element's type."""
    if numpy.dtype(dtype) not in TYPES:
        raise TypeError(f"dtype: {dtype} is not one of {', '.join(map(str, TYPES))}")
    return TYPES.index(numpy.dtype(dtype))


def as_array(value):
    """What can be elements of matrices: an array, or a matrix or vector of Sage's."""
    if isinstance(value, numpy.ndarray):
        return value
    # Sage's own __array__ takes each element for itself.
    return numpy.asarray(value.numpy() if is_sages(value) else value)


def is_sages(value):
    """Whether it is a matrix or a vector of Sage's."""
    return type(value).__module__.startswith("sage.") and hasattr(value, "numpy")


def as_number(value):
    """A number as Python's float or complex, None if it is none."""
    if isinstance(value, (numbers.Real, numpy.bool_)):
        return float(value)
    if isinstance(value, numbers.Complex):
        return complex(value)
    if isinstance(value, (numpy.ndarray, str, bytes)):
        return None
    # Sage's own numbers are none of Python's, but become such.
    for kind, conversion in ((float, "__float__"), (complex, "__complex__")):
        if hasattr(value, conversion):
            try:
                return kind(value)
            except (TypeError, ValueError):
                pass
    return None
