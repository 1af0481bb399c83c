#!/usr/bin/python3
"""System tests of the IaaS daemon, with real QEMUs, in network namespaces of
their own. The guest is a page of assembly (iaasd/guest.S), so they need nothing
of the library OS."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import harness  # noqa: E402

TOOLS = harness.HOSTED / "tools" / "iaasd"
SOURCE = pathlib.Path(__file__).parent / "iaasd" / "guest.S"
EXIT_CODE = 21  # of the guest
KILLED = 137  # iaasctl run's status when the node was killed
USAGE = 2  # iaasd's status for an option that can't be
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

    def start_node(self, *arguments, mode="h", after=(), prefix=lambda words: words,
                   **options) -> subprocess.Popen:  # fmt: skip
        """`iaasctl run` of a guest, once that has written its first line."""
        run = self.ns.start(
            prefix([self.iaasctl, "run", self.guest, *arguments,
                    "--word", f"mode={mode}", *after]),
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

    def test_a_long_command_line_arrives_whole(self):
        for machine in ("microvm", "pc", "q35"):
            with self.subTest(machine=machine):
                words = [f"word{i}\\{'x' * 90}" for i in range(38)]
                run = self.ctl("run", self.guest, "--machine", machine, "--", *words)
                self.assertEqual(run.returncode, EXIT_CODE, run.stderr)
                self.assertIn(" -- " + " ".join(words), run.stdout)
        self.ns.assert_clean(self)

    def test_the_command_line_is_not_for_other_users_eyes(self):
        """Nor is it in a log, whether it is short or long."""
        secret = "0123456789abcdef"
        daemon = self.start_daemon()
        for more in ((), ("--", "x" * 2000)):
            with self.subTest(more=len(more)):
                run = self.start_node("--word", f"ebbrt.secret={secret}", after=more)
                self.assertIn(secret, run.first_line)
                (qemu,) = self.qemus()
                for file in ("cmdline", "environ", "comm"):
                    text = pathlib.Path(f"/proc/{qemu}/{file}").read_bytes()
                    self.assertNotIn(secret.encode(), text)
                self.assertNotIn(secret, self.ctl("list").stdout)
                run.send_signal(signal.SIGINT)
                run.wait(10)
        for file in (*self.ns.directory.rglob("*"), f"/proc/{daemon.pid}/cmdline"):
            if not os.path.isfile(file):
                continue
            self.assertNotIn(secret.encode(), pathlib.Path(file).read_bytes(), file)


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
        owners = {os.stat(f"/proc/{pid}").st_uid for pid in self.qemus()}
        self.assertEqual(owners, {harness.NOBODY})  # for root it stands in
        seen = self.ctl("list", prefix=harness.without_privileges).stdout.splitlines()
        self.assertEqual([line.split()[1] for line in seen[1:]], [str(harness.NOBODY)])
        kill = self.ctl("kill", "1", prefix=harness.without_privileges)
        self.assertIn("no node 1 of yours", kill.stderr)
        self.assertIsNone(mine.poll())
        daemon.kill()  # the tie of QEMU's life survives its change of user
        self.assertTrue(harness.eventually(lambda: not self.qemus()))


ALICE = 61001  # numbers that no account has
BOB = 61002


def as_user(uid: int):
    """A prefix for a command of that user."""
    return lambda words: [
        "setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups",
        "--bounding-set=-all", "--inh-caps=-all", *words,
    ]  # fmt: skip


class Hostile(Case):
    """What one user must not be able to do to another, or to the machine."""

    def setUp(self) -> None:
        super().setUp()
        self.ns.directory.chmod(0o755)

    def user_node(self, uid: int, *arguments, **options) -> subprocess.Popen:
        return self.start_node(*arguments, prefix=as_user(uid), **options)

    def refused(self, uid: int, *words) -> str:
        """What the daemon tells the user whose request it must refuse."""
        run = self.ctl("run", self.guest, "--word", "mode=h", *words, prefix=as_user(uid))
        self.assertEqual(run.returncode, 1, run.stdout)
        return run.stderr

    def status(self, pid: int) -> dict:
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return dict(line.split(":\t", 1) for line in lines)

    def check_unprivileged(self, pid: int, uid: int) -> None:
        status = self.status(pid)
        self.assertEqual(status["Uid"].split(), [str(uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(uid)] * 4)
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"):
            self.assertEqual(int(status[kind], 16), 0, kind)
        self.assertEqual(status["NoNewPrivs"], "1")
        self.assertEqual(status["Seccomp"], "2")  # its sandbox is on

    def test_qemu_has_no_privileges(self):
        self.start_daemon()
        for uid, runs_as in ((0, harness.NOBODY), (ALICE, ALICE)):
            with self.subTest(uid=uid):
                run = self.user_node(uid) if uid else self.start_node()
                (qemu,) = self.qemus()
                self.check_unprivileged(qemu, runs_as)
                run.send_signal(signal.SIGINT)
                run.wait(10)

    def test_the_user_that_stands_in_for_root_can_be_chosen(self):
        self.start_daemon("--qemu-user", str(BOB))
        self.start_node()
        (qemu,) = self.qemus()
        self.check_unprivileged(qemu, BOB)
        start = self.ns.run([self.iaasd, "--socket", self.ns.directory / "other",
                             "--qemu-user", "no such"],
                            capture_output=True, text=True)  # fmt: skip
        self.assertEqual(start.returncode, USAGE)
        self.assertIn("no user 'no such'", start.stderr)

    def test_an_image_for_root_s_eyes_boots_from_a_copy(self):
        self.start_daemon()
        self.guest.chmod(0o600)
        run = self.ctl("run", self.guest)
        self.assertEqual(run.returncode, EXIT_CODE, run.stderr)
        self.assertEqual(self.guest.stat().st_uid, 0)
        self.assertEqual(self.guest.stat().st_mode & 0o777, 0o600)

    def test_users_see_and_end_their_own_nodes_only(self):
        self.start_daemon()
        nodes = {uid: self.user_node(uid) for uid in (ALICE, BOB)}
        ids = {ALICE: "1", BOB: "2"}
        for uid, other in ((ALICE, BOB), (BOB, ALICE)):
            with self.subTest(uid=uid):
                mine = as_user(uid)
                listed = self.ctl("list", prefix=mine).stdout.splitlines()[1:]
                self.assertEqual([line.split()[:2] for line in listed],
                                 [[ids[uid], str(uid)]])  # fmt: skip
                for command in ("console", "kill"):
                    answer = self.ctl(command, ids[other], prefix=mine)
                    self.assertEqual(answer.returncode, 1)
                    self.assertEqual(answer.stdout, "")
                    self.assertIn(f"no node {ids[other]} of yours", answer.stderr)
                self.assertIn("mode=h", self.ctl("console", ids[uid], prefix=mine).stdout)
        self.assertEqual([node.poll() for node in nodes.values()], [None, None])
        self.assertEqual(len(self.ctl("list").stdout.splitlines()), 3)  # root: all
        self.assertEqual(self.ctl("kill", "1", prefix=as_user(ALICE)).returncode, 0)
        self.assertEqual(nodes[ALICE].wait(10), KILLED)
        self.assertEqual(self.ctl("kill", "2").returncode, 0)
        self.assertEqual(nodes[BOB].wait(10), KILLED)

    def test_what_a_user_may_have(self):
        """Refusals name limit and remedy, cost nobody anything, and end with what
        caused them."""
        self.start_daemon("--user-nodes", "2", "--user-cores", "3", "--user-memory", "96",
                          "--user-image", "1")  # fmt: skip
        first = self.user_node(ALICE, "--cores", "2", "--memory", "32")
        for words, expected in (
            (("--cores", "2", "--memory", "32"),
             (f"user {ALICE} has 2 cores in use and asks for 2 more", "have 3;",
              "--user-cores")),
            (("--memory", "65"), ("32 MiB of memory in use", "have 96;", "--user-memory")),
        ):  # fmt: skip
            with self.subTest(words=words):
                said = self.refused(ALICE, *words)
                for part in expected:
                    self.assertIn(part, said)
        second = self.user_node(ALICE, "--memory", "32")
        said = self.refused(ALICE, "--memory", "16")
        self.assertIn(f"user {ALICE} has 2 nodes in use", said)
        self.assertIn("iaasctl list", said)
        theirs = self.user_node(BOB, "--cores", "3", "--memory", "96")
        roots = self.start_node("--cores", "4", "--memory", "128")
        self.assertEqual([run.poll() for run in (first, second, theirs, roots)], [None] * 4)
        self.assertEqual(len(self.qemus()), 4)
        second.send_signal(signal.SIGINT)
        second.wait(10)
        self.user_node(ALICE, "--memory", "32")

    def test_an_image_s_size_has_a_limit(self):
        self.start_daemon("--user-image", "1")
        with open(self.guest, "ab") as image:
            image.truncate((1 << 20) + 1)
        said = self.refused(ALICE)
        self.assertIn(f"{self.guest} has 2 MiB, but one of a user may have 1", said)
        self.assertIn("--user-image", said)
        self.assertEqual(self.ctl("run", self.guest).returncode, EXIT_CODE)
        self.assert_gone()

    def test_nobody_can_use_up_the_connections(self):
        """One user's are refused when there are many; the others' are not."""
        self.start_daemon()
        hoard = (
            "import socket, sys\n"
            "held = []\n"
            "for _ in range(300):\n"
            "    held.append(socket.socket(socket.AF_UNIX))\n"
            "    held[-1].connect(sys.argv[1])\n"
            "    held[-1].settimeout(60)\n"
            "refused = 0\n"
            "for s in held[64:]:\n"
            "    refused += s.recv(1) == b''\n"
            "print(refused, flush=True)\n"
            "sys.stdin.read()\n"
        )
        hoarder = self.ns.start(
            as_user(ALICE)(["/usr/bin/python3", "-c", hoard, self.socket]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(self.end, hoarder)
        self.assertEqual(hoarder.stdout.readline(), f"{300 - 64}\n")
        self.assertIn("accelerator", self.ctl("info", prefix=as_user(BOB)).stdout)
        self.assertIn("accelerator", self.ctl("info").stdout)
        self.assertIn(f"refused a connection of user {ALICE}", self.log())
        hoarder.stdin.close()
        hoarder.wait(10)
        answered = lambda: self.ctl("info", prefix=as_user(ALICE)).returncode == 0  # noqa: E731
        self.assertTrue(harness.eventually(answered))


PROBE = r"""
import socket, sys
kind, address, port = sys.argv[1:4]
if kind == "tcp":
    with socket.socket() as probe:
        probe.settimeout(1.5)
        print(probe.connect_ex((address, int(port))) == 0)
