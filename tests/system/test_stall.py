#!/usr/bin/python3
"""An event that holds its core is reported, once, with where it is, and goes on."""

import os
import re
import subprocess
import unittest

import harness
import qemu

LIMIT_MS = 300
REPORT = re.compile(
    r"ebbrt: an event has held core (\d+) for (\d+) ms; it is here:\r?\n((?:  #.*\r?\n)*)")


class Stall(unittest.TestCase):
    def check(self, console: str, core: int, expected: int) -> None:
        """A machine that is busy may hold a core elsewhere too: only reports of the
        guilty function count."""
        reports = [report for report in REPORT.finditer(console)
                   if "HoldTheCore" in report[3]]
        self.assertEqual(len(reports), expected, console)
        for report in reports:
            self.assertEqual(int(report[1]), core)
            self.assertGreaterEqual(int(report[2]), LIMIT_MS)
        self.assertIn("survived", console)

    def test_natively(self) -> None:
        image = harness.NATIVE / "tests/system/stall/stall.img"
        for machine in ("microvm", "q35"):
            for cores in (2, 4):
                with self.subTest(machine=machine, cores=cores):
                    result = qemu.boot(image, machine, f"ebbrt.stall={LIMIT_MS}",
                                       cores=cores)
                    self.check(result.console, cores - 1, 3)
                    self.assertEqual(result.exit_code, 0)

    def test_natively_on_one_core(self) -> None:
        image = harness.NATIVE / "tests/system/stall/stall.img"
        result = qemu.boot(image, "microvm", f"ebbrt.stall={LIMIT_MS}")
        self.assertIn("no core watches over the only one", result.console)
        self.assertIn("survived", result.console)

    def test_on_linux(self) -> None:
        program = harness.require(harness.HOSTED / "tests/system/stall/stall")
        for cores in (1, 2):
            with self.subTest(cores=cores):
                result = subprocess.run(
                    [program], capture_output=True, text=True, timeout=60,
                    env={**os.environ, "EBBRT_CORES": str(cores),
                         "EBBRT_STALL_MS": str(LIMIT_MS)})
                self.check(result.stdout + result.stderr, cores - 1, 2)
                self.assertEqual(result.returncode, 0)

    def test_a_limit_that_is_none_is_named(self) -> None:
        program = harness.require(harness.HOSTED / "tests/system/stall/stall")
        result = subprocess.run([program], capture_output=True, text=True, timeout=60,
                                env={**os.environ, "EBBRT_STALL_MS": "soon"})
        self.assertEqual(result.returncode, 2)
        self.assertIn("EBBRT_STALL_MS: expected a number", result.stderr)


if __name__ == "__main__":
    unittest.main()
