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


def _run_program(program: str) -> process.Result:
    log = paths.LOGS / f"test-{program}.log"
    log.unlink(missing_ok=True)
    return process.run([builds.TREES["lwip"].path / "tests" / "lwip" / program],
                       timeout=TIMEOUT, log=log)


def steps() -> list[Step]:
    """The stack of IPv4 and IPv6, and that of IPv4 alone."""
    return [_step("lwip's own", "lwip_tests"),
            _step("lwip's own, IPv4 only", "lwip_tests_v4")]


def _step(name: str, program: str) -> Step:
    """All of them: libcheck forks for each test, so one's end is not the others'."""

    def run(options: Options) -> Counts:
        result = _run_program(program)
        told = counts(result.output, options)
        if result.code != 0 and told.failed == 0 and not options.filters:
            told.failed = 1
            told.failures.append(f"lwip: all tests passed, yet it {result.ending()}")
        if told.failed:
            show_failure(f"lwip {result.ending()}", result.tail(30))
        return told

    def names() -> list[str]:
        found = _RESULT.findall(_run_program(program).output)
        return [f"{suite}.{test}" for _, suite, test, _ in found]

    return Step(
        kind="lwip",
        name=name,
        build=lambda: builds.build(builds.TREES["lwip"]) and None,
        run=run,
        names=names,
    )
