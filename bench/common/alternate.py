"""Side by side: contestants run in turn, so that a change of the machine's load
during a benchmark meets all of them alike."""

import math
import statistics
from collections.abc import Callable
from typing import TypeVar


Result = TypeVar("Result")


def alternate(
    contestants: dict[str, Callable[[], Result]], rounds: int
) -> dict[str, list[Result]]:
    """Runs each contestant once a round, in an order that turns by one place
    from round to round; gives each one's results in the order of the rounds."""
    results: dict[str, list[Result]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            results[name].append(contestants[name]())
    return results


def spread(values: list[float]) -> tuple[float, float, float]:
    """Least, median and greatest."""
    return min(values), statistics.median(values), max(values)


# Student's t of 95 % by degrees of freedom, from 1 to 30.
_STUDENT = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def confidence(values: list[float]) -> float | None:
    """How far from the values' mean the true one may be, with 95 %; None for a
    single value."""
    if len(values) < 2:
        return None
    student = _STUDENT[min(len(values) - 1, len(_STUDENT)) - 1]
    return student * statistics.stdev(values) / math.sqrt(len(values))