else:
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        probe.sendto(b"reached", (address, int(port)))
"""


class Networks(Case):
    """One user's network and another's, on a host that is a router. What QEMU has
    a tap for, another network namespace has here: whatever a node could send."""

    def setUp(self) -> None:
        super().setUp()
        self.ns.directory.chmod(0o755)
        self.ns.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"], check=True)
        self.start_daemon()
        self.nodes = []
        for number, uid in enumerate((ALICE, BOB)):
            self.start_node(prefix=as_user(uid))
            self.nodes.append(self.plug_in(number))
        # What the front-ends would be: servers on the host at all its addresses.
        with harness.inside(self.ns):
            self.tcp = self.enterContext(socket.create_server(("", 7000)))
            self.udp = self.enterContext(socket.socket(type=socket.SOCK_DGRAM))
            self.udp.bind(("", 7000))
        self.udp.settimeout(0.5)

    def plug_in(self, number: int) -> harness.Namespace:
        """A machine in session `number`'s network, at .200."""
        node = self.enterContext(harness.Namespace(f"iaasd-node{number}"))
        for words in (
            ["ip", "link", "add", f"probe{number}", "type", "veth", "peer", "name", "eth0",
             "netns", node.name],
            ["ip", "link", "set", f"probe{number}", "master", f"ebbrt{number}", "up"],
        ):  # fmt: skip
            self.ns.run(words, check=True)
        for words in (
            ["ip", "address", "add", f"10.64.{number}.200/24", "dev", "eth0"],
            ["ip", "link", "set", "eth0", "up"],
            ["ip", "route", "add", "default", "via", f"10.64.{number}.1"],
        ):
            node.run(words, check=True)
        return node

    def probe(self, node: harness.Namespace, kind: str, address: str) -> str:
        return node.run(["/usr/bin/python3", "-c", PROBE, kind, address, "7000"],
                        capture_output=True, text=True).stdout.strip()  # fmt: skip

    def heard(self) -> bool:
        """Whether a datagram reached the host."""
        try:
            return self.udp.recv(100) == b"reached"
        except TimeoutError:
            return False

    def test_a_node_reaches_its_own_network(self):
        for number, node in enumerate(self.nodes):
            with self.subTest(number=number):
                self.assertEqual(self.probe(node, "tcp", f"10.64.{number}.1"), "True")
                self.probe(node, "udp", f"10.64.{number}.1")
                self.assertTrue(self.heard())

    def test_a_node_reaches_no_address_of_the_host_s_in_another_network(self):
        self.ns.run(["ip", "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
        for node, address in ((0, "10.64.1.1"), (1, "10.64.0.1"), (0, "192.0.2.1")):
            with self.subTest(node=node, address=address):
                self.assertEqual(self.probe(self.nodes[node], "tcp", address), "False")
                self.probe(self.nodes[node], "udp", address)
                self.assertFalse(self.heard())

    def test_a_node_reaches_no_node_of_another_network(self):
        with harness.inside(self.nodes[1]):
            server = self.enterContext(socket.socket(type=socket.SOCK_DGRAM))
            server.bind(("", 7000))
            listener = self.enterContext(socket.create_server(("", 7000)))
        server.settimeout(0.5)
        listener.settimeout(0.5)
        self.assertEqual(self.probe(self.nodes[0], "tcp", "10.64.1.200"), "False")
        self.probe(self.nodes[0], "udp", "10.64.1.200")
        with self.assertRaises(TimeoutError):
            server.recv(100)
        # The host does.
        self.probe(self.ns, "udp", "10.64.1.200")
        self.assertEqual(server.recv(100), b"reached")

    def test_the_host_answers_for_its_address_in_the_network_only(self):
        for target, answers in (("10.64.0.1", True), ("10.64.1.1", False)):
            with self.subTest(target=target):
                self.nodes[0].run(["ip", "route", "replace", target, "dev", "eth0"],
                                  check=True)  # fmt: skip
                self.probe(self.nodes[0], "udp", target)
                entry = lambda: self.nodes[0].run(  # noqa: E731
                    ["ip", "neighbour", "show", target], capture_output=True, text=True
                ).stdout
                self.assertEqual(harness.eventually(lambda: "lladdr" in entry(), 2), answers)

    def test_a_false_source_address_does_not_help(self):
        self.nodes[0].run(["ip", "address", "add", "10.64.1.77/32", "dev", "eth0"], check=True)
        self.nodes[0].run(
            ["ip", "route", "replace", "10.64.0.1", "dev", "eth0", "src", "10.64.1.77"],
            check=True,
        )
        self.probe(self.nodes[0], "udp", "10.64.0.1")
        self.assertFalse(self.heard())


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
            (("--", long), ("the limit is 4000", "in a file")),
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
        much = frame + bytes(128 << 20)  # and some of it
        many = struct.pack("<I", 0xFFFFFFFE)  # segments beyond count
        wild = struct.pack("<II", 0, 2) + b"\xff" * 16  # pointers to nowhere
        with socket.socket(socket.AF_UNIX) as stalled:
            stalled.connect(str(self.socket))
            stalled.sendall(struct.pack("<II", 0, 100) + b"half a frame")
            for junk in (frame, much, many, wild, b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096)):
                with socket.socket(socket.AF_UNIX) as client:
                    client.settimeout(10)
                    client.connect(str(self.socket))
                    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
                        client.sendall(junk)
                        client.shutdown(socket.SHUT_WR)
                        while client.recv(4096):
                            pass
            self.assertIn("accelerator", self.ctl("info").stdout)
            self.assertIsNone(daemon.poll())
        memory = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+)", memory)[1]), 64 << 10)
        self.stop_daemon(daemon)


