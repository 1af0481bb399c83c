#!/usr/bin/python3
"""The installed hosted library: another project finds it and makes a front-end."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from harness import HOSTED, require

PROJECT = """\
cmake_minimum_required(VERSION 3.25)
project(Consumer LANGUAGES CXX)
find_package(EbbRT 0.1 REQUIRED)
foreach(kind main shared_main)
  add_executable(use_${kind} use.cc)
  target_link_libraries(use_${kind} PRIVATE EbbRT::ebbrt_${kind})
  ebbrt_schemas(use_${kind} word.capnp)
endforeach()
"""

SCHEMA = """\
@0xd5f1a6b4c9e80213;
struct Word { text @0 :Text; }
"""

# Ten lines of a front-end: an Ebb, an event that blocks on a future, an exit.
PROGRAM = """\
#include <cstdio>
#include "common/event_manager.h"
#include "common/future.h"
#include "common/runtime.h"
#include "word.capnp.h"
void ebbrt::AppMain() {
  Promise<int> promise;
  auto future = promise.GetFuture();
  EventManager::Spawn([&promise] { promise.SetValue(42); });
  std::printf("the event said %d\\n", future.Get());
  runtime::Exit(0);
}
"""


def run(*words, **options) -> subprocess.CompletedProcess:
    """Runs a program; its output becomes the failure's text."""
    result = subprocess.run(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
        **options,
    )
    if result.returncode != 0:
        raise AssertionError(f"{words} exited with {result.returncode}:\n{result.stdout}")
    return result


class InstallTest(unittest.TestCase):
    def setUp(self) -> None:
        require(HOSTED / "src" / "hosted" / "libebbrt.a")
        self.directory = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory(prefix="ebbrt-install-"))
        )
        self.prefix = self.directory / "prefix"
        run("cmake", "--install", HOSTED, "--prefix", self.prefix)

    def test_a_project_that_finds_the_package_builds_and_runs(self) -> None:
        source = self.directory / "source"
        source.mkdir()
        (source / "CMakeLists.txt").write_text(PROJECT)
        (source / "word.capnp").write_text(SCHEMA)
        (source / "use.cc").write_text(PROGRAM)
        build = self.directory / "build"
        launcher = (
            ["-DCMAKE_CXX_COMPILER_LAUNCHER=ccache"] if shutil.which("ccache") else []
        )
        run(
            *("cmake", "-S", source, "-B", build, "-G", "Ninja"),
            f"-DCMAKE_PREFIX_PATH={self.prefix}",
            *launcher,
        )
        run("ninja", "-C", build)
        for kind in ("main", "shared_main"):
            with self.subTest(kind=kind):
                result = run(build / f"use_{kind}")
                self.assertEqual(result.stdout, "the event said 42\n")
        linked = run("ldd", build / "use_shared_main").stdout
        self.assertIn(str(self.prefix), linked)
        self.assertNotIn("libebbrt", run("ldd", build / "use_main").stdout)

    def test_nothing_installed_points_into_the_source_tree(self) -> None:
        """A package that works only beside its source is no package."""
        root = str(HOSTED.parent.parent)
        for path in self.prefix.rglob("*.cmake"):
            self.assertNotIn(root, path.read_text(), path)
        headers = self.prefix / "include" / "ebbrt"
        for name in (
            "common/ebb_ref.h",
            "common/global_id_map.capnp.h",
            "hosted/runtime.h",
            "platform/core.h",
        ):
            self.assertTrue((headers / name).is_file(), name)
        for program in ("iaasd", "iaasctl"):
            self.assertTrue((self.prefix / "bin" / program).is_file(), program)


if __name__ == "__main__":
    unittest.main()
