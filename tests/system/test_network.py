#!/usr/bin/python3
"""The library OS's network against Linux's: the image net_echo (net/echo.cc) in a
virtual machine whose tap lies in the test's own network namespace."""

import contextlib
import os
import re
import socket
import struct
import threading
import time
import unittest

from echo_machine import (BLOCKER, CONTROL, COUNT, ECHO, HOST, IPV4, MACHINES, MEBIBYTE, NODE,
                          SOURCE, STATIC, SWITCHES, TAP, EchoMachineTest, receive)
from harness import inside


class NetworkTest(EchoMachineTest):
    # --- the tests ------------------------------------------------------------------

    def test_ten_megabytes_each_way_on_each_machine(self) -> None:
        for machine in MACHINES:
            with self.subTest(machine), self.running(machine):
                self.echo(10 * MEBIBYTE)
                self.count(10 * MEBIBYTE)
                self.source(10 * MEBIBYTE)

    def test_pings_of_every_size(self) -> None:
        self.start()
        with inside(self.namespace):
            raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self.addCleanup(raw.close)
        raw.settimeout(5)
        # The largest are fragments, both ways.
        for sequence, size in enumerate((0, 1, 56, 1472, 1473, 8000)):
            body = os.urandom(size)
            head = struct.pack("!BBHHH", 8, 0, 0, 4711, sequence)
            total = sum(struct.unpack(f"!{(8 + size + 1) // 2}H",
                                      head + body + bytes(size % 2)))
            total = (total & 0xFFFF) + (total >> 16)
            total = ~(total + (total >> 16)) & 0xFFFF
            raw.sendto(struct.pack("!BBHHH", 8, 0, total, 4711, sequence) + body,
                       (NODE, 0))
            while True:
                packet = raw.recv(65536)
                reply = packet[(packet[0] & 15) * 4:]
                if reply[0] == 0 and struct.unpack("!HH", reply[4:8]) == (4711, sequence):
                    break
            self.assertEqual(reply[8:], body)

    def test_two_hundred_connections_at_once(self) -> None:
        self.start()
        connections = [self.connect() for _ in range(200)]
        messages = [os.urandom(20_000) for _ in connections]
        for connection, message in zip(connections, messages):
            connection.sendall(message)
        for connection, message in zip(connections, messages):
            self.assertEqual(receive(connection, len(message)), message)

    def test_datagrams_of_every_size(self) -> None:
        """The largest are fragments, both ways."""
        for machine, switches in (("microvm", ""), ("q35", ""),
                                  ("microvm", " ebbrt.net=-csum,-guestcsum,-mrgrxbuf")):
            with (self.subTest(machine=machine, switches=switches),
                  self.running(machine, STATIC + switches)):
                client = self.datagrams()
                for size in (0, 1, 64, 1472, 1473, 9000, 65507):
                    data = os.urandom(size)
                    client.sendto(data, (NODE, ECHO))
                    self.assertEqual(client.recvfrom(65536), (data, (NODE, ECHO)))
                self.assert_serves()

    def test_a_flood_of_datagrams_loses_some_at_most(self) -> None:
        self.start()
        client = self.datagrams()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 * MEBIBYTE)
        client.settimeout(1)
        for i in range(5000):
            client.sendto(struct.pack("!I", i) * 50, (NODE, ECHO))
        came = set()
        with contextlib.suppress(TimeoutError):
            while len(came) < 5000:
                data = client.recv(65536)
                self.assertEqual(data, data[:4] * 50)
                came.add(data[:4])
        self.assertGreater(len(came), 0)
        self.assert_serves()

    def test_each_feature_can_be_switched_off(self) -> None:
        for machine in ("microvm", "q35"):
            for off in [*SWITCHES, "csum,-guestcsum,-mrgrxbuf,-eventidx"]:
                with (self.subTest(machine=machine, off=off),
                      self.running(machine, f"{STATIC} ebbrt.net=-{off}")):
                    line = re.search("network on .*: (.*)", self.said())
                    for name in off.split(",-"):
                        self.assertNotIn(name, line.group(1).split())
                    self.echo(MEBIBYTE)
                    self.count(MEBIBYTE)
                    self.source(MEBIBYTE)

    def test_an_unknown_switch_is_named(self) -> None:
        self.start(arguments=f"{STATIC} ebbrt.net=-cheksum", wait="exit code")
        for word in ("-cheksum", "csum", "mrgrxbuf", "eventidx"):
            self.assertIn(word, self.said())

    def test_a_legacy_device_is_refused_with_the_remedy(self) -> None:
        self.start(wait="exit code",
                   options=("-global", "virtio-mmio.force-legacy=true"))
        self.assertIn("force-legacy=false", self.said())

    def test_a_full_ring_keeps_moving(self) -> None:
        """Four streams in and four out keep both rings full for some seconds."""
        self.start()
        end = time.monotonic() + 6
        received = []

        def push(connection: socket.socket) -> None:
            while time.monotonic() < end:
                connection.sendall(bytes(MEBIBYTE))
            connection.shutdown(socket.SHUT_WR)
            self.assertGreater(int(receive(connection, 1) + connection.recv(20)), 0)

        def pull(connection: socket.socket) -> None:
            connection.sendall(b"%d\n" % (1 << 40))
            while time.monotonic() < end:
                received.append(len(connection.recv(MEBIBYTE)))

        pairs = [(push, COUNT), (pull, SOURCE)] * 4
        workers = [threading.Thread(target=work, args=(self.connect(port),))
                   for work, port in pairs]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(30)
            self.assertFalse(worker.is_alive(), "a stream has stalled")
        self.assertGreater(sum(received), 8 * MEBIBYTE)
        self.assert_serves()

    def test_a_peer_that_does_not_read_is_waited_for(self) -> None:
        self.start()
        connection = self.connect()
        data = os.urandom(12 * MEBIBYTE)
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        time.sleep(2)
        self.assert_serves()  # others don't wait with it
        self.assertTrue(receive(connection, len(data)) == data)
        sender.join()

    def test_a_port_is_used_again_while_the_node_waits(self) -> None:
        """The node has closed first, so the old connection is in TIME-WAIT there."""
        self.start()
        for pause in (0, 1.5, 0):  # within the old window, and past it
            time.sleep(pause)
            with self.connect_from(43210) as connection:
                connection.sendall(b"100\n")
                receive(connection, 100)
                self.assertEqual(connection.recv(1), b"")

    def test_an_outage_in_the_middle_of_a_transfer(self) -> None:
        """What was lost is sent again, in smaller segments than the device divided
        before."""
        for off in ("mtu", "hosttso"):
            with self.subTest(off=off), self.running("microvm",
                                                     f"{STATIC} ebbrt.net=-{off}"):
                connection = self.connect(SOURCE)
                size = 24 * MEBIBYTE
                connection.sendall(b"%d\n" % size)
                data = receive(connection, MEBIBYTE)
                self.namespace.run(["ip", "link", "set", TAP, "down"], check=True)
                time.sleep(1.5)
                self.namespace.run(["ip", "link", "set", TAP, "up"], check=True)
                data += receive(connection, size - len(data))
                pattern = bytes(i % 251 for i in range(251))
                self.assertTrue(data == (pattern * (size // 251 + 1))[:size],
                                "bytes differ")
                self.assert_serves()

    def test_segments_that_the_device_divides(self) -> None:
        """Seen on the tap: large ones to a peer of the usual MSS, none to a peer that
        wants smaller ones or when it is off."""
        for mss, off, large in ((None, "mtu", True), (800, "mtu", False),
                                (None, "hosttso", False)):
            with self.subTest(mss=mss, off=off), self.running(
                    "microvm", f"{STATIC} ebbrt.net=-{off}"):
                with inside(self.namespace):
                    connection = socket.socket()
                self.addCleanup(connection.close)
                if mss:
                    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
                with self.tap(IPV4) as tap:
                    connection.connect((NODE, SOURCE))
                    connection.sendall(b"%d\n" % MEBIBYTE)
                    self.assertEqual(len(receive(connection, MEBIBYTE)), MEBIBYTE)
                    sizes = [len(packet) for packet in self.sent_by_node(tap)]
                self.assertEqual(max(sizes) > 1500, large, max(sizes))
                if mss:
                    self.assertLessEqual(max(sizes), mss + 40)

    def test_resets_in_the_middle_of_a_transfer(self) -> None:
        self.start()
        for port in (ECHO, COUNT, SOURCE) * 10:
            connection = self.connect(port)
            connection.sendall(b"100000000\n" if port == SOURCE else bytes(200_000))
            if port != COUNT:
                connection.recv(1000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
            connection.close()
        self.assert_serves()

    def test_callbacks_may_block(self) -> None:
        self.start()
        blocked = [self.connect(BLOCKER) for _ in range(20)]
        began = time.monotonic()
        for i, connection in enumerate(blocked):
            connection.sendall(b"%02d" % i)
        for connection in blocked:
            self.assertEqual(receive(connection, 4), b"wait")
        first = time.monotonic() - began
        self.assert_serves()  # while twenty events are blocked
        for i, connection in enumerate(blocked):
            connection.sendall(b"+")  # not delivered before the first is done
            self.assertEqual(receive(connection, 2), b"%02d" % i)
        self.assertLess(first, 0.9, "sent before blocking, arrived after it")
        for connection in blocked:
            self.assertEqual(receive(connection, 5), b"wait+")

    def test_a_callback_that_throws_costs_its_connection_only(self) -> None:
        self.start()
        connection = self.connect(CONTROL)
        connection.sendall(b"throw")
        with self.assertRaises(ConnectionResetError):
            connection.recv(1)
        self.assertIn("as the peer wished", self.said())
        self.assert_serves()

    def test_the_node_ends_when_told(self) -> None:
        vm = self.start()
        self.connect(CONTROL).sendall(b"exit")
        self.assertIsNotNone(vm.wait(20))

    def test_a_port_without_listener_refuses(self) -> None:
        self.start()
        with self.assertRaises(ConnectionRefusedError):
            self.connect(99)

    # --- connecting out ---------------------------------------------------------------

    def test_the_node_connects_to_us(self) -> None:
        with inside(self.namespace):
            listener = socket.create_server((HOST, 0))
        self.addCleanup(listener.close)
        listener.settimeout(30)
        self.start(arguments=f"{STATIC} -- {HOST}:{listener.getsockname()[1]}")
        connection, _ = listener.accept()
        self.addCleanup(connection.close)
        connection.sendall(b"over the other way")
        self.assertEqual(receive(connection, 18), b"over the other way")

    def test_the_node_is_refused_by_us(self) -> None:
        self.start(arguments=f"{STATIC} -- {HOST}:1", wait="echo: connect to")
        self.assertRegex(self.said(), f"connect to {HOST}:1: Connection refused")

    def test_the_node_connects_to_itself_by_its_own_address(self) -> None:
        for switches in ("", "ebbrt.net=-csum,-guestcsum"):
            with (self.subTest(switches),
                  self.running(arguments=f"{STATIC} {switches} -- self",
                               wait=f"from myself {MEBIBYTE} bytes")):
                self.assert_serves()

    # --- DHCP ---------------------------------------------------------------------------

    def test_an_address_is_leased(self) -> None:
        answering = self.lease()
        self.start(arguments="", wait=f"echo: up at {NODE}")
        answering.join()
        self.assert_serves()

    def test_without_a_dhcp_server_the_node_says_so(self) -> None:
        self.start(arguments="", wait="exit code")
        self.assertIn("no DHCP server", self.said())
        self.assertIn("ebbrt.ip=", self.said())


if __name__ == "__main__":
    unittest.main()
