"""A virtual machine that runs net/echo.cc, and Linux on the other end of its tap, in a
network namespace of the test's own."""

import contextlib
import errno
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import threading
import unittest

from harness import NATIVE, Namespace, eventually, inside, require

HOST = "10.77.0.1"
NODE = "10.77.0.2"
ECHO, COUNT, SOURCE, CONTROL, BLOCKER = 7, 9, 19, 20, 21
TAP = "tap0"
MEBIBYTE = 1 << 20
IPV4, IPV6 = 0x0800, 0x86DD  # Ethernet's numbers for them
SO_RCVBUFFORCE = 33  # Linux: what the socket module does not name
STATIC = f"ebbrt.ip={NODE}/24 ebbrt.gateway={HOST}"
SWITCHES = ["csum", "guestcsum", "guesttso", "hosttso", "mrgrxbuf", "eventidx", "mac", "mtu", "mq"]

MACHINES = {
    "microvm": ["-M", "microvm,acpi=off,pit=off,pic=off,rtc=on",
                "-global", "virtio-mmio.force-legacy=false",
                "-device", "virtio-net-device,netdev=n"],
    "q35": ["-M", "q35", "-device", "virtio-net-pci,netdev=n"],
    "pc": ["-M", "pc", "-device", "virtio-net-pci,netdev=n"],
}


def receive(connection: socket.socket, size: int) -> bytes:
    """Exactly `size` bytes."""
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(min(MEBIBYTE, size - len(data)))
        if not piece:
            raise EOFError(f"the end after {len(data)} of {size} bytes")
        data += piece
    return bytes(data)


