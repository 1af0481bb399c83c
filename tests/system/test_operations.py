#!/usr/bin/python3
"""What shows a running back-end: the metrics of the daemon and of the front-end,
`ebbrt top`, `ebbrt gdb` and its commands, `ebbrt trace`. All on memcached under load;
and a front-end's trace."""

import contextlib
import io
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time
import unittest

import binary_client as binary
import harness
from binary_client import connect_in, request, store
from harness import HOSTED, NATIVE, ROOT, Namespace, eventually, inside, require
from memcached_server import Server
from metrics_page import Metrics, page
from node_test import NodeCase

sys.path.insert(0, str(ROOT / "tools"))

from command import trace  # noqa: E402

DAEMON_PORT = 9470
FRONT_END_PORT = 9471
CORES = 2
MEMORY_MIB = 256


class Serving(Server, unittest.TestCase):
    """A daemon with metrics, a front-end, a back-end of 2 cores."""

    image = "memcached"
    options: tuple = ()

    @classmethod
    def setUpClass(cls) -> None:
        if cls is Serving:
            raise unittest.SkipTest("the cases are in those that derive from it")
        iaasd = require(HOSTED / "tools" / "iaasd" / "iaasd")
        front_end = require(HOSTED / "apps" / "memcached" / "memcached_frontend")
        image = require(NATIVE / "apps" / "memcached" / f"{cls.image}.elf")
        cls.namespace = cls.enterClassContext(Namespace("operations"))
        with open(cls.namespace.directory / "log", "wb") as log:
            cls.daemon = cls.namespace.start(
                [iaasd, "--foreground", "--metrics", str(DAEMON_PORT)], stderr=log)
        cls.addClassCleanup(cls.daemon.wait)
        cls.addClassCleanup(cls.daemon.terminate)
        assert eventually(cls.listens), (cls.namespace.directory / "log").read_text()
        cls.server = cls.namespace.start(
            [front_end, image, "--cores", str(CORES), "-m", str(MEMORY_MIB), *cls.options],
            env=cls.namespace.environment(EBBRT_METRICS=str(FRONT_END_PORT)),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        cls.output = b""
        cls.addClassCleanup(cls.server.stdout.close)
        cls.addClassCleanup(cls.server.wait)
        cls.addClassCleanup(cls.server.kill)
        cls.address = cls.wait_for_line(rb"^memcached: serving at ([\d.]+):(\d+)$")
        (cls.node,) = cls.nodes()

    @classmethod
    def listens(cls) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(cls.namespace.directory / "iaasd.sock")) == 0

    @classmethod
    def nodes(cls) -> list[dict]:
        listed = cls.namespace.run([HOSTED / "tools" / "iaasd" / "iaasctl", "list", "--json"],
                                   check=True, capture_output=True, text=True)
        return json.loads(listed.stdout)

    def metrics(self, port: int = DAEMON_PORT) -> Metrics:
        status, headers, text = page(self.namespace, port)
        self.assertEqual(status, 200, text)
        self.assertTrue(headers["content-type"].startswith("text/plain; version=0.0.4"))
        return Metrics(text)

    def ebbrt(self, *words: str, **options) -> subprocess.CompletedProcess:
        """The command, where it finds this test's daemon and build."""
        environment = self.namespace.environment(EBBRT_BUILD=str(harness.BUILD))
        return self.namespace.run([ROOT / "ebbrt", *words], env=environment,
                                  capture_output=True, text=True, timeout=120,
                                  stdin=subprocess.DEVNULL, **options)

    def work(self, count: int) -> None:
        """So many sets and as many gets that hit, one after the other."""
        with self.client() as client:
            for i in range(count):
                client.ask(store(binary.SET, b"k%d" % i, b"v"))
                self.assertEqual(client.ask(request(binary.GET, b"k%d" % i)).value, b"v")