class Recorder:
    """Stands between a client and the daemon and keeps what the client sends."""

    def __init__(self, path: pathlib.Path, daemon: pathlib.Path) -> None:
        self.sent = b""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(1)
        self._daemon = daemon
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        client, _ = self._listener.accept()
        with client, socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(str(self._daemon))
            back = threading.Thread(target=self._pass_on, args=(daemon, client))
            back.start()
            while data := client.recv(65536):
                self.sent += data
                daemon.sendall(data)
            daemon.shutdown(socket.SHUT_RDWR)
            back.join()

    @staticmethod
    def _pass_on(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass  # the client is gone

    def close(self) -> bytes:
        self._thread.join(30)
        self._listener.close()
        return self.sent


class Mutations(Case):
    def record(self, *words) -> pathlib.Path:
        """A file with what `iaasctl` sends for a command."""
        path = self.ns.directory / "recorder.sock"
        recorder = Recorder(path, self.socket)
        self.ns.run([self.iaasctl, *words], capture_output=True,
                    env=self.ns.environment(EBBRT_IAASD_SOCKET=str(path)))  # fmt: skip
        path.unlink()
        recording = self.images / f"{words[0]}.calls"
        recording.write_bytes(recorder.close())
        recording.chmod(0o644)
        return recording

    def test_calls_with_mistakes_in_them(self):
        """The daemon refuses what it can't take, keeps nothing of it and serves on."""
        self.ns.directory.chmod(0o755)
        daemon = self.start_daemon("--user-memory", "256")
        self.start_node(prefix=as_user(BOB))
        recordings = [self.record("run", self.guest, "--memory", "32", "--", "a b"),
                      self.record("list"), self.record("kill", "1")]  # fmt: skip
        self.start_node(prefix=as_user(BOB))
        script = SOURCE.parent / "mutated_calls.py"
        for seed, (recording, count) in enumerate(zip(recordings, (150, 50, 50))):
            with self.subTest(recording=recording.name):
                run = self.ns.run(
                    as_user(ALICE)(["/usr/bin/python3", script, self.socket, recording,
                                    seed, count]),
                    capture_output=True, text=True, timeout=500,
                )  # fmt: skip
                self.assertEqual(run.stdout, f"{count}\n", run.stderr + self.log())
        self.assertIsNone(daemon.poll(), self.log())
        only_bobs = lambda: len(self.ctl("list").stdout.splitlines()) == 2  # noqa: E731
        self.assertTrue(harness.eventually(only_bobs), self.ctl("list").stdout)
        self.assertTrue(harness.eventually(lambda: len(self.qemus()) == 1))
        self.assertEqual(self.ctl("run", self.guest, prefix=as_user(ALICE)).returncode,
                         EXIT_CODE)  # fmt: skip
        memory = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
        self.assertLess(int(re.search(r"VmHWM:\s+(\d+)", memory)[1]), 128 << 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
