"""Servers that send messages back, ours and Linux's, and the load for them."""

import contextlib
import dataclasses
from collections.abc import Iterator

from common import counter, linux_vm, load, network, places, qemu

PORT = 5002
READY = "bench: ready"


@dataclasses.dataclass
class Server:
    """A running machine that serves the exchange."""

    network: network.Network
    address: str
    control: counter.Control

    def load(self, connections: int, window: int, size: int, *more: str) -> "Load":
        return Load(self, connections, window, size, *more)


class Load(load.Load):
    """A running load (bench/load/exchange.cc)."""

    def __init__(self, server: Server, *words, port: int = PORT) -> None:
        super().__init__(server.network, "exchange", server.address, port, *words)
        self._control = server.control

    def run(self, count: int) -> tuple[float, float]:
        """Does `count` exchanges; guest instructions and seconds of each one."""
        before = self._control.instructions()
        nanoseconds = int(self.ask(str(count)))
        spent = self._control.instructions() - before
        return spent / count, nanoseconds / count / 1e9


@contextlib.contextmanager
def ebbrt(net: network.Network, number: int = 0, **vm) -> Iterator[Server]:
    address = net.address(number)
    machine = qemu.Vm(
        places.image("bench_exchange"),
        append=f"ebbrt.ip={address}/{network.PREFIX}",
        **net.vm(number),
        **vm,
    )
    with load.serving(machine, READY) as control:
        yield Server(net, address, control)


@contextlib.contextmanager
def linux(net: network.Network, number: int = 0) -> Iterator[Server]:
    address = net.address(number)
    words = f"bench.ip={address}/{network.PREFIX} bench.program=exchange_server"
    machine = qemu.Vm(**linux_vm.vm(words), **net.vm(number))
    with load.serving(machine, READY) as control:
        yield Server(net, address, control)
