#!/usr/bin/python3
"""Boots on every machine with 1 to 8 cores; each core checks itself (cores.cc)."""

import unittest

import harness
import qemu

IMAGE = harness.NATIVE / "tests/system/native/cores.img"


class Boot(unittest.TestCase):
    def check(self, machine: str, cores: int, **more) -> None:
        result = qemu.boot(IMAGE, machine, cores=cores, **more)
        self.assertEqual(result.console, f"cores {cores} ok\n")
        self.assertEqual(result.exit_code, 0)

    def test_cores(self) -> None:
        for machine in qemu.MACHINES:
            for cores in (1, 2, 4, 8):
                with self.subTest(machine=machine, cores=cores):
                    self.check(machine, cores)

    def test_memory_sizes(self) -> None:
        """As little as the message asks for, and more than lies below 4 GiB."""
        self.check("microvm", 1, memory=16)
        self.check("pc", 2, memory=5000)
        self.check("microvm", 2, memory=5000)

    def test_without_gigabyte_pages(self) -> None:
        self.check("microvm", 2, memory=2048,
                   options=("-cpu", "max,pdpe1gb=off"))

    def test_plain_processor(self) -> None:
        """Without AVX, x2APIC, RDRAND or anything else that came later."""
        self.check("microvm", 2, options=("-cpu", "qemu64"))

    def test_acpi_on_microvm(self) -> None:
        self.check("microvm", 2, options=("-M", "microvm,acpi=on"))

    def test_frequency_argument(self) -> None:
        result = qemu.boot(IMAGE, "microvm", "ebbrt.tsc_khz=2000000", cores=2)
        self.assertIn("cores 2 ok", result.console)

    def test_bad_argument(self) -> None:
        result = qemu.boot(IMAGE, "microvm", "ebbrt.node=many")
        self.assertIn("ebbrt.node", result.console)
        self.assertEqual(result.exit_code, 125)

    def test_boot_chart(self) -> None:
        result = qemu.boot(IMAGE, "microvm", "ebbrt.bootchart")
        for stage in ("entered", "memory", "cores", "clock", "constructors", "first event"):
            self.assertRegex(result.console, rf"ebbrt: boot: \d+ us {stage}\n")


if __name__ == "__main__":
    unittest.main()
