"""`ebbrt build node`: V8, the snapshot of its heap, which the engine writes itself, run
as a node, libuv, node's core, and what is linked of them."""

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
    where = engine.V8.build()
    engine.LIBUV.build()
    builds.build(builds.TREES["hosted"], ["node_frontend", "iaasd"])
    if not (where / "snapshot").is_dir():
        builds.build(builds.TREES["native"], ["v8_mksnapshot"])
        _write_snapshot(where / "snapshot")
    engine.CORE.build()
    builds.build(builds.TREES["native"], ["v8", "node", "uv_test"])


def _write_snapshot(where: pathlib.Path) -> None:
    """Runs mksnapshot on a node, whose files are those of a directory here."""
    step = progress.Step("snapshot of V8")
    part = where.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir()
    hosted = builds.TREES["hosted"].path
    result = process.run(
        [hosted / "apps" / "node" / "node_frontend", str(MEMORY_MIB),
         builds.TREES["native"].path / "apps" / "node" / "v8_mksnapshot.elf",
         "--embedded-src=embedded.S", "--startup-src=snapshot.cc", "--target-arch=x64",
         "--target-os=linux"],
        timeout=SNAPSHOT_TIMEOUT, log=paths.LOGS / "v8-snapshot.log", cwd=part,
        env={**os.environ, "EBBRT_IAASD": str(hosted / "tools" / "iaasd" / "iaasd")})
    if result.code != 0 or not (part / "snapshot.cc").exists():
        raise Problem(f"mksnapshot {result.ending()}:\n{result.tail(10)}")
    part.rename(where)
    step.end("done")
