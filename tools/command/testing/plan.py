"""The steps of `ebbrt test`, in order, and the table at the end."""

import contextlib
import math
import signal
from collections.abc import Iterator, Sequence

from .. import builds, progress
from ..problems import Problem
from . import fuzz, headers, lwip, platforms, programs, system
from .counts import Counts
from .steps import Options, Outcome, Step

KINDS = ("unit", "native", "system", "headers", "lwip", "asan", "tsan", "fuzz")

# How many cores the unit tests are given, one run after the other.
CORES = (1, 2, 4)

# A report of a sanitizer ends the program, so that the test fails.
_ASAN = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=0:abort_on_error=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
}
_TSAN = {"TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1"}


def steps(only: Sequence[str] = ()) -> list[Step]:
    """The steps of the kinds asked for; what fails soonest comes first."""
    trees = builds.TREES
    timeout = programs.SANITIZED_TIMEOUT
    every = [
        *(programs.hosted("unit", trees["hosted"], cores) for cores in CORES),
        *(programs.native(cores) for cores in CORES),
        *system.steps(),
        headers.step(trees["hosted"]),
        headers.step(trees["native"]),
        *lwip.steps(),
        programs.hosted("asan", trees["asan"], 4, timeout, _ASAN),
        *(system.sanitized("asan", trees["asan"], _ASAN, what) for what in system.SANITIZED),
        programs.hosted("tsan", trees["tsan"], 4, timeout, _TSAN),
        system.sanitized("tsan", trees["tsan"], _TSAN, system.SANITIZED[0]),
        fuzz.step(),
    ]
    return [step for step in every if not only or step.kind in only]


class _OutOfTime(Exception):
    """The time for everything together is over."""


def _out_of_time(_signal: int, _frame) -> None:
    raise _OutOfTime


@contextlib.contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Raises _OutOfTime inside, once, when the time is over."""
    if seconds == math.inf:
        yield
        return
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _run(step: Step, options: Options) -> Outcome:
    progress.say(f"test {step.name} ...")
    timed = progress.Step(f"test {step.name}")
    try:
        step.build()
        counts = step.run(options)
    except (Problem, OSError) as problem:
        progress.say(str(problem))
        counts = Counts(failed=1, failures=[f"{step.name}: {problem}".splitlines()[0]])
    timed.end(counts.closing_line())
    return Outcome(step, counts, timed.seconds)


def _run_all(chosen: Sequence[Step], options: Options) -> list[Outcome]:
    outcomes: list[Outcome] = []
    try:
        with _within(options.left()):
            for step in chosen:
                outcomes.append(_run(step, options))
    except _OutOfTime:
        progress.say("the time is over")
        for step in chosen[len(outcomes) :]:
            counts = Counts(failed=1, failures=["did not end before the time was over"])
            outcomes.append(Outcome(step, counts, 0.0))
    # With a filter, a step none of whose tests was meant is left out.
    return [o for o in outcomes if o.counts.total or not options.filters]


def table(outcomes: Sequence[Outcome]) -> str:
    """A line per step, and below it what failed and why something was skipped."""
    lines = [f"{'step':<28}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>14}"]
    for outcome in outcomes:
        counts = outcome.counts
        lines.append(
            f"{outcome.step.name:<28}{counts.passed:>8}{counts.failed:>8}"
            f"{counts.skipped:>9}{progress.duration(outcome.seconds):>14}"
        )
    for title, member in (("skipped", "reasons"), ("failed", "failures")):
        found = [
            f"  {outcome.step.name}: {text}"
            for outcome in outcomes
            for text in getattr(outcome.counts, member)
        ]
        if found:
            lines += ["", f"{title}:", *found]
    return "\n".join(lines)


def _compare(outcomes: Sequence[Outcome]) -> platforms.Comparison | None:
    """The unit tests on Linux and inside the library OS, if both were run."""
    told = {
        kind: next((o.step for o in outcomes if o.step.kind == kind), None)
        for kind in ("unit", "native")
    }
    if not all(told.values()):
        return None
    return platforms.compare(told["unit"].names(), told["native"].names())


def run(only: Sequence[str], options: Options) -> int:
    """Runs the steps; 0 if something ran and nothing failed."""
    outcomes = _run_all(steps(only), options)
    total = Counts()
    for outcome in outcomes:
        if outcome.counts.total == 0:
            outcome.counts.failed = 1
            outcome.counts.failures.append("no test ran")
        total += outcome.counts
    if total.total == 0:
        raise Problem(f"no test matches: {' '.join(options.filters)}")
    print(f"\n{table(outcomes)}")
    if comparison := _compare(outcomes):
        print(f"\n{comparison.text()}")
        for name in comparison.unlisted():
            total.failed += 1
            print(f"  {name} must run on both sides, or be in tests/unit/SIDE")
    print()
    print(total.closing_line(), flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


def list_tests(only: Sequence[str], options: Options) -> int:
    """Prints the names of the tests, after building the programs that know them."""
    found = 0
    for step in steps(only):
        if step.kind not in ("system", "fuzz"):
            step.build()
        for name in filter(options.matches, step.names()):
            print(f"{step.name}: {name}")
            found += 1
    if not found:
        raise Problem(f"no test matches: {' '.join(options.filters)}")
    return 0
