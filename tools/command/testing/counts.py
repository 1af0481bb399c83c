"""Counts of tests, and how to read them off a GoogleTest program's output."""

import dataclasses
import re


@dataclasses.dataclass
class Counts:
    """How many tests passed, failed, were skipped (with the reasons)."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    reasons: list[str] = dataclasses.field(default_factory=list)
    # What failed, and what it said.
    failures: list[str] = dataclasses.field(default_factory=list)

    def __iadd__(self, other: "Counts") -> "Counts":
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.reasons += other.reasons
        self.failures += other.failures
        return self

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.skipped

    def closing_line(self) -> str:
        """`N passed, N failed` and, when there are any, `, N skipped`."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


_GTEST_RAN = re.compile(r"\[==========\] (\d+) tests? from \d+ test suites? ran\.")
_GTEST_PASSED = re.compile(r"\[  PASSED  \] (\d+) tests?\.")
_GTEST_SKIPPED = re.compile(r"\[  SKIPPED \] (\d+) tests?, listed below")
_GTEST_FAILED = re.compile(r"\[  FAILED  \] (\d+) tests?, listed below")
_GTEST_LISTED = re.compile(r"\[  FAILED  \] ([^\s,]+)(?:, where .*)?$", re.MULTILINE)
_GTEST_BEGAN = re.compile(r"\[ RUN      \] (\S+)")
_GTEST_OK = re.compile(r"\[       OK \] (\S+) \(")
_GTEST_SKIP = re.compile(r"\[  SKIPPED \] (\S+) \(")


def _skip_reasons(output: str) -> list[str]:
    """GoogleTest prints the text of GTEST_SKIP between RUN and SKIPPED."""
    reasons = []
    for match in re.finditer(
        r"\[ RUN      \] (\S+)\r?\n((?:(?!\[ RUN ).*\n)*?)\[  SKIPPED \] \1 \(", output
    ):
        text = " ".join(
            line.strip()
            for line in match[2].splitlines()
            if line.strip() and not re.match(r".*: Skipped$", line.strip())
        )
        reasons.append(f"{match[1]}: {text or 'no reason given'}")
    return reasons


def of_googletest(output: str) -> Counts:
    """Counts of a GoogleTest program that may have ended early.

    Its closing lines are believed when they are there. When they aren't, the test
    that had begun last, or the program as a whole, counts as failed.
    """
    ran = _GTEST_RAN.search(output)
    counts = Counts(reasons=_skip_reasons(output))
    if ran:
        closing = output[ran.start() :]
        for name, pattern in (
            ("passed", _GTEST_PASSED),
            ("failed", _GTEST_FAILED),
            ("skipped", _GTEST_SKIPPED),
        ):
            if found := pattern.search(closing):
                setattr(counts, name, int(found[1]))
        if counts.failed:
            counts.failures = sorted(set(_GTEST_LISTED.findall(closing)) - {""})
        if counts.total != int(ran[1]):
            counts.failed += 1
            counts.failures.append(
                f"{ran[1]} tests ran, but {counts.closing_line()} are accounted for"
            )
        return counts
    began = _GTEST_BEGAN.findall(output)
    ok = _GTEST_OK.findall(output)
    skipped = _GTEST_SKIP.findall(output)
    unended = [name for name in began if name not in {*ok, *skipped}]
    counts.passed, counts.skipped = len(ok), len(skipped)
    counts.failed = max(1, len(unended))
    counts.failures = [f"{name} (did not end, or failed)" for name in unended] or [
        "ended before the first test" if not began else "ended between tests"
    ]
    return counts
