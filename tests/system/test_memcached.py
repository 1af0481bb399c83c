#!/usr/bin/python3
"""The memcached server, hosted and as an image, against a client of ours; and the
front-end's life."""

import contextlib
import os
import resource
import select
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest

import binary_client as binary
from binary_client import Client, connect_in, request, store
from harness import HOSTED, NATIVE, Namespace, eventually, inside, processes, require
from memcached_server import PORT, AllCores, Hosted, Image


class Serving:
    """The cases, for a server that memcached_server.py has started."""

    # --- one request after the other ------------------------------------------

    def test_set_get_delete_echo_opaque_cas_and_flags(self) -> None:
        client = self.client()
        put = client.ask(store(binary.SET, b"k", b"value", 0xDEADBEEF, opaque=77))
        self.assertEqual((put.status, put.opaque), (binary.OK, 77))
        self.assertNotEqual(put.cas, 0)
        got = client.ask(request(binary.GETK, b"k", opaque=78))
        self.assertEqual((got.key, got.value), (b"k", b"value"))
        self.assertEqual((got.flags, got.cas, got.opaque), (0xDEADBEEF, put.cas, 78))
        late = client.ask(store(binary.SET, b"k", b"2", cas=put.cas + 1000))
        self.assertEqual((late.status, late.value),
                         (binary.EXISTS, b"Data exists for key."))
        self.assertEqual(client.ask(request(binary.DELETE, b"k")).status, binary.OK)
        gone = client.ask(request(binary.GET, b"k"))
        self.assertEqual((gone.status, gone.value), (binary.NOT_FOUND, b"Not found"))

    def test_version_and_noop(self) -> None:
        client = self.client()
        version = client.ask(request(binary.VERSION))
        self.assertRegex(version.value.decode(), r"^\d+\.\d+\.\d+")
        self.assertEqual(client.ask(request(binary.NOOP, opaque=5)).opaque, 5)

    def test_quit_is_answered_and_ends(self) -> None:
        client = self.client()
        self.assertEqual(client.ask(request(binary.QUIT)).opcode, binary.QUIT)
        self.assertTrue(client.is_closed())
        quiet = self.client()
        quiet.send(request(binary.QUITQ))
        self.assertTrue(quiet.is_closed())

    def test_expiry(self) -> None:
        client = self.client()
        client.ask(store(binary.SET, b"relative", b"1", expiration=2))
        client.ask(store(binary.SET, b"past", b"1", expiration=40 * 86400))
        client.ask(store(binary.SET, b"future", b"1",
                         expiration=int(time.time()) + 3600))
        client.ask(store(binary.SET, b"never", b"1"))
        gets = {key: client.ask(request(binary.GET, key)).status
                for key in (b"relative", b"past", b"future", b"never")}
        self.assertEqual(list(gets.values()),
                         [binary.OK, binary.NOT_FOUND, binary.OK, binary.OK])
        time.sleep(2.5)
        self.assertEqual(client.ask(request(binary.GET, b"relative")).status,
                         binary.NOT_FOUND)
        self.assertEqual(client.ask(request(binary.GET, b"never")).status, binary.OK)

    def test_values_of_all_sizes(self) -> None:
        client = self.client()
        for size in (0, 1, 511, 512, 513, 1400, 1460, 4096, 65536, 1 << 20):
            value = os.urandom(size)
            self.assertEqual(client.ask(store(binary.SET, b"sized", value)).status,
                             binary.OK, size)
            for _ in range(2):
                got = client.ask(request(binary.GET, b"sized"))
                self.assertEqual(got.status, binary.OK, size)
                self.assertTrue(got.value == value, f"{size} bytes came back wrong")

    # --- text -----------------------------------------------------------------

    def talk(self, data: bytes, expected: bytes) -> None:
        connection = self.connect()
        connection.sendall(data)
        seen = b""
        while len(seen) < len(expected):
            piece = connection.recv(1 << 20)
            self.assertTrue(piece, f"the end after {seen[-200:]!r}")
            seen += piece
        self.assertTrue(seen == expected, f"{seen[:300]!r}, not {expected[:300]!r}")

    def test_text_and_binary_on_one_port(self) -> None:
        self.talk(b"set both 5 0 5\r\nvalue\r\n", b"STORED\r\n")
        got = self.client().ask(request(binary.GET, b"both"))
        self.assertEqual((got.value, got.flags), (b"value", 5))
        self.client().ask(store(binary.SET, b"both", b"other", 6))
        self.talk(b"mg both v f\r\n", b"VA 5 f6\r\nother\r\n")

    def test_text_values_of_all_sizes(self) -> None:
        for size in (0, 1, 511, 512, 513, 1400, 1460, 4096, 65536, 1 << 20):
            value = os.urandom(size)
            line = b"VALUE t 0 %d\r\n" % size
            self.talk(b"set t 0 0 %d\r\n%s\r\nget t t\r\n" % (size, value),
                      b"STORED\r\n" + (line + value + b"\r\n") * 2 + b"END\r\n")

    def test_text_pipelined(self) -> None:
        count = 5000
        self.talk(b"".join(b"set p%d 0 0 4\r\n%04d\r\nget p%d\r\n" % (i, i, i)
                           for i in range(count)),
                  b"".join(b"STORED\r\nVALUE p%d 0 4\r\n%04d\r\nEND\r\n" % (i, i)
                           for i in range(count)))

    def test_a_get_of_many_keys(self) -> None:
        self.talk(b"set many 0 0 1000\r\n" + b"m" * 1000 + b"\r\n", b"STORED\r\n")
        value = b"VALUE many 0 1000\r\n" + b"m" * 1000 + b"\r\n"
        self.talk(b"get" + b" many" * 5000 + b"\r\n", value * 5000 + b"END\r\n")

    # --- streams --------------------------------------------------------------

    def test_pipelined_requests_are_answered_in_order(self) -> None:
        client = self.client()
        count = 2000
        client.send(b"".join(
            store(binary.SET, b"p%d" % i, b"value %d" % i, opaque=i)
            + request(binary.GET, b"p%d" % i, opaque=i) for i in range(count)))
        for i in range(count):
            self.assertEqual(client.answer().opaque, i)
            got = client.answer()
            self.assertEqual((got.opaque, got.value), (i, b"value %d" % i))

    def test_requests_byte_by_byte(self) -> None:
        client = self.client()
        stream = (store(binary.SET, b"slow", b"a value", 3)
                  + request(binary.GET, b"slow") + request(binary.NOOP))
        for i in range(len(stream)):
            client.send(stream[i : i + 1])
            if i % 8 == 0:
                time.sleep(0.002)
        self.assertEqual(client.answer().status, binary.OK)
        self.assertEqual(client.answer().value, b"a value")
        self.assertEqual(client.answer().opcode, binary.NOOP)

    def test_quiet_misses_and_hits(self) -> None:
        client = self.client()
        client.send(store(binary.SETQ, b"q1", b"one")
                    + request(binary.GETQ, b"missing") + request(binary.GETQ, b"q1")
                    + request(binary.GETKQ, b"missing") + request(binary.GETKQ, b"q1")
                    + request(binary.DELETEQ, b"q1") + request(binary.NOOP))
        first, second, last = (client.answer() for _ in range(3))
        self.assertEqual((first.opcode, first.value), (binary.GETQ, b"one"))
        self.assertEqual((second.opcode, second.key), (binary.GETKQ, b"q1"))
        self.assertEqual(last.opcode, binary.NOOP)

    def test_unknown_opcodes_do_not_end_the_connection(self) -> None:
        client = self.client()
        for opcode in (0x55, 0xFE, 0x1B):
            unknown = client.ask(request(opcode, b"key", b"x" * 5000, opaque=3))
            self.assertEqual((unknown.status, unknown.opaque, unknown.value),
                             (binary.UNKNOWN_COMMAND, 3, b"Unknown command"))
        self.assertEqual(client.ask(request(binary.NOOP)).status, binary.OK)

    # --- bad input ------------------------------------------------------------

    def test_a_too_large_value_is_swallowed(self) -> None:
        client = self.client()
        client.ask(store(binary.SET, b"big", b"old"))
        client.send(store(binary.SET, b"big", bytes((1 << 20) + 1))
                    + request(binary.NOOP))
        refused = client.answer()
        self.assertEqual((refused.status, refused.value),
                         (binary.TOO_LARGE, b"Too large."))
        self.assertEqual(client.answer().opcode, binary.NOOP)
        self.assertEqual(client.ask(request(binary.GET, b"big")).status,
                         binary.NOT_FOUND)

    def test_bad_magic_closes(self) -> None:
        client = self.client()
        client.ask(request(binary.NOOP))
        client.send(b"get key\r\n" + bytes(20))
        self.assertTrue(client.is_closed())

    def test_contradicting_lengths_are_answered_and_close(self) -> None:
        client = self.client()
        wrong = binary.HEADER.pack(0x80, binary.GET, 10, 0, 0, 0, 5, 9, 0)
        self.assertEqual(client.ask(wrong).status, binary.UNKNOWN_COMMAND)
        self.assertTrue(client.is_closed())
        long = self.client()
        self.assertEqual(long.ask(request(binary.GET, b"k" * 251)).status,
                         binary.INVALID)
        self.assertTrue(long.is_closed())

    def test_a_truncated_body_then_close(self) -> None:
        for cut in (1, 23, 24, 30, 40, 5000):
            self.client().send(store(binary.SET, b"cut", bytes(9000))[:cut])
        for client in [self.client() for _ in range(5)]:
            client.send(store(binary.SET, b"cut", bytes(9000))[:100])
            client.socket.close()
        check = self.client()
        self.assertEqual(check.ask(request(binary.GET, b"cut")).status,
                         binary.NOT_FOUND)

    def test_a_client_that_never_reads_does_not_stop_the_others(self) -> None:
        deaf = self.client(timeout=3)
        deaf.ask(store(binary.SET, b"wide", bytes(1 << 20)))
        # More than the kernels' buffers on the way hold.
        with self.assertRaises(TimeoutError, msg="the server reads on without bound"):
            for _ in range(64):
                deaf.send(request(binary.GET, b"wide") * 36000)
        other = self.client()
        self.assertEqual(other.ask(request(binary.NOOP)).status, binary.OK)

    def test_a_slow_reader_gets_everything(self) -> None:
        client = self.client(timeout=60)
        value = os.urandom(300_000)
        client.ask(store(binary.SET, b"slow reader", value))
        count = 40
        client.send(b"".join(request(binary.GET, b"slow reader", opaque=i)
                             for i in range(count)))
        time.sleep(0.5)
        for i in range(count):
            got = client.answer()
            self.assertEqual(got.opaque, i)
            self.assertTrue(got.value == value)

    # --- many -----------------------------------------------------------------

    def test_a_client_that_ends_its_side_gets_all_answers(self) -> None:
        value = b"v" * 300_000
        self.client().ask(store(binary.SET, b"ends", value))
        one = b"VALUE ends 0 300000\r\n" + value + b"\r\n"
        asked = b"get ends\r\n" * 5 + b"get ends ends ends\r\nversion\r\n"
        expected = (one + b"END\r\n") * 5 + one * 3 + b"END\r\nVERSION "
        connection = self.connect()
        connection.sendall(asked)
        connection.shutdown(socket.SHUT_WR)
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        self.assertEqual(len(received), len(expected) + len("1.6.18-ebbrt\r\n"))
        self.assertTrue(received.startswith(expected))

    def test_quit_comes_behind_the_answers(self) -> None:
        value = b"q" * 300_000
        self.client().ask(store(binary.SET, b"quits", value))
        connection = self.connect()
        connection.sendall(b"get quits\r\n" * 3 + b"quit\r\n")
        received = b"".join(iter(lambda: connection.recv(1 << 16), b""))
        self.assertEqual(received.count(value), 3)
        self.assertTrue(received.endswith(b"END\r\n"))

    def test_reconnects(self) -> None:
        for i in range(200):
            with Client(self.namespace, self.address) as client:
                self.assertEqual(client.ask(request(binary.NOOP, opaque=i)).opaque, i)

    def test_clients_at_once(self) -> None:
        failures = []

        def work(number: int) -> None:
            try:
                with Client(self.namespace, self.address) as client:
                    for i in range(50):
                        value = os.urandom(100 + 37 * i)
                        key = b"c%d" % number
                        client.ask(store(binary.SET, key, value))
                        got = client.ask(request(binary.GET, key))
                        assert got.value == value, "another's value"
            except Exception as error:  # reported by the main thread
                failures.append(f"client {number}: {error!r}")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])


