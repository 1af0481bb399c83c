"""The memcached server for the tests: as a Linux process, as an image, and
memcached itself, each in a network namespace of its own."""

import os
import re
import select
import subprocess
import time

from binary_client import Client, connect_in
from harness import HOSTED, NATIVE, Namespace, require

PORT = 11211


class Server:
    """A server in a namespace; subclasses say how it is started."""

    namespace: Namespace
    address: tuple

    @classmethod
    def start(cls, words: list, name: str) -> None:
        """Starts a server in a namespace and waits until it says where it is."""
        cls.namespace = cls.enterClassContext(Namespace(name))
        cls.server = cls.namespace.start(words, stdout=subprocess.PIPE,
                                         stderr=subprocess.STDOUT)
        cls.output = b""
        cls.addClassCleanup(cls.server.stdout.close)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        cls.address = cls.wait_for_line(rb"^memcached: serving at ([\d.]+):(\d+)$")

    @classmethod
    def wait_for_line(cls, pattern: bytes, seconds: float = 30) -> tuple:
        deadline = time.monotonic() + seconds
        while True:
            found = re.search(pattern, cls.output, re.MULTILINE)
            if found:
                return found[1].decode(), int(found[2])
            left = max(0, deadline - time.monotonic())
            ready, _, _ = select.select([cls.server.stdout], [], [], left)
            data = os.read(cls.server.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise AssertionError(f"the server does not serve: {cls.output!r}")
            cls.output += data

    def client(self, **options) -> Client:
        return self.enterContext(Client(self.namespace, self.address, **options))

    def tearDown(self) -> None:
        self.assertIsNone(self.server.poll(), "the server has died")

    def connect(self, timeout: float = 20):
        """A connection without a protocol."""
        connection = connect_in(self.namespace, self.address, timeout)
        self.addCleanup(connection.close)
        return connection


class Hosted(Server):
    """The Linux process, on the loopback of a namespace."""

    words: tuple = ()

    @classmethod
    def setUpClass(cls) -> None:
        program = require(HOSTED / "apps" / "memcached" / "memcached_hosted")
        cls.start([program, "-p", PORT, *cls.words], "memcached-hosted")


class Image(Server):
    """The image in a virtual machine that the front-end has asked for."""

    words: tuple = ()

    @classmethod
    def setUpClass(cls) -> None:
        program = require(HOSTED / "apps" / "memcached" / "memcached_frontend")
        image = require(NATIVE / "apps" / "memcached" / "memcached.elf")
        cls.start([program, image, "-p", PORT, *cls.words], "memcached-image")
