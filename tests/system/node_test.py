"""What the tests of node share: a namespace, a directory, and node on its front-end."""

import contextlib
import os
import pathlib
import select
import subprocess
import tempfile
import textwrap
import time
import unittest
from collections.abc import Iterator

from harness import HOSTED, NATIVE, ROOT, Namespace, require


class NodeCase(unittest.TestCase):
    """A test with a directory, `files`, that node's scripts lie in. Skips where node is
    not built."""

    def setUp(self) -> None:
        if not (NATIVE / "apps" / "node" / "node.elf").exists():
            self.skipTest("node is not built: ./ebbrt build node does that, in half an hour")
        require(HOSTED / "apps" / "node" / "node_frontend")
        self.namespace = self.enterContext(Namespace("node"))
        self.files = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def environment(self) -> dict[str, str]:
        """What node is given of this process's, without words for a node here."""
        return {name: value for name, value in self.namespace.environment().items()
                if not name.startswith("NODE_")}

    def words(self, *words: str) -> list:
        """The command that runs node with these words."""
        return [ROOT / "ebbrt", "run", "--no-build", "node", *words]

    def node(self, *words: str, timeout: float = 180, **options) -> subprocess.CompletedProcess:
        """Runs node to its end."""
        result = self.namespace.run(self.words(*words), cwd=self.files,
                                    env=self.environment(), capture_output=True, text=True,
                                    timeout=timeout, **options)
        self.namespace.assert_clean(self)
        return result

    def script(self, text: str) -> None:
        """Writes the script that `script.js` is."""
        (self.files / "script.js").write_text(textwrap.dedent(text))

    def prints(self, text: str, expected: str, *words: str, **options) -> None:
        """A script with these arguments, and what it should say."""
        self.script(text)
        result = self.node("script.js", *words, **options)
        self.assertEqual((result.returncode, result.stdout, result.stderr),
                         (0, textwrap.dedent(expected).lstrip(), ""))

    @contextlib.contextmanager
    def running(self, *words: str, **options) -> Iterator["Running"]:
        """Node while it runs; it is ended with the context, and nothing may be left."""
        process = self.namespace.start(self.words(*words), cwd=self.files, **{
            "env": self.environment(), "stdin": subprocess.PIPE, "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT, **options})
        running = Running(process)
        try:
            yield running
        finally:
            running.end()
        self.namespace.assert_clean(self)


class Running:
    """A node that runs, and what it has said."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.said = b""

    def wait_for(self, text: str, seconds: float = 60) -> str:
        """Until it has said this; all that it has said since the last one. AssertionError
        if it doesn't, or ends."""
        wanted = text.encode()
        deadline = time.monotonic() + seconds
        while wanted not in self.said:
            ready, _, _ = select.select([self.process.stdout], [], [],
                                        max(0, deadline - time.monotonic()))
            block = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not block:
                raise AssertionError(f"node never said {text!r} but {self.said!r}")
            self.said += block
        before, self.said = self.said.split(wanted, 1)
        return before.decode(errors="replace")

    def line(self, seconds: float = 60) -> str:
        """The next line that it says."""
        return self.wait_for("\n", seconds)

    def wait(self, seconds: float = 60) -> int:
        """Its exit code, when it has ended."""
        return self.process.wait(seconds)

    def end(self) -> None:
        """Kills it if it still runs."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        for stream in self.process.stdin, self.process.stdout:
            if stream is not None:
                stream.close()
