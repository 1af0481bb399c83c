"""What node is made of, in the cache: V8, libuv and node's core (apps/node/*/build)."""

import dataclasses
import hashlib
import os
import pathlib
import subprocess

from . import paths, process, progress
from .problems import Problem

TIMEOUT = 5400.0


def _environment() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "EBBRT_CACHE": str(paths.cache())}


@dataclasses.dataclass(frozen=True)
class Part:
    """A part, and how long it takes to be built."""

    name: str
    about: str
    time: str

    @property
    def script(self) -> pathlib.Path:
        return paths.ROOT / "apps" / "node" / self.name / "build"

    def prefix(self) -> pathlib.Path:
        """Where it is, or would be once built."""
        result = subprocess.run([self.script, "--print-prefix"], capture_output=True, text=True,
                                env=_environment(), check=False)
        if result.returncode != 0:
            raise Problem(f"{paths.shown(self.script)}: {result.stderr.strip()}")
        return pathlib.Path(result.stdout.split()[-1])

    def built(self) -> pathlib.Path | None:
        """Where it is, if it is there."""
        # To know that nothing was ever built takes no hashes.
        if not (paths.cache() / "node" / self.name).is_dir():
            return None
        where = self.prefix()
        return where if where.is_dir() else None

    def build(self) -> pathlib.Path:
        """Builds it if it isn't there; where it is. Needs the toolchain."""
        where = self.prefix()
        if where.is_dir():
            return where
        progress.say(f"build {self.about} into {where} ({self.time}, once)")
        step = progress.Step(f"build {self.about}")
        log = paths.LOGS / f"{self.name}.log"
        paths.LOGS.mkdir(parents=True, exist_ok=True)
        said = f"{self.name}: "
        result = process.run(
            [self.script], timeout=TIMEOUT, log=log, env=_environment(),
            on_line=lambda line: step.state(line.removeprefix(said)) if line.startswith(said) else None)
        if result.code != 0 or not where.is_dir():
            raise Problem(f"the build of {self.about} {result.ending()}:\n{result.tail(5)}\n"
                          f"(log: {paths.shown(log)})")
        step.end("done")
        return where


V8 = Part("v8", "V8", "a quarter of an hour")
LIBUV = Part("libuv", "libuv", "a minute")
CORE = Part("core", "node's core", "ten minutes")


def snapshot_place(where: pathlib.Path) -> pathlib.Path:
    """Where the snapshot lies, or would, that the program of the part there writes of its
    heap under the flags that V8 has."""
    flags = paths.ROOT / "apps" / "node" / "engine_flags.h"
    return where / f"snapshot-{hashlib.sha256(flags.read_bytes()).hexdigest()[:8]}"


def snapshot_of(part: Part) -> pathlib.Path | None:
    """Where a part's snapshot is, if it is there."""
    where = part.built()
    return place if where and (place := snapshot_place(where)).is_dir() else None


def options() -> list[str]:
    """What CMake is told of them."""
    found = {"V8": V8.built(), "V8_SNAPSHOT": snapshot_of(V8), "LIBUV": LIBUV.built(),
             "NODE_CORE": CORE.built(), "NODE_SNAPSHOT": snapshot_of(CORE)}
    return [f"-DEBBRT_{name}={where or ''}" for name, where in found.items()]
