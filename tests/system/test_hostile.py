#!/usr/bin/python3
"""A hostile network: what it may do to a node, which then still serves and has
given back all that it took. The image net_echo (net/echo.cc) tells what it holds.

EBBRT_LONG=1 keeps the receive ring full for minutes, and transfers for longer over the
impaired wire. EBBRT_SEED chooses what that does, and the garbage."""

import contextlib
import os
import socket
import struct
import threading
import time
import unittest
from collections.abc import Iterator

import hostile_frames
from echo_machine import (ECHO, HOST, MEBIBYTE, NODE, STATIC, TAP, EchoMachineTest,
                          receive)
from harness import eventually, inside
from hostile_frames import SYN, SYN_OPTIONS, TCP, Speaker, summed
from impaired_wire import Impairment, ImpairedWire

COUNTERS = 22
NODE6, HOST6 = "fd77::2", "fd77::1"
BOTH = f"{STATIC} ebbrt.ip6={NODE6}/64"
LONG = os.environ.get("EBBRT_LONG") == "1"
SEED = int(os.environ.get("EBBRT_SEED", "1"))
# Of memory that may be missing: what lists keep for their next use, and slabs that are
# not quite empty.
SLACK = 512 << 10
# Until lwIP gives up half a connection (20 s), half a datagram (15 s), or both: and then
# some for a host that has other things to do.
PATIENCE = 90


