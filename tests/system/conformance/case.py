"""A case, and the table of what became of all of them."""

import dataclasses
import enum
import time
from collections.abc import Callable, Iterable

from raw_peer import Nothing, Pulse, Station

CASES: list["Case"] = []
BOTH = (4, 6)


class When(enum.Enum):
    """In which order, so that all of it takes little time."""

    EARLY = 0  # it takes long
    ANY = 1
    ALONE = 2  # it uses what others need: of entries for neighbours the stale go first


@dataclasses.dataclass(frozen=True)
class Case:
    """`run` does it as a neighbour and returns what was seen, in words that are the
    same each time. `expected` is what the rule, a paragraph of an RFC, wants in the
    same words, perhaps by version of IP. Where that isn't what is seen, `deviates` is
    why it stays so."""

    section: str
    name: str
    rule: str
    expected: str | dict[int, str]
    run: Callable[[Station], str]
    versions: tuple[int, ...]
    deviates: str
    when: When

    def expects(self, version: int) -> str:
        if isinstance(self.expected, dict):
            return self.expected[version]
        return self.expected


@dataclasses.dataclass(frozen=True)
class Finding:
    case: Case
    version: int
    seen: str

    @property
    def conforms(self) -> bool:
        return self.seen == self.case.expects(self.version)


def case(section: str, name: str, rule: str, expected: str | dict[int, str],
         versions: tuple[int, ...] = BOTH, deviates: str = "", when: When = When.ANY):
    """Makes a function of a neighbour a case."""
    def add(run: Callable[[Station], str]) -> Callable[[Station], str]:
        CASES.append(Case(section, name, rule, expected, run, versions, deviates, when))
        return run
    return add


ATTEMPTS = 4


def observe(one: Case, station: Callable[[], Station], pulse: Pulse) -> Finding:
    """Runs it with a station that knows nothing yet; again with another if the machine
    stood still meanwhile and what was seen isn't what the rule wants."""
    for _ in range(ATTEMPTS):
        began = time.monotonic()
        finding = _observe(one, station())
        if finding.conforms or not pulse.stood_still_since(began):
            break
    return finding


def _observe(one: Case, station: Station) -> Finding:
    """What it waited for in vain is seen too."""
    try:
        seen = one.run(station)
    except Nothing as nothing:
        seen = str(nothing)
    except Exception as error:  # the case itself is wrong; the others go on
        seen = f"the case failed: {error!r}"
    return Finding(one, station.version, seen)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _rows(one: Case, findings: list[Finding]) -> Iterable[str]:
    """One row for both versions of IP if all of it is the same."""
    rows: dict[tuple[str, str], list[Finding]] = {}
    for finding in sorted(findings, key=lambda finding: finding.version):
        rows.setdefault((one.expects(finding.version), finding.seen), []).append(finding)
    for (expected, seen), alike in rows.items():
        versions = ", ".join(str(finding.version) for finding in alike)
        verdict = "yes" if alike[0].conforms else f"no: {one.deviates or 'not explained'}"
        cells = (one.name, versions, one.rule, expected, seen, verdict)
        yield "| " + " | ".join(map(_cell, cells)) + " |"


def table(findings: list[Finding]) -> str:
    """The sections' tables, in the order in which cases were written."""
    lines = []
    for section in dict.fromkeys(one.section for one in CASES):
        lines += [f"## {section}", "| case | IP | rule | expected | seen | conforms |",
                  "|---|---|---|---|---|---|"]
        for one in CASES:
            if one.section == section:
                lines += _rows(one, [each for each in findings if each.case is one])
        lines.append("")
    return "\n".join(lines)