class HostedTest(Serving, Hosted, unittest.TestCase):
    pass


class AllCoresTest(Serving, AllCores, unittest.TestCase):
    """Whatever core a connection comes to."""


class ImageTest(Serving, Image, unittest.TestCase):
    pass


class Datagrams:
    """UDP and large values, which the two servers have when told to."""

    words = ("-U", PORT, "-I", "4m")

    def ask(self, data: bytes, number: int = 7, count: int = 1) -> list[tuple]:
        """Headers and payloads of what comes within a second, or all of it."""
        with inside(self.namespace):
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with asking:
            asking.settimeout(1)
            asking.sendto(struct.pack("!HHHH", number, 0, count, 0) + data, self.address)
            seen = []
            while not seen or len(seen) < seen[0][0][2]:
                try:
                    datagram = asking.recv(65536)
                except TimeoutError:
                    break
                seen.append((struct.unpack("!HHHH", datagram[:8]), datagram[8:]))
            return seen

    def test_the_header_is_echoed(self) -> None:
        self.assertEqual(self.ask(b"set u 0 0 2\r\nhi\r\n", 0xABCD),
                         [((0xABCD, 0, 1, 0), b"STORED\r\n")])
        self.assertEqual(self.ask(b"get u\r\n", 3),
                         [((3, 0, 1, 0), b"VALUE u 0 2\r\nhi\r\nEND\r\n")])
        [(header, data)] = self.ask(request(binary.GET, b"u", opaque=9), 4)
        self.assertEqual((header, data[-2:]), ((4, 0, 1, 0), b"hi"))

    def test_a_long_answer_takes_several_datagrams(self) -> None:
        value = os.urandom(10_000)
        self.client().ask(store(binary.SET, b"long", value))
        answer = self.ask(b"get long\r\n", 5)
        self.assertEqual([header for header, _ in answer],
                         [(5, i, len(answer), 0) for i in range(len(answer))])
        self.assertGreater(len(answer), 7)
        self.assertTrue(all(len(data) <= 1392 for _, data in answer))
        self.assertEqual(b"".join(data for _, data in answer),
                         b"VALUE long 0 10000\r\n" + value + b"\r\nEND\r\n")

    def test_what_is_too_much_for_datagrams(self) -> None:
        self.assertEqual(self.ask(b"get a\r\n", 6, 2), [])  # of a request of two
        self.assertEqual(self.ask(b"get a\r\n", 6, 0), [])
        self.client().ask(store(binary.SET, b"huge", bytes(3 << 20)))
        self.assertEqual(self.ask(b"get huge\r\n"), [])
        self.assertEqual(self.ask(b""), [])

    def test_values_up_to_the_limit(self) -> None:
        client = self.client()
        value = os.urandom(4 << 20)
        self.assertEqual(client.ask(store(binary.SET, b"4m", value)).status, binary.OK)
        self.assertTrue(client.ask(request(binary.GET, b"4m")).value == value)
        self.assertEqual(client.ask(store(binary.SET, b"4m", value + b"1")).status,
                         binary.TOO_LARGE)
        self.assertEqual(client.statistics()["store_too_large"], "1")


