"""Steps that run tests/system/test_*.py, each file in a process of its own."""

import json
import os
import pathlib
import sys
import tempfile
from collections.abc import Mapping
from typing import NamedTuple

from .. import builds, packages, paths, process
from .counts import Counts
from .steps import Options, Step, show_failure

DIRECTORY = paths.ROOT / "tests" / "system"
CHILD = pathlib.Path(__file__).with_name("unittest_child.py")
# Of one file. EBBRT_LONG=1 has tests that take an hour.
TIMEOUT = 7200.0 if os.environ.get("EBBRT_LONG") == "1" else 1200.0


class Sanitized(NamedTuple):
    """Tests that are worth a run with sanitized programs."""

    name: str
    file: str
    tests: str  # part of their names


SANITIZED = (
    # Back-ends as processes, and their front-end.
    Sanitized("nodes", "test_ebbs", "OnProcesses"),
    Sanitized("memcached", "test_memcached", "HostedTest"),
    Sanitized("memcached's clients", "test_memcached_clients", "HostedTest"),
    Sanitized("memcached's parity", "test_memcached_parity", "HostedTest"),
    Sanitized("memcached's soak", "test_memcached_soak", "HostedTest"),
)


def _require_packages() -> None:
    packages.require("run", "python", "test")
    if os.environ.get("CI"):
        packages.require("servers", "sage")


def files() -> list[pathlib.Path]:
    """The files of tests."""
    return sorted(DIRECTORY.rglob("test_*.py"))


def _environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {
        **os.environ,
        "EBBRT_BUILD": str(paths.BUILD),
        "PYTHONPATH": str(DIRECTORY),
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        **(more or {}),
    }


def names(file: pathlib.Path) -> list[str]:
    """The tests of a file, which is loaded for that in a process of its own."""
    result = process.run(
        [sys.executable, CHILD, "--list", file], timeout=60, env=_environment()
    )
    return result.output.split() if result.code == 0 else []


def read_report(report: pathlib.Path) -> Counts | None:
    """What unittest_child.py has written; None if it didn't get that far."""
    try:
        told = json.loads(report.read_text())
    except (OSError, ValueError):
        return None
    return Counts(
        passed=len(told["passed"]),
        failed=len(told["failed"]),
        skipped=len(told["skipped"]),
        reasons=[f"{name}: {reason}" for name, reason in told["skipped"]],
        failures=list(told["failed"]),
    )


def run_file(
    file: pathlib.Path,
    filters: tuple[str, ...] = (),
    log: str = "",
    environment: Mapping[str, str] | None = None,
) -> Counts:
    """Runs the tests of a file; the log is named after it unless told."""
    log = paths.LOGS / f"{log or file.stem}.log"
    log.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="ebbrt-test-") as temporary:
        report = pathlib.Path(temporary) / "report.json"
        result = process.run(
            [sys.executable, CHILD, report, file, *filters],
            timeout=TIMEOUT,
            log=log,
            cwd=paths.ROOT,
            env=_environment(environment),
        )
        counts = read_report(report) if result.code is not None else None
    if counts is None:
        counts = Counts(failed=1, failures=[f"{file.stem} {result.ending()}"])
    elif result.code != 0 and counts.failed == 0:
        counts.failed = 1
        counts.failures.append(f"{file.stem} {result.ending()}")
    if counts.failed:
        show_failure(
            f"{file.stem} {result.ending()}", result.tail(60), paths.shown(log)
        )
    return counts


def step(file: pathlib.Path) -> Step:
    """The step of a file."""

    def build() -> None:
        _require_packages()
        builds.build(builds.TREES["hosted"])
        builds.build(builds.TREES["native"])

    return Step(
        kind="system",
        name=f"system, {file.stem.removeprefix('test_')}",
        build=build,
        run=lambda options: run_file(file, options.filters),
        names=lambda: names(file),
    )


def sanitized(
    kind: str, tree: builds.Tree, environment: Mapping[str, str], what: Sanitized
) -> Step:
    """Tests of a file whose programs are the tree's, under its sanitizer."""
    file = DIRECTORY / f"{what.file}.py"

    def its_names() -> list[str]:
        return [name for name in names(file) if what.tests in name]

    def build() -> None:
        _require_packages()
        builds.build(tree)

    def run(options: Options) -> Counts:
        chosen = tuple(filter(options.matches, its_names()))
        if not chosen:
            return Counts()
        hosted = {"EBBRT_HOSTED": str(tree.path)}
        log = f"{what.file}-{kind}"
        return run_file(file, chosen, log, {**environment, **hosted})

    name = f"{kind}, {what.name}"
    return Step(kind=kind, name=name, build=build, run=run, names=its_names)


def steps() -> list[Step]:
    """One step per file."""
    return [step(file) for file in files()]
