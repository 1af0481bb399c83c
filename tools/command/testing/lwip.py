"""The step that runs lwIP's own unit tests (tests/lwip), which use libcheck."""

import re

from .. import builds, paths, process
from .counts import Counts
from .steps import Options, Step, show_failure

TIMEOUT = 300.0

# What libcheck prints of each test: FILE:LINE:VERDICT:SUITE:TEST:ITERATION: TEXT,
# the verdict being Passed, Failure or Error.
_RESULT = re.compile(r"^\S+:\d+:([PFE]):(\w+):(\w+):\d+: (.*)$", re.MULTILINE)
_CLOSING = re.compile(r"^\d+%: Checks: (\d+), Failures: \d+, Errors: \d+$", re.MULTILINE)


def counts(output: str, options: Options) -> Counts:
    """Counts of the tests asked for. An end without closing line has failed."""
    told = Counts()
    for verdict, suite, test, text in _RESULT.findall(output):
        name = f"{suite}.{test}"
        if not options.matches(name):
            continue
        if verdict == "P":
            told.passed += 1
        else:
            told.failed += 1
            told.failures.append(f"{name}: {text}")
    closing = _CLOSING.search(output)
    if closing is None or int(closing[1]) != len(_RESULT.findall(output)):
        told.failed += 1
        told.failures.append("lwip: the tests did not run to their end")
    return told


def _run_program() -> process.Result:
    log = paths.LOGS / "test-lwip.log"
    log.unlink(missing_ok=True)
    program = builds.TREES["lwip"].path / "tests" / "lwip" / "lwip_tests"
    return process.run([program], timeout=TIMEOUT, log=log)


def step() -> Step:
    """All of them: libcheck forks for each test, so one's end is not the others'."""

    def run(options: Options) -> Counts:
        result = _run_program()
        told = counts(result.output, options)
        if result.code != 0 and told.failed == 0 and not options.filters:
            told.failed = 1
            told.failures.append(f"lwip: all tests passed, yet it {result.ending()}")
        if told.failed:
            show_failure(f"lwip {result.ending()}", result.tail(30))
        return told

    def names() -> list[str]:
        found = _RESULT.findall(_run_program().output)
        return [f"{suite}.{test}" for _, suite, test, _ in found]

    return Step(
        kind="lwip",
        name="lwip's own",
        build=lambda: builds.build(builds.TREES["lwip"]) and None,
        run=run,
        names=names,
    )
