#!/usr/bin/python3
"""Several memcached nodes under load, each behind a wire that loses, repeats and
reorders, while nodes are killed at random. What was acknowledged is readable, or its
node has been reported dead; and at the end nothing is left of any of it.

EBBRT_LONG=1 runs for half an hour instead of two minutes; EBBRT_SEED chooses others."""

import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import threading
import time
import unittest

import binary_client as binary
from binary_client import Client, request, store
from harness import HOSTED, NATIVE, Namespace, eventually, processes, require
from impaired_wire import Impairment, ImpairedWire
from memcached_server import fill_buffer_pools
from metrics_page import Metrics, page

SECONDS = 1800 if os.environ.get("EBBRT_LONG") == "1" else 120
SEED = int(os.environ.get("EBBRT_SEED", "1"))
NODES = 3
CLIENTS = 2  # of each node
KEYS = 40  # of each client, its own
IMPAIRMENT = Impairment(loss=0.005, twice=0.005, late=0.02)
FIRST_METRICS_PORT = 20_000
INTERRUPTED = 130  # a front-end's status
# What may be missing of a machine's memory: slabs that are not quite empty, and what
# lists keep for their next use.
SLACK = 1 << 20


class Node:
    """A front-end with its machine, and what its clients have been acknowledged."""

    def __init__(self, test: "SoakTest", number: int) -> None:
        self.namespace, self.number = test.namespace, number
        self.killed = threading.Event()  # its clients' connections may break
        before = self.namespace.links()
        self.metrics_port = FIRST_METRICS_PORT + number
        self.process = self.namespace.start(
            [test.program, test.image, "-m", 64],
            env=self.namespace.environment(EBBRT_METRICS=str(self.metrics_port)),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        test.addCleanup(self.process.communicate)
        test.addCleanup(self.process.kill)
        line = self.process.stdout.readline()
        found = re.fullmatch(r"memcached: serving at ([\d.]+):(\d+)\n", line)
        test.assertIsNotNone(found, line)
        self.address = found[1], int(found[2])
        tap, = (name for name in self.namespace.links() - before
                if re.fullmatch(r"ebbrt\d+n\d+", name))
        self.id = int(tap.rsplit("n", 1)[1])
        self.wire = self.impair(tap)
        self.model: dict[bytes, bytes] = {}  # each key is one client's to change

    def impair(self, tap: str) -> ImpairedWire:
        """Puts the wire between the machine and its bridge, which has a port all the
        time: without one it would be without a carrier for a while."""
        name = f"wire{self.number}"
        attach = [["link", "set", name, "master", tap.rsplit("n", 1)[0]]]
        wire = ImpairedWire(self.namespace, tap, name, attach, IMPAIRMENT, True,
                            SEED + self.number)
        self.namespace.run(["ip", "link", "set", tap, "nomaster"], check=True)
        return wire

    def answers(self) -> bool:
        try:
            with self.client() as client:
                return client.ask(request(binary.NOOP)).status == binary.OK
        except OSError:
            return False

    def client(self) -> Client:
        return Client(self.namespace, self.address, timeout=60)

    def statistics(self) -> dict[str, str]:
        with self.client() as client:
            return client.statistics()

    def buffers(self) -> float:
        """What its machine has of receive buffers in its ring or still in use."""
        _, _, text = page(self.namespace, self.metrics_port)
        return Metrics(text).value("ebbrt_network_buffers")

    def machine_pid(self) -> int:
        pid, = (processes(f"-name ebbrt-node-{self.id}(,| |$)")
                & self.namespace.inhabitants())
        return pid


class Worker(threading.Thread):
    """A client with keys of its own on one node, until it is told to stop or the node
    is dead."""

    def __init__(self, node: Node, number: int, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self.node, self.number, self.stop = node, number, stop
        self.dice = random.Random(f"{SEED} {node.number} {number}")
        self.failure = ""
        self.operations = 0
        self.connection: Client | None = None

    def run(self) -> None:
        try:
            with self.node.client() as self.connection:
                while not self.stop.is_set():
                    self.operate(self.connection)
                    self.operations += 1
        except (OSError, EOFError) as error:
            # As it must end when the node has been killed, and must not otherwise.
            if not self.node.killed.wait(1):
                self.failure = (f"node {self.node.number}: {error!r}; its front-end's status: "
                                f"{self.node.process.poll()}; {self.node.wire.told()}")
        except AssertionError as error:
            self.failure = f"node {self.node.number}: {error}"

    def operate(self, client: Client) -> None:
        model = self.node.model
        key = b"soak-%d-%d" % (self.number, self.dice.randrange(KEYS))
        choice = self.dice.random()
        if choice < 0.5:
            answer = client.ask(request(binary.GET, key))
            got = answer.value if answer.status == binary.OK else None
            assert got == model.get(key), f"{key!r} is not what it was set to"
        elif choice < 0.9:
            value = self.dice.randbytes(self.dice.choice([0, 100, 1400, 5000, 60000]))
            model.pop(key, None)  # until it is acknowledged, either may be there
            answer = client.ask(store(binary.SET, key, value))
            assert answer.status == binary.OK, f"set: {answer.value!r}"
            model[key] = value
        else:
            was_there = model.pop(key, None) is not None
            answer = client.ask(request(binary.DELETE, key))
            assert (answer.status == binary.OK) == was_there, f"delete {key!r}"


class SoakTest(unittest.TestCase):
    def setUp(self) -> None:
        self.program = require(HOSTED / "apps" / "memcached" / "memcached_frontend")
        self.image = require(NATIVE / "apps" / "memcached" / "memcached.elf")
        self.iaasctl = require(HOSTED / "tools" / "iaasd" / "iaasctl")
        self.namespace = self.enterContext(Namespace("soak"))
        log = self.namespace.directory / "log"
        with open(log, "wb") as file:
            self.daemon = self.namespace.start(
                [require(HOSTED / "tools" / "iaasd" / "iaasd"), "--foreground"], stderr=file)
        self.addCleanup(self.daemon.wait)
        self.addCleanup(self.daemon.kill)
        self.log = log
        self.assertTrue(eventually(self.serves, 30), log.read_text())
        self.dice = random.Random(SEED)
        self.numbers = 0
        self.stop = threading.Event()
        self.workers: list[Worker] = []

    def serves(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.namespace.directory / "iaasd.sock")) == 0

    def start_node(self) -> Node:
        self.numbers += 1
        node = Node(self, self.numbers)
        self.addCleanup(node.wire.close)
        self.assertTrue(eventually(node.answers, 60), node.wire.told())
        return node

    def work_on(self, node: Node) -> None:
        for number in range(CLIENTS):
            self.workers.append(Worker(node, number, self.stop))
            self.workers[-1].start()

    def assert_no_failures(self) -> None:
        self.assertEqual([w.failure for w in self.workers if w.failure], [], f"seed {SEED}")

    def kill(self, node: Node) -> None:
        """Ends the machine in one way or another. Its front-end says so and ends."""
        node.killed.set()
        if self.dice.random() < 0.5:
            os.kill(node.machine_pid(), signal.SIGKILL)
        else:
            done = self.namespace.run([self.iaasctl, "kill", node.id], capture_output=True,
                                      text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
        _, said = node.process.communicate(timeout=60)
        self.assertEqual(node.process.returncode, 1, said)
        self.assertIn("the machine has ended", said)
        node.wire.close()
        # Nobody says it to them: what they were connected to is gone.
        for worker in self.workers:
            if worker.node is node:
                if worker.connection is not None:
                    worker.connection.socket.shutdown(socket.SHUT_RDWR)
                worker.join(60)
                self.assertFalse(worker.is_alive())

    def empty(self, node: Node) -> int:
        """Flushes all; the machine's free bytes when it is done and nobody connected."""
        with node.client() as client:
            self.assertEqual(client.ask(request(binary.FLUSH)).status, binary.OK)

        def is_empty() -> bool:
            now = node.statistics()
            return now["curr_items"] == "0" and now["curr_connections"] == "1"

        self.assertTrue(eventually(is_empty, 60), node.statistics())
        return int(node.statistics()["machine_free_bytes"])

    def check_acknowledged(self, node: Node) -> int:
        with node.client() as client:
            for key, value in node.model.items():
                self.assertEqual(client.ask(request(binary.GET, key)).value, value, key)
        return len(node.model)

    def end(self, node: Node) -> None:
        node.process.send_signal(signal.SIGINT)
        _, said = node.process.communicate(timeout=60)
        self.assertEqual(node.process.returncode, INTERRUPTED, said)
        node.wire.close()

    def test_soak(self) -> None:
        nodes = [self.start_node() for _ in range(NODES)]
        keeper = nodes[0]  # lives to the end, so that its memory can be looked at
        self.work_on(keeper)
        time.sleep(5)
        self.stop.set()
        for worker in self.workers:
            worker.join(60)
        self.assert_no_failures()
        keeper.wire.impairment = Impairment()
        with keeper.client() as client:
            fill_buffer_pools([client])
        keeper.wire.impairment = IMPAIRMENT
        before, buffers = self.empty(keeper), keeper.buffers()
        keeper.model.clear()

        self.stop = threading.Event()
        for node in nodes:
            self.work_on(node)
        until, killed = time.monotonic() + SECONDS, 0
        while time.monotonic() < until:
            time.sleep(self.dice.uniform(2, 8))
            self.assert_no_failures()
            place = self.dice.randrange(1, NODES)
            self.kill(nodes[place])
            killed += 1
            nodes[place] = self.start_node()
            self.work_on(nodes[place])
        self.stop.set()
        for worker in self.workers:
            worker.join(120)
            self.assertFalse(worker.is_alive())
        self.assert_no_failures()

        readable = sum(self.check_acknowledged(node) for node in nodes)
        self.assertGreater(readable, 0)
        lost = before - self.empty(keeper)
        print(f"{sum(w.operations for w in self.workers)} operations, {killed} nodes killed, "
              f"{readable} values readable, {lost} bytes fewer; the first node's wire: "
              f"{keeper.wire.told()}")
        self.assertLess(lost, SLACK)
        self.assertTrue(eventually(lambda: keeper.buffers() == buffers),
                        f"{keeper.buffers()} receive buffers, {buffers} before")
        self.assertGreater(killed, 1)
        self.assertGreater(min(keeper.wire.lost, keeper.wire.twice, keeper.wire.late), 0)
        for node in nodes:
            self.end(node)
        self.assert_nothing_left()

    def assert_nothing_left(self) -> None:
        """Of machines, links, records and files; then the daemon goes, and nothing is
        left of it either."""
        state = pathlib.Path(f"{self.namespace.directory / 'iaasd.sock'}.state")
        self.assertTrue(eventually(
            lambda: not self.namespace.links() and not list(state.glob("*"))),
            f"{self.namespace.links()}, {list(state.glob('*'))}")
        listed = self.namespace.run([self.iaasctl, "list", "--json"], capture_output=True,
                                    text=True, check=True).stdout
        self.assertEqual(listed.strip(), "[]")
        self.assertEqual(self.namespace.inhabitants(), {self.daemon.pid})
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(30), 0, self.log.read_text())
        self.log.unlink()
        self.namespace.assert_clean(self)


if __name__ == "__main__":
    unittest.main()