class HostileTest(EchoMachineTest):
    def setUp(self) -> None:
        super().setUp()
        self._connections: list[socket.socket] = []

    def connect(self, *arguments) -> socket.socket:
        self._connections.append(super().connect(*arguments))
        return self._connections[-1]

    @contextlib.contextmanager
    def closed_after(self):
        """Connections that are made meanwhile end with it."""
        before = len(self._connections)
        yield
        for connection in self._connections[before:]:
            connection.close()

    def echo(self, size: int) -> None:
        with self.closed_after():
            super().echo(size)

    def counters(self) -> dict[str, int]:
        with inside(self.namespace):
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            asking.settimeout(1)
            for _ in range(30):
                asking.sendto(b"?", (NODE, COUNTERS))
                with contextlib.suppress(TimeoutError):
                    words = asking.recv(1000).decode().split()
                    return dict(zip(words[::2], map(int, words[1::2])))
        raise AssertionError(f"the node does not answer; it said:\n{self.said()}")

    def assert_all_given_back(self, before: dict[str, int], connections: int = 0) -> None:
        """But for `connections` that are open; those that ended linger for a minute, as
        TCP has it, if the node was the first to end them."""
        def back() -> bool:
            now = self.counters()
            return (now["buffers"] == before["buffers"] and now["half_open"] == 0
                    and now["connections"] <= connections
                    and now["free"] >= before["free"] - SLACK)
        self.assertTrue(eventually(back, PATIENCE), f"{before}, then {self.counters()}")

    def warm(self) -> dict[str, int]:
        """The counters once what is made at first use has been."""
        for _ in range(8):
            self.echo(MEBIBYTE)
        self.assertTrue(eventually(lambda: self.counters()["connections"] == 0, PATIENCE))
        return self.counters()

    def speaker(self) -> Speaker:
        """Of frames from this end of the wire."""
        self.namespace.run(["ip", "address", "add", f"{HOST6}/64", "dev", TAP, "nodad"],
                           check=True)
        ours = self.namespace.run(["cat", f"/sys/class/net/{TAP}/address"], check=True,
                                  capture_output=True, text=True).stdout
        node = "525400123456"  # QEMU's first
        return Speaker(bytes.fromhex(node + ours.strip().replace(":", "")),
                       (HOST, NODE), (HOST6, NODE6))

    def raw(self) -> socket.socket:
        with inside(self.namespace):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind((TAP, 0))
        self.addCleanup(raw.close)
        return raw

    def exchange(self, connection: socket.socket, data: bytes) -> None:
        connection.sendall(data)
        self.assertEqual(receive(connection, len(data)), data)

    # --- connections ------------------------------------------------------------------

    def test_ten_thousand_half_open_connections(self) -> None:
        """From as many addresses, none of which answers. Who has a connection is served
        on it, and others get one."""
        self.start("q35")
        speaker, raw = self.speaker(), self.raw()
        before = self.warm()
        early = self.connect()
        most = 0
        for number in range(10_000):
            source = b"\xac\x10" + struct.pack("!H", number)
            segment = hostile_frames.tcp(1024 + number, ECHO, SYN, options=SYN_OPTIONS, seq=number)
            raw.send(summed(speaker.ip4(TCP, segment, source=source)))
            if number % 100 == 99:
                self.exchange(early, b"%d" % number)
            if number % 1000 == 999:
                with self.connect() as late:
                    self.exchange(late, b"late")
                most = max(most, self.counters()["half_open"])
        self.assertGreater(most, 100, "they were not taken for connections")
        self.assert_all_given_back(before, connections=1)
        self.exchange(early, b"still here")

    def test_two_hundred_connections_that_dribble(self) -> None:
        """A byte a second each, while others transfer as ever."""
        self.start("q35")
        before = self.warm()
        slow = [self.connect() for _ in range(200)]
        ending = threading.Event()

        def dribble() -> None:
            for second in range(60 if LONG else 12):
                for number, connection in enumerate(slow):
                    connection.sendall(bytes([(number + second) % 256]))
                ending.wait(1)

        dribbling = threading.Thread(target=dribble)
        dribbling.start()
        rounds = 0
        while dribbling.is_alive():
            self.echo(MEBIBYTE // 4)
            rounds += 1
        dribbling.join()
        self.assertGreater(rounds, 0)
        for number, connection in enumerate(slow):
            expected = bytes((number + second) % 256 for second in range(60 if LONG else 12))
            self.assertEqual(receive(connection, len(expected)), expected)
            connection.close()
        self.assert_all_given_back(before)

    # --- the wire ---------------------------------------------------------------------

    @contextlib.contextmanager
    def wire(self, offload: bool):
        """The machine behind a wire that can be impaired."""
        self.namespace.run(["ip", "address", "flush", "dev", TAP], check=True)
        # Unsummed frames can't be damaged and found to be.
        switches = "" if offload else " ebbrt.net=-csum,-guestcsum,-guesttso,-hosttso"
        attach = [["address", "add", f"{HOST}/24", "dev", "host0"]]
        with (ImpairedWire(self.namespace, TAP, "host0", attach, Impairment(), offload,
                           SEED) as wire,
              self.running("q35", STATIC + switches)):
            yield wire

    def test_an_impaired_wire(self) -> None:
        """What was sent arrives, each byte once and in order, both ways and both ways at
        once; with the device's offloads, and TCP's fast path, and without."""
        size = MEBIBYTE // 4
        for offload, impairment in (
                (False, Impairment(loss=0.02, twice=0.02, late=0.05, damage=0.02)),
                (True, Impairment(loss=0.02, twice=0.02, late=0.05))):
            with self.subTest(offload=offload), self.wire(offload) as wire:
                before = self.warm()
                wire.impairment = impairment
                until = time.monotonic() + (120 if LONG else 0)
                while True:
                    with self.closed_after():
                        self.echo(size)
                        self.count(size)
                        self.source(size)
                    if time.monotonic() > until:
                        break
                self.assertGreater(min(wire.lost, wire.twice, wire.late), 0, wire.told())
                self.assertEqual(wire.damaged > 0, not offload)
                # The node ends SOURCE's connection first: that one lingers.
                self.assert_all_given_back(before, connections=1)

    def test_a_receive_ring_kept_full(self) -> None:
        """More datagrams are on their way than the ring has buffers, always; a connection
        makes its way through them, and what is lost is none of the node's memory."""
        self.start("q35")
        before = self.warm()
        ahead, ring = 600, 256
        with inside(self.namespace):
            flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(flood.close)
        flood.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * MEBIBYTE)
        flood.settimeout(0.5)
        ending = threading.Event()
        sent = came = 0

        def keep_full() -> None:
            nonlocal sent, came
            lost = 0
            while not ending.is_set():
                while sent - came - lost < ahead:
                    flood.sendto(bytes(200), (NODE, ECHO))
                    sent += 1
                try:
                    flood.recv(1000)
                    came += 1
                except TimeoutError:
                    lost = sent - came

        flooding = threading.Thread(target=keep_full)
        flooding.start()
        rounds, connection = 0, self.connect()
        until = time.monotonic() + (180 if LONG else 15)
        try:
            while time.monotonic() < until:
                self.exchange(connection, os.urandom(5000))
                rounds += 1
        finally:
            ending.set()
            flooding.join()
        connection.close()
        after = self.counters()
        self.assertGreater(rounds, 0)
        self.assertGreater(came, 10 * ring)
        self.assertGreater(after["polls"], before["polls"], "the ring was never full")
        self.assert_all_given_back(before)
        self.assert_serves()

    # --- frames -----------------------------------------------------------------------

    def has_ipv6(self) -> bool:
        with inside(self.namespace):
            probe = socket.socket(socket.AF_INET6)
        with probe:
            probe.settimeout(1)
            return probe.connect_ex((NODE6, ECHO)) == 0

    def survives(self, *kinds) -> None:
        """Sends all frames of some kinds and looks after the node."""
        self.start("q35", BOTH)
        speaker, raw = self.speaker(), self.raw()
        # Its address of IPv6 is its own after a second.
        self.assertTrue(eventually(self.has_ipv6, 30))
        before = self.warm()
        for kind in kinds:
            with self.subTest(kind=kind.__name__):
                for number, frame in enumerate(kind(speaker)):
                    raw.send(frame)
                    if number % 50 == 49:
                        self.counters()  # no faster than it takes them
                self.assert_serves()
        self.assert_all_given_back(before)

    def test_frames_with_wrong_lengths(self) -> None:
        self.survives(hostile_frames.wrong_lengths, hostile_frames.truncated)

    def test_absurd_options(self) -> None:
        self.survives(hostile_frames.absurd_options)

    def test_garbage_on_the_wire_is_survived(self) -> None:
        def garbage(speaker: Speaker) -> Iterator[bytes]:
            return hostile_frames.garbage(speaker, SEED)
        self.survives(garbage)

    def test_fragments_that_overlap_or_hold_fragments(self) -> None:
        self.survives(hostile_frames.fragments4, hostile_frames.fragments6,
                      hostile_frames.ends_fragments6)


if __name__ == "__main__":
    unittest.main()
