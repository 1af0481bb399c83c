#!/usr/bin/python3
"""Programs on node that talk: over the network, with the front-end's files, with its
standard streams and its signals."""

import concurrent.futures
import contextlib
import gzip
import hashlib
import http.server
import os
import pty
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import unittest
from collections.abc import Iterator

from harness import inside
from node_test import NodeCase, Running

# What all servers begin with: `serve(server)` listens and says "at ADDRESS PORT".
PREAMBLE = """
    "use strict";
    const address = require("os").networkInterfaces().eth0[0].address;
    const serve = (server, port = 0) =>
      server.listen(port, () => console.log("at", address, server.address().port));
"""


class Talking(NodeCase):
    @contextlib.contextmanager
    def serving(self, text: str) -> Iterator[tuple[Running, tuple[str, int]]]:
        """A script that serves, and where."""
        self.script(PREAMBLE + text)
        with self.running("script.js") as node:
            node.wait_for("at ")
            address, port = node.line().split()
            yield node, (address, int(port))

    def connect(self, where: tuple[str, int]) -> socket.socket:
        with inside(self.namespace):
            connection = socket.create_connection(where, 30)
        self.addCleanup(connection.close)
        return connection

    def host_socket(self, kind: socket.SocketKind) -> socket.socket:
        """A socket of this host's, bound to a port of all its addresses."""
        with inside(self.namespace):
            made = socket.socket(socket.AF_INET, kind)
        self.addCleanup(made.close)
        made.settimeout(60)
        made.bind(("0.0.0.0", 0))
        return made


def received(connection: socket.socket) -> bytes:
    """All until the end."""
    whole = b""
    while block := connection.recv(1 << 16):
        whole += block
    return whole


