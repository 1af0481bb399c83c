"""Runs one file of unittest tests and writes what became of them as JSON.

    unittest_child.py REPORT FILE [FILTER...]
    unittest_child.py --list FILE

A program of its own, so that a test can't disturb the command or another file's
tests. With filters only tests whose id contains one of them run.
"""

import json
import pathlib
import sys
import unittest
from collections.abc import Sequence


class CountingResult(unittest.TextTestResult):
    """The usual printed result, which also remembers what passed."""

    def __init__(self, *arguments, **options) -> None:
        super().__init__(*arguments, **options)
        self.passed: list[str] = []

    def addSuccess(self, test: unittest.TestCase) -> None:
        super().addSuccess(test)
        self.passed.append(test.id())

    def report(self) -> dict[str, list]:
        """What became of each test. A test with several failing parts is one."""
        # A part (a subTest) names its test; a class that couldn't be set up is
        # something of its own.
        bad = [test for test, _ in (*self.failures, *self.errors)]
        failed = {getattr(test, "test_case", test).id() for test in bad}
        failed |= {test.id() for test in self.unexpectedSuccesses}
        passed = set(self.passed) | {test.id() for test, _ in self.expectedFailures}
        return {
            "passed": sorted(passed - failed),
            "failed": sorted(failed),
            "skipped": [[test.id(), reason] for test, reason in self.skipped],
        }


def load(file: str, filters: Sequence[str] = ()) -> unittest.TestSuite:
    """The tests of a file."""
    path = pathlib.Path(file)
    sys.path.insert(0, str(path.parent))
    loader = unittest.TestLoader()
    if filters:
        loader.testNamePatterns = [f"*{text}*" for text in filters]
    return loader.loadTestsFromName(path.stem)


def names(suite: unittest.TestSuite | unittest.TestCase) -> list[str]:
    """The ids of the tests."""
    if isinstance(suite, unittest.TestCase):
        return [suite.id()]
    return [name for part in suite for name in names(part)]


def main(report: str, file: str, *filters: str) -> int:
    """Runs the tests; the exit code is 1 if any failed."""
    if report == "--list":
        print("\n".join(names(load(file))))
        return 0
    runner = unittest.TextTestRunner(
        stream=sys.stdout, verbosity=2, resultclass=CountingResult
    )
    result = runner.run(load(file, filters))
    pathlib.Path(report).write_text(json.dumps(result.report()))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