class HostedDatagramsTest(Datagrams, Hosted, unittest.TestCase):
    pass


class AllCoresDatagramsTest(Datagrams, AllCores, unittest.TestCase):
    words = ("-t", AllCores.cores, *Datagrams.words)


class ImageDatagramsTest(Datagrams, Image, unittest.TestCase):
    pass


# QEMU whose monitor is heard a second late. The relay keeps nothing else open, so
# that the daemon sees QEMU's end.
LATE_QEMU = """#!/usr/bin/python3
import os, socket, sys, threading, time
words = sys.argv[1:]
prefix = "socket,id=monitor,fd="
at = next(i for i, word in enumerate(words) if word.startswith(prefix))
daemon = socket.socket(fileno=int(words[at].removeprefix(prefix)))
ours, qemus = socket.socketpair()
if os.fork() == 0:
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in (daemon.fileno(), ours.fileno()):
            try:
                os.close(fd)
            except OSError:
                pass
    def pump(source, sink, delay):
        while data := source.recv(65536):
            time.sleep(delay)
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    threading.Thread(target=pump, args=(daemon, ours, 0), daemon=True).start()
    pump(ours, daemon, 1)
    os._exit(0)
os.set_inheritable(qemus.fileno(), True)
words[at] = prefix + str(qemus.fileno())
os.execvp("qemu-system-x86_64", ["qemu-system-x86_64", *words])
"""