class StreamsTest(Talking):
    """A TCP server that transforms what it is sent."""

    UPPER = """
        const { Transform } = require("stream");
        const net = require("net");
        let resets = 0, ends = 0;
        const server = net.createServer({ allowHalfOpen: true }, connection => {
          const upper = new Transform({
            transform(chunk, encoding, done) { done(null, chunk.toString("latin1").toUpperCase()) },
            flush(done) { ends++; this.push("<end>"); done() },
          });
          connection.on("error", error => { resets++; console.log("error", error.code, error.syscall) });
          connection.on("close", failed => console.log("closed", failed));
          connection.pipe(upper).pipe(connection);
        });
        serve(server);
    """

    def test_many_clients_and_half_open_ends(self) -> None:
        text = b"some words, more words. " * 20_000
        def client(number: int) -> bool:
            mine = b"%d " % number + text
            with inside(self.namespace):
                connection = socket.create_connection(where, 60)
            with connection:
                got: list[bytes] = []
                reader = threading.Thread(target=lambda: got.append(received(connection)))
                reader.start()
                connection.sendall(mine)
                connection.shutdown(socket.SHUT_WR)
                reader.join(120)
            return got == [mine.upper() + b"<end>"]
        with self.serving(self.UPPER) as (node, where):
            with concurrent.futures.ThreadPoolExecutor(20) as pool:
                self.assertEqual(list(pool.map(client, range(60))), [True] * 60)
            for _ in range(60):
                self.assertEqual(node.line(), "closed false")

    def test_what_was_sent_before_exit_arrives(self) -> None:
        """process.exit in the event that has sent an answer."""
        with self.serving("""
            const net = require("net");
            serve(net.createServer(connection => {
              connection.on("error", () => {});
              connection.write("last words", () => process.exit());
            }));
            """) as (node, where):
            with inside(self.namespace), socket.create_connection(where, 60) as connection:
                with contextlib.suppress(ConnectionError):
                    words = connection.recv(100)
                self.assertEqual(words, b"last words")
            self.assertEqual(node.wait(), 0)

    def test_the_end_behind_a_full_window(self) -> None:
        """The last bytes and the end arrive at a peer that reads slowly."""
        with self.serving("""
            serve(require("net").createServer(connection => {
              connection.once("data", data => connection.end(Buffer.alloc(Number(data), "x")));
            }));
            """) as (_, where):
            for size in (100_001, 200_003, 300_007, 400_009):
                with inside(self.namespace):
                    connection = socket.socket()
                with connection:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 40_000)
                    connection.settimeout(60)
                    connection.connect(where)
                    connection.sendall(b"%d" % size)
                    got = 0
                    while block := connection.recv(3000):
                        got += len(block)
                        time.sleep(0.001)
                self.assertEqual(got, size)

    def test_an_answer_long_after_the_other_end(self) -> None:
        with self.serving("""
            serve(require("net").createServer({ allowHalfOpen: true }, connection => {
              connection.resume();
              connection.on("end", () => setTimeout(() => connection.end("late"), 300));
            }));
            """) as (_, where):
            connection = self.connect(where)
            connection.sendall(b"x")
            connection.shutdown(socket.SHUT_WR)
            begin = time.monotonic()
            self.assertEqual(received(connection), b"late")
            self.assertGreater(time.monotonic() - begin, 0.25)

    def test_without_half_open_the_end_is_answered(self) -> None:
        with self.serving("""
            serve(require("net").createServer(connection => {
              connection.on("data", data => connection.write(data));
              connection.on("close", failed => console.log("closed", failed));
            }));
            """) as (node, where):
            connection = self.connect(where)
            connection.sendall(b"x")
            self.assertEqual(connection.recv(1), b"x")
            connection.shutdown(socket.SHUT_WR)
            self.assertEqual(received(connection), b"")
            self.assertEqual(node.line(), "closed false")

    def test_a_reset_ends_only_its_connection(self) -> None:
        with self.serving(self.UPPER) as (node, where):
            kept = self.connect(where)
            for _ in range(5):
                connection = self.connect(where)
                connection.sendall(b"a")
                self.assertEqual(connection.recv(1), b"A")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                      struct.pack("ii", 1, 0))
                connection.close()
                self.assertEqual(node.line(), "error ECONNRESET read")
                self.assertEqual(node.line(), "closed true")
            kept.sendall(b"still")
            self.assertEqual(kept.recv(16), b"STILL")

    def test_node_resets(self) -> None:
        with self.serving("""
            serve(require("net").createServer(connection => {
              connection.once("data", () => connection.resetAndDestroy());
            }));
            """) as (_, where):
            connection = self.connect(where)
            connection.sendall(b"x")
            with self.assertRaises(ConnectionResetError):
                connection.recv(1)

    def test_a_slow_reader_holds_the_writer(self) -> None:
        """What a peer doesn't read is not taken from the program either."""
        with self.serving("""
            serve(require("net").createServer(connection => {
              const block = Buffer.alloc(65536, "x");
              let accepted = 0;
              const fill = () => {
                while (accepted < 64 << 20) {
                  accepted += block.length;
                  if (!connection.write(block)) return;
                }
                connection.end();
              };
              connection.on("drain", fill);
              fill();
              setTimeout(() => console.log("accepted", accepted), 2000);
            }));
            """) as (node, where):
            connection = self.connect(where)
            word, accepted = node.line().split()
            self.assertLess(int(accepted), 16 << 20)
            size = 0
            while block := connection.recv(1 << 20):
                size += len(block)
            self.assertEqual(size, 64 << 20)


