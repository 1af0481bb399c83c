"""The memcached server for the tests: as a Linux process, as an image, and
memcached itself, each in a network namespace of its own."""

import os
import re
import select
import subprocess
import time

import binary_client as binary
from binary_client import Client, connect_in, request, store
from harness import HOSTED, NATIVE, Namespace, require

PORT = 11211


def fill_buffer_pools(clients: list[Client]) -> None:
    """Has each core that serves some of these clients keep as many receive buffers as it
    ever will (BufferPool::kKeep, 2 MiB): values take them, and each client's deletes give
    them back on its own core. What memory lacks later is then no buffer that is kept."""
    keys = [[b"fill-%d-%d" % (number, i) for i in range(60)] for number in range(len(clients))]
    for client, own in zip(clients, keys):
        for key in own:
            assert client.ask(store(binary.SET, key, bytes(60_000))).status == binary.OK
    for client, own in zip(clients, keys):
        for key in own:
            assert client.ask(request(binary.DELETE, key)).status == binary.OK


class Server:
    """A server in a namespace; subclasses say how it is started."""

    namespace: Namespace
    address: tuple
    cores = 1  # that serve

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


class AllCores(Image):
    """The image where every core serves."""

    cores = 4
    words = ("-t", cores)

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        with connect_in(cls.namespace, cls.address, 20) as connection:
            connection.sendall(b"stats\r\n")
            said = b""
            while not said.endswith(b"END\r\n"):
                said += connection.recv(65536)
        if b"STAT threads %d\r\n" % cls.cores not in said:
            raise AssertionError(f"not {cls.cores} cores serve: {said!r}")
