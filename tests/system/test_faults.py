#!/usr/bin/python3
"""What must not be possible ends in a report with a backtrace that names the
guilty function, and in a failing exit code. To return is the failure."""

import unittest

import harness
import qemu

IMAGE = harness.NATIVE / "tests/system/native/faults.img"
PANIC = 70  # kPanicExitCode

# The case; what the report's first line says; functions that the backtrace names.
FAULTS = [
    ("write-null", r"page fault on core 0 writing 0x10, a null pointer", ["Write", "AppMain"]),
    ("read-null", r"page fault on core 0 reading 0x0, a null pointer", ["Read", "AppMain"]),
    ("write-text", r"page fault .* writing 0x\w+, in the image's code", ["Write", "AppMain"]),
    ("write-constant", r"page fault .* writing 0x\w+, in the image's constants",
     ["Write", "AppMain"]),
    ("write-table-1", r"page fault .* writing 0x\w+, in a page table", ["Write", "AppMain"]),
    ("write-table-4", r"page fault .* writing 0x\w+, in a page table", ["Write", "AppMain"]),
    ("write-interrupt-table", r"page fault .* writing 0x\w+, in the interrupt table",
     ["Write", "AppMain"]),
    ("overflow-stack", r"page fault .* writing 0x\w+, past the end of a stack",
     ["RunOutOfStack", "AppMain"]),
    ("overflow-boot-stack", r"page fault .* writing 0x\w+, past the end of a stack",
     ["RunOutOfStack", "EbbrtBoot"]),
    ("reach-over-a-page", r"page fault .* writing 0x\w+, past the end of a stack",
     ["ReachOverAPage", "AppMain"]),
    ("overflow-fault-stack",
     r"page fault .* writing 0xffff80ffc\w{7}, past the end of a stack",
     ["RunOutOfStack"]),
    ("overflow-disaster-stack",
     r"page fault .* writing 0xffff80ffc\w{7}, past the end of a stack",
     ["RunOutOfStack"]),
    ("overflow-nmi-stack",
     r"page fault .* writing 0xffff80ffc\w{7}, past the end of a stack",
     ["RunOutOfStack"]),
    ("execute-data", r"page fault .* executing 0x\w+, which is not code", ["Execute", "AppMain"]),
    ("execute-heap", r"page fault .* executing 0x\w+, which is not code", ["Execute", "AppMain"]),
    ("execute-constant", r"page fault .* executing 0x\w+, which is not code",
     ["Execute", "AppMain"]),
    ("execute-stack", r"page fault .* executing 0xffff80\w{10}, which is not code",
     ["Execute", "AppMain"]),
    ("execute-null", r"page fault .* executing 0x0, a null pointer", ["Execute", "AppMain"]),
    ("check", r"faults\.cc:\d+: the number is wrong \(forty_two == 43\)",
     ["BreakInvariant", "AppMain"]),
    ("assert", r"faults\.cc:\d+: an assertion failed \(forty_two == 43\)",
     ["Assert", "AppMain"]),
    ("abort", r"aborted by signal 6", ["abort", "AppMain"]),
    ("terminate", r"nobody catches a St13runtime_error: nobody catches this",
     ["terminate", "ThrowAway", "Terminate"]),
    ("region-empty", r"writing 0x[4-7]\w{11}, where its region has no memory",
     ["Write", "AppMain"]),
    ("region-read-only", r"writing 0x[4-7]\w{11}, against the protection of its region",
     ["Write", "AppMain"]),
    ("region-not-code", r"executing 0x[4-7]\w{11}, against the protection of its region",
     ["Execute", "AppMain"]),
    ("region-released", r"reading 0x[4-7]\w{11}, where no region is reserved",
     ["Read", "AppMain"]),
    ("region-handler-throws", r"reading 0x[4-7]\w{11}, in a region whose page-fault handler threw",
     ["Read", "AppMain"]),
    ("region-exhausted", r"writing 0x[4-7]\w{11}, where memory is due, but exhausted",
     ["Write", "ExhaustDemand"]),
    ("region-no-stack", r"reading 0x[4-7]\w{11}, with too little stack left for its handler",
     ["FaultAtTheStackEnd"]),
    ("free-twice", r"what was freed had not been allocated", ["FreeTwice", "AppMain"]),
]


