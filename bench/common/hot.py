"""Where instructions go: a report's profile, added up by function."""

import collections
import re

from common import counter, output, symbols


def layers(
    report: counter.Report, found: symbols.Symbols, patterns: dict[str, str], rest: str
) -> dict[str, int]:
    """The instructions of each layer: of the functions whose name is matched by its
    expression, and by none before; and of the others, by the name `rest`."""
    spent = spent_by_function(report, found)
    by_layer = dict.fromkeys([*patterns, rest], 0)
    for name, demangled in zip(spent, symbols.demangle(list(spent))):
        layer = next((layer for layer, pattern in patterns.items()
                      if re.search(pattern, demangled)), rest)
        by_layer[layer] += spent[name]
    return by_layer


def spent_by_function(
    report: counter.Report, found: symbols.Symbols
) -> collections.Counter[str]:
    """The instructions of each function, by its linker name."""
    spent: collections.Counter[str] = collections.Counter()
    for run in report.runs:
        spent[found.function_at(run.address)] += run.length * run.executions
    return spent


def table(
    report: counter.Report,
    found: symbols.Symbols,
    title: str,
    top: int,
    divisor: float = 1,
) -> output.Table:
    """The functions in which most instructions were executed, per `divisor`."""
    spent = spent_by_function(report, found)
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