class EchoMachineTest(unittest.TestCase):
    """Has no tests of its own. `node` is whom connect() and what builds on it talk to."""
    node: tuple = (NODE,)
    image_name = "net_echo.elf"
    tap_flags: tuple = ()

    def setUp(self) -> None:
        require(pathlib.Path(shutil.which("qemu-system-x86_64") or "/missing/qemu"))
        self.image = require(NATIVE / "tests" / "system" / "net" / self.image_name)
        self.namespace = self.enterContext(Namespace("network"))
        self.console = self.namespace.directory / "console"
        run = self.namespace.run
        run(["ip", "tuntap", "add", "dev", TAP, "mode", "tap", "vnet_hdr", *self.tap_flags],
            check=True)
        run(["ip", "address", "add", f"{HOST}/24", "dev", TAP], check=True)
        run(["ip", "link", "set", TAP, "up"], check=True)

    # --- the machine ------------------------------------------------------------

    def said(self) -> str:
        return self.console.read_text(errors="replace")

    def start(self, machine: str = "microvm", arguments: str = STATIC,
              wait: str = "echo: up at", options: tuple = (),
              processors: str = "1,maxcpus=2", queues: int = 0) -> subprocess.Popen:
        """Starts the image and waits until its console says `wait`. With `queues` the tap
        must have the flag multi_queue, without it mustn't."""
        self.console.write_text("")
        more = f",queues={queues}" if queues else ""
        vm = self.namespace.start(
            ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-m", "256",
             # As the daemon has it, and why (tools/iaasd/qemu_command.cc).
             "-smp", processors, *MACHINES[machine], *options,
             "-netdev", f"tap,id=n,ifname={TAP},script=no,downscript=no{more}",
             "-kernel", self.image, "-append", arguments,
             "-nodefaults", "-no-user-config", "-display", "none",
             "-serial", f"file:{self.console}", "-no-reboot"],
            stdin=subprocess.DEVNULL)
        self.addCleanup(self.stop, vm)
        self.assertTrue(eventually(lambda: wait in self.said(), 30), self.said())
        return vm

    @contextlib.contextmanager
    def running(self, *arguments, **options):
        """As start, and ends the machine even when the test of it fails: the
        next one needs its tap."""
        vm = self.start(*arguments, **options)
        try:
            yield
        finally:
            self.stop(vm)

    def stop(self, vm: subprocess.Popen) -> None:
        vm.kill()
        vm.wait()

    def connect(self, port: int = ECHO) -> socket.socket:
        host, *scope = self.node
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with inside(self.namespace):
            connection = socket.socket(family)
            self.addCleanup(connection.close)
            connection.settimeout(20)
            connection.connect((host, port, *scope))
        return connection

    def lease(self) -> threading.Thread:
        """A thread that gives NODE to the first machine that asks (RFC 2131)."""
        with inside(self.namespace):
            server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            server.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, TAP.encode())
            server.bind(("", 67))
        self.addCleanup(server.close)
        server.settimeout(30)

        def answer() -> None:
            for kind in (2, 5):  # offer, acknowledgement
                request = server.recv(2048)
                packet = struct.pack("!BBBB", 2, 1, 6, 0) + request[4:8] + bytes(8)
                packet += socket.inet_aton(NODE) + socket.inet_aton(HOST) + bytes(4)
                packet += request[28:44] + bytes(192) + b"\x63\x82\x53\x63"
                packet += bytes([53, 1, kind, 54, 4]) + socket.inet_aton(HOST)
                packet += b"\x33\x04" + struct.pack("!I", 3600)
                packet += b"\x01\x04\xff\xff\xff\0\x03\x04" + socket.inet_aton(HOST)
                server.sendto(packet + b"\xff", ("255.255.255.255", 68))

        answering = threading.Thread(target=answer)
        answering.start()
        return answering

    def datagrams(self) -> socket.socket:
        with inside(self.namespace):
            client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(client.close)
        client.settimeout(10)
        return client

    @contextlib.contextmanager
    def tap(self, ethertype: int):
        """A socket that sees the tap's packets of one protocol."""
        with inside(self.namespace):
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ethertype))
        with tap:
            tap.bind((TAP, ethertype))
            tap.settimeout(1)
            tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 * MEBIBYTE)
            yield tap

    def sent_by_node(self, tap: socket.socket) -> list[bytes]:
        """What tap() sees of it, until a second without any."""
        packets = []
        with contextlib.suppress(TimeoutError):
            while True:
                packet, address = tap.recvfrom(65536)
                if address[2] != socket.PACKET_OUTGOING:
                    packets.append(packet)
        return packets

    def connect_from(self, port: int) -> socket.socket:
        """To SOURCE, from a port of ours, once its last use is over on our side."""
        while True:
            with inside(self.namespace):
                connection = socket.socket()
            connection.settimeout(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                connection.bind((HOST, port))
                connection.connect((NODE, SOURCE))
                return connection
            except OSError as error:
                connection.close()
                if error.errno != errno.EADDRNOTAVAIL:
                    raise

    # --- what is done with it -----------------------------------------------------

    def echo(self, size: int) -> None:
        """Sends and receives random bytes at once and compares."""
        connection = self.connect()
        data = os.urandom(size)
        sender = threading.Thread(target=connection.sendall, args=(data,))
        sender.start()
        back = receive(connection, size)
        sender.join()
        self.assertTrue(back == data, "the echo differs")

    def count(self, size: int) -> None:
        connection = self.connect(COUNT)
        connection.sendall(bytes(size))
        connection.shutdown(socket.SHUT_WR)
        self.assertEqual(receive(connection, len(str(size))), str(size).encode())
        self.assertEqual(connection.recv(1), b"")

    def source(self, size: int) -> None:
        connection = self.connect(SOURCE)
        connection.sendall(b"%d\n" % size)
        pattern = bytes(i % 251 for i in range(251))
        expected = (pattern * (size // 251 + 1))[:size]
        self.assertTrue(receive(connection, size) == expected, "bytes differ")
        self.assertEqual(connection.recv(1), b"", "the end follows the data")

    def assert_serves(self) -> None:
        self.echo(10_000)
