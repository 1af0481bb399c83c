"""A network namespace of the benchmark's own: machines on taps of one bridge, and
the programs that talk to them."""

import os
import subprocess

from common import places

HOST = "10.0.0.1"
PREFIX = 24


class Network:
    """A context manager; nothing is left of it. Machines are numbered from 0."""

    def __init__(self, machines: int = 1, queues: int = 1) -> None:
        """`queues`: pairs of them that each machine's device has."""
        self.namespace = f"ebbrt-bench-{os.getpid()}"
        self._machines = machines
        self._queues = queues

    def __enter__(self) -> "Network":
        if os.geteuid() != 0:
            raise places.Unusable("taps need root; run it as root")
        self._ip("netns", "add", self.namespace)
        try:
            self._inside("link", "set", "lo", "up")
            self._inside("link", "add", "bridge", "type", "bridge")
            self._inside("address", "add", f"{HOST}/{PREFIX}", "dev", "bridge")
            for number in range(self._machines):
                tap = self.tap(number)
                several = ["multi_queue"] if self._queues > 1 else []
                self._inside(
                    *f"tuntap add dev {tap} mode tap vnet_hdr".split(), *several
                )
                self._inside("link", "set", tap, "master", "bridge", "up")
            self._inside("link", "set", "bridge", "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._ip("netns", "delete", self.namespace)

    @staticmethod
    def tap(number: int) -> str:
        return f"tap{number}"

    @staticmethod
    def address(number: int) -> str:
        return f"10.0.0.{10 + number}"

    def vm(self, number: int = 0) -> dict:
        """The arguments of a qemu.Vm on this network."""
        return {
            "namespace": self.namespace,
            "tap": self.tap(number),
            "queues": self._queues,
            "mac": f"52:54:00:12:34:{number:02x}",
        }

    def command(self, words: list) -> list[str]:
        """A command line that runs inside."""
        return ["ip", "netns", "exec", self.namespace, *map(str, words)]

    def _ip(self, *words: str) -> None:
        subprocess.run(["ip", *words], check=True, capture_output=True, text=True)

    def _inside(self, *words: str) -> None:
        self._ip("-n", self.namespace, *words)
