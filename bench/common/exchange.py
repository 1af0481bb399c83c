"""Servers that send messages back, ours and Linux's, and the load for them."""

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator

from common import counter, linux_vm, network, places, qemu

PORT = 5002


@dataclasses.dataclass
class Server:
    """A running machine that serves the exchange."""

    network: network.Network
    address: str
    control: counter.Control

    def load(self, connections: int, window: int, size: int, *more: str) -> "Load":
        return Load(self, connections, window, size, *more)


class Load:
    """A running load (bench/load/exchange.cc); a context manager."""

    def __init__(self, server: Server, *words) -> None:
        program = places.built(places.HOSTED / "bench" / "exchange")
        self._control = server.control
        self._process = subprocess.Popen(
            server.network.command([program, server.address, PORT, *words]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "Load":
        self._line()  # ready
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()
        self._process.stderr.close()

    def run(self, count: int) -> tuple[float, float]:
        """Does `count` exchanges; guest instructions and seconds of each one."""
        before = self._control.instructions()
        self._process.stdin.write(f"{count}\n")
        self._process.stdin.flush()
        nanoseconds = int(self._line())
        spent = self._control.instructions() - before
        return spent / count, nanoseconds / count / 1e9

    def _line(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise places.Unusable(self._process.stderr.read().strip())
        return line


@contextlib.contextmanager
def ebbrt(net: network.Network, number: int = 0, **vm) -> Iterator[Server]:
    address = net.address(number)
    machine = qemu.Vm(
        places.image("bench_exchange"),
        append=f"ebbrt.ip={address}/{network.PREFIX}",
        **net.vm(number),
        **vm,
    )
    with serving(net, machine, address) as server:
        yield server


@contextlib.contextmanager
def linux(net: network.Network, number: int = 0) -> Iterator[Server]:
    address = net.address(number)
    words = f"bench.ip={address}/{network.PREFIX} bench.program=exchange_server"
    machine = qemu.Vm(**linux_vm.vm(words), **net.vm(number))
    with serving(net, machine, address) as server:
        yield server


@contextlib.contextmanager
def serving(
    net: network.Network, machine: qemu.Vm, address: str
) -> Iterator[Server]:
    with qemu.Machine(machine) as running:
        running.wait_for("bench: ready")
        control = running.control()
        try:
            yield Server(net, address, control)
        finally:
            control.close()
