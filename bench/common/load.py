"""The load programs (bench/load) and the machines that they load."""

import contextlib
import subprocess
from collections.abc import Iterator

from common import counter, network, places, qemu


class Load:
    """A running load; a context manager. It says "ready", then answers every line
    with one."""

    def __init__(self, net: network.Network, name: str, *words) -> None:
        program = places.built(places.HOSTED / "bench" / name)
        self._process = subprocess.Popen(
            net.command([program, *words]),
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

    def ask(self, order: str) -> str:
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> str:
        line = self._process.stdout.readline()
        if not line:
            raise places.Unusable(self._process.stderr.read().strip())
        return line


@contextlib.contextmanager
def serving(
    machine: qemu.Vm, ready: str, seconds: float = 120, **counting
) -> Iterator[counter.Control]:
    """Runs a machine; the counter of its instructions once it has said `ready`. Further
    arguments as counter.option's."""
    with qemu.Machine(machine, **counting) as running:
        running.wait_for(ready, seconds)
        with contextlib.closing(running.control()) as control:
            yield control
