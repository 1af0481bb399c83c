"""What the system tests share: where the builds are, network namespaces, leaks.

Tests run as root in network namespaces of their own, so that no packet of theirs
reaches another machine; without root they skip and say so.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EBBRT_BUILD", ROOT / "build"))
HOSTED = pathlib.Path(os.environ.get("EBBRT_HOSTED", BUILD / "hosted"))
NATIVE = BUILD / "native"

CLONE_NEWNET = 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def require(path: pathlib.Path) -> pathlib.Path:
    """The path of something that `./ebbrt build` makes; skips if it's not there."""
    if not path.exists():
        raise unittest.SkipTest(f"{path} is not built; run ./ebbrt build")
    return path


def require_root() -> None:
    """Skips unless namespaces and taps can be made."""
    if os.geteuid() != 0:
        raise unittest.SkipTest("needs root: it makes network namespaces and taps")


def processes(pattern: str) -> set[int]:
    """Ids of the processes whose command line matches the expression."""
    found = set()
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            state = (entry / "stat").read_text().rsplit(")", 1)[1].split()[0]
        except (OSError, UnicodeDecodeError):
            continue
        if state != "Z" and re.search(pattern, line):
            found.add(int(entry.name))
    return found


def eventually(condition, seconds: float = 10.0) -> bool:
    """Whether the condition comes true within the time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


NOBODY = 65534


def without_privileges(words: list) -> list:
    """The command, run as a user with no capability."""
    return [
        "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
        "--bounding-set=-all", "--inh-caps=-all", *words,
    ]  # fmt: skip


class Namespace:
    """A network namespace with a loopback, a directory for the daemon's socket
    and state, and an account of what is left in it at the end."""

    def __init__(self, name: str) -> None:
        require_root()
        self.name = f"ebbrt-{name}-{os.getpid()}"
        self.directory = pathlib.Path("/tmp") / self.name

    def __enter__(self) -> "Namespace":
        self.directory.mkdir(mode=0o700)
        try:
            subprocess.run(["ip", "netns", "add", self.name], check=True)
            self.run(["ip", "link", "set", "lo", "up"], check=True)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        for pid in self.inhabitants():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        eventually(lambda: not self.inhabitants(), 5)
        subprocess.run(["ip", "netns", "delete", self.name], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)

    def environment(self, **extra: str) -> dict[str, str]:
        """The environment in which programs find this namespace's daemon."""
        return {
            **os.environ,
            "EBBRT_IAASD_SOCKET": str(self.directory / "iaasd.sock"),
            "EBBRT_IAASD": str(HOSTED / "tools" / "iaasd" / "iaasd"),
            **extra,
        }

    def command(self, words: list) -> list[str]:
        return ["ip", "netns", "exec", self.name, *map(str, words)]

    def run(self, words: list, **options) -> subprocess.CompletedProcess:
        """Runs a program in the namespace to its end."""
        options.setdefault("env", self.environment())
        options.setdefault("timeout", 60)
        return subprocess.run(self.command(words), **options)

    def start(self, words: list, **options) -> subprocess.Popen:
        """Starts a program in the namespace. `ip netns exec` becomes the program
        itself, so the process id is the program's."""
        options.setdefault("env", self.environment())
        return subprocess.Popen(self.command(words), **options)

    def inhabitants(self) -> set[int]:
        """Processes that run in the namespace."""
        listed = subprocess.run(
            ["ip", "netns", "pids", self.name], capture_output=True, text=True
        )
        return {int(word) for word in listed.stdout.split()}

    def links(self) -> set[str]:
        """Network devices in the namespace besides the loopback."""
        listed = self.run(["ip", "-o", "link"], capture_output=True, text=True)
        names = re.findall(r"^\d+: ([^:@]+)", listed.stdout, re.MULTILINE)
        return set(names) - {"lo"}

    def files(self) -> set[str]:
        """What lies in the directory."""
        return {str(path) for path in self.directory.rglob("*")}

    def leftovers(self) -> str:
        """What a run has left behind, in words; empty when nothing."""
        left = []
        if pids := self.inhabitants():
            left.append(f"processes {sorted(pids)}")
        if links := self.links():
            left.append(f"network devices {sorted(links)}")
        # The lock file of a socket stays by design: removing it would race.
        if files := {f for f in self.files() if not f.endswith(".lock")}:
            left.append(f"files {sorted(files)}")
        return ", ".join(left)

    def assert_clean(self, test: unittest.TestCase) -> None:
        """Fails the test unless, a moment later, nothing is left."""
        eventually(lambda: not self.leftovers())
        test.assertEqual(self.leftovers(), "")


@contextlib.contextmanager
def inside(namespace: Namespace):
    """This thread's sockets are made in the namespace meanwhile."""
    def enter(path: str) -> None:
        with open(path) as file:
            if LIBC.setns(file.fileno(), CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"setns {path}")
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(f"/run/netns/{namespace.name}")
        yield
    finally:
        if LIBC.setns(home, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns back")
        os.close(home)
