"""Side by side: contestants run in turn, so that a change of the machine's load
during a benchmark meets all of them alike."""

import statistics
from collections.abc import Callable


def alternate(
    contestants: dict[str, Callable[[], float]], rounds: int
) -> dict[str, list[float]]:
    """Runs each contestant once a round, in an order that turns by one place
    from round to round; gives each one's results in the order of the rounds."""
    results: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            results[name].append(contestants[name]())
    return results


def spread(values: list[float]) -> tuple[float, float, float]:
    """Least, median and greatest."""
    return min(values), statistics.median(values), max(values)
