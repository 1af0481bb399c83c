#!/usr/bin/python3
"""`ebbrt run`: the command becomes the front-end, and leaves nothing behind."""

import re
import signal
import subprocess
import time
import unittest

from harness import HOSTED, NATIVE, ROOT, Namespace, eventually, require

COMMAND = ROOT / "ebbrt"


class RunTest(unittest.TestCase):
    def setUp(self) -> None:
        for app in ("hello", "memcached"):
            require(HOSTED / "apps" / app / f"{app}_frontend")
            require(NATIVE / "apps" / app / f"{app}.elf")
        require(HOSTED / "tools" / "iaasd" / "iaasd")
        self.namespace = self.enterContext(Namespace("run"))

    def ebbrt(self, *words) -> subprocess.CompletedProcess:
        return self.namespace.run(
            [COMMAND, *words], capture_output=True, text=True, cwd="/"
        )

    def serve(self, *words: str) -> subprocess.Popen:
        """Starts memcached; returns when it serves."""
        server = self.namespace.start(
            [COMMAND, "run", "--no-build", "memcached", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.addCleanup(server.communicate)
        self.addCleanup(server.kill)
        line = server.stdout.readline()
        self.assertRegex(line, r"^memcached: serving at [\d.]+:11211$")
        return server

    def test_hello_and_its_exit_code(self) -> None:
        result = self.ebbrt("run", "--no-build", "hello", 2)
        self.assertEqual(result.returncode, 0, result.stderr)
        said = re.findall(r"node (\d+) says: hello from ring 0", result.stdout)
        self.assertEqual(sorted(said), ["2", "3"])
        self.namespace.assert_clean(self)

    def test_ctrl_c_ends_a_server_and_leaves_nothing(self) -> None:
        server = self.serve()
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(10), 128 + signal.SIGINT)
        self.namespace.assert_clean(self)

    def test_a_killed_server_leaves_nothing(self) -> None:
        server = self.serve()
        server.kill()
        server.wait(10)
        eventually(lambda: not self.namespace.inhabitants())
        self.namespace.assert_clean(self)

    def test_nodes_console_and_kill(self) -> None:
        server = self.serve()
        listed = self.ebbrt("nodes")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        rows = [line.split() for line in listed.stdout.splitlines()[1:]]
        self.assertEqual(len(rows), 1, listed.stdout)
        node = rows[0][0]
        console = self.ebbrt("console", node)
        self.assertEqual(console.returncode, 0, console.stderr)
        self.assertNotEqual(self.ebbrt("kill", "4711").returncode, 0)
        killed = self.ebbrt("kill", node)
        self.assertEqual(killed.returncode, 0, killed.stderr)
        # The front-end is told, says so and ends.
        self.assertEqual(server.wait(10), 1)
        self.assertIn("ended", server.stderr.read())
        self.namespace.assert_clean(self)

    def test_a_published_port(self) -> None:
        server = self.serve("--", "-p", "11300:11211")
        self.assertEqual(
            server.stdout.readline(), "memcached: published at [::]:11300\n"
        )
        value = "v" * 500_000
        talk = f"set a 0 0 {len(value)}\r\n{value}\r\nget a\r\nstats\r\n"
        # As `... | nc`: it ends its side and still gets all of its answers.
        script = (
            "import socket, sys; s = socket.create_connection(('127.0.0.1', 11300), 20);"
            "s.sendall(sys.stdin.buffer.read()); s.shutdown(socket.SHUT_WR);"
            "sys.stdout.buffer.write(b''.join(iter(lambda: s.recv(1 << 16), b'')))"
        )
        result = self.namespace.run(
            ["/usr/bin/python3", "-c", script],
            input=talk, capture_output=True, text=True, timeout=60,
        )
        self.assertEqual(result.stderr, "")
        head = f"STORED\nVALUE a 0 {len(value)}\n{value}\nEND\nSTAT pid "
        self.assertEqual(result.stdout.replace("\r", "")[: len(head)], head)
        self.assertTrue(result.stdout.endswith("END\n"), result.stdout[-100:])
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(10), 128 + signal.SIGINT)
        self.namespace.assert_clean(self)

    def test_a_port_that_cannot_be_published(self) -> None:
        for word in ("0:11211", "11211:0", "x:11211", "1:2:3", ":11211", "70000:1"):
            result = self.ebbrt("run", "--no-build", "memcached", "--", "-p", word)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(f"option -p: '{word}' should be", result.stderr)
        server = self.serve("--", "-p", "11300:11211")
        result = self.ebbrt("run", "--no-build", "memcached", "--", "-p", "11300:11211")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn("port 11300", result.stderr)
        self.assertIn("Address already in use", result.stderr)
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(10), 128 + signal.SIGINT)
        self.namespace.assert_clean(self)

    def test_wrong_words_reach_the_application(self) -> None:
        result = self.ebbrt("run", "--no-build", "memcached", "--cores", "none")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--cores", result.stderr)
        self.namespace.assert_clean(self)

    def test_hello_is_quick(self) -> None:
        """Three machines in under three seconds once built (with some room for a
        loaded machine)."""
        self.ebbrt("run", "--no-build", "hello", 1)
        started = time.monotonic()
        result = self.ebbrt("run", "--no-build", "hello", 3)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLess(time.monotonic() - started, 6)


if __name__ == "__main__":
    unittest.main()
