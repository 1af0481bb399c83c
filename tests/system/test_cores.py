#!/usr/bin/python3
"""A network stack on every core: the image net_cores (net/cores.cc) in virtual machines
whose device has as many pairs of queues as there are cores."""

import contextlib
import os
import re
import socket
import struct
import subprocess
import time
import unittest
from collections.abc import Iterator

from echo_machine import (CONTROL, ECHO, HOST, MEBIBYTE, NODE, SOURCE, STATIC, TAP,
                          EchoMachineTest, receive)
from harness import HOSTED, NATIVE, Namespace, eventually, inside, require

FIRST_ALONE, LAST_ALONE = 8, 9
NODE6 = "fd77::2"
# After so long without a segment of the node's, Linux forgets which queue a flow is on
# (drivers/net/tun.c, TUN_FLOW_EXPIRE).
FORGOTTEN = 3


class CoresTest(EchoMachineTest):
    image_name = "net_cores.elf"
    tap_flags = ("multi_queue",)

    def start_cores(self, cores: int, arguments: str = STATIC, machine: str = "q35",
                    on: int | None = None) -> subprocess.Popen:
        """A machine whose device has a pair of queues for each core, which are all used
        unless another number is named."""
        options = ("-global", "virtio-net-pci.mq=on",
                   "-global", f"virtio-net-pci.vectors={2 * cores + 2}")
        return self.start(machine, arguments, f"cores: up at {NODE} on {on or cores}\n",
                          options, str(cores), cores)

    def report(self) -> list[tuple[int, int, int]]:
        """For each core: connections accepted and open, calls back."""
        with self.connect(CONTROL) as connection:
            connection.sendall(b"report")
            text = b""
            while not text.endswith(b"\n\n"):
                text += connection.recv(4096)
        return [tuple(map(int, line.split()[1:])) for line in text.decode().splitlines()[:-1]]

    def many(self, count: int, port: int = ECHO, size: int = 20_000) -> list[socket.socket]:
        """Connections that are all open at once, each of which has echoed its bytes."""
        connections = [self.connect(port) for _ in range(count)]
        self.echo_on(connections, size)
        return connections

    def echo_on(self, connections: list[socket.socket], size: int = 20_000) -> None:
        messages = [os.urandom(size) for _ in connections]
        for connection, message in zip(connections, messages):
            connection.sendall(message)
        for connection, message in zip(connections, messages):
            self.assertEqual(receive(connection, size), message)

    @contextlib.contextmanager
    def counted(self) -> Iterator[list[int]]:
        """What each core accepts meanwhile, but for reports."""
        before = self.report()
        accepted: list[int] = []
        yield accepted
        after = self.report()
        accepted += [b[0] - a[0] for a, b in zip(before, after)]
        accepted[0] -= 1

    def assert_all_closed(self) -> None:
        """But for the connection that asks."""
        self.assertTrue(
            eventually(lambda: sum(open_ for _, open_, _ in self.report()) <= 1),
            self.report())

    # --- connections ----------------------------------------------------------------

    def test_two_hundred_connections_are_spread_and_served(self) -> None:
        for cores in (2, 4):
            with self.subTest(cores=cores):
                vm = self.start_cores(cores)
                self.assertIn(f"network on {cores} cores", self.said())
                with self.counted() as accepted:
                    connections = self.many(200)
                self.assertEqual(sum(accepted), 200)
                self.assertGreater(min(accepted), 0, accepted)
                self.echo_on(connections)
                for connection in connections:
                    connection.close()
                self.assert_all_closed()
                self.stop(vm)

    def test_bytes_in_bulk(self) -> None:
        self.start_cores(4)
        for _ in range(4):
            self.echo(4 * MEBIBYTE)
            self.source(4 * MEBIBYTE)

    def test_resets_in_the_middle_of_a_transfer(self) -> None:
        self.start_cores(4)
        for port in (ECHO, SOURCE) * 20:
            connection = self.connect(port)
            connection.sendall(b"100000000\n" if port == SOURCE else bytes(200_000))
            connection.recv(1000)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                  struct.pack("ii", 1, 0))
            connection.close()
        self.assert_all_closed()
        self.many(20)

    def test_a_port_that_nobody_serves_refuses_on_every_core(self) -> None:
        self.start_cores(4)
        for _ in range(20):
            with self.assertRaises(ConnectionRefusedError):
                self.connect(99)

    def test_listening_ends_on_every_core_and_connections_live(self) -> None:
        self.start_cores(4)
        connections = self.many(20)
        with self.connect(CONTROL) as control:
            control.sendall(b"stop")
            control.recv(1)

        def refused() -> bool:
            try:
                self.connect()
            except ConnectionRefusedError:
                return True
            return False
        self.assertTrue(eventually(lambda: all(refused() for _ in range(20))))
        self.echo_on(connections)

    # --- frames that come to the wrong core --------------------------------------------

    def test_a_port_of_one_core_is_reached_by_every_queue(self) -> None:
        self.start_cores(4)
        for port, core in ((FIRST_ALONE, 0), (LAST_ALONE, 3)):
            with self.counted() as accepted:
                self.many(30, port)
            self.assertEqual(accepted, [30 if i == core else 0 for i in range(4)])

    def test_datagrams_find_their_port(self) -> None:
        self.start_cores(4)
        for port, sizes in ((FIRST_ALONE, (0, 1, 1472, 9000)), (LAST_ALONE, (0, 1, 1472))):
            for _ in range(10):  # each from another port, so by several queues
                client = self.datagrams()
                for size in sizes:
                    data = os.urandom(size)
                    client.sendto(data, (NODE, port))
                    self.assertEqual(client.recvfrom(65536), (data, (NODE, port)))

    def test_connections_that_the_node_makes_live_on_their_cores(self) -> None:
        """Also when the host has forgotten where they were."""
        with inside(self.namespace):
            listener = socket.create_server((HOST, 0))
        self.addCleanup(listener.close)
        listener.settimeout(30)
        self.start_cores(4, f"{STATIC} -- {HOST}:{listener.getsockname()[1]}")
        connections = {}
        for _ in range(4):
            connection, _ = listener.accept()
            self.addCleanup(connection.close)
            connection.settimeout(20)
            connections[receive(connection, 7)] = connection
        self.assertEqual(set(connections), {b"core %d\n" % core for core in range(4)})
        for _ in range(2):
            self.echo_on(list(connections.values()))
            time.sleep(FORGOTTEN + 2)
        self.echo_on(list(connections.values()))

    def test_every_core_learns_that_a_neighbour_has_another_address(self) -> None:
        self.start_cores(4)
        connections = self.many(40)
        run = self.namespace.run
        run(["ip", "link", "set", TAP, "address", "02:00:00:00:77:01"], check=True)
        self.echo_on(connections)

    # --- addresses ------------------------------------------------------------------

    def test_a_leased_address_is_every_core_s(self) -> None:
        answering = self.lease()
        self.start_cores(4, "")
        answering.join()
        with self.counted() as accepted:
            self.many(100)
        self.assertGreater(min(accepted), 0, accepted)

    def test_ipv6_is_served_by_every_core(self) -> None:
        run = self.namespace.run
        run(["ip", "address", "add", "fd77::1/64", "dev", TAP, "nodad"], check=True)
        self.start_cores(4, f"{STATIC} ebbrt.ip6={NODE6}/64")
        self.node = (NODE6,)
        time.sleep(2)  # that nobody else has it, every core finds out
        with self.counted() as accepted:
            self.many(100)
        self.assertGreater(min(accepted), 0, accepted)

    # --- one stack ------------------------------------------------------------------

    def test_switched_off_all_is_on_core_0(self) -> None:
        self.start_cores(4, f"{STATIC} ebbrt.net=-mq", on=1)
        self.assertNotIn("network on 4 cores", self.said())
        with self.counted() as accepted:
            self.many(50)
        self.assertEqual(accepted, [50, 0, 0, 0])

    def test_more_queues_than_cores(self) -> None:
        with self.running("q35", STATIC, f"cores: up at {NODE} on 2\n",
                          ("-global", "virtio-net-pci.mq=on"), "2", 4):
            self.many(50)

    def test_by_mmio_there_is_one_whatever_is_offered(self) -> None:
        with self.running("microvm", STATIC, f"cores: up at {NODE} on 1\n",
                          ("-global", "virtio-net-device.mq=on"), "2", 2):
            self.many(50)

    def test_fewer_interrupts_than_queues(self) -> None:
        """Five vectors serve two pairs of queues."""
        with self.running("q35", STATIC, f"cores: up at {NODE} on 2\n",
                          ("-global", "virtio-net-pci.mq=on",
                           "-global", "virtio-net-pci.vectors=5"), "4", 4):
            self.many(50)