class FrontEndTest(unittest.TestCase):
    """The front-end's life and what it leaves behind."""

    def setUp(self) -> None:
        self.program = require(HOSTED / "apps" / "memcached" / "memcached_frontend")
        self.image = require(NATIVE / "apps" / "memcached" / "memcached.elf")
        self.namespace = self.enterContext(Namespace("memcached-front"))

    def start(self, *arguments, **environment: str) -> subprocess.Popen:
        process = self.namespace.start([self.program, self.image, *arguments],
                                       env=self.namespace.environment(**environment),
                                       stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def address(self, process: subprocess.Popen) -> tuple[str, int]:
        """Where it serves, which is the first that it says."""
        host, port = process.stdout.readline().split()[-1].split(":")
        return host, int(port)

    def test_one_line_and_nothing_left_after_interrupt(self) -> None:
        process = self.start("-m", 64)
        self.assertRegex(process.stdout.readline(),
                         r"^memcached: serving at [\d.]+:11211\n$")
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=10)
        self.assertEqual((stdout, process.returncode), ("", 130), stderr)
        self.namespace.assert_clean(self)

    def test_the_address_is_right_though_the_daemon_tells_it_late(self) -> None:
        """As on a busy host: the server is up before QEMU has answered the daemon."""
        qemu = self.namespace.directory / "late-qemu"
        qemu.write_text(LATE_QEMU)
        qemu.chmod(0o755)
        self.namespace.directory.chmod(0o711)  # QEMU is not run as root
        process = self.start("-m", 64, EBBRT_QEMU=str(qemu))
        with Client(self.namespace, self.address(process)) as client:
            client.send(request(binary.NOOP))
            self.assertEqual(client.answer().status, binary.OK)

    def test_the_machine_s_end_is_told(self) -> None:
        process = self.start("-m", 64)
        process.stdout.readline()
        machines = self.namespace.inhabitants() & processes("qemu-system")
        self.assertEqual(len(machines), 1)
        os.kill(machines.pop(), signal.SIGKILL)
        _, stderr = process.communicate(timeout=10)
        self.assertEqual(process.returncode, 1, stderr)
        self.assertIn("the machine has ended", stderr)
        self.namespace.assert_clean(self)

    def fill(self, *options: str) -> tuple[Client, list]:
        """Stores 48 MiB in a machine of 16; whether each was stored."""
        process = self.start("-m", "16", *options)
        client = self.enterContext(Client(self.namespace, self.address(process)))
        stored = []
        for size in (1 << 20, 1000):
            for i in range((24 << 20) // size):
                key = b"full %d %d" % (size, i)
                client.send(store(binary.SET, key, bytes(size)))
                answer = client.answer()
                self.assertIn((answer.status, answer.value),
                              ((binary.OK, b""),
                               (binary.OUT_OF_MEMORY, b"Out of memory allocating item")))
                stored.append((key, size, answer.status == binary.OK))
        return client, stored

    def test_full_memory_evicts(self) -> None:
        client, stored = self.fill()
        self.assertEqual([key for key, _, done in stored if not done], [])
        there = [key for key, size, _ in stored
                 if client.ask(request(binary.GET, key)).value == bytes(size)]
        # The latest ones. Of the 8 MiB for items a value takes at most half in vain.
        self.assertIn(stored[-1][0], there)
        self.assertNotIn(stored[0][0], there)
        self.assertGreater(len(there) * 1000, 3 << 20)

    def test_full_memory_is_an_error_if_asked_for(self) -> None:
        client, stored = self.fill("-M")
        self.assertIn(False, [done for _, _, done in stored])
        for key, size, done in stored:
            if done:
                self.assertEqual(client.ask(request(binary.GET, key)).value, bytes(size))
        # What goes makes room.
        first = stored[0][0]
        self.assertEqual(client.ask(request(binary.DELETE, first)).status, binary.OK)
        self.assertEqual(client.ask(store(binary.SET, first, b"x")).status, binary.OK)

    def test_values_that_do_not_come_to_their_end_are_bounded(self) -> None:
        """40 MiB of them in a machine of 16: those for which there is no room are told."""
        process = self.start("-m", "16")
        address = self.address(process)
        check = self.enterContext(Client(self.namespace, address, timeout=10))
        check.ask(store(binary.SET, b"kept out", bytes(1 << 20)))
        began = [self.enterContext(Client(self.namespace, address, timeout=10))
                 for _ in range(40)]
        value = store(binary.SET, b"half", bytes(1 << 20))
        text = b"set half 0 0 %d\r\n%s\r\n" % (1 << 20, bytes(1 << 20))

        def is_refused(client: Client) -> bool:
            """By its answer in the protocol that it speaks; it goes on being served."""
            if client in by_text:
                client.send(b"mn\r\n")
                answer = client.take(8)
                if refused := answer != b"STORED\r\n":
                    answer += client.take(35)
                    self.assertEqual(answer, b"SERVER_ERROR out of memory storing object\r\n")
                self.assertEqual(client.take(4), b"MN\r\n")
                return refused
            answer = client.answer()
            self.assertIn(answer.status, (binary.OK, binary.OUT_OF_MEMORY))
            self.assertEqual(client.ask(request(binary.NOOP)).status, binary.OK)
            return answer.status != binary.OK

        by_text = began[::2]
        for client in began:
            client.send((text if client in by_text else value)[:-1])
            self.assertEqual(check.ask(request(binary.NOOP)).status, binary.OK)
        refused = 0
        for client in began:
            client.send((text if client in by_text else value)[-1:])
            refused += is_refused(client)
        self.assertGreater(refused, 20)
        self.assertLess(refused, 37)
        self.assertEqual(check.ask(value).status, binary.OK)
        self.assertEqual(check.ask(request(binary.GET, b"half")).value, bytes(1 << 20))
        self.assertEqual(check.ask(request(binary.GET, b"kept out")).status, binary.NOT_FOUND)

    def test_ten_thousand_idle_connections(self) -> None:
        most = 10_000
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most + 500), hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        process = self.start("-m", 256, "-c", most)
        address = self.address(process)
        with contextlib.ExitStack() as idle:
            clients = [idle.enter_context(Client(self.namespace, address))
                       for _ in range(most)]
            for client in clients[:: most // 10]:
                self.assertEqual(client.ask(request(binary.NOOP)).status, binary.OK)
            one_more = idle.enter_context(Client(self.namespace, address))
            self.assertEqual(one_more.take(33), b"ERROR Too many open connections\r\n")
            self.assertTrue(one_more.is_closed())

    def test_clients_that_never_read_are_given_up(self) -> None:
        for cores in (1, 4):
            with self.subTest(cores=cores):
                self.give_up_who_never_reads(cores)

    def give_up_who_never_reads(self, cores: int) -> None:
        process = self.start("-m", 64, "-t", cores, "--patience", "2")
        address = self.address(process)
        with contextlib.ExitStack() as clients:
            deaf = [clients.enter_context(Client(self.namespace, address))
                    for _ in range(8 * cores)]
            deaf[0].ask(store(binary.SET, b"wide", bytes(1 << 20)))
            for client in deaf:
                client.send(request(binary.GET, b"wide") * 100)
            other = clients.enter_context(Client(self.namespace, address))
            self.assert_open(other, len(deaf) + 1, 2)
            self.assert_open(other, 1, 15)
            for client in deaf:
                with self.assertRaises((ConnectionResetError, EOFError)):
                    for _ in range(100):
                        client.answer()
        process.kill()
        process.wait()

    def test_who_leaves_answers_behind_counts_until_they_are_given_up(self) -> None:
        for cores in (1, 4):
            with self.subTest(cores=cores):
                self.give_up_who_leaves_answers_behind(cores)

    def give_up_who_leaves_answers_behind(self, cores: int) -> None:
        process = self.start("-m", 64, "-c", 16, "-t", cores, "--patience", "2")
        address = self.address(process)
        check = self.enterContext(Client(self.namespace, address))
        check.ask(store(binary.SET, b"small", bytes(100_000)))
        # Some quit, some only end their side, some just stop reading.
        for last, ends in ((b"quit\r\n", False), (b"", True), (b"", False)) * 5:
            deaf = connect_in(self.namespace, address, 20, receive_buffer=4096)
            self.addCleanup(deaf.close)
            deaf.sendall(b"get small\r\n" + last)
            if ends:
                deaf.shutdown(socket.SHUT_WR)
        self.assert_open(check, 16, 2)
        one_more = self.enterContext(Client(self.namespace, address))
        self.assertEqual(one_more.take(33), b"ERROR Too many open connections\r\n")
        self.assert_open(check, 1, 15)
        process.kill()
        process.wait()

    def assert_open(self, client: Client, connections: int, seconds: float) -> None:
        """That so many connections are open, within the time: a client's connection
        stands before the core it is for has counted it."""
        def seen() -> int:
            return int(client.statistics()["curr_connections"])
        self.assertTrue(eventually(lambda: seen() == connections, seconds), seen())

    def test_statistics_are_shown(self) -> None:
        process = self.start("-m", 64, "--statistics", "1")
        client = self.enterContext(Client(self.namespace, self.address(process)))
        client.ask(store(binary.SET, b"shown", bytes(1 << 20)))
        expected = r"^memcached: 1 connections, 1 items in 1\.\d of 44 MiB, .* 0 evictions$"
        lines = [process.stdout.readline() for _ in range(4)]
        self.assertRegex("".join(lines), "(?m)" + expected)

    def test_a_terminal_shows_statistics_in_one_line(self) -> None:
        ours, theirs = os.openpty()
        self.addCleanup(os.close, ours)
        process = self.namespace.start([self.program, self.image, "-m", 64], stdout=theirs)
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        seen = b""
        while seen.count(b"evictions") < 3:
            ready, _, _ = select.select([ours], [], [], 30)
            self.assertTrue(ready, seen)
            seen += os.read(ours, 65536)
        self.assertEqual(seen.count(b"\r\x1b[Kmemcached: 0 connections"), 3, seen)
        self.assertEqual(seen.count(b"\n"), 1, seen)  # of the line that says where

    def test_errors_name_the_thing(self) -> None:
        for words, expected in (
                (["/nonexistent/memcached.elf"], "/nonexistent/memcached.elf"),
                ([self.image, "-p", "70000"], "70000"),
                ([self.image, "-m", "lots"], "lots"),
                ([self.image, "-I", "2g"], "bytes, or with k or m behind it, from 1024"),
                ([self.image, "--machine", "vax"], "vax"),
                ([self.image, "--frobnicate", "1"], "--frobnicate"),
        ):
            result = self.namespace.run([self.program, *words], capture_output=True,
                                        text=True)
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(expected, result.stderr)
            self.assertEqual(result.stdout, "")


if __name__ == "__main__":
    unittest.main()
