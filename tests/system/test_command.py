#!/usr/bin/python3
"""The command: its usage, its errors, its exit codes, and the parts with logic."""

import math
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import harness
from harness import ROOT, eventually, processes

sys.path.insert(0, str(ROOT / "tools"))

from command import builds, process  # noqa: E402
from command.testing import fuzz, lwip, platforms, programs, system  # noqa: E402
from command.testing.counts import Counts, of_googletest  # noqa: E402
from command.testing.steps import Options  # noqa: E402

COMMAND = ROOT / "ebbrt"
SUBCOMMANDS = ("run", "bench", "test", "build", "nodes", "console", "kill", "top", "gdb",
               "trace", "doctor")


def ebbrt(*words: str, **options) -> subprocess.CompletedProcess:
    """Runs the command."""
    return subprocess.run(
        [options.pop("program", COMMAND), *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


class PlatformsTest(unittest.TestCase):
    """The comparison of the unit tests on Linux and inside the library OS."""

    def test_tests_of_one_platform_are_named(self) -> None:
        comparison = platforms.compare(
            ["Frame.Reads", "Frame.Writes"],
            ["Frame.Reads", "Frame.Writes", "Heap.Frees", "Heap.Fills"],
        )
        self.assertEqual(
            comparison.text(),
            "unit tests on Linux: 2; inside the library OS: 4; the same on both: 2\n"
            "  inside the library OS only: Heap 2",
        )
        self.assertEqual(comparison.unlisted(), [])

    def test_both_programs_name_their_tests(self) -> None:
        for step in (programs.native(1), programs.hosted("unit", builds.TREES["hosted"], 1)):
            with self.subTest(step=step.name):
                harness.require(builds.TREES["native"].path / "tests/unit/unit_tests.elf")
                self.assertIn("Concat.PutsTextBehindText", step.names())

    def test_a_shared_test_that_is_missing_somewhere_is_found_out(self) -> None:
        for here, there in ((["A.B", "Frame.Reads"], ["A.B"]),
                            (["A.B"], ["A.B", "All/Frame.Reads/0"])):
            names = platforms.compare(here, there).unlisted()
            self.assertEqual(len(names), 1)
            self.assertIn("Frame.Reads", names[0])


class LibcheckTest(unittest.TestCase):
    """What is read off the output of lwIP's own tests."""

    OUTPUT = ("Running suite(s): TCP\n50%: Checks: 2, Failures: 1, Errors: 0\n"
              "a/test_tcp.c:10:P:TCP:test_listen:0: Passed\n"
              "a/test_tcp.c:20:F:TCP:test_send:0: Assertion 'x' failed\n")

    def test_passed_and_failed_are_counted(self) -> None:
        told = lwip.counts(self.OUTPUT, Options())
        self.assertEqual((told.passed, told.failed), (1, 1))
        self.assertEqual(told.failures, ["TCP.test_send: Assertion 'x' failed"])
        told = lwip.counts(self.OUTPUT, Options(filters=("listen",)))
        self.assertEqual((told.passed, told.failed), (1, 0))

    def test_an_end_before_the_end_is_a_failure(self) -> None:
        for output in ("", self.OUTPUT.replace("Checks: 2", "Checks: 3")):
            self.assertIn("did not run", lwip.counts(output, Options()).failures[-1])


class CommandLineTest(unittest.TestCase):
    def assert_refused(self, result: subprocess.CompletedProcess, *names: str) -> None:
        self.assertEqual(result.returncode, 2, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertTrue(result.stderr.startswith("ebbrt: "), result.stderr)
        self.assertNotIn("Traceback", result.stderr)
        for name in names:
            self.assertIn(name, result.stderr)

    def test_every_command_explains_itself(self) -> None:
        for words in ((), *((name,) for name in SUBCOMMANDS)):
            with self.subTest(words=words):
                result = ebbrt(*words, "--help")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn("usage: ebbrt", result.stdout)

    def test_without_a_command_it_shows_its_usage_and_fails(self) -> None:
        result = ebbrt()
        self.assertEqual(result.returncode, 2)
        self.assertIn("usage: ebbrt", result.stdout)

    def test_unknown_words_are_answered_with_the_known_ones(self) -> None:
        self.assert_refused(ebbrt("frobnicate"), "frobnicate", *SUBCOMMANDS)
        self.assert_refused(ebbrt("run", "frobnicate"), "frobnicate", "memcached")
        self.assert_refused(ebbrt("bench", "frobnicate"), "frobnicate")
        self.assert_refused(ebbrt("build", "frobnicate"), "frobnicate", "native")
        self.assert_refused(ebbrt("test", "--only", "frobnicate"), "frobnicate", "fuzz")
        self.assert_refused(ebbrt("build", "--sanitize=x"), "'x'", "address", "thread")
        self.assert_refused(ebbrt("test", "--fuzz-seconds", "0"), "'0'")
        self.assert_refused(ebbrt("console"), "NODE")
        self.assert_refused(ebbrt("run", "hello", "many"), "hello [N]")

    def test_a_filter_that_matches_nothing_fails(self) -> None:
        for only in ("fuzz", "system"):
            result = ebbrt("test", "--only", only, "--list", "no such" + " test")
            self.assertEqual((result.returncode, result.stdout), (1, ""))
            self.assertIn("no test matches", result.stderr)

    def test_tests_can_be_listed(self) -> None:
        result = ebbrt("test", "--only", "system", "--list", "test_tests_can_be")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("CommandLineTest.test_tests_can_be_listed", result.stdout)

    def test_it_works_from_anywhere_and_through_links(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            link = pathlib.Path(directory) / "link"
            link.symlink_to(COMMAND)
            for program in (COMMAND, link):
                result = ebbrt("--version", program=program, cwd=directory)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertRegex(result.stdout, r"^EbbRT \d+\.\d+\.\d+$")

    def test_it_leaves_no_compiled_files_in_the_tree(self) -> None:
        ebbrt("--version")
        self.assertEqual(list((ROOT / "tools" / "command").rglob("__pycache__")), [])

    def test_doctor_names_a_remedy_for_every_lack(self) -> None:
        result = ebbrt("doctor")
        self.assertIn(result.returncode, (0, 1))
        lines = result.stdout.splitlines()
        lacks = [n for n, line in enumerate(lines) if line.startswith("LACK")]
        self.assertEqual(result.returncode, 1 if lacks else 0)
        for number in lacks:
            self.assertIn("->", lines[number + 1])
        self.assertIn("toolchain", result.stdout)
        self.assertIn("accelerator", result.stdout)


class ProcessTest(unittest.TestCase):
    def test_output_and_exit_code(self) -> None:
        lines: list[str] = []
        result = process.run(
            ["sh", "-c", "echo one; echo two >&2; printf three; exit 3"],
            timeout=10,
            on_line=lines.append,
        )
        self.assertEqual(result.code, 3)
        self.assertEqual(result.output, "one\ntwo\nthree")
        self.assertEqual(lines, ["one", "two"])
        self.assertEqual(result.tail(1), "three")

    def test_a_hanging_group_is_killed_and_its_last_words_kept(self) -> None:
        # A child that ignores SIGTERM, and a grandchild in the same group.
        script = "trap '' TERM; echo begun; sleep 1111 & wait; sleep 1111"
        grace, process.GRACE = process.GRACE, 0.3
        self.addCleanup(setattr, process, "GRACE", grace)
        result = process.run(["bash", "-c", script], timeout=0.5)
        self.assertIsNone(result.code)
        self.assertEqual(result.output, "begun\n")
        self.assertIn("killed after", result.ending())
        self.assertTrue(eventually(lambda: not processes(r"^sleep 1111 $"), 5))

    def test_a_grandchild_that_keeps_the_pipe_is_not_waited_for(self) -> None:
        started = time.monotonic()
        result = process.run(
            ["bash", "-c", "sleep 7 & echo done"], timeout=6, on_line=None
        )
        self.assertEqual((result.code, result.output), (0, "done\n"))
        self.assertLess(time.monotonic() - started, 5)

    def test_a_signal_is_named(self) -> None:
        result = process.run(["bash", "-c", "kill -SEGV $$"], timeout=10)
        self.assertEqual(result.code, -signal.SIGSEGV)
        self.assertIn("SIGSEGV", result.ending())


GTEST_GOOD = """\
[==========] Running 3 tests from 1 test suite.
[ RUN      ] A.One
[       OK ] A.One (0 ms)
[ RUN      ] A.Two
x.cc:3: Skipped
no machine here
[  SKIPPED ] A.Two (0 ms)
[ RUN      ] A.Three
noise without an end of line[       OK ] A.Three (0 ms)
[==========] 3 tests from 1 test suite ran. (1 ms total)
[  PASSED  ] 2 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.Two
"""

GTEST_BAD = """\
[ RUN      ] A.One
x.cc:4: Failure
[  FAILED  ] A.One (0 ms)
[ RUN      ] A.Two/1
[  FAILED  ] A.Two/1, where GetParam() = 7 (0 ms)
[==========] 2 tests from 1 test suite ran. (1 ms total)
[  PASSED  ] 0 tests.
[  FAILED  ] 2 tests, listed below:
[  FAILED  ] A.One
[  FAILED  ] A.Two/1, where GetParam() = 7
"""

GTEST_CRASHED = """\
[ RUN      ] A.One
[       OK ] A.One (0 ms)
[ RUN      ] A.Two
ebbrt: page fault
"""


class CountsTest(unittest.TestCase):
    def test_closing_lines_are_believed(self) -> None:
        counts = of_googletest(GTEST_GOOD)
        self.assertEqual((counts.passed, counts.failed, counts.skipped), (2, 0, 1))
        self.assertEqual(counts.reasons, ["A.Two: no machine here"])
        self.assertEqual(counts.closing_line(), "2 passed, 0 failed, 1 skipped")

    def test_a_virtual_machine_s_console_has_carriage_returns(self) -> None:
        counts = of_googletest(GTEST_BAD.replace("\n", "\r\n"))
        self.assertEqual((counts.passed, counts.failed), (0, 2))

    def test_failures_are_named(self) -> None:
        counts = of_googletest(GTEST_BAD)
        self.assertEqual((counts.passed, counts.failed), (0, 2))
        self.assertEqual(counts.failures, ["A.One", "A.Two/1"])

    def test_a_program_that_ends_early_has_failed(self) -> None:
        counts = of_googletest(GTEST_CRASHED)
        self.assertEqual((counts.passed, counts.failed), (1, 1))
        self.assertIn("A.Two", counts.failures[0])
        self.assertEqual(of_googletest("").failed, 1)

    def test_no_test_is_lost_between_the_lines(self) -> None:
        missing = GTEST_GOOD.replace("[  PASSED  ] 2 tests.\n", "")
        self.assertGreater(of_googletest(missing).failed, 0)

    def test_sums(self) -> None:
        total = Counts(passed=1)
        total += Counts(failed=2, failures=["x"])
        self.assertEqual(total.closing_line(), "1 passed, 2 failed")


SAMPLE = """\
import unittest
class Sample(unittest.TestCase):
    def test_good(self): pass
    def test_parts(self):
        for n in range(3):
            with self.subTest(n=n):
                self.assertEqual(n, 0)
    def test_raises(self): raise RuntimeError
    @unittest.skip("no such machine")
    def test_skipped(self): pass
    @unittest.expectedFailure
    def test_known(self): self.fail()
"""


class UnittestFileTest(unittest.TestCase):
    def setUp(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        self.file = pathlib.Path(directory) / "test_sample.py"
        self.report = pathlib.Path(directory) / "report.json"

    def run_child(self, text: str, *filters: str):
        self.file.write_text(text)
        code = subprocess.run(
            [sys.executable, "-B", system.CHILD, self.report, self.file, *filters],
            capture_output=True,
            timeout=60,
            check=False,
        ).returncode
        return code, system.read_report(self.report)

    def test_each_test_counts_once(self) -> None:
        code, counts = self.run_child(SAMPLE)
        self.assertEqual(code, 1)
        self.assertEqual((counts.passed, counts.failed, counts.skipped), (2, 2, 1))
        self.assertEqual(
            counts.failures,
            ["test_sample.Sample.test_parts", "test_sample.Sample.test_raises"],
        )
        self.assertEqual(
            counts.reasons, ["test_sample.Sample.test_skipped: no such machine"]
        )

    def test_filters(self) -> None:
        code, counts = self.run_child(SAMPLE, "good", "known")
        self.assertEqual((code, counts.passed, counts.failed), (0, 2, 0))

    def test_a_file_that_does_not_load_has_failed(self) -> None:
        code, counts = self.run_child("import no_such_module")
        self.assertEqual(code, 1)
        self.assertEqual(counts.failed, 1)

    def test_a_file_that_ends_the_process_has_no_report(self) -> None:
        text = "import os, unittest\nclass A(unittest.TestCase):\n"
        text += "    def test_a(self): os._exit(0)\n"
        self.assertIsNone(self.run_child(text)[1])

    def test_inherited_tests_are_listed_too(self) -> None:
        self.file.write_text(SAMPLE + "class Other(Sample): pass\n")
        names = system.names(self.file)
        self.assertEqual(len(names), 10)
        self.assertIn("test_sample.Other.test_good", names)

    def test_a_class_that_cannot_be_set_up_is_one_failure(self) -> None:
        text = "import unittest\nclass A(unittest.TestCase):\n"
        text += "    @classmethod\n    def setUpClass(cls): raise OSError\n"
        text += "    def test_a(self): pass\n    def test_b(self): pass\n"
        code, counts = self.run_child(text)
        self.assertEqual((code, counts.passed, counts.failed), (1, 0, 1))


class FuzzTest(unittest.TestCase):
    def test_fuzzers_share_the_time_that_is_left(self) -> None:
        for wanted, left, fuzzers, each in (
            (60, math.inf, 12, 60), (60, 3600, 12, 60), (60, 600, 12, 25), (60, 65, 1, 40),
            (60, 60, 12, 5), (60, -1, 3, 5), (2, 60, 12, 2),
        ):  # fmt: skip
            with self.subTest(left=left, fuzzers=fuzzers):
                self.assertEqual(fuzz.seconds_each(wanted, left, fuzzers), each)

    def test_without_a_deadline_there_is_time(self) -> None:
        self.assertEqual(Options().left(), math.inf)
        self.assertLess(Options(deadline=time.monotonic()).left(), 0)


class OptionsTest(unittest.TestCase):
    def test_filters(self) -> None:
        self.assertTrue(Options().matches("anything"))
        self.assertEqual(Options().googletest(), [])
        some = Options(filters=("a", "b"))
        self.assertTrue(some.matches("xbx"))
        self.assertFalse(some.matches("c"))
        self.assertEqual(some.googletest(), ["--gtest_filter=*a*:*b*"])

    def test_arguments_survive_the_kernel_command_line(self) -> None:
        self.assertEqual(programs.encode("--gtest_filter=*a b*"), "--gtest_filter=*a%20b*")
        self.assertEqual(programs.encode('50%"é'), "50%25%22%C3%A9")
        words = programs.qemu(pathlib.Path("x.elf"), 4, ["a b"])
        self.assertEqual(words[words.index("-smp") + 1], "4")
        self.assertTrue(words[words.index("-append") + 1].endswith("-- a%20b"))


if __name__ == "__main__":
    unittest.main()
