"""Steps that run the fuzzers of tests/fuzz for some seconds each."""

import pathlib
import re

from .. import builds, paths, process, progress
from .counts import Counts
from .steps import Options, Step, show_failure

DIRECTORY = paths.ROOT / "tests" / "fuzz"
SLACK = 60.0  # seconds beyond the fuzzing itself: start, replay of the corpus
USUAL_SLACK = 25.0  # that much of it is used where time is short
LEAST_SECONDS = 5


def fuzzers() -> list[str]:
    """Their names."""
    return [path.stem for path in sorted(DIRECTORY.glob("*_fuzz.cc"))]


def seconds_each(wanted: int, left: float, fuzzers: int) -> int:
    """How long each of so many may run, `wanted` at the most, when `left` seconds are left
    for all; the least is given even if it will not do."""
    share = left / fuzzers - USUAL_SLACK
    return int(min(wanted, max(share, LEAST_SECONDS)))


def _run_one(name: str, seconds: int) -> Counts:
    tree = builds.TREES["fuzz"]
    log = paths.LOGS / f"{name}.log"
    log.unlink(missing_ok=True)
    corpus = tree.path / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = DIRECTORY / "corpus" / name
    words: list[str | pathlib.Path] = [
        tree.path / "tests" / "fuzz" / name,
        f"-max_total_time={seconds}",
        "-timeout=10",
        "-print_final_stats=1",
        f"-artifact_prefix={tree.path}/{name}-",
        corpus,
    ]
    if seeds.is_dir():
        words.append(seeds)
    result = process.run(words, timeout=seconds + SLACK, log=log)
    executed = re.search(r"stat::number_of_executed_units:\s*(\d+)", result.output)
    if result.code == 0 and executed and int(executed[1]) > 0:
        return Counts(passed=1)
    show_failure(f"{name} {result.ending()}", result.tail(60), paths.shown(log))
    return Counts(failed=1, failures=[name])


def step() -> Step:
    """All fuzzers."""

    def run(options: Options) -> Counts:
        counts = Counts()
        chosen = [name for name in fuzzers() if options.matches(name)]
        for done, name in enumerate(chosen):
            seconds = seconds_each(options.fuzz_seconds, options.left(), len(chosen) - done)
            if seconds < options.fuzz_seconds:
                progress.say(f"{name}: {seconds} s, for the time that is left")
            counts += _run_one(name, seconds)
        return counts

    return Step(
        kind="fuzz",
        name="fuzz",
        build=lambda: builds.build(builds.TREES["fuzz"]) and None,
        run=run,
        names=fuzzers,
    )
