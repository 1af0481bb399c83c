"""Which unit tests run where: all on both sides, but for those of one platform,
which are listed by their place, tests/unit/hosted and tests/unit/native."""

import collections
import dataclasses
import re
from collections.abc import Iterable

from .. import paths

_TEST = re.compile(r"^TEST(?:_F|_P)?\(\s*(\w+),", re.MULTILINE)


@dataclasses.dataclass
class Comparison:
    """What is on both sides, and on one only, as test names."""

    both: set[str]
    hosted: set[str]
    native: set[str]

    def text(self) -> str:
        lines = [
            f"unit tests on Linux: {len(self.both | self.hosted)};"
            f" inside the library OS: {len(self.both | self.native)};"
            f" the same on both: {len(self.both)}"
        ]
        for where, names in (
            ("on Linux only", self.hosted),
            ("inside the library OS only", self.native),
        ):
            suites = collections.Counter(_suite(name) for name in names)
            if suites:
                told = (f"{suite} {count}" for suite, count in sorted(suites.items()))
                lines.append(f"  {where}: {', '.join(told)}")
        return "\n".join(lines)

    def unlisted(self) -> list[str]:
        """The tests on one side that should be on both."""
        return sorted(
            name
            for side, names in (("hosted", self.hosted), ("native", self.native))
            for name in names
            if _suite(name) not in _listed(side)
        )


def compare(hosted: Iterable[str], native: Iterable[str]) -> Comparison:
    """Of the names that the two programs list."""
    here, there = set(hosted), set(native)
    return Comparison(here & there, here - there, there - here)


def _suite(name: str) -> str:
    """Of Instantiation/Suite.Test/0 or Suite.Test."""
    return name.split(".")[0].split("/")[-1]


def _listed(side: str) -> set[str]:
    """The suites in the sources of a platform's own tests."""
    sources = (paths.ROOT / "tests" / "unit" / side).glob("*_test.cc")
    return {suite for source in sources for suite in _TEST.findall(source.read_text())}
