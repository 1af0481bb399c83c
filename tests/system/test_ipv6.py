#!/usr/bin/python3
"""The library OS's IPv6 against Linux's, by every kind of address and way to get one."""

import os
import re
import socket
import struct
import time
import unittest

from echo_machine import (ECHO, HOST, IPV6, MEBIBYTE, SOURCE, STATIC, TAP, EchoMachineTest,
                          receive)
from harness import NATIVE, eventually, inside, require

HOST6 = "2001:db8:77::1"
HOST_LINK_LOCAL = "fe80::1"
NODE6 = "2001:db8:77::2"
STATIC6 = f"ebbrt.ip6={NODE6}/64"
# QEMU's first device is 52:54:00:12:34:56 (RFC 4291, appendix A).
INTERFACE_ID = "5054:ff:fe12:3456"
NODE_MAC = bytes.fromhex("525400123456")
LINK_LOCAL = f"fe80::{INTERFACE_ID}"
OFF_LINK = "2001:db8:aaaa::1"
ALL_NODES = "ff02::1"
ROUTER_ADVERTISEMENT = 134
FRAGMENT, TCP = 44, 6  # next headers


class Ipv6Test(EchoMachineTest):
    node = (NODE6,)

    def setUp(self) -> None:
        super().setUp()
        run = self.namespace.run
        # Addresses of ours are ours at once; the node looks for others itself.
        run(["sh", "-c", f"echo 0 > /proc/sys/net/ipv6/conf/{TAP}/accept_dad"], check=True)
        for address in (HOST6, HOST_LINK_LOCAL):
            run(["ip", "address", "add", f"{address}/64", "dev", TAP, "nodad"], check=True)
        run(["ip", "address", "add", f"{OFF_LINK}/128", "dev", "lo", "nodad"], check=True)
        run(["ip", "link", "set", "lo", "up"], check=True)
        with inside(self.namespace):
            self.scope = socket.if_nametoindex(TAP)

    def start_with(self, arguments: str, address: str, machine: str = "microvm"):
        """Until the node says that it has `address`."""
        vm = self.start(machine, f"{arguments} -- addresses", wait="echo: up at")
        self.await_address(address)
        # Linux may be asking for the node already, for a connection to the one
        # before, and about to give up.
        self.namespace.run(["ip", "-6", "neighbor", "flush", "dev", TAP], check=True)
        return vm

    def await_address(self, address: str) -> None:
        pattern = rf"echo: addresses.* {re.escape(address)}(%\d+)?[ \r\n]"
        self.assertTrue(eventually(lambda: re.search(pattern, self.said()), 30),
                        self.said())

    def advertise(self, prefix: str, valid: int = 3600, router: int = 0) -> None:
        """As a router does (RFC 4861 §4.2): `prefix`/64 is on the link, for `valid`
        seconds, and we route for `router` seconds."""
        with inside(self.namespace):
            raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, self.scope)
        packet = struct.pack("!BBHBBHII", ROUTER_ADVERTISEMENT, 0, 0, 64, 0, router, 0, 0)
        packet += struct.pack("!BBBBIII", 3, 4, 64, 0xC0, valid, valid, 0)
        packet += socket.inet_pton(socket.AF_INET6, prefix)
        raw.sendto(packet, (ALL_NODES, 0, 0, self.scope))
        raw.close()

    # --- traffic ----------------------------------------------------------------

    def test_ten_megabytes_each_way(self) -> None:
        for machine, switches in (("microvm", ""), ("q35", ""),
                                  ("microvm", " ebbrt.net=-csum"),
                                  ("q35", " ebbrt.net=-guestcsum"),
                                  ("microvm", " ebbrt.net=-mrgrxbuf,-eventidx,-mtu")):
            with self.subTest(machine=machine, switches=switches):
                vm = self.start_with(f"{STATIC} {STATIC6}{switches}", NODE6, machine)
                self.echo(10 * MEBIBYTE)
                self.count(10 * MEBIBYTE)
                self.source(10 * MEBIBYTE)
                self.stop(vm)

    def test_segments_that_the_device_divides(self) -> None:
        """Seen on the tap, and none when it is off."""
        for off, large in (("mtu", True), ("hosttso", False)):
            with self.subTest(off=off):
                vm = self.start_with(f"{STATIC} {STATIC6} ebbrt.net=-{off}", NODE6)
                with self.tap(IPV6) as tap:
                    self.source(MEBIBYTE)
                    largest = max(map(len, self.sent_by_node(tap)))
                self.assertEqual(largest > 1500, large, largest)
                self.stop(vm)

    def test_a_narrow_way_is_heeded(self) -> None:
        """A router in between passes 1,280 bytes only, and says so (RFC 8201)."""
        self.start_with(f"{STATIC} {STATIC6}", NODE6)
        before = self.connect(SOURCE)

        def tell(mtu: int) -> None:
            ends = [socket.inet_pton(socket.AF_INET6, address) for address in (NODE6, HOST6)]
            quoted = struct.pack("!IHBB", 0x60000000, 1460, TCP, 64) + b"".join(ends)
            router.sendto(struct.pack("!BBHI", 2, 0, 0, mtu) + quoted + bytes(20), (NODE6, 0))
            self.assert_serves()  # and has been told by then

        def sent(connection: socket.socket) -> list[bytes]:
            with self.tap(IPV6) as tap:
                connection.sendall(b"%d\n" % MEBIBYTE)
                self.assertEqual(len(receive(connection, MEBIBYTE)), MEBIBYTE)
                return [packet for packet in self.sent_by_node(tap)
                        if packet[6] in (FRAGMENT, TCP)]

        with inside(self.namespace):
            router = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.addCleanup(router.close)
        tell(600)  # no link is as narrow as that (RFC 8200 section 5)
        self.assertGreater(max(map(len, sent(self.connect(SOURCE)))), 1280)
        tell(1280)
        for connection in (before, self.connect(SOURCE)):
            packets = sent(connection)
            self.assertLessEqual(max(map(len, packets)), 1280)
            # Smaller segments, not fragments of large ones.
            self.assertEqual({packet[6] for packet in packets}, {TCP})

    def test_both_protocols_at_once(self) -> None:
        self.start_with(f"{STATIC} {STATIC6}", NODE6)
        six = [self.connect() for _ in range(50)]
        self.node = ("10.77.0.2",)
        four = [self.connect() for _ in range(50)]
        for i, connection in enumerate(six + four):
            connection.sendall(b"%03d" % i * 1000)
        for i, connection in enumerate(six + four):
            self.assertEqual(receive(connection, 3000), b"%03d" % i * 1000)

    def test_the_link_local_address(self) -> None:
        self.start_with(STATIC, LINK_LOCAL)
        self.node = (LINK_LOCAL, 0, self.scope)
        self.echo(MEBIBYTE)

    def test_datagrams_of_every_size(self) -> None:
        """The largest are fragments, both ways."""
        self.start_with(f"{STATIC} {STATIC6}", NODE6)
        with inside(self.namespace):
            client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.settimeout(10)
        for size in (0, 1, 64, 1452, 1453, 9000, 65487):
            data = os.urandom(size)
            client.sendto(data, (NODE6, ECHO))
            back, sender = client.recvfrom(65536)
            self.assertEqual((back, sender[:2]), (data, (NODE6, ECHO)))

    def test_datagrams_too_large_are_dropped(self) -> None:
        """With its headers a packet has 65,535 bytes at most here, which the length of
        IPv6's payload doesn't bound."""
        self.start_with(f"{STATIC} {STATIC6}", NODE6)
        with inside(self.namespace):
            client = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind((TAP, 0))
        self.addCleanup(client.close)
        self.addCleanup(raw.close)
        for size in (65488, 65507, 65527):
            client.sendto(bytes(size), (NODE6, ECHO))
        self.assert_serves()
        # Not too large by its data, but with the options in front of its first piece.
        ends = [socket.inet_pton(socket.AF_INET6, address) for address in (HOST6, NODE6)]
        options = bytes([44, 99, 1, 254]) + bytes(254) + bytes([1, 254]) + bytes(254)
        options += bytes([1, 254]) + bytes(254) + bytes([1, 28]) + bytes(28)
        self.assertEqual(len(options), 800)
        for offset in range(0, 65488, 600):
            data = bytes(min(600, 65488 - offset))
            front = options if offset == 0 else b""
            more = offset + 600 < 65488
            piece = struct.pack("!BBHI", 17, 0, offset | more, 4711) + data
            raw.send(NODE_MAC + b"\x02\0\0\0\0\x01\x86\xdd" +
                     struct.pack("!IHBB", 0x60000000, len(front + piece),
                                 0 if front else 44, 64) + b"".join(ends) + front + piece)
        self.assert_serves()

    def test_pings_of_every_size(self) -> None:
        self.start_with(f"{STATIC} {STATIC6}", NODE6)
        with inside(self.namespace):
            raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.addCleanup(raw.close)
        raw.settimeout(5)
        for sequence, size in enumerate((0, 1, 56, 1452, 1453, 8000)):
            body = os.urandom(size)
            raw.sendto(struct.pack("!BBHHH", 128, 0, 0, 4711, sequence) + body, (NODE6, 0))
            while True:
                reply = raw.recv(65536)
                if reply[0] == 129 and struct.unpack("!HH", reply[4:8]) == (4711, sequence):
                    break
            self.assertEqual(reply[8:], body)

    def test_garbage_on_the_wire_is_survived(self) -> None:
        """Extension headers, fragments and neighbour discovery that lie."""
        self.start_with(f"{STATIC} {STATIC6}", NODE6)
        with inside(self.namespace):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
            raw.bind((TAP, 0))
        self.addCleanup(raw.close)
        destinations = [socket.inet_pton(socket.AF_INET6, address)
                        for address in (NODE6, ALL_NODES, LINK_LOCAL)]
        sources = [socket.inet_pton(socket.AF_INET6, address)
                   for address in (HOST6, "fe80::99", "::1", "::", "::ffff:10.0.0.1")]
        headers = (0, 6, 17, 43, 44, 58, 60, 59, 255)
        for i in range(6000):
            body = os.urandom(i % 300)
            if i % 5 == 4:
                # Repeats headers: a chain of them.
                body = bytes([headers[i % 9], i % 3]) + body
            header = headers[i % len(headers)]
            source, destination = sources[i % 5], destinations[i % 3]
            if header == 58 and i % 2:
                kind = (1, 2, 128, 130, 133, 134, 135, 136, 137)[i // 18 % 9]
                body = bytes([kind, 0, 0, 0]) + body[:200]
                if i % 4 == 1:
                    body += bytes([1 + i % 5, i % 4]) + os.urandom(6)
                body += bytes(len(body) % 2)
                pseudo = source + destination + struct.pack("!II", len(body), 58)
                total = sum(struct.unpack(f"!{(40 + len(body)) // 2}H", pseudo + body))
                while total >> 16:
                    total = (total & 0xFFFF) + (total >> 16)
                body = body[:2] + struct.pack("!H", ~total & 0xFFFF) + body[4:]
            length = len(body) if i % 7 else i * 11 % 2000
            raw.send(NODE_MAC + b"\x02\0\0\0\0\x01\x86\xdd" +
                     struct.pack("!IHBB", 0x60000000 | i, length, header, 255) +
                     source + destination + body)
            if i % 100 == 0:
                time.sleep(0.005)
        # What was said of routers and neighbours is forgotten or found out.
        self.assertTrue(eventually(self.serves, 40), self.said())

    def serves(self) -> bool:
        try:
            self.assert_serves()
        except OSError:
            return False
        return True

    # --- addresses ----------------------------------------------------------------

    def test_a_static_address_is_enough(self) -> None:
        self.start(arguments=STATIC6, wait="echo: up at")
        self.assertNotIn("no network", self.said())
        self.assert_serves()

    def test_an_address_that_another_has(self) -> None:
        self.namespace.run(["ip", "address", "add", f"{NODE6}/64", "dev", TAP, "nodad"],
                           check=True)
        self.start(arguments=STATIC6, wait="exit code")
        self.assertIn("another node on this network has the address of ebbrt.ip6",
                      self.said())

    def test_a_router_gives_an_address_and_takes_it(self) -> None:
        self.start_with(STATIC, LINK_LOCAL)
        self.advertise("2001:db8:99::", valid=4)
        given = f"2001:db8:99:0:{INTERFACE_ID}"
        self.await_address(given)
        self.namespace.run(["ip", "address", "add", "2001:db8:99::1/64", "dev", TAP,
                            "nodad"], check=True)
        self.node = (given,)
        self.assert_serves()
        self.assertTrue(eventually(
            lambda: given not in re.findall("echo: addresses.*", self.said())[-1], 20),
            self.said())

    def test_a_router_alone_brings_the_node_up(self) -> None:
        """Without ebbrt.ip, without a DHCP server."""
        self.start(arguments="", wait="ebbrt: network on")
        given = f"2001:db8:99:0:{INTERFACE_ID}"

        def up() -> bool:
            self.advertise("2001:db8:99::")
            return "echo: up at" in self.said()
        self.assertTrue(eventually(up, 40), self.said())
        self.namespace.run(["ip", "address", "add", "2001:db8:99::1/64", "dev", TAP,
                            "nodad"], check=True)
        self.node = (given,)
        self.assert_serves()

    def from_off_link(self) -> bytes:
        """Our address that is on no link of the node's; what its echo says."""
        with inside(self.namespace):
            client = socket.socket(socket.AF_INET6)
        with client:
            client.settimeout(5)
            client.bind((OFF_LINK, 0))
            client.connect((NODE6, ECHO))
            client.sendall(b"from afar")
            return receive(client, 9)

    def test_the_ways_to_other_networks(self) -> None:
        with self.subTest("none"):
            vm = self.start_with(f"{STATIC} {STATIC6}", NODE6)
            self.assert_serves()
            with self.assertRaises(TimeoutError):
                self.from_off_link()
        with self.subTest("advertised"):
            self.advertise("2001:db8:77::", router=600)
            self.assertEqual(self.from_off_link(), b"from afar")
            self.stop(vm)
        for gateway in (HOST6, HOST_LINK_LOCAL):
            with self.subTest(gateway):
                vm = self.start_with(f"{STATIC} {STATIC6} ebbrt.gateway6={gateway}", NODE6)
                self.assertEqual(self.from_off_link(), b"from afar")
                self.stop(vm)

    # --- connecting out -----------------------------------------------------------

    def test_the_node_connects_to_us(self) -> None:
        for host, scope in ((HOST6, 0), (HOST_LINK_LOCAL, self.scope)):
            with self.subTest(host):
                with inside(self.namespace):
                    listener = socket.socket(socket.AF_INET6)
                    listener.bind((host, 0, 0, scope))
                    listener.listen()
                self.addCleanup(listener.close)
                listener.settimeout(30)
                port = listener.getsockname()[1]
                vm = self.start(arguments=f"{STATIC6} -- [{host}]:{port}")
                connection, _ = listener.accept()
                self.addCleanup(connection.close)
                connection.sendall(b"over the other way")
                self.assertEqual(receive(connection, 18), b"over the other way")
                self.stop(vm)

    def test_the_node_is_refused_by_us(self) -> None:
        self.start(arguments=f"{STATIC6} -- [{HOST6}]:1", wait="echo: connect to")
        self.assertIn(f"connect to [{HOST6}]:1: Connection refused", self.said())

    def test_the_node_connects_to_itself_by_its_own_address(self) -> None:
        for switches in ("", "ebbrt.net=-csum,-guestcsum"):
            with (self.subTest(switches),
                  self.running(arguments=f"{STATIC} {STATIC6} {switches} -- self6",
                               wait=f"from myself {MEBIBYTE} bytes")):
                self.node = (HOST.replace(".1", ".2"),)
                self.assert_serves()

    # --- an image without it ------------------------------------------------------

    def test_an_image_without_ipv6_says_so(self) -> None:
        self.image = require(NATIVE / "tests" / "system" / "net" / "net_echo_v4.elf")
        with self.running(arguments=f"{STATIC} {STATIC6}", wait="exit code"):
            self.assertIn("IPV4_ONLY", self.said())
        with self.running(arguments=f"{STATIC} -- [{HOST6}]:7",
                          wait="made without IPv6"):
            self.node = ("10.77.0.2",)
            self.assert_serves()
            self.node = (LINK_LOCAL, 0, self.scope)
            with self.assertRaises(OSError):
                self.connect()


if __name__ == "__main__":
    unittest.main()
