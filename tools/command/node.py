"""`ebbrt build node`: V8, libuv and node's core, the snapshots of V8's and node's heaps,
which they write themselves, run as nodes, and what is linked of them."""

import os
import pathlib
import shutil

from . import builds, engine, packages, paths, process, progress
from .problems import Problem

SNAPSHOT_TIMEOUT = 600.0
MEMORY_MIB = 1024  # of the node that writes the snapshot


def build() -> None:
    packages.require("build", "run")
    builds.build_toolchain()
    builds.build(builds.TREES["hosted"], ["node_frontend", "iaasd"])
    engine.V8.build()
    engine.LIBUV.build()
    _snapshot(engine.V8, "v8_mksnapshot", "--embedded-src=embedded.S",
              "--startup-src=snapshot.cc", "--target-arch=x64", "--target-os=linux")
    engine.CORE.build()
    _snapshot(engine.CORE, "node_mksnapshot", "snapshot.cc")
    builds.build(builds.TREES["native"], ["v8", "node", "uv_test"])


def _snapshot(part: engine.Part, program: str, *words: str) -> None:
    """The part's snapshot: if it isn't there the program writes it, run with these words
    on a node, whose files are those of a directory here."""
    if engine.snapshot_of(part):
        return
    builds.build(builds.TREES["native"], [program])
    step = progress.Step(f"snapshot of {part.about}")
    where = engine.snapshot_place(part.prefix())
    unfinished = where.with_suffix(".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    hosted = builds.TREES["hosted"].path
    result = process.run(
        [hosted / "apps" / "node" / "node_frontend", str(MEMORY_MIB),
         builds.TREES["native"].path / "apps" / "node" / f"{program}.elf", *words],
        timeout=SNAPSHOT_TIMEOUT, log=paths.LOGS / f"{program}.log", cwd=unfinished,
        env={**os.environ, "EBBRT_IAASD": str(hosted / "tools" / "iaasd" / "iaasd")})
    if result.code != 0 or not (unfinished / "snapshot.cc").exists():
        raise Problem(f"{program} {result.ending()}:\n{result.tail(10)}")
    unfinished.rename(where)
    step.end("done")
