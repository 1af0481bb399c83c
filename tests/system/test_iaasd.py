#!/usr/bin/python3
"""System tests of the IaaS daemon, with real QEMUs, in network namespaces of
their own. The guest is a page of assembly (iaasd/guest.S), so they need nothing
of the library OS."""

import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness  # noqa: E402

TOOLS = harness.HOSTED / "tools" / "iaasd"
SOURCE = pathlib.Path(__file__).parent / "iaasd" / "guest.S"
EXIT_CODE = 21  # of the guest
KILLED = 137  # iaasctl run's status when the node was killed
ALREADY_SERVED = 3  # iaasd's status when another has its socket


class Case(unittest.TestCase):
    """A namespace, a guest image and a daemon to be started in it."""

    def setUp(self) -> None:
        self.iaasd = harness.require(TOOLS / "iaasd")
        self.iaasctl = harness.require(TOOLS / "iaasctl")
        self.ns = self.enterContext(harness.Namespace("iaasd"))
        self.images = pathlib.Path(f"/tmp/ebbrt-iaasd-images-{os.getpid()}")
        self.images.mkdir(mode=0o755, exist_ok=True)
        self.addCleanup(shutil.rmtree, self.images, ignore_errors=True)
        self.guest = self.build_guest()
        self.socket = self.ns.directory / "iaasd.sock"

    def build_guest(self) -> pathlib.Path:
        image = self.images / "guest.elf"
        obj = self.images / "guest.o"
        pre = self.images / "guest.s"
        with open(pre, "wb") as out:
            subprocess.run(["cpp", "-P", "-x", "assembler-with-cpp", SOURCE],
                           check=True, stdout=out)  # fmt: skip
        subprocess.run(["as", "--64", "-o", obj, pre], check=True)
        subprocess.run(
            ["ld", "-m", "elf_x86_64", "-Ttext=0x100000", "-e", "start",
             "-z", "noexecstack", "-o", image, obj],
            check=True,
        )  # fmt: skip
        image.chmod(0o644)
        return image

    def start_daemon(self, *options, prefix=lambda words: words, **env):
        """A daemon in the foreground, once it serves."""
        log = open(self.ns.directory / "log", "ab")
        daemon = self.ns.start(
            prefix([self.iaasd, "--foreground", *options]),
            env=self.ns.environment(**env), stderr=log,
        )  # fmt: skip
        log.close()
        self.addCleanup(self.end, daemon)
        self.assertTrue(harness.eventually(self.serves), self.log())
        return daemon

    def serves(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def log(self) -> str:
        path = self.ns.directory / "log"
        return path.read_text() if path.exists() else ""

    def end(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def ctl(self, *words, prefix=lambda words: words, timeout=60):
        return self.ns.run(
            prefix([self.iaasctl, *words]), capture_output=True, text=True,
            timeout=timeout,
        )  # fmt: skip

    def start_node(self, *arguments, mode="h", **options) -> subprocess.Popen:
        """`iaasctl run` of a guest, once that has written its first line."""
        run = self.ns.start(
            [self.iaasctl, "run", self.guest, *arguments, "--word", f"mode={mode}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options,
        )  # fmt: skip
        self.addCleanup(self.end, run)
        run.first_line = run.stdout.readline()
        self.assertIn(f"mode={mode}", run.first_line, self.log())
        return run

    def qemus(self) -> set:
        return harness.processes("-name ebbrt-node-") & self.ns.inhabitants()

    def assert_gone(self) -> None:
        """No QEMU, link or recorded thing is left; the daemon may be."""
        self.assertTrue(harness.eventually(lambda: not self.qemus()))
        self.assertTrue(harness.eventually(lambda: not self.ns.links()),
                        self.ns.links())  # fmt: skip
        state = pathlib.Path(f"{self.socket}.state")
        left = lambda: list(state.iterdir()) if state.exists() else []  # noqa: E731
        self.assertTrue(harness.eventually(lambda: not left()), left())

    def stop_daemon(self, daemon: subprocess.Popen) -> None:
        """Ends the daemon as a person would, and checks that nothing is left."""
        daemon.terminate()
        self.assertEqual(daemon.wait(20), 0, self.log())
        (self.ns.directory / "log").unlink()
        self.ns.assert_clean(self)


class Units(unittest.TestCase):
    def test_the_parts_that_need_no_machine(self):
        program = harness.HOSTED / "tests" / "system" / "iaasd" / "iaasd_test"
        run = subprocess.run([harness.require(program)], capture_output=True,
                             text=True, timeout=60)  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


class Nodes(Case):
    def test_run_shows_the_console_and_ends_with_the_guests_code(self):
        for machine in ("microvm", "pc", "q35"):
            with self.subTest(machine=machine):
                run = self.ctl("run", self.guest, "--machine", machine,
                               "--word", "ebbrt.node=2", "--", "a b", "50%")  # fmt: skip
                self.assertEqual(run.returncode, EXIT_CODE, run.stderr)
                self.assertRegex(
                    run.stdout,
                    r"^ebbrt\.node=2 ebbrt\.ip=10\.\d+\.0\.2/24 "
                    r"ebbrt\.gateway=10\.\d+\.0\.1 ebbrt\.tsc_khz=\d{6,8} "
                    r"-- a%20b 50%25",
                )
        self.ns.assert_clean(self)

    def test_list_console_and_kill(self):
        daemon = self.start_daemon()
        run = self.start_node("--memory", "64", "--cores", "2")
        listed = self.ctl("list").stdout.splitlines()
        self.assertEqual(len(listed), 2, listed)
        self.assertRegex(
            listed[1],
            rf"^1 +0 +running +[\d.]+s +10\.\d+\.0\.2 +(tcg|kvm) +microvm +2 "
            rf"+64 MiB {self.guest} \(iaasctl run\)$",
        )
        self.assertIn("mode=h", self.ctl("console", "1").stdout)
        follower = self.ns.start([self.iaasctl, "console", "1", "-f"],
                                 stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.addCleanup(self.end, follower)
        self.assertIn("mode=h", follower.stdout.readline())
        self.assertIsNone(follower.poll())
        self.assertEqual(self.ctl("kill", "1").returncode, 0)
        self.assertEqual(follower.wait(10), 0)
        self.assertEqual(run.wait(10), KILLED)
        self.assertIn("ended it through the daemon", run.stderr.read())
        self.assert_gone()
        for words in (("kill", "1"), ("console", "1")):
            gone = self.ctl(*words)
            self.assertEqual(gone.returncode, 1)
            self.assertIn("no node 1 of yours; `iaasctl list`", gone.stderr)
        self.stop_daemon(daemon)

    def test_info_says_which_accelerator_and_why(self):
        self.start_daemon()
        info = self.ctl("info").stdout
        self.assertRegex(info, r"accelerator: (kvm; KVM ran|tcg; KVM)")
        self.assertRegex(info, r"network: +bridge; ")
        self.assertIn("/qemu-system-x86_64", info)

    def test_sessions_get_networks_that_nobody_uses(self):
        self.ns.run(["ip", "link", "add", "other0", "type", "bridge"], check=True)
        self.ns.run(["ip", "address", "add", "10.64.0.7/16", "dev", "other0"],
                    check=True)  # fmt: skip
        daemon = self.start_daemon()
        one, two = self.start_node(), self.start_node()
        self.assertIn("ebbrt.ip=10.65.0.2/24", one.first_line)
        self.assertIn("ebbrt.ip=10.65.1.2/24", two.first_line)
        self.assertEqual(
            self.ns.links(),
            {"other0", "ebbrt0", "ebbrt1", "ebbrt0n1", "ebbrt1n2"},
        )
        for run in (one, two):
            run.send_signal(signal.SIGINT)
            self.assertEqual(run.wait(10), KILLED)
        self.assertTrue(harness.eventually(lambda: self.ns.links() == {"other0"}))
        self.ns.run(["ip", "link", "delete", "other0"], check=True)
        self.stop_daemon(daemon)

    def test_a_reset_is_an_end(self):
        run = self.ctl("run", self.guest, "--word", "mode=r")
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_a_flood_on_the_console_arrives_and_is_bounded_in_the_daemon(self):
        self.start_daemon()
        run = self.ctl("run", self.guest, "--word", "mode=f", timeout=170)
        self.assertEqual(run.returncode, EXIT_CODE)
        gaps = re.findall(r"\[(\d+) bytes of console output are lost\]", run.stdout)
        shown = len(re.sub(r"\n\[.*lost\]\n", "", run.stdout))
        self.assertGreaterEqual(shown + sum(map(int, gaps)), 40960 * 64)

    def test_the_command_line_is_not_for_other_users_eyes(self):
        self.start_daemon()
        self.start_node("--word", "ebbrt.secret=0123456789abcdef")
        (qemu,) = self.qemus()
        words = pathlib.Path(f"/proc/{qemu}/cmdline").read_bytes()
        self.assertNotIn(b"ebbrt.secret", words)


class Ends(Case):
    """What is left when one of the two ends: nothing."""

    def test_a_killed_client_frees_its_nodes(self):
        daemon = self.start_daemon()
        run = self.start_node()
        self.assertEqual(len(self.qemus()), 1)
        self.assertEqual(self.ns.links(), {"ebbrt0", "ebbrt0n1"})
        run.kill()
        self.assert_gone()
        listed = lambda: len(self.ctl("list").stdout.splitlines())  # noqa: E731
        self.assertTrue(harness.eventually(lambda: listed() == 1))
        self.stop_daemon(daemon)

    def test_a_client_killed_at_any_moment_leaves_nothing(self):
        daemon = self.start_daemon()
        for step in range(20):
            run = self.ns.start(
                [self.iaasctl, "run", self.guest, "--word", "mode=h"],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            time.sleep(step * 0.01)
            run.kill()
            run.wait()
        self.assert_gone()
        self.stop_daemon(daemon)

    def test_a_killed_daemon_takes_its_qemus_along_and_the_next_cleans_up(self):
        daemon = self.start_daemon()
        run = self.start_node()
        daemon.kill()
        daemon.wait()
        self.assertTrue(harness.eventually(lambda: not self.qemus()))
        self.assertNotEqual(run.wait(10), 0)
        self.assertIn("lost the connection to the daemon", run.stderr.read())
        self.assertIn("ebbrt0", self.ns.links())
        again = self.start_daemon()
        self.assertEqual(self.ns.links(), set())
        self.assertIn("removing network link ebbrt0", self.log())
        self.stop_daemon(again)

    def test_a_new_daemon_touches_only_what_the_old_one_made(self):
        daemon = self.start_daemon()
        self.start_node()
        daemon.kill()
        daemon.wait()
        state = pathlib.Path(f"{self.socket}.state")
        bystander = self.ns.start(["sleep", "60"])
        self.addCleanup(self.end, bystander)
        (old,) = state.glob("process-*")
        (state / f"process-{bystander.pid}").write_text(old.read_text())
        (state / "link-ebbrt7").write_text((state / "link-ebbrt0").read_text())
        self.ns.run(["ip", "link", "add", "ebbrt7", "type", "bridge"], check=True)
        again = self.start_daemon()
        self.assertIsNone(bystander.poll())
        self.assertEqual(self.ns.links(), {"ebbrt7"})
        self.end(bystander)
        self.ns.run(["ip", "link", "delete", "ebbrt7"], check=True)
        self.stop_daemon(again)

    def test_sigterm_ends_the_nodes(self):
        daemon = self.start_daemon()
        run = self.start_node()
        self.stop_daemon(daemon)
        self.assertNotEqual(run.wait(10), 0)

    def test_a_private_daemon_stays_for_a_second_client(self):
        for end in (signal.SIGINT, signal.SIGKILL):
            with self.subTest(end=end):
                first = self.start_node()
                second = self.start_node()
                self.assertIn(".1.2/24", second.first_line)
                first.send_signal(end)
                first.wait(10)
                listed = lambda: len(self.ctl("list").stdout.splitlines())  # noqa: E731
                self.assertTrue(harness.eventually(lambda: listed() == 2))
                self.assertEqual(len(self.qemus()), 1)
                second.send_signal(end)
                second.wait(10)
                self.ns.assert_clean(self)

    def test_the_daemon_in_the_background(self):
        start = self.ns.run([self.iaasd], capture_output=True, text=True)
        self.assertEqual(start.returncode, 0, start.stderr)
        self.assertIn("accelerator:", self.ctl("info").stdout)
        (pid,) = self.ns.inhabitants()
        os.kill(pid, signal.SIGTERM)
        self.ns.assert_clean(self)


class Users(Case):
    def test_without_privileges_nodes_get_user_networking(self):
        os.chown(self.ns.directory, harness.NOBODY, harness.NOBODY)
        daemon = self.start_daemon(prefix=harness.without_privileges)
        run = self.ctl("run", self.guest, "--verbose", "--forward", "0:80",
                       prefix=harness.without_privileges)  # fmt: skip
        self.assertEqual(run.returncode, EXIT_CODE, run.stderr)
        self.assertIn("ebbrt.ip=10.0.2.15/24 ebbrt.gateway=10.0.2.2", run.stdout)
        self.assertIn("nodes can't reach one another", run.stderr)
        self.assertRegex(run.stderr, r"127\.0\.0\.1:\d+ leads to port 80")
        for network, words in (("bridge", "can't make a bridge"), ("none", None)):
            run = self.ctl("run", self.guest, "--network", network,
                           prefix=harness.without_privileges)  # fmt: skip
            if words:
                self.assertEqual(run.returncode, 1)
                self.assertIn(words, run.stderr)
            else:
                self.assertEqual(run.returncode, EXIT_CODE, run.stderr)
        self.assertIn("user networking;", self.ctl("info").stdout)
        self.stop_daemon(daemon)

    def test_another_user_has_only_that_users_rights(self):
        self.ns.directory.chmod(0o755)
        daemon = self.start_daemon()
        mine = self.start_node()
        secret = self.images / "secret.elf"
        shutil.copy(self.guest, secret)
        secret.chmod(0o600)
        run = self.ctl("run", secret, prefix=harness.without_privileges)
        self.assertEqual(run.returncode, 1)
        self.assertIn(f"{secret} can't be read by user {harness.NOBODY}", run.stderr)
        theirs = self.ns.start(
            harness.without_privileges([self.iaasctl, "run", self.guest, "--word", "mode=h"]),
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(self.end, theirs)
        self.assertIn("mode=h", theirs.stdout.readline())
        owners = sorted(os.stat(f"/proc/{pid}").st_uid for pid in self.qemus())
        self.assertEqual(owners, [0, harness.NOBODY])
        seen = self.ctl("list", prefix=harness.without_privileges).stdout.splitlines()
        self.assertEqual([line.split()[1] for line in seen[1:]], [str(harness.NOBODY)])
        kill = self.ctl("kill", "1", prefix=harness.without_privileges)
        self.assertIn("no node 1 of yours", kill.stderr)
        self.assertIsNone(mine.poll())
        daemon.kill()  # the tie of QEMU's life survives its change of user
        self.assertTrue(harness.eventually(lambda: not self.qemus()))


class BadInput(Case):
    def refuse(self, *expected, words=(), image=None):
        run = self.ctl("run", image or self.guest, *words)
        self.assertEqual(run.returncode, 1, run)
        for part in expected:
            self.assertIn(part, run.stderr)

    def broken(self, name: str, at: int, data: bytes) -> pathlib.Path:
        """The guest with some bytes replaced."""
        content = bytearray(self.guest.read_bytes())
        content[at : at + len(data)] = data
        path = self.images / name
        path.write_bytes(content)
        return path

    def test_images_that_are_none(self):
        self.start_daemon()
        cases = {
            self.images / "missing": ("missing doesn't exist", "build it"),
            "/etc/passwd": ("/etc/passwd is not an ELF file",),
            "/tmp": ("/tmp is not a regular file",),
            self.broken("class32", 4, b"\1"): ("not a 64-bit", "x86_64-ebbrt-elf"),
            self.broken("arm", 18, b"\xb7\0"): ("another machine (ELF machine 183",),
            self.broken("pie", 16, b"\3\0"): ("not a static, fixed-address",),
            self.broken("far", 32, b"\xff" * 8): ("shorter than its program",),
            self.broken("none", 56, b"\0\0"): ("no usable program headers",),
        }
        data = self.guest.read_bytes()
        at = data.index(b"Xen\0")
        cases[self.broken("note", at, b"Nex")] = ("no PVH entry note", "Linux program")
        cases[self.broken("entry", at + 4, b"\0\0\0\1")] = ("entry point outside",)
        short = self.images / "short"
        short.write_bytes(data[:40])
        cases[short] = ("ends inside its ELF header",)
        for image, expected in cases.items():
            with self.subTest(image=image):
                self.refuse(*expected, image=image)
        self.assert_gone()

    def test_requests_that_cannot_be_met(self):
        self.start_daemon("--max-nodes", "1")
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20
        long = "x" * 9000
        for words, expected in (
            (("--memory", "8"), ("at least 16 MiB", "8 MiB were asked")),
            (("--memory", str(total * 2)), ("MiB available", "ask for less")),
            (("--cores", "0"), ("1 to 64 cores, not 0",)),
            (("--cores", "65"), ("1 to 64 cores, not 65",)),
            (("--queues", "0"), ("1 to 64 queue pairs, not 0",)),
            (("--network", "user", "--queues", "2"), ("needs a bridge",)),
            (("--forward", "0:80"), ("user networking only",)),
            (("--word", "ebbrt.ip=1.2.3.4/8"), ("is set by the daemon",)),
            (("--word", "a b"), ("can't stand on a kernel command line",)),
            (("--", long), ("the limit is 8192", "in a file")),
            (("--", ""), ("an empty argument",)),
        ):
            with self.subTest(words=words):
                self.refuse(*expected, words=words)
        self.start_node()
        self.refuse("runs 1 nodes, which is its limit", "--max-nodes")

    def test_no_daemon(self):
        for command in (["list"], ["info"], ["kill", "1"], ["console", "1"]):
            answer = self.ctl(*command)
            self.assertEqual(answer.returncode, 1)
            self.assertIn(f"no IaaS daemon listens at {self.socket}", answer.stderr)

    def test_no_qemu(self):
        self.start_daemon(EBBRT_QEMU="/nonexistent/qemu")
        self.refuse("'/nonexistent/qemu'", "not the absolute path of a program")
        self.assert_gone()

    def test_a_qemu_that_fails_at_its_start(self):
        fake = self.images / "qemu"
        fake.write_text("#!/bin/sh\necho no such machine >&2\nexit 1\n")
        fake.chmod(0o755)
        self.start_daemon(EBBRT_QEMU=str(fake))
        self.refuse("could not be started", "status 1: no such machine")
        self.assert_gone()

    def test_a_second_daemon_on_the_same_socket(self):
        daemon = self.start_daemon()
        second = self.ns.run([self.iaasd, "--foreground"], capture_output=True,
                             text=True)  # fmt: skip
        self.assertEqual(second.returncode, ALREADY_SERVED)
        self.assertIn(f"(process {daemon.pid}) serves the socket {self.socket}",
                      second.stderr)  # fmt: skip
        self.assertIn("--socket", second.stderr)
        self.assertIn("accelerator", self.ctl("info").stdout)

    def test_a_file_in_the_sockets_place(self):
        self.socket.write_text("precious")
        start = self.ns.run([self.iaasd], capture_output=True, text=True)
        self.assertEqual(start.returncode, 1)
        self.assertIn("exists and is not a socket", start.stderr)
        self.assertEqual(self.socket.read_text(), "precious")

    def test_messages_that_are_none(self):
        daemon = self.start_daemon()
        frame = struct.pack("<II", 0, 0x10000000)  # one segment of 2 GiB
        many = struct.pack("<I", 0xFFFFFFFE)  # segments beyond count
        wild = struct.pack("<II", 0, 2) + b"\xff" * 16  # pointers to nowhere
        with socket.socket(socket.AF_UNIX) as stalled:
            stalled.connect(str(self.socket))
            stalled.sendall(struct.pack("<II", 0, 100) + b"half a frame")
            for junk in (frame, many, wild, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(10)
                    client.connect(str(self.socket))
                    client.sendall(junk)
                    client.shutdown(socket.SHUT_WR)
                    try:
                        while client.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
            self.assertIn("accelerator", self.ctl("info").stdout)
            self.assertIsNone(daemon.poll())
        memory = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+)", memory)[1]), 64 << 10)
        self.stop_daemon(daemon)


if __name__ == "__main__":
    unittest.main(verbosity=2)
