"""`ebbrt bench`: one program per table or figure, bench/NAME."""

import os
import pathlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import builds, packages, paths
from .problems import UsageProblem

DIRECTORY = paths.ROOT / "bench"


def available() -> dict[str, pathlib.Path]:
    """The benchmarks by name."""
    if not DIRECTORY.is_dir():
        return {}
    return {
        path.name: path
        for path in sorted(DIRECTORY.iterdir())
        if path.is_file() and "." not in path.name and os.access(path, os.X_OK)
    }


def start(name: str, words: Sequence[str], build: bool) -> NoReturn:
    """Builds, then becomes the benchmark's program."""
    known = available()
    if name not in known:
        raise UsageProblem(
            f"there is no benchmark '{name}'; there are: {', '.join(known) or 'none'}"
        )
    if build:
        packages.require("build", "run", "bench")
        builds.build(builds.TREES["hosted"])
        builds.build(builds.TREES["native"])
    sys.stdout.flush()
    os.execv(known[name], [str(known[name]), *words])
