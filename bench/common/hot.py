"""Where instructions go: a report's profile, added up by function."""

import collections

from common import counter, output, symbols


def table(
    report: counter.Report,
    found: symbols.Symbols,
    title: str,
    top: int,
    divisor: float = 1,
) -> output.Table:
    """The functions in which most instructions were executed, per `divisor`."""
    spent: collections.Counter[str] = collections.Counter()
    for run in report.runs:
        spent[found.function_at(run.address)] += run.length * run.executions
    total = spent.total()
    hottest = spent.most_common(top)
    names = symbols.demangle([name for name, _ in hottest])
    rows = [
        [count / divisor, 100 * count / total, name]
        for (_, count), name in zip(hottest, names)
    ]
    return output.Table(
        "profile",
        f"{title}: {total / divisor:,.1f} instructions",
        ["instructions", "%", "function"],
        rows,
    )
