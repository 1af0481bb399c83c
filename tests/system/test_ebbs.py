#!/usr/bin/python3
"""Ebbs across nodes, which are real machines, and then processes: first calls that
ask the front-end, calls between back-ends, and the end."""

import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import (
    HOSTED,
    NATIVE,
    NOBODY,
    Namespace,
    eventually,
    require,
    without_privileges,
)


PROGRAMS = HOSTED / "tests" / "system" / "ebbs"


class Parts:
    """What holds on nodes of both kinds."""

    image: pathlib.Path

    def setUp(self) -> None:
        self.front_end = require(PROGRAMS / "ebbs_frontend")
        require(self.image)
        self.namespace = self.enterContext(Namespace("ebbs"))

    def play(self, part: str, *arguments) -> subprocess.CompletedProcess:
        result = self.namespace.run(
            [self.front_end, self.image, part, *arguments],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.namespace.assert_clean(self)
        return result

    def test_fault_handlers_of_every_core_ask_the_front_end(self) -> None:
        for cores in (1, 2, 4):
            with self.subTest(cores=cores):
                result = self.play("first-calls", cores)
                self.assertEqual(
                    result.stdout,
                    f"node 2: cores {cores}, shared representatives 1, "
                    f"values {6 * cores}\n")

    def test_a_fault_handler_that_is_refused_is_tried_again(self) -> None:
        result = self.play("failed-first-call")
        self.assertRegex(result.stdout, r"refused: Ebb \d+ has no value")
        self.assertIn("then: now known\n", result.stdout)

    def test_the_end_of_an_ebb_reaches_every_core_of_every_node(self) -> None:
        for cores in (1, 4):
            with self.subTest(cores=cores):
                result = self.play("end", cores)
                self.assertRegex(
                    result.stdout,
                    rf"^node 2: cached by {cores} cores\n"
                    r"node 2: cached by 0 cores\n"
                    r"node 2: Ebb \d+ is destroyed, .*\n$")

    def test_back_ends_call_each_other_and_each_others_ebbs_end(self) -> None:
        for cores in (1, 2):
            with self.subTest(cores=cores):
                result = self.play("neighbours", cores, 4)
                self.assertEqual(
                    sorted(result.stdout.splitlines()),
                    [f"node {node}: connected with 4" for node in range(2, 6)])

    def test_calls_to_a_neighbour_that_is_killed_fail(self) -> None:
        result = self.play("widow", 1, 2)
        self.assertRegex(
            result.stdout,
            r"^node 3: hanging\n"
            r"node 2: node 3 is lost: .*\n"
            r"node 2: node 3 is lost: .*not connected with the front-end\n$")


class EbbsTest(Parts, unittest.TestCase):
    image = NATIVE / "tests" / "system" / "ebbs" / "ebbs.elf"

    def test_back_ends_reach_each_other_by_the_hosts_ports(self) -> None:
        """Without privileges each has a network of its own (user networking)."""
        os.chown(self.namespace.directory, NOBODY, NOBODY)
        copies = self.enterContext(tempfile.TemporaryDirectory())
        os.chmod(copies, 0o755)
        daemon = HOSTED / "tools" / "iaasd" / "iaasd"
        image, front_end, daemon = (
            shutil.copy(file, copies) for file in (self.image, self.front_end, daemon))
        result = self.namespace.run(
            without_privileges([front_end, image, "neighbours", 1, 3]),
            capture_output=True, text=True, timeout=120,
            env=self.namespace.environment(EBBRT_IAASD=daemon))
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("nodes can't reach one another", result.stderr)
        self.assertEqual(result.stdout.count("connected with 3\n"), 3)
        self.namespace.assert_clean(self)


    def test_memory_that_is_exhausted_costs_neither_the_node_nor_its_calls(self) -> None:
        for cores in (1, 2):
            with self.subTest(cores=cores):
                result = self.play("exhaust", cores)
                for round in range(3):
                    self.assertIn(f"round {round} survived", result.stdout)

    def test_an_application_outlives_the_daemon(self) -> None:
        """Its nodes are lost with it; the next is booted by another daemon."""
        front_end = self.namespace.start(
            [self.front_end, self.image, "wait"], stdout=subprocess.PIPE, text=True)
        self.assertEqual(front_end.stdout.readline(), "turn 0\n")
        (daemon,) = (pid for pid in self.namespace.inhabitants()
                     if b"iaasd" in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
                     .split(b"\0")[0])
        os.kill(daemon, signal.SIGKILL)
        self.assertEqual(front_end.stdout.read(), "ended with -1\nturn 1\n")
        self.assertEqual(front_end.wait(30), 0)
        front_end.stdout.close()
        self.namespace.assert_clean(self)


class EbbsOnProcessesTest(Parts, unittest.TestCase):
    image = PROGRAMS / "ebbs_backend"

    def test_a_program_that_cannot_be_started_is_named(self) -> None:
        result = self.namespace.run(
            [self.front_end, "/nowhere/backend", "end"],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertIn("can't start /nowhere/backend: No such file", result.stderr)

    def test_boot_words_that_make_no_sense_are_named(self) -> None:
        result = self.namespace.run(
            [self.image, "end"], capture_output=True, text=True, timeout=60,
            env=self.namespace.environment(EBBRT_BOOT="ebbrt.node=2 ebbrt.nosuch=1"))
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertIn("EBBRT_BOOT: boot argument ebbrt.nosuch is not known", result.stderr)

    def test_one_that_ends_before_it_is_up_is_told_with_its_last_words(self) -> None:
        program = self.namespace.directory / "backend"
        program.write_text("#!/bin/sh\necho first\necho the last words\nexit 3\n")
        program.chmod(0o755)
        result = self.namespace.run([self.front_end, program, "end"],
                                    capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertIn("its process ended with exit code 3", result.stderr)
        self.assertIn("its console: the last words", result.stderr)

    def test_processes_end_with_their_front_end(self) -> None:
        """Killed, so that it can tell nobody; and the back-end hangs."""
        front_end = self.namespace.start(
            [self.front_end, self.image, "hang"], stdout=subprocess.PIPE, text=True)
        self.assertEqual(front_end.stdout.readline(), "node 2: here I hang\n")
        self.assertEqual(len(self.namespace.inhabitants()), 2)
        front_end.kill()
        front_end.wait()
        front_end.stdout.close()
        self.assertTrue(eventually(lambda: not self.namespace.inhabitants()))


if __name__ == "__main__":
    unittest.main()
