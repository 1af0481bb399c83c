"""V8, the engine of `ebbrt run v8`: where it is in the cache (apps/node/v8/build)."""

import os
import pathlib
import subprocess

from . import paths, process, progress
from .problems import Problem

SCRIPT = paths.ROOT / "apps" / "node" / "v8" / "build"
TIMEOUT = 5400.0


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "EBBRT_CACHE": str(paths.cache())}


def prefix() -> pathlib.Path:
    """Where the engine is, or would be once built."""
    result = subprocess.run([SCRIPT, "--print-prefix"], capture_output=True, text=True,
                            env=_environment(), check=False)
    if result.returncode != 0:
        raise Problem(f"{paths.shown(SCRIPT)}: {result.stderr.strip()}")
    return pathlib.Path(result.stdout.split()[-1])


def built() -> pathlib.Path | None:
    """Where the engine is, if it is there."""
    # To know that nothing was ever built takes no hashes.
    if not (paths.cache() / "node" / "v8").is_dir():
        return None
    where = prefix()
    return where if where.is_dir() else None


def options() -> list[str]:
    """What CMake is told of it."""
    where = built()
    if where is None:
        return []
    snapshot = where / "snapshot"
    return [f"-DEBBRT_V8={where}", f"-DEBBRT_V8_SNAPSHOT={snapshot if snapshot.is_dir() else ''}"]


def build() -> pathlib.Path:
    """Builds it if it isn't there; where it is. Needs the toolchain."""
    where = prefix()
    if where.is_dir():
        return where
    progress.say(f"build V8 into {where} (a quarter of an hour, once)")
    step = progress.Step("build V8")
    log = paths.LOGS / "v8.log"
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    result = process.run(
        [SCRIPT], timeout=TIMEOUT, log=log, env=_environment(),
        on_line=lambda line: step.state(line.removeprefix("v8: ")) if line.startswith("v8: ") else None)
    if result.code != 0 or not where.is_dir():
        raise Problem(f"V8's build {result.ending()}:\n{result.tail(5)}\n(log: {paths.shown(log)})")
    step.end("done")
    return where