class HttpTest(Talking):
    FILES = """
        const fs = require("fs"), path = require("path"), http = require("http");
        serve(http.createServer((request, response) => {
          const name = path.join("served", path.normalize(decodeURI(request.url)));
          fs.createReadStream(name).on("open", function() {
            response.writeHead(200, { "Content-Type": "text/plain" });
            this.pipe(response);
          }).on("error", error => {
            response.writeHead(error.code === "ENOENT" ? 404 : 500);
            response.end(error.code + "\\n");
          });
        }));
    """

    def setUp(self) -> None:
        super().setUp()
        self.served = self.files / "served"
        self.served.mkdir()
        (self.served / "small.txt").write_text("a small file\n")
        self.large = random.Random(1).randbytes(20_000_000)
        (self.served / "large").write_bytes(self.large)

    def curl(self, *words: str) -> subprocess.CompletedProcess:
        return self.namespace.run(["curl", "-sS", "--max-time", "120", *words],
                                  capture_output=True, timeout=150)

    def test_files(self) -> None:
        if shutil.which("curl") is None:
            self.skipTest("curl is not installed")
        with self.serving(self.FILES) as (_, (address, port)):
            at = f"http://{address}:{port}"
            self.assertEqual(self.curl(f"{at}/small.txt").stdout, b"a small file\n")
            missing = self.curl("-w", "%{http_code}", f"{at}/nothing")
            self.assertEqual(missing.stdout, b"ENOENT\n404")
            kept = self.curl("-w", "%{num_connects} ", *[f"{at}/small.txt"] * 3)
            self.assertEqual(kept.stdout, b"a small file\n1 a small file\n0 a small file\n0 ")
            self.assertTrue(self.curl(f"{at}/large").stdout == self.large, "the large file differs")

    def wrk(self, at: str, connections: int, seconds: int) -> int:
        result = self.namespace.run(
            ["wrk", "-t", 1, "-c", connections, "-d", f"{seconds}s", "--timeout", "30s", at],
            capture_output=True, text=True, timeout=seconds + 60)
        done = re.search(r"(\d+) requests in", result.stdout)
        self.assertTrue(done, result.stdout + result.stderr)
        self.assertNotRegex(result.stdout, "Socket errors|Non-2xx")
        return int(done[1])

    def test_many_requests(self) -> None:
        if shutil.which("wrk") is None:
            self.skipTest("wrk is not installed")
        with self.serving(self.FILES) as (_, (address, port)):
            at = f"http://{address}:{port}/small.txt"
            self.assertGreater(self.wrk(at, 50, seconds=60), 600)
            if shutil.which("curl"):
                self.assertEqual(self.curl(at).stdout, b"a small file\n")

    def host_server(self) -> int:
        """The port of a server of this host's, which answers a request with its sum."""
        server = self.host_socket(socket.SOCK_STREAM)
        port = server.getsockname()[1]

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                digest = hashlib.sha256(body).hexdigest().encode()
                self.send_response(201)
                self.send_header("X-Of", self.headers["X-From"])
                self.send_header("Content-Length", str(len(digest)))
                self.end_headers()
                self.wfile.write(digest)

            def log_message(self, *_) -> None:
                pass

        served = http.server.HTTPServer(server.getsockname(), Handler, bind_and_activate=False)
        self.addCleanup(served.server_close)
        served.socket.close()
        served.socket = server
        server.listen()
        threading.Thread(target=served.serve_forever, daemon=True).start()
        self.addCleanup(served.shutdown)
        return port

    def test_requests_to_the_host_and_to_itself(self) -> None:
        port = self.host_server()
        body = "x" * 300_000
        self.prints(PREAMBLE + """
            const http = require("http");
            const ask = (host, port, then) => {
              const request = http.request({ host, port, method: "POST",
                                             headers: { "X-From": "node", "Content-Length": 300000 } }, response => {
                let text = "";
                response.on("data", data => text += data);
                response.on("end", () => then(response.statusCode, response.headers["x-of"], text));
              });
              request.end("x".repeat(300000));
            };
            const host = address.replace(/\\d+$/, "1");
            ask(host, process.argv[2], (...said) => {
              console.log(...said);
              const server = http.createServer((request, response) => {
                const hash = require("crypto").createHash("sha256");
                request.on("data", data => hash.update(data));
                request.on("end", () => response.writeHead(202, { "X-Of": "itself" }).end(hash.digest("hex")));
              }).listen(0, () => ask(address, server.address().port, (...said) => {
                console.log(...said);
                ask("localhost", server.address().port, (...said) => {
                  console.log(...said);
                  server.close();
                });
              }));
            });
            """, """
            201 node {0}
            202 itself {0}
            202 itself {0}
            """.format(hashlib.sha256(body.encode()).hexdigest()), str(port))

    def test_fetch(self) -> None:
        port = self.host_server()
        body = "x" * 300_000
        self.prints(PREAMBLE + """
            process.removeAllListeners("warning");  // that it is experimental
            const at = `http://${address.replace(/\\d+$/, "1")}:${process.argv[2]}/`;
            (async () => {
              const response = await fetch(at, { method: "POST", body: "x".repeat(300000),
                                                 headers: { "X-From": "node" } });
              console.log(response.status, response.headers.get("x-of"), await response.text());
              await fetch("http://127.0.0.1:2/").catch(error => console.log(error.message, error.cause.code));
            })();
            """, f"""
            201 node {hashlib.sha256(body.encode()).hexdigest()}
            fetch failed ECONNREFUSED
            """, str(port))


