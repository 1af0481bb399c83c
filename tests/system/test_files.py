#!/usr/bin/python3
"""The front-end's files on a back-end, by the C and C++ libraries (files/backend.cc)."""

import os
import pathlib
import pty
import re
import signal
import stat
import subprocess
import tempfile
import termios
import time
import unittest

from harness import HOSTED, NATIVE, Namespace, eventually, require


class FilesTest(unittest.TestCase):
    def setUp(self) -> None:
        self.front_end = require(HOSTED / "tests" / "system" / "files" / "files_frontend")
        self.image = require(NATIVE / "tests" / "system" / "files" / "files.elf")
        self.namespace = self.enterContext(Namespace("files"))
        top = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.granted = top / "granted"
        self.secret = top / "secret"
        self.secret.write_text("secret")
        (self.granted / "many").mkdir(parents=True)
        (self.granted / "sub").mkdir()
        (self.granted / "hello.txt").write_text("first line\nsecond line\n")
        (self.granted / "numbers.txt").write_text(
            "\n".join(str(n) for n in range(1, 1001)))
        for i in range(2500):
            (self.granted / "many" / f"entry-{i}").touch()
        (self.granted / "loop").symlink_to("loop")
        (self.granted / "out").symlink_to("..")
        (self.granted / "absolute").symlink_to(self.secret)

    def play(self, *parts: str, cores: int = 1, grant: bool = True,
             **options) -> subprocess.CompletedProcess:
        result = self.namespace.run(
            [self.front_end, self.image, self.granted if grant else "-", str(cores), *parts],
            capture_output=True, text=True, timeout=120, **options)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("open files: 0\n", result.stderr)
        self.namespace.assert_clean(self)
        return result

    def test_stdio(self) -> None:
        self.play("stdio")
        self.assertEqual((self.granted / "renamed.txt").read_text(), "42 lines\nmore\n")
        self.assertFalse((self.granted / "hello.txt").exists())

    def test_streams(self) -> None:
        self.play("streams")
        self.assertEqual((self.granted / "sums.txt").read_text(), "sum 500500\n")

    def test_directories(self) -> None:
        self.play("directories")
        self.assertFalse((self.granted / "a").exists())

    def test_errors(self) -> None:
        self.play("errors")

    def test_escapes_are_refused(self) -> None:
        self.play("escapes")
        self.assertEqual(self.secret.read_text(), "secret")
        self.assertEqual(sorted(p.name for p in self.secret.parent.iterdir()),
                         ["granted", "secret"])
        self.assertEqual((self.granted / "hello.txt").read_text(),
                         "first line\nsecond line\n")

    def test_large_files(self) -> None:
        self.play("large")
        self.assertEqual((self.granted / "large").stat().st_size, (5 << 30) + 3)
        with open(self.granted / "large", "rb") as file:
            file.seek(5 << 30)
            self.assertEqual(file.read(), b"far")

    def test_a_full_disk(self) -> None:
        full = self.granted / "full"
        full.mkdir()
        # A mount of the front-end's own namespace.
        result = self.namespace.run(
            ["unshare", "--mount", "sh", "-c",
             'mount -t tmpfs -o size=4m none "$1" && shift && exec "$@"', "sh", full,
             self.front_end, self.image, self.granted, "1", "disk-full"],
            capture_output=True, text=True, timeout=120)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("open files: 0\n", result.stderr)

    def test_every_core(self) -> None:
        for cores in (1, 2, 4):
            with self.subTest(cores=cores):
                self.play("cores", cores=cores)
        self.assertEqual((self.granted / "of-core-3").read_text(), "/of-core-39")

    def test_without_a_grant(self) -> None:
        self.play("no-files", grant=False)

    def test_a_directory_that_is_none_is_named(self) -> None:
        result = self.namespace.run(
            [self.front_end, self.image, "/nowhere", "1", "errors"],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 2)
        self.assertIn("/nowhere", result.stderr)

    def test_standard_streams_are_the_front_ends(self) -> None:
        result = self.play("standard-streams", input="one\ntwo\nthree")
        lines = result.stdout.splitlines()
        self.assertEqual(lines[:3], ["read: one", "read: two", "read: three"])
        self.assertEqual(lines[3:-1], [f"line {i}" for i in range(200)])
        self.assertEqual(lines[-1], "without an end of line")
        self.assertIn("to standard error\n", result.stderr)

    def start(self, *parts: str, stdin=subprocess.DEVNULL) -> subprocess.Popen:
        """The front-end, which is killed at the test's end if it still runs."""
        front_end = self.namespace.start(
            [self.front_end, self.image, self.granted, "1", *parts],
            stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

        def end() -> None:
            if front_end.poll() is None:
                front_end.kill()
            front_end.communicate()

        self.addCleanup(end)
        return front_end

    def kill_machine(self) -> None:
        machines = [
            pid for pid in self.namespace.inhabitants()
            if re.search(r"qemu-system", pathlib.Path(f"/proc/{pid}/cmdline").read_text())]
        self.assertEqual(len(machines), 1)
        os.kill(machines[0], signal.SIGKILL)

    def test_the_files_of_a_killed_node_are_closed(self) -> None:
        front_end = self.start("hold")
        self.assertEqual(front_end.stdout.readline(), "holding\n")
        directory = pathlib.Path(f"/proc/{front_end.pid}/fd")

        def held() -> int:
            file = self.granted / "hello.txt"
            return sum(entry.samefile(file) for entry in directory.iterdir())

        self.assertEqual(held(), 10)
        self.kill_machine()
        _, errors = front_end.communicate(timeout=60)
        self.assertIn("open files: 0\n", errors)

    def test_attributes(self) -> None:
        self.play("attributes")
        status = (self.granted / "moved").stat()
        self.assertEqual((status.st_uid, status.st_gid, status.st_mode & 0o7777,
                          status.st_mtime), (78, 34, 0o640, 2))

    def test_temporary_files(self) -> None:
        self.play("temporary-files")
        made = [entry for entry in (self.granted / "sub").iterdir() if any(entry.iterdir())]
        self.assertEqual(len(made), 1)
        self.assertEqual(len(list(made[0].iterdir())), 2)

    def test_stream_status(self) -> None:
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        termios.tcsetwinsize(terminal, (44, 123))
        with open(terminal, "rb") as stdin:
            result = self.namespace.run(
                [self.front_end, self.image, self.granted, "1", "stream-status"],
                stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                timeout=60)
        device, pipe = stat.S_IFCHR >> 12, stat.S_IFIFO >> 12
        self.assertEqual(result.stdout.splitlines(),
                         [f"0 {device} 1 123 44", f"1 {pipe} 0 0 0", f"2 {device} 0 0 0"])

    def test_signals_reach_the_node(self) -> None:
        front_end = self.start("signals")
        self.assertEqual(front_end.stdout.readline(), "catching\n")
        for number in (signal.SIGUSR1, signal.SIGINT, signal.SIGWINCH, signal.SIGINT,
                       signal.SIGTERM):
            front_end.send_signal(number)
            self.assertEqual(front_end.stdout.readline(), f"{number.name}\n")
        self.assertEqual(front_end.wait(30), 0)

    def test_signals_are_the_front_ends_again_when_the_node_has_ended(self) -> None:
        front_end = self.start("catch-and-end", "hold")
        self.assertEqual(front_end.stdout.readline(), "holding\n")
        front_end.send_signal(signal.SIGINT)
        self.assertEqual(front_end.wait(30), 128 + signal.SIGINT)

    def test_a_caught_signal_does_not_end_the_front_end(self) -> None:
        front_end = self.start("catch-and-hang")
        self.assertEqual(front_end.stdout.readline(), "hanging\n")
        front_end.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(front_end.poll())
        self.kill_machine()
        front_end.wait(60)

    def test_changes_on_the_host_are_seen(self) -> None:
        front_end = self.start("watch")
        self.assertEqual(front_end.stdout.readline(), "watching\n")
        (self.granted / "created").touch()
        self.assertEqual(front_end.stdout.readline(), "renamed created\n")
        (self.granted / "hello.txt").write_text("new")
        self.assertEqual(front_end.stdout.readline(), "changed hello.txt\n")
        (self.granted / "created").rename(self.granted / "stop")
        output, _ = front_end.communicate(timeout=60)
        self.assertEqual(output.splitlines()[-2:], ["renamed created", "renamed stop"])
        self.assertEqual(front_end.returncode, 0)

    def test_the_terminal_is_restored(self) -> None:
        for end in ("exit", "SIGTERM", "killed node"):
            with self.subTest(end=end):
                self.raw_terminal(end)

    def raw_terminal(self, end: str) -> None:
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        self.addCleanup(os.close, terminal)
        before = termios.tcgetattr(terminal)
        front_end = self.start("raw-terminal", stdin=terminal)
        self.assertEqual(front_end.stdout.readline(), "raw\n")
        self.assertFalse(termios.tcgetattr(terminal)[3] & (termios.ICANON | termios.ECHO))
        os.write(controller, b"k")
        self.assertEqual(front_end.stdout.readline(), "key k\n")
        if end == "exit":
            os.write(controller, b"q")
        elif end == "SIGTERM":
            front_end.terminate()
        else:
            self.kill_machine()
        front_end.wait(60)
        self.assertEqual(termios.tcgetattr(terminal), before)


if __name__ == "__main__":
    unittest.main()
