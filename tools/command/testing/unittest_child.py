"""Runs one file of unittest tests and writes what became of them as JSON.

    unittest_child.py REPORT FILE [FILTER...]

A program of its own, so that a test can't disturb the command or another file's
tests. With filters only tests whose id contains one of them run.
"""

import json
import pathlib
import sys
import unittest


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
        bad = [*self.failures, *self.errors]
        # A part's (subTest's) id is its test's, followed by what it is.
        failed = {test.id().split(" ")[0] if "(" not in test.id().split(" ")[0]
                  else test.id() for test, _ in bad}
        failed |= {test.id() for test in self.unexpectedSuccesses}
        passed = set(self.passed) | {test.id() for test, _ in self.expectedFailures}
        return {
            "passed": sorted(passed - failed),
            "failed": sorted(failed),
            "skipped": [[test.id(), reason] for test, reason in self.skipped],
        }


def main(report: str, file: str, *filters: str) -> int:
    """Runs the tests; the exit code is 1 if any failed."""
    path = pathlib.Path(file)
    sys.path.insert(0, str(path.parent))
    loader = unittest.TestLoader()
    if filters:
        loader.testNamePatterns = [f"*{text}*" for text in filters]
    suite = loader.loadTestsFromName(path.stem)
    runner = unittest.TextTestRunner(
        stream=sys.stdout, verbosity=2, resultclass=CountingResult
    )
    result = runner.run(suite)
    pathlib.Path(report).write_text(json.dumps(result.report()))
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