class MetricsTest(Serving):
    """The daemon's page."""

    def test_every_family_has_help_and_a_kind(self) -> None:
        for family in self.metrics().families.values():
            self.assertIn(family.type, ("counter", "gauge"), family.name)
            self.assertTrue(family.documentation, family.name)

    def test_other_requests_are_refused(self) -> None:
        self.assertEqual(page(self.namespace, DAEMON_PORT, "/nowhere")[0], 404)
        self.assertEqual(page(self.namespace, DAEMON_PORT, "/metrics", "POST")[0], 405)
        self.assertEqual(page(self.namespace, DAEMON_PORT)[0], 200)

    def test_the_daemon_tells_what_nodes_cost(self) -> None:
        node = str(self.node["node"])
        before = self.metrics()
        self.assertEqual(before.value("ebbrt_iaasd_nodes", state="running"), 1)
        self.assertEqual(before.value("ebbrt_iaasd_node_cores", node=node), CORES)
        self.assertEqual(before.value("ebbrt_iaasd_node_memory_bytes", node=node),
                         MEMORY_MIB << 20)
        self.assertEqual(before.value("ebbrt_iaasd_sessions"), 1)
        self.assertGreater(before.value("ebbrt_iaasd_node_resident_bytes", node=node), 1 << 20)
        self.work(300)
        after = self.metrics()
        self.assertGreater(after.value("ebbrt_iaasd_node_cpu_seconds_total", node=node),
                           before.value("ebbrt_iaasd_node_cpu_seconds_total", node=node))

    def test_the_daemon_s_page_names_nobody(self) -> None:
        text = page(self.namespace, DAEMON_PORT)[2]
        for secret in ("memcached", str(NATIVE), "frontend"):
            self.assertNotIn(secret, text)

    def test_ends_of_nodes_are_counted_by_how(self) -> None:
        before = self.metrics()
        # An image that was booted by nobody serves until it is killed.
        image = NATIVE / "apps" / "memcached" / f"{self.image}.elf"
        run = self.namespace.start([HOSTED / "tools" / "iaasd" / "iaasctl", "run", image],
                                   stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(run.stdout.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        self.assertIn(b"network on", run.stdout.readline())
        self.assertEqual(len(self.nodes()), 2)
        run.send_signal(signal.SIGTERM)
        self.assertEqual(run.wait(20), 137)
        self.assertTrue(eventually(lambda: len(self.nodes()) == 1))
        after = self.metrics()
        for name, labels in (("ebbrt_iaasd_nodes_started_total", {}),
                             ("ebbrt_iaasd_nodes_ended_total", {"how": "killed"})):
            self.assertEqual(after.value(name, **labels), before.value(name, **labels) + 1)

    def test_a_daemon_names_what_is_wrong_with_its_endpoint(self) -> None:
        iaasd = HOSTED / "tools" / "iaasd" / "iaasd"
        for endpoint in ("here", "127.0.0.1", "localhost:9", f"127.0.0.1:{DAEMON_PORT}"):
            result = self.namespace.run(
                [iaasd, "--foreground", "--metrics", endpoint,
                 "--socket", self.namespace.directory / "other.sock"],
                capture_output=True, text=True)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"--metrics {endpoint}: ", result.stderr)


class FrontEndMetricsTest(Serving):
    """The front-end's page."""

    BACK_END = "2"  # the first node that an application allocates

    def metrics(self) -> Metrics:
        return super().metrics(FRONT_END_PORT)

    def test_every_family_has_help_and_a_kind(self) -> None:
        families = self.metrics().families
        self.assertGreater(len(families), 15)
        for family in families.values():
            self.assertIn(family.type, ("counter", "gauge"), family.name)
            self.assertTrue(family.documentation, family.name)
            self.assertTrue(family.samples, family.name)

    def test_other_requests_are_refused(self) -> None:
        self.assertEqual(page(self.namespace, FRONT_END_PORT, "/")[0], 404)
        self.assertEqual(page(self.namespace, FRONT_END_PORT, "/metrics", "POST")[0], 405)

    def test_the_back_end_tells_what_it_does(self) -> None:
        node = {"node": self.BACK_END}
        count = 200
        with self.client():
            before = self.metrics()
            self.work(count)
            after = self.metrics()
        self.assertEqual(before.value("ebbrt_node_answers", **node), 1)
        for core in range(CORES):
            self.assertGreater(before.value("ebbrt_events_total", core=str(core), **node), 0)
        # A set and a get are a frame each in both directions at least.
        for direction in ("received", "sent"):
            for name, least in (("frames", 2 * count), ("bytes", 2 * count * 60)):
                name = f"ebbrt_network_{name}_total"
                self.assertGreaterEqual(
                    after.value(name, direction=direction, **node)
                    - before.value(name, direction=direction, **node), least, name)
        self.assertGreater(after.value("ebbrt_network_interrupts_total", **node), 0)
        # The client's and the messenger's.
        self.assertGreaterEqual(after.value("ebbrt_network_connections", **node), 2)
        # A ring of each core, and what the large value lies in.
        buffers = after.value("ebbrt_network_buffers", **node)
        self.assertGreaterEqual(buffers, 256 * CORES)
        with self.client() as client:
            client.ask(store(binary.SET, b"large", bytes(100_000)))
            self.assertGreater(self.metrics().value("ebbrt_network_buffers", **node),
                               buffers + 40)
            client.ask(request(binary.DELETE, b"large"))
        self.assertTrue(eventually(lambda: self.metrics().value(
            "ebbrt_network_buffers", **node) <= buffers))
        total = after.value("ebbrt_memory_bytes", **node)
        self.assertTrue((MEMORY_MIB - 16) << 20 < total < MEMORY_MIB << 20, total)
        self.assertTrue(0 < after.value("ebbrt_memory_free_bytes", **node) < total)
        self.assertGreater(after.value("ebbrt_ebbs", **node), 0)

    def test_the_front_end_tells_of_itself(self) -> None:
        before, after = self.metrics(), self.metrics()
        for name in ("ebbrt_events_total", "ebbrt_remote_events_total"):
            # The page itself takes some.
            self.assertGreater(after.value(name, node="1", core="0"),
                               before.value(name, node="1", core="0"), name)
        self.assertGreaterEqual(after.value("ebbrt_timers_total", node="1"), 0)
        self.assertGreaterEqual(after.value("ebbrt_blocked_events", node="1"), 0)
        for direction in ("sent", "received"):
            peer = {"peer": self.BACK_END, "direction": direction}
            # A call and its answer.
            self.assertGreater(after.value("ebbrt_messages_total", **peer),
                               before.value("ebbrt_messages_total", **peer))
            self.assertGreater(after.value("ebbrt_message_bytes_total", **peer),
                               before.value("ebbrt_message_bytes_total", **peer))

    def test_nodes_are_counted(self) -> None:
        metrics = self.metrics()
        self.assertEqual(metrics.value("ebbrt_nodes"), 1)
        self.assertEqual(metrics.value("ebbrt_nodes_allocated_total"), 1)
        self.assertEqual(metrics.value("ebbrt_nodes_failed_total"), 0)
        self.assertEqual(metrics.value("ebbrt_nodes_ended_total"), 0)

    def test_a_node_that_stands_still_is_left_out(self) -> None:
        os.kill(self.node["pid"], signal.SIGSTOP)
        try:
            metrics = self.metrics()
        finally:
            os.kill(self.node["pid"], signal.SIGCONT)
        self.assertEqual(metrics.value("ebbrt_node_answers", node=self.BACK_END), 0)
        self.assertEqual(metrics.value("ebbrt_node_answers", node="1"), 1)
        self.assertEqual({s.labels["node"] for s in metrics.samples
                          if s.name == "ebbrt_events_total"}, {"1"})
        # What the front-end knows of it is told.
        metrics.value("ebbrt_messages_total", peer=self.BACK_END)
        self.assertTrue(eventually(lambda: self.metrics().value(
            "ebbrt_node_answers", node=self.BACK_END) == 1))

    def test_a_front_end_names_what_is_wrong_with_its_endpoint(self) -> None:
        front_end = HOSTED / "apps" / "memcached" / "memcached_frontend"
        for endpoint in ("here", "localhost:9", f"127.0.0.1:{FRONT_END_PORT}"):
            result = self.namespace.run(
                [front_end, "x"], env=self.namespace.environment(EBBRT_METRICS=endpoint),
                capture_output=True, text=True)
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertIn(f"EBBRT_METRICS={endpoint}: ", result.stderr)


class FrontEndNodesTest(unittest.TestCase):
    """The front-end's page when nodes, here processes, come and go."""

    def setUp(self) -> None:
        programs = HOSTED / "tests" / "system" / "ebbs"
        self.namespace = self.enterContext(Namespace("metrics"))
        self.front_end = self.namespace.start(
            [require(programs / "ebbs_frontend"), require(programs / "ebbs_backend"),
             "hang", "1", "2"],
            env=self.namespace.environment(EBBRT_METRICS=str(FRONT_END_PORT)),
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.front_end.stdout.close)
        self.addCleanup(self.front_end.wait)
        self.addCleanup(self.front_end.kill)
        said = sorted(self.front_end.stdout.readline() for _ in range(2))
        self.assertEqual(said, ["node 2: here I hang\n", "node 3: here I hang\n"])

    def metrics(self) -> Metrics:
        status, _, text = page(self.namespace, FRONT_END_PORT)
        self.assertEqual(status, 200, text)
        return Metrics(text)

    def process_of(self, node: int) -> int:
        """It was told in its environment who it is."""
        (found,) = [pid for pid in self.namespace.inhabitants()
                    if b"ebbrt.node=%d " % node in
                    pathlib.Path(f"/proc/{pid}/environ").read_bytes()]
        return found

    def test_one_that_ends_by_itself_is_counted(self) -> None:
        before = self.metrics()
        self.assertEqual(before.value("ebbrt_nodes"), 2)
        self.assertEqual(before.value("ebbrt_nodes_allocated_total"), 2)
        self.assertEqual(before.value("ebbrt_nodes_ended_total"), 0)
        os.kill(self.process_of(3), signal.SIGKILL)
        self.assertTrue(eventually(lambda: self.metrics().value("ebbrt_nodes") == 1))
        self.assertTrue(eventually(lambda: self.metrics().value(
            "ebbrt_nodes_ended_total", how="itself") == 1))
        after = self.metrics()
        self.assertEqual(after.value("ebbrt_nodes_ended_total", how="freed"), 0)
        self.assertEqual({s.labels["node"] for s in after.samples
                          if s.name == "ebbrt_node_answers"}, {"1", "2"})


class NodeMetricsTest(NodeCase):
    """The page of node's front-end."""

    def test_its_machine_answers(self) -> None:
        environment = {**self.environment(), "EBBRT_METRICS": str(FRONT_END_PORT)}
        with self.running("-e", "setInterval(() => {}, 1000); console.log('up')",
                          env=environment) as node:
            node.wait_for("up")
            status, _, text = page(self.namespace, FRONT_END_PORT)
        self.assertEqual(status, 200, text)
        self.assertEqual(Metrics(text).value("ebbrt_node_answers", node="2"), 1)


class TopTest(Serving):
    """`ebbrt top`."""

    def rows(self) -> list[dict[str, str]]:
        result = self.ebbrt("top", "--once")
        self.assertEqual(result.returncode, 0, result.stderr)
        head, *lines = result.stdout.splitlines()
        names = head.split()
        return [dict(zip(names, line.split(None, len(names) - 1))) for line in lines]

    def test_a_row_tells_what_the_node_is_and_does(self) -> None:
        (row,) = self.rows()
        self.assertEqual(row["NODE"], str(self.node["node"]))
        self.assertEqual(row["STATE"], "running")
        self.assertEqual((row["CORES"], row["MEM-MIB"]), (str(CORES), str(MEMORY_MIB)))
        self.assertEqual(row["IMAGE"], "memcached.elf (memcached_frontend)")
        self.assertGreater(float(row["CPU-S"]), 0)
        self.assertRegex(row["CPU-%"], r"^\d+$")
        self.assertGreater(int(row["HOST-MIB"]), 0)

    def test_without_a_daemon_it_says_so(self) -> None:
        environment = self.namespace.environment(
            EBBRT_BUILD=str(harness.BUILD), EBBRT_IAASD_SOCKET="/nonexistent/iaasd.sock")
        result = self.namespace.run([ROOT / "ebbrt", "top", "--once"], env=environment,
                                    capture_output=True, text=True)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("no IaaS daemon listens", result.stderr)


class GdbTest(Serving):
    """`ebbrt gdb` and its commands."""

    def gdb(self, *commands: str, node: str | None = None) -> str:
        words = [word for command in commands for word in ("-ex", command)]
        result = self.ebbrt("gdb", node or str(self.node["node"]), "-batch", *words)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertNotIn("Python Exception", result.stdout + result.stderr)
        self.assertNotIn("Error", result.stdout + result.stderr)
        return result.stdout

    def tearDown(self) -> None:
        super().tearDown()
        # Whatever was done to it, it goes on.
        with self.client() as client:
            self.assertEqual(client.ask(request(binary.NOOP)).status, binary.OK)

    def test_cores(self) -> None:
        text = self.gdb("ebbrt cores")
        for core in range(CORES):
            self.assertRegex(text, rf"(?m)^{core} +{core + 1} +(asleep|awake) ")

    def test_a_client_is_among_the_connections(self) -> None:
        with self.client() as client:
            client.ask(request(binary.NOOP))
            here = "%s:%d" % client.socket.getsockname()
            text = self.gdb("ebbrt connections")
        line = next(line for line in text.splitlines() if here in line)
        core, *rest = line.split()
        self.assertIn(core, map(str, range(CORES)))
        self.assertEqual(rest[:4], ["tcp", "ESTABLISHED", "%s:%d" % self.address, here])
        self.assertIn("ebbrt::memcached::Connection", line)
        for core in range(CORES):
            self.assertRegex(text, rf"(?m)^{core} +tcp +LISTEN +\S*:{self.address[1]}$")
        # The front-end's is the messenger's.
        self.assertIn("ebbrt::Messenger::Peer", text)

    def test_bytes_that_wait_are_shown(self) -> None:
        with self.client() as client:
            client.ask(store(binary.SET, b"large", b"x" * (1 << 20)))
            with inside(self.namespace):
                reader = socket.socket()
            self.addCleanup(reader.close)
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            reader.connect(self.address)
            for _ in range(4):
                reader.sendall(request(binary.GET, b"large"))
            here = "%s:%d" % reader.getsockname()

            def waiting() -> int:
                text = self.gdb("ebbrt connections")
                line = next(line for line in text.splitlines() if here in line)
                return int(line.split()[5]) + int(line.split()[6])

            self.assertTrue(eventually(lambda: waiting() > 0))

    def test_the_application_s_ebbs_are_listed_with_their_types(self) -> None:
        text = self.gdb("ebbrt ebbs")
        for ebb, name in ((0xFFFE000B, "memcached::Store"), (0xFFFE000C, "memcached::Server"),
                          (0xFFFF0001, "EventManager"), (0xFFFF0003, "LocalIdMap"),
                          (0xFFFF0005, "CoreManager"), (0xFFFF0006, "Messenger")):
            self.assertRegex(text, rf"(?m)^0 +{ebb:#x} +0x[0-9a-f]+ +.*\bebbrt::.*{name}")
        # The server has been called on core 0 alone.
        self.assertNotRegex(text, r"(?m)^1 +0xfffe000c ")

    def test_events_tell_the_loops(self) -> None:
        self.work(10)
        text = self.gdb("ebbrt events")
        for core in range(CORES):
            self.assertRegex(text, rf"(?m)^{core} +\d+ +\d+ +\d+ +\d+ +\d+ +(asleep|awake)$")
        self.assertIn("ebbrt::EventManager::LoopEntry", text)
        self.assertRegex(text, r"(?m)^saved contexts: \d+$")
        run = int(re.search(r"(?m)^0 +(\d+) ", text)[1])
        self.assertGreater(run, 0)

    def test_an_event_that_blocks_is_shown_with_its_backtrace(self) -> None:
        # On a network without DHCP server AppMain waits for a lease.
        image = NATIVE / "apps" / "memcached" / f"{self.image}.elf"
        known = {node["node"] for node in self.nodes()}
        run = self.namespace.start(
            [HOSTED / "tools" / "iaasd" / "iaasctl", "run", image, "--dhcp"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(run.stdout.close)
        self.addCleanup(run.wait)
        self.addCleanup(run.kill)
        # Its console tells that AppMain has come so far.
        self.assertIn(b"network on", run.stdout.readline())
        (node,) = {node["node"] for node in self.nodes()} - known
        text = self.gdb("ebbrt events", node=str(node))
        context = text.partition("saved contexts: ")[2]
        self.assertTrue(context.startswith("1\n"), text)
        frames = re.findall(r"(?m)^#\d+ +(?:0x[0-9a-f]+ in )?(\S+)", context)
        for function in ("ebbrt::EventManager::SaveContext", "ebbrt::AppMain",
                         "ebbrt::runtime::Main", "ebbrt::EventManager::LoopEntry"):
            self.assertTrue(any(frame.startswith(function) for frame in frames),
                            (function, frames))

    def test_allocators_account_for_the_memory(self) -> None:
        text = self.gdb("ebbrt allocators")
        total, fresh = map(int, re.search(
            r"pages of NUMA node 0: (\d+), of them never used (\d+)", text).groups())
        self.assertTrue((MEMORY_MIB - 16) << 20 < total * 4096 < MEMORY_MIB << 20, total)
        self.assertLess(fresh, total)
        # Received frames lie in buffers of 2 KiB.
        buffers = re.search(r"(?m)^\d+ +2048 +(\d+) +(\d+)$", text)
        self.assertGreater(int(buffers[2]), 100)
        kept = re.findall(r"(?m)^(\d) +\d+ +\d+$", text.partition("at hand on each core")[2])
        self.assertEqual(kept, [str(core) for core in range(CORES)])

    def test_a_breakpoint_stops_in_the_application(self) -> None:
        with self.client() as client:
            client.ask(request(binary.NOOP))
            gdb = self.start_gdb("-ex", "break ebbrt::memcached::Connection::OnReceive",
                                 "-ex", "continue", "-ex", "backtrace 1", "-ex", "delete")
            client.send(b"".join(request(binary.NOOP) for _ in range(3)))
            deadline = time.monotonic() + 60
            while gdb.poll() is None and time.monotonic() < deadline:
                # Until it has the breakpoint, requests pass.
                client.send(request(binary.NOOP))
                time.sleep(0.2)
            output = gdb.communicate(timeout=20)[0]
        self.assertRegex(output, r"#0 +\S*.*Connection::OnReceive")

    def start_gdb(self, *words: str) -> subprocess.Popen:
        environment = self.namespace.environment(EBBRT_BUILD=str(harness.BUILD))
        gdb = self.namespace.start(
            [ROOT / "ebbrt", "gdb", str(self.node["node"]), "-batch", *words],
            env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True)
        self.addCleanup(gdb.stdout.close)
        self.addCleanup(gdb.wait)
        self.addCleanup(gdb.kill)
        return gdb

    def test_a_gdb_that_is_killed_does_not_leave_the_node_stopped(self) -> None:
        command = self.start_gdb("-ex", "python import time; print('stopped', flush=True); "
                                 "time.sleep(600)")
        for line in command.stdout:
            if line.startswith("stopped"):
                break
        children = pathlib.Path(f"/proc/{command.pid}/task/{command.pid}/children")
        (gdb,) = map(int, children.read_text().split())
        os.kill(gdb, signal.SIGKILL)
        self.assertNotEqual(command.wait(20), 0)
        # tearDown finds out whether it goes on.

    def test_only_the_owner_and_root_reach_it(self) -> None:
        self.gdb("ebbrt cores")  # so that there is a socket
        path = self.namespace.directory / f"iaasd.sock.gdb-{self.node['node']}"
        status = path.stat()
        self.assertEqual((status.st_mode & 0o777, status.st_uid), (0o600, 0))

    def test_who_is_not_there_is_named(self) -> None:
        for number in ("99", "x"):
            result = self.ebbrt("gdb", number)
            self.assertEqual(result.returncode, 1)
            self.assertIn(f"no node '{number}'", result.stderr)


class ChromeTrace:
    """A trace in Chrome's format, checked as a viewer would."""

    def __init__(self, text: str) -> None:
        self.events = json.loads(text)["traceEvents"]
        for event in self.events:
            self.check(event)
        self.slices = [e for e in self.events if e["ph"] == "X"]
        self.names = {e["args"]["name"] for e in self.events if e["ph"] == "M"}
        self.check_order()
        self.check_arrows()

    @staticmethod
    def check(event: dict) -> None:
        assert event["ph"] in ("X", "M", "s", "f"), event
        assert isinstance(event["pid"], int) and isinstance(event["tid"], int), event
        assert isinstance(event["name"], str) and event["name"], event
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name"), event
            return
        assert isinstance(event["ts"], (int, float)) and event["ts"] > 0, event
        assert isinstance(event["cat"], str) and event["cat"], event
        if event["ph"] == "X":
            assert isinstance(event["dur"], (int, float)) and event["dur"] >= 0, event
            assert isinstance(event["args"], dict), event
        else:
            assert isinstance(event["id"], str) and event["bp"] == "e", event

    def on(self, tid: int) -> list[dict]:
        return [each for each in self.slices if each["tid"] == tid]

    def check_order(self) -> None:
        """A core does one thing after the other."""
        for tid in {each["tid"] for each in self.slices}:
            slices = self.on(tid)
            for one, other in zip(slices, slices[1:]):
                # A digit of the last place may be rounded away.
                assert other["ts"] > one["ts"] + one["dur"] - 0.01, (one, other)

    def check_arrows(self) -> None:
        """Each begins before it ends; the beginning may be forgotten, the end to come."""
        begun: dict[str, float] = {}
        for event in self.events:
            if event["ph"] == "s":
                begun[event["id"]] = event["ts"]
            elif event["ph"] == "f":
                assert begun.pop(event["id"], 0) <= event["ts"], event

    def kinds(self) -> set[str]:
        return {each["cat"] for each in self.slices}


def slice_of(begin: int, end: int, name: str = "", kind: str = "event", **more) -> dict:
    """As `ebbrt trace` of gdb tells it."""
    return {"begin": begin, "end": end, "name": name, "kind": kind, "event": 0, "detail": 0,
            "blocks": False, "continues": False, **more}


class TracePartsTest(unittest.TestCase):
    """What `ebbrt trace` makes of what gdb has read."""

    def test_slices_and_arrows(self) -> None:
        # The same slices, and the same of them, as in tests/unit/hosted/trace_test.cc.
        written = trace.chrome(7, 'node 7 a "name"', [{"core": 1, "slices": [
            slice_of(1_000_000, 1_000_500, "f\\g", event=3, blocks=True),
            slice_of(2_000_007, 2_000_007, "f\\g", event=3, continues=True),
            slice_of(3_000_000, 4_000_000, kind="idle", detail=12)]}])
        core = {"pid": 7, "tid": 1}
        event = {"ph": "X", **core, "name": "f\\g", "cat": "event", "args": {}}
        arrow = {**core, "name": "blocked", "cat": "blocked", "bp": "e", "id": "7.1.3"}
        self.assertEqual(written, {"traceEvents": [
            {"ph": "M", "pid": 7, "tid": 0, "name": "process_name",
             "args": {"name": 'node 7 a "name"'}},
            {"ph": "M", **core, "name": "thread_name", "args": {"name": "core 1"}},
            {**event, "ts": 1000.0, "dur": 0.5},
            {"ph": "s", **arrow, "ts": 1000.499},
            {**event, "ts": 2000.007, "dur": 0.0},
            {"ph": "f", **arrow, "ts": 2000.007},
            {"ph": "X", **core, "name": "idle", "cat": "idle", "ts": 3000.0, "dur": 1000.0,
             "args": {"turns": 12}},
        ], "displayTimeUnit": "ns"})
        ChromeTrace(json.dumps(written))

    def test_the_vector_of_an_interrupt_is_told(self) -> None:
        written = trace.chrome(1, "x", [{"core": 0, "slices": [
            slice_of(1, 2, kind="interrupt", detail=0x31)]}])
        self.assertEqual(written["traceEvents"][-1]["args"], {"vector": 0x31})

    def test_the_last_seconds(self) -> None:
        second = 1_000_000_000
        cores = [{"core": 0, "lost": 0, "slices": [slice_of(1, 2), slice_of(3 * second, 5 * second)]},
                 {"core": 1, "lost": 0, "slices": [slice_of(second, 2 * second)]}]
        kept = trace.latest(cores, 3)
        self.assertEqual([core["slices"] for core in kept],
                         [[slice_of(3 * second, 5 * second)], []])
        self.assertEqual(trace.latest([{"core": 0, "lost": 0, "slices": []}], 1)[0]["slices"], [])

    def test_what_was_not_kept_is_said(self) -> None:
        second = 1_000_000_000
        cores = [{"core": 3, "lost": 8, "slices": [slice_of(5 * second, 6 * second)]}]
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            trace.latest(cores, 2)
        self.assertIn("core 3 has kept only the last 1.000 s", said.getvalue())
        with contextlib.redirect_stderr(io.StringIO()) as said:
            trace.latest(cores, 1)
        self.assertEqual(said.getvalue(), "")


class TraceTest(Serving):
    """`ebbrt trace` of an image that keeps one."""

    image = "memcached_traced"

    def trace(self, *words: str) -> ChromeTrace:
        path = self.namespace.directory / "trace.json"
        result = self.ebbrt("trace", str(self.node["node"]), "-o", str(path), *words)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stderr, rf"{path}: \d+ slices of {CORES} cores")
        return ChromeTrace(path.read_text())

    def tearDown(self) -> None:
        super().tearDown()
        with self.client() as client:
            self.assertEqual(client.ask(request(binary.NOOP)).status, binary.OK)

    def test_events_have_their_functions_names(self) -> None:
        self.work(50)
        trace = self.trace()
        number = self.node["node"]
        self.assertEqual(trace.names, {
            f"node {number} memcached_traced.elf", *(f"core {n}" for n in range(CORES))})
        self.assertEqual({each["pid"] for each in trace.slices}, {number})
        self.assertLessEqual({"event", "interrupt", "timer", "asleep"}, trace.kinds())
        names = {each["name"] for each in trace.slices if each["cat"] != "asleep"}
        self.assertTrue(any("ebbrt::network::" in name for name in names), names)
        unresolved = [name for name in names if name.startswith("0x")]
        self.assertEqual(unresolved, [])
        # The device's interrupts, of which there is one at least.
        vectors = {each["args"]["vector"] for each in trace.slices
                   if each["cat"] == "interrupt"}
        self.assertTrue(any(0x30 <= vector < 0xF0 for vector in vectors), vectors)

    def test_an_event_that_blocks_goes_on_later(self) -> None:
        # The main event waits, at its beginning, for the network and the front-end.
        trace = self.trace()
        first = [each for each in trace.slices if "EbbrtBoot" in each["name"]]
        self.assertGreater(len(first), 1)
        for phase, when in (("s", first[0]), ("f", first[1])):
            self.assertTrue(any(
                each["ph"] == phase
                and when["ts"] <= each["ts"] <= when["ts"] + when["dur"]
                for each in trace.events), (phase, when))

    def test_seconds_leave_out_what_was_before(self) -> None:
        whole, last = self.trace(), self.trace("--seconds", "1")
        ends = [each["ts"] + each["dur"] for each in last.slices]
        self.assertGreater(max(ends), max(e["ts"] for e in whole.slices))
        self.assertGreater(min(ends), max(ends) - 1_000_001)

    def test_every_core_sleeps_and_wakes(self) -> None:
        trace = self.trace()
        for core in range(CORES):
            self.assertIn("asleep", {each["cat"] for each in trace.on(core)})

    def test_a_traced_node_counts_more(self) -> None:
        metrics = self.metrics(FRONT_END_PORT)
        self.assertGreater(metrics.value("ebbrt_timers_total", node="2"), 0)
        self.assertGreaterEqual(metrics.value("ebbrt_blocked_events", node="2"), 0)

    def test_a_file_that_cant_be_written_is_named(self) -> None:
        result = self.ebbrt("trace", str(self.node["node"]), "-o", "/nonexistent/trace")
        self.assertEqual(result.returncode, 1)
        self.assertIn("/nonexistent/trace: No such file", result.stderr)


class UntracedTest(Serving):
    """`ebbrt trace` of an image that keeps none."""

    def test_what_is_missing_is_said(self) -> None:
        result = self.ebbrt("trace", str(self.node["node"]))
        self.assertEqual(result.returncode, 1)
        self.assertIn("keeps no trace; link it with TRACED", result.stderr)


class FrontEndTraceTest(unittest.TestCase):
    """EBBRT_TRACE, on hello."""

    def hello(self, trace: str) -> subprocess.CompletedProcess:
        front_end = require(HOSTED / "apps" / "hello" / "hello_frontend")
        image = require(NATIVE / "apps" / "hello" / "hello.img")
        return self.namespace.run(
            [front_end, image, "1"], capture_output=True, text=True,
            env=self.namespace.environment(EBBRT_TRACE=trace, EBBRT_CORES=str(CORES)))

    def setUp(self) -> None:
        self.namespace = self.enterContext(Namespace("trace"))

    def test_a_front_end_writes_its_trace_when_it_ends(self) -> None:
        path = self.namespace.directory / "trace.json"
        result = self.hello(str(path))
        self.assertEqual(result.returncode, 0, result.stderr)
        trace = ChromeTrace(path.read_text())
        self.assertEqual(trace.names, {"node 1 hello_frontend",
                                       *(f"core {n}" for n in range(CORES))})
        self.assertLessEqual({"event", "asleep"}, trace.kinds())
        names = {each["name"] for each in trace.slices}
        # The greeting's call, and AppMain, which waits for it.
        self.assertTrue(any("ebbrt::Messenger::Peer::Handle" in name for name in names), names)
        self.assertIn("f", {each["ph"] for each in trace.events})

    def test_a_file_that_cant_be_written_is_named(self) -> None:
        result = self.hello("/nonexistent/trace")
        self.assertEqual(result.returncode, 2)
        self.assertIn("EBBRT_TRACE=/nonexistent/trace: No such file", result.stderr)


if __name__ == "__main__":
    unittest.main()
