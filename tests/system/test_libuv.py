#!/usr/bin/python3
"""libuv's own tests, each on a machine of its own.

apps/node/libuv_tests.txt lists all of them: those that pass, and those that don't, with
the reason. It is generated: `python3 tests/system/test_libuv.py --update` runs every
test and writes down how it ended; reasons that are there are kept.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import HOSTED, NATIVE, ROOT, Namespace, require

sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
from command import paths  # noqa: E402

LIST = ROOT / "apps" / "node" / "libuv_tests.txt"
IMAGE = NATIVE / "apps" / "node" / "uv_test.elf"
FRONT_END = HOSTED / "apps" / "node" / "node_frontend"
MEMORY_MIB = "512"
TIMEOUT = 60
WORKERS = 2


def fixtures() -> pathlib.Path:
    """The files that libuv's tests open."""
    script = ROOT / "apps" / "node" / "libuv" / "build"
    prefix = subprocess.run([script, "--print-prefix"], capture_output=True, text=True, check=True,
                            env={**os.environ, "EBBRT_CACHE": str(paths.cache())})
    return pathlib.Path(prefix.stdout.split()[-1]) / "tests" / "fixtures"


def listed() -> dict[str, str]:
    """Why a test is left out; empty for one that passes."""
    result = {}
    for line in LIST.read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, reason = line.partition("  ")
            result[name] = reason.strip()
    return result


class Runner:
    """Runs the image's tests in a namespace, with the fixtures that they open."""

    def __init__(self, namespace: Namespace, directory: pathlib.Path) -> None:
        self.namespace = namespace
        self.directory = directory
        self.fixtures = fixtures()

    def run(self, *words: str) -> subprocess.CompletedProcess:
        with tempfile.TemporaryDirectory(dir=self.directory) as files:
            shutil.copytree(self.fixtures, pathlib.Path(files) / "work" / "test" / "fixtures")
            (pathlib.Path(files) / "tmp").mkdir()
            command = [FRONT_END, MEMORY_MIB, IMAGE, *words]
            try:
                return self.namespace.run(command, cwd=files, env=self.namespace.environment(),
                                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                          timeout=TIMEOUT)
            except subprocess.TimeoutExpired as late:
                return subprocess.CompletedProcess(command, -1, late.stdout or "", "timed out")

    def run_all(self, names: list[str]) -> dict[str, subprocess.CompletedProcess]:
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
            return dict(zip(names, pool.map(self.run, names)))


class LibuvTest(unittest.TestCase):
    def setUp(self) -> None:
        if not IMAGE.exists():
            self.skipTest("libuv is not built: ./ebbrt build node does that")
        require(FRONT_END)
        self.runner = Runner(self.enterContext(Namespace("uv")),
                             pathlib.Path(self.enterContext(tempfile.TemporaryDirectory())))

    def test_list_is_complete(self) -> None:
        there = self.runner.run("--list").stdout.split()
        self.assertGreater(len(there), 300)
        self.assertEqual(sorted(set(there)), sorted(listed()))

    def test_those_that_pass(self) -> None:
        names = [name for name, reason in listed().items() if not reason]
        results = self.runner.run_all(names)
        failed = {name: (result.stdout + result.stderr)[-300:]
                  for name, result in results.items() if result.returncode != 0}
        self.assertEqual(failed, {})
        self.runner.namespace.assert_clean(self)


def update() -> None:
    reasons = listed() if LIST.exists() else {}
    with Namespace("uv") as namespace, tempfile.TemporaryDirectory() as directory:
        runner = Runner(namespace, pathlib.Path(directory))
        names = list(dict.fromkeys(runner.run("--list").stdout.split()))
        lines = []
        passed = 0
        for name, result in runner.run_all(names).items():
            if result.returncode == 0:
                passed += 1
                lines.append(name)
                continue
            said = (result.stderr or result.stdout).strip().splitlines()
            lines.append(f"{name}  {reasons.get(name) or 'ends with ' + str(result.returncode) + ': ' + (said[-1] if said else '')}")
    head = [f"# libuv's own tests on the library OS: {passed} of {len(names)} pass; behind a name, why it is",
            "# left out. Written by tests/system/test_libuv.py --update."]
    LIST.write_text("\n".join(head + lines) + "\n")


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    else:
        unittest.main()
