"""What a step of `ebbrt test` is given and gives back."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable

from .. import progress
from .counts import Counts


@dataclasses.dataclass(frozen=True)
class Options:
    """What the user asked for."""

    filters: tuple[str, ...] = ()
    fuzz_seconds: int = 5
    deadline: float = math.inf  # of everything together, by time.monotonic()

    def left(self) -> float:
        """The seconds until the deadline; not above 0 when it has passed."""
        return self.deadline - time.monotonic()

    def matches(self, name: str) -> bool:
        """Whether a test of that name was asked for."""
        return not self.filters or any(text in name for text in self.filters)

    def googletest(self) -> list[str]:
        """The same as GoogleTest's option."""
        if not self.filters:
            return []
        return ["--gtest_filter=" + ":".join(f"*{text}*" for text in self.filters)]


@dataclasses.dataclass(frozen=True)
class Step:
    """A step: `build` may raise Problem, `run` tells what became of its tests."""

    kind: str  # what --only selects
    name: str
    build: Callable[[], None]
    run: Callable[[Options], Counts]
    names: Callable[[], list[str]]  # of its tests, for --list; after build


@dataclasses.dataclass
class Outcome:
    """What became of a step."""

    step: Step
    counts: Counts
    seconds: float


def show_failure(title: str, text: str, log: pathlib.Path | None = None) -> None:
    """A failure's own words, in full view."""
    progress.say(f"{title}; its last lines:")
    for line in text.splitlines():
        print(f"    | {line}")
    if log:
        print(f"    (all of it: {log})")