class NamesAndDatagramsTest(Talking):
    def test_datagrams_both_ways(self) -> None:
        host = self.host_socket(socket.SOCK_DGRAM)
        self.script(PREAMBLE + """
            const dgram = require("dgram");
            const echo = dgram.createSocket("udp4");
            echo.on("message", (data, from) => echo.send(data, from.port, from.address));
            echo.bind(0, () => console.log("at", address, echo.address().port));
            const asks = dgram.createSocket("udp4");
            asks.on("message", (data, from) => console.log(`got ${data} of ${from.size}`));
            asks.send("hello", process.argv[2], address.replace(/\\d+$/, "1"));
            """)
        with self.running("script.js", str(host.getsockname()[1])) as node:
            data, peer = host.recvfrom(100)
            self.assertEqual(data, b"hello")
            host.sendto(b"back", peer)
            node.wait_for("got back of 4\n")
        with self.running("script.js", str(host.getsockname()[1])) as node:
            node.wait_for("at ")
            address, port = node.line().split()
            for size in (0, 1, 1000, 1472):
                data = random.randbytes(size)
                host.sendto(data, (address, int(port)))
                while True:
                    got, peer = host.recvfrom(2000)
                    if peer[1] == int(port):
                        break
                self.assertEqual(got, data)

    def test_names(self) -> None:
        name = socket.gethostname()
        try:
            expected = socket.gethostbyname(name)
        except OSError:
            self.skipTest(f"this host doesn't know its own name, {name}")
        self.prints("""
            const dns = require("dns");
            dns.lookup(process.argv[2], { family: 4 }, (error, address) => {
              console.log(error, address);
              dns.lookup("localhost", 4, (error, address) => {
                console.log(error, address);
                // No server can be asked here.
                dns.lookup("no-such-name.invalid", error =>
                  console.log(/^(ENOTFOUND|EAI_AGAIN)$/.test(error.code), error.syscall));
              });
            });
            """, f"""
            null {expected}
            null 127.0.0.1
            true getaddrinfo
            """, name)

    def test_refused_and_taken(self) -> None:
        self.prints(PREAMBLE + """
            const net = require("net"), fs = require("fs"), dgram = require("dgram");
            const say = next => error => { console.log(error.code, error.syscall); next() };
            const steps = [
              next => net.connect(1, address).on("error", say(next)),
              next => net.connect(1, address.replace(/\\d+$/, "1")).on("error", say(next)),
              next => {
                const first = net.createServer().listen(8000, () => {
                  const second = net.createServer().on("error", error => { first.close(); say(next)(error) });
                  second.listen(8000);
                });
              },
              next => {
                const first = dgram.createSocket("udp4");
                first.bind(8000, () => {
                  const second = dgram.createSocket("udp4");
                  second.on("error", error => { first.close(); second.close(); say(next)(error) });
                  second.bind(8000);
                });
              },
              next => net.createServer().on("error", say(next)).listen(80, "1.2.3.4"),
              next => fs.readFile("nothing", say(next)),
              next => net.connect({ path: "nothing" }).on("error", say(next)),
            ];
            const step = () => { const one = steps.shift(); if (one) one(step) };
            step();
            """, """
            ECONNREFUSED connect
            ECONNREFUSED connect
            EADDRINUSE listen
            EADDRINUSE bind
            EADDRNOTAVAIL listen
            ENOENT open
            ENOENT connect
            """)