class Faults(unittest.TestCase):
    def test_reported(self) -> None:
        for machine in ("microvm", "pc"):
            for case, message, functions in FAULTS:
                with self.subTest(case=case, machine=machine):
                    result = qemu.boot(IMAGE, machine, f"-- {case}")
                    self.assertRegex(result.console, message)
                    for function in functions:
                        self.assertRegex(result.console, rf"#\d+ 0x\w+ .*{function}")
                    self.assertNotIn("survived", result.console)
                    self.assertEqual(result.exit_code, PANIC)

    def test_fault_in_the_report(self) -> None:
        """A stack that can't be walked ends the report, once."""
        for case in ("lose-stack", "push-to-nowhere"):
            with self.subTest(case=case):
                result = qemu.boot(IMAGE, "microvm", f"-- {case}")
                self.assertIn("ebbrt: fault: ", result.console)
                self.assertEqual(result.console.count("the report ends here"), 1)
                self.assertEqual(result.exit_code, PANIC)

    def test_on_another_core(self) -> None:
        for case, message, function in (
                ("write-null", r"core 3 writing 0x10, a null pointer", "Write"),
                ("write-text", r"core 3 writing 0x\w+, in the image's code", "Write"),
                ("write-constant", r"core 3 writing 0x\w+, in the image's constants", "Write"),
                ("write-interrupt-table", r"core 3 writing 0x\w+, in the interrupt table",
                 "Write"),
                ("overflow-stack", r"core 3 writing 0x\w+, past the end of a stack",
                 "RunOutOfStack"),
                ("execute-data", r"core 3 executing 0x\w+, which is not code", "Execute")):
            with self.subTest(case=case):
                result = qemu.boot(IMAGE, "pc", f"-- last-core {case}", cores=4)
                self.assertRegex(result.console, message)
                self.assertRegex(result.console, rf"#\d+ 0x\w+ .*{function}")
                self.assertEqual(result.exit_code, PANIC)

    def test_a_socket_of_another_core(self) -> None:
        for protocol in ("tcp", "udp"):
            for use in ("name", "read", "write", "poll", "count", "close"):
                with self.subTest(protocol=protocol, use=use):
                    case = f"{protocol}-{use}-elsewhere"
                    result = qemu.boot(IMAGE, "pc", f"-- last-core {case}", cores=2)
                    self.assertRegex(result.console, r"socket is used on another core .*RunOn")
                    self.assertRegex(result.console,
                                     rf"#\d+ 0x\w+ .*{use.capitalize()}Elsewhere")
                    self.assertEqual(result.exit_code, PANIC)

    def test_a_socket_where_no_network_is(self) -> None:
        result = qemu.boot(IMAGE, "pc", "-- last-core socket-elsewhere", cores=2)
        self.assertRegex(result.console, "the network is served by core 0 only")
        self.assertEqual(result.exit_code, 0)

    def test_an_image_s_own_stack_size(self) -> None:
        deep = harness.NATIVE / "tests/system/native/deep.img"
        result = qemu.boot(deep, "microvm", "-- 1700")
        self.assertEqual((result.console, result.exit_code), ("deep 1700\n", 0))
        result = qemu.boot(deep, "microvm", "-- 2100")
        self.assertRegex(result.console, r"page fault .* writing 0x\w+, past the end of a stack")
        self.assertRegex(result.console, r"#\d+ 0x\w+ .*Descend")

    def test_exit_codes(self) -> None:
        for machine in qemu.MACHINES:
            for code in (0, 3):
                with self.subTest(machine=machine, code=code):
                    result = qemu.boot(IMAGE, machine, f"-- exit-{code}")
                    self.assertEqual(result.exit_code, code)
                    self.assertEqual(result.console, "")


if __name__ == "__main__":
    unittest.main()