class OneQueueTest(EchoMachineTest):
    """A device without further queues, by either transport."""
    image_name = "net_cores.elf"

    def test_one_core_serves_all(self) -> None:
        for machine in ("microvm", "q35"):
            with (self.subTest(machine),
                  self.running(machine, STATIC, f"cores: up at {NODE} on 1\n", (), "2")):
                self.echo(MEBIBYTE)
                self.source(MEBIBYTE)

    def test_so_does_one_of_one(self) -> None:
        with self.running("microvm", STATIC, f"cores: up at {NODE} on 1\n"):
            self.echo(MEBIBYTE)


class DaemonTest(unittest.TestCase):
    """A machine of the daemon's, with queues as it was told."""

    def test_each_queue_is_a_core_s(self) -> None:
        namespace = self.enterContext(Namespace("cores"))
        node = namespace.start(
            [require(HOSTED / "tools" / "iaasd" / "iaasctl"), "run",
             require(NATIVE / "tests" / "system" / "net" / "net_cores.elf"),
             "--machine", "q35", "--cores", "4", "--queues", "4"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(node.stdout.close)
        self.addCleanup(node.wait)
        self.addCleanup(node.terminate)
        said = ""
        while not (up := re.search(r"^cores: up at ([\d.]+) on (\d+)$", said, re.MULTILINE)):
            line = node.stdout.readline()
            self.assertTrue(line, said)
            said += line
        self.assertEqual(up[2], "4", said)
        with contextlib.ExitStack() as open_:
            for _ in range(20):
                with inside(namespace):
                    connection = open_.enter_context(
                        socket.create_connection((up[1], ECHO), timeout=30))
                connection.sendall(b"echo")
                self.assertEqual(receive(connection, 4), b"echo")


if __name__ == "__main__":
    unittest.main()
