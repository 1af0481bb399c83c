#!/usr/bin/python3
"""What shows a running back-end: the daemon's metrics, `ebbrt top`, `ebbrt gdb` and
its commands. All on memcached under load."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time
import unittest

import binary_client as binary
import harness
from binary_client import connect_in, request, store
from harness import HOSTED, NATIVE, ROOT, Namespace, eventually, inside, require
from memcached_server import Server
from prometheus_client.parser import text_string_to_metric_families

DAEMON_PORT = 9470
CORES = 2
MEMORY_MIB = 256


def page(namespace: Namespace, port: int, target: str = "/metrics",
         method: str = "GET") -> tuple[int, dict[str, str], str]:
    """Status, headers and body of a page, asked for by hand."""
    with connect_in(namespace, ("127.0.0.1", port), 60) as connection:
        connection.sendall(f"{method} {target} HTTP/1.1\r\nHost: x\r\n"
                           "Connection: close\r\n\r\n".encode())
        data = b""
        while piece := connection.recv(1 << 16):
            data += piece
    head, _, body = data.decode().partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    return int(first.split()[1]), headers, body


class Metrics:
    """A page, read by Prometheus' own parser for Python."""

    def __init__(self, text: str) -> None:
        self.families = {f.name: f for f in text_string_to_metric_families(text)}
        self.samples = [s for f in self.families.values() for s in f.samples]

    def value(self, name: str, **labels: str) -> float:
        """The sum of what there is of that name with those labels; there is some."""
        found = [s.value for s in self.samples
                 if s.name == name and labels.items() <= s.labels.items()]
        if not found:
            raise AssertionError(f"no {name} with {labels}")
        return sum(found)


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

    def metrics(self) -> Metrics:
        status, headers, text = page(self.namespace, DAEMON_PORT)
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
        self.assertEqual(line.split()[:5], ["0", "tcp", "ESTABLISHED",
                                            "%s:%d" % self.address, here])
        self.assertIn("ebbrt::memcached::Connection", line)
        self.assertRegex(text, rf"(?m)^0 +tcp +LISTEN +\S*:{self.address[1]}$")
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
                          (0xFFFF0005, "StackNetworkManager"), (0xFFFF0006, "Messenger")):
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


if __name__ == "__main__":
    unittest.main()
