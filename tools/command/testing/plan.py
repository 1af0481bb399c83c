"""The steps of `ebbrt test`, in order, and the table at the end."""

from collections.abc import Sequence

from .. import builds, progress
from ..problems import Problem
from . import fuzz, headers, programs, system
from .counts import Counts
from .steps import Options, Outcome, Step

KINDS = ("unit", "native", "system", "headers", "asan", "tsan", "fuzz")

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
        programs.hosted("unit", trees["hosted"], 1),
        programs.hosted("unit", trees["hosted"], 4),
        programs.native(1),
        programs.native(4),
        *system.steps(),
        headers.step(trees["hosted"]),
        headers.step(trees["native"]),
        programs.hosted("asan", trees["asan"], 4, timeout, _ASAN),
        programs.hosted("tsan", trees["tsan"], 4, timeout, _TSAN),
        fuzz.step(),
    ]
    return [step for step in every if not only or step.kind in only]


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


def _compare(outcomes: Sequence[Outcome]) -> str:
    """How many unit tests ran on Linux and inside the library OS."""
    told = {
        kind: next((o.counts for o in outcomes if o.step.kind == kind), None)
        for kind in ("unit", "native")
    }
    if not all(told.values()):
        return ""
    return (
        f"\nunit tests on Linux: {told['unit'].total};"
        f" inside the library OS: {told['native'].total}"
    )


def run(only: Sequence[str], options: Options) -> int:
    """Runs the steps; 0 if something ran and nothing failed."""
    outcomes = []
    for step in steps(only):
        outcome = _run(step, options)
        # With a filter, a step none of whose tests was meant is left out.
        if outcome.counts.total or not options.filters:
            outcomes.append(outcome)
    total = Counts()
    for outcome in outcomes:
        if outcome.counts.total == 0:
            outcome.counts.failed = 1
            outcome.counts.failures.append("no test ran")
        total += outcome.counts
    if total.total == 0:
        raise Problem(f"no test matches: {' '.join(options.filters)}")
    print(f"\n{table(outcomes)}{_compare(outcomes)}\n")
    print(total.closing_line(), flush=True)
    return 0 if total.failed == 0 and total.passed > 0 else 1


def list_tests(only: Sequence[str], options: Options) -> int:
    """Prints the names of the tests, after building the programs that know them."""
    for step in steps(only):
        if step.kind != "system":
            step.build()
        for name in filter(options.matches, step.names()):
            print(f"{step.name}: {name}")
    return 0