class FrontEndTest(Talking):
    def test_a_change_on_the_host_is_seen(self) -> None:
        (self.files / "watched").mkdir()
        (self.files / "watched" / "there").write_text("old")
        self.script("""
            const fs = require("fs");
            const watcher = fs.watch("watched", (what, name) => {
              console.log(what, name);
              if (name === "stop") watcher.close();
            });
            console.log("watching");
            """)
        with self.running("script.js") as node:
            node.wait_for("watching\n")
            (self.files / "watched" / "made").touch()
            node.wait_for("rename made\n")
            (self.files / "watched" / "there").write_text("new")
            node.wait_for("change there\n")
            (self.files / "watched" / "made").rename(self.files / "watched" / "stop")
            node.wait_for("rename stop\n")
            self.assertEqual(node.wait(), 0)

    def test_streams_through_zlib(self) -> None:
        whole = b"".join(b"line %d of many\n" % (i * i) for i in range(300_000))
        (self.files / "plain").write_bytes(whole)
        self.prints("""
            const fs = require("fs"), zlib = require("zlib"), { pipeline } = require("stream/promises");
            (async () => {
              await pipeline(fs.createReadStream("plain"), zlib.createGzip({ level: 1 }), fs.createWriteStream("packed.gz"));
              await pipeline(fs.createReadStream("packed.gz"), zlib.createGunzip(), fs.createWriteStream("again"));
              console.log(fs.statSync("again").size);
            })();
            """, f"{len(whole)}\n")
        self.assertTrue(gzip.decompress((self.files / "packed.gz").read_bytes()) == whole)
        self.assertTrue((self.files / "again").read_bytes() == whole)

    def test_standard_input(self) -> None:
        text = "".join(f"line {i}\n" for i in range(20_000))
        self.script("""
            let lines = 0, last = "";
            const rl = require("readline").createInterface({ input: process.stdin });
            rl.on("line", line => { lines++; last = line });
            rl.on("close", () => console.log(lines, last));
            """)
        result = self.node("script.js", input=text)
        self.assertEqual((result.returncode, result.stdout), (0, "20000 line 19999\n"))
        result = self.node("-e", "process.stdin.pipe(process.stdout)", input=text)
        self.assertEqual((result.returncode, result.stdout == text), (0, True))
        (self.files / "input").write_text(text)
        with open(self.files / "input") as file:
            result = self.node("-e", "console.log(require('fs').readFileSync(0).length)", stdin=file)
        self.assertEqual((result.returncode, result.stdout), (0, f"{len(text)}\n"))

    def test_a_script_from_standard_input(self) -> None:
        result = self.node("-", "word", input="console.log(process.argv[2], 6 * 7)")
        self.assertEqual((result.returncode, result.stdout), (0, "word 42\n"))

    def test_interrupted(self) -> None:
        self.script("""
            process.on("SIGINT", name => { console.log("caught", name); if (++n === 2) process.exit(5) });
            let n = 0;
            setInterval(() => {}, 1000);
            console.log("ready");
            """)
        with self.running("script.js") as node:
            node.wait_for("ready\n")
            for _ in range(2):
                node.process.send_signal(signal.SIGINT)
                self.assertEqual(node.line(), "caught SIGINT")
            self.assertEqual(node.wait(), 5)

    def test_interrupted_by_default(self) -> None:
        self.script("setInterval(() => {}, 1000); console.log('ready');")
        for number in signal.SIGINT, signal.SIGTERM:
            with self.subTest(signal=number.name), self.running("script.js") as node:
                node.wait_for("ready\n")
                node.process.send_signal(number)
                self.assertIn(node.wait(), (128 + number, -number))

    def test_killed_by_itself(self) -> None:
        result = self.node("-e", "process.kill(process.pid, 'SIGTERM'); setTimeout(() => {}, 5000)")
        self.assertEqual(result.returncode, 128 + signal.SIGTERM)

    def test_a_session(self) -> None:
        """node without a script, on a terminal."""
        controller, terminal = pty.openpty()
        self.addCleanup(os.close, controller)
        termios.tcsetwinsize(terminal, (24, 80))
        before = termios.tcgetattr(terminal)
        with self.running(stdin=terminal, stdout=terminal, stderr=terminal) as node:
            self.addCleanup(os.close, terminal)
            screen = Screen(controller)
            screen.wait_for("Welcome to Node.js v18.20.4.")
            screen.wait_for("> ")
            os.write(controller, b"1+1\r")
            screen.wait_for("\n2")
            screen.wait_for("> ")
            os.write(controller, b"let x = {a: [1, 'b']}\r")
            screen.wait_for("> ")
            os.write(controller, b"x.a.len")
            screen.wait_for("x.a.len")
            os.write(controller, b"\t")
            time.sleep(1)
            os.write(controller, b"\r")
            screen.wait_for("\n2")
            os.write(controller, b"nothing\r")
            screen.wait_for("ReferenceError: nothing is not defined")
            os.write(controller, b"await Promise.resolve(process.stdout.columns)\r")
            screen.wait_for("\n80")
            os.write(controller, b"\x03")
            screen.wait_for("To exit, press Ctrl+C again")
            os.write(controller, b"\r.exit\r")
            self.assertEqual(node.wait(), 0)
        self.assertEqual(termios.tcgetattr(terminal), before)


class Screen:
    """What comes on a terminal, without escape sequences and colours."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._shown = ""
        self._raw = b""

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """AssertionError if it isn't shown after what was waited for last."""
        deadline = time.monotonic() + seconds
        while text not in self._shown:
            if time.monotonic() > deadline:
                raise AssertionError(f"{text!r} was never shown but {self._shown!r}")
            os.set_blocking(self._descriptor, False)
            try:
                self._raw += os.read(self._descriptor, 65536)
            except BlockingIOError:
                time.sleep(0.02)
            shown = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\r", b"", self._raw)
            self._shown, self._raw = self._shown + shown.decode(errors="replace"), b""
        self._shown = self._shown.split(text, 1)[1]


if __name__ == "__main__":
    unittest.main(verbosity=2)
