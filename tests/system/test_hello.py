#!/usr/bin/python3
"""The tutorial, end to end: a Linux process boots back-ends that call it."""

import re
import signal
import subprocess
import time
import unittest

from harness import HOSTED, NATIVE, Namespace, eventually, require


class HelloTest(unittest.TestCase):
    def setUp(self) -> None:
        self.front_end = require(HOSTED / "apps" / "hello" / "hello_frontend")
        self.image = require(NATIVE / "apps" / "hello" / "hello.elf")
        self.namespace = self.enterContext(Namespace("hello"))

    def hello(self, *arguments) -> subprocess.CompletedProcess:
        return self.namespace.run(
            [self.front_end, *arguments], capture_output=True, text=True
        )

    def assert_names(self, result: subprocess.CompletedProcess, *words: str) -> None:
        self.assertNotEqual(result.returncode, 0)
        for word in words:
            self.assertIn(word, result.stderr)

    def test_three_back_ends_each_say_hello(self) -> None:
        result = self.hello(self.image, 3)
        self.assertEqual(result.returncode, 0, result.stderr)
        said = re.findall(r"node (\d+) says: hello from ring 0", result.stdout)
        self.assertEqual(sorted(said), ["2", "3", "4"])
        self.namespace.assert_clean(self)

    def test_the_image_is_small(self) -> None:
        """docs/architecture.md says how; `./ebbrt bench boot` shows what is in it."""
        stripped = require(NATIVE / "apps" / "hello" / "hello.img")
        self.assertLess(stripped.stat().st_size, 400_000)

    def test_ten_back_ends_at_once(self) -> None:
        result = self.hello(self.image, 10)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count("hello from ring 0"), 10)
        self.namespace.assert_clean(self)

    def test_a_missing_image_is_named(self) -> None:
        result = self.hello("/nonexistent/image.elf", 1)
        self.assert_names(result, "/nonexistent/image.elf")
        self.namespace.assert_clean(self)

    def test_an_image_that_is_no_image_is_named(self) -> None:
        for image in ("/etc/hostname", "/bin/true"):
            result = self.hello(image, 1)
            self.assert_names(result, image)
        self.namespace.assert_clean(self)

    def test_usage(self) -> None:
        for arguments in ((), (self.image,), (self.image, "0"), (self.image, "x")):
            self.assert_names(self.hello(*arguments), "usage:")

    def test_a_front_end_killed_while_booting_leaves_nothing(self) -> None:
        for delay in (0.05, 0.2, 0.5):
            process = self.namespace.start(
                [self.front_end, self.image, 3],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay)
            process.kill()
            process.wait()
            # The daemon that it started notices, frees the nodes and ends.
            eventually(lambda: not self.namespace.inhabitants())
            self.namespace.assert_clean(self)

    def test_interrupting_leaves_nothing(self) -> None:
        process = self.namespace.start(
            [self.front_end, self.image, 3],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        self.assertIn(process.wait(10), (130, 0))
        self.namespace.assert_clean(self)


if __name__ == "__main__":
    unittest.main()
