"""Images that do operations between marks (images/measure.h), and the front-end
for those that call one."""

import contextlib
import dataclasses
import pathlib
import secrets
import subprocess

from common import places, qemu, symbols


@dataclasses.dataclass(frozen=True)
class Cost:
    instructions: float
    nanoseconds: float


def costs(result: qemu.Result, begin: int, end: int) -> dict[str, Cost]:
    """What each operation costs, from the marks and the machine's words. Times are
    those of the longer run, whole: the difference drowns in the host's noise."""
    names = [line for line in result.lines("bench: ") if line != "done"]
    if "bench: done" not in result.console:
        raise places.Unusable(
            f"the image ended with status {result.status}:\n{result.console}"
        )
    begins, ends = result.report.at(begin), result.report.at(end)
    if not len(begins) == len(ends) == 2 * len(names):
        raise places.Unusable(
            f"{len(names)} operations, but {len(begins)} and {len(ends)} marks"
        )
    spent = [
        (e.instructions - b.instructions, e.nanoseconds - b.nanoseconds)
        for b, e in zip(begins, ends)
    ]
    operations = {}
    for line, once, twice in zip(names, spent[0::2], spent[1::2]):
        name, n = line.split("\t")
        operations[name] = Cost(
            (twice[0] - once[0]) / int(n), twice[1] / (2 * int(n))
        )
    return operations


def measure(image: pathlib.Path, **vm) -> dict[str, float]:
    """Runs the image once; the instructions of its operations."""
    begin, end = marks(image)
    result = qemu.run(qemu.Vm(image, **vm), marks=[begin, end])
    return {
        name: cost.instructions
        for name, cost in costs(result, begin, end).items()
    }


def marks(image: pathlib.Path) -> tuple[int, int]:
    found = symbols.Symbols(image)
    return found.address("EbbrtBenchBegin"), found.address("EbbrtBenchEnd")


@contextlib.contextmanager
def front_end(command=lambda words: words, host: str = "10.0.2.2"):
    """A process that answers images' calls, at `host` as seen from them; gives the
    boot words that lead there but for the node's own. `command` may put it into a
    namespace."""
    program = places.built(places.HOSTED / "bench" / "bench_frontend")
    secret = secrets.token_hex(16)
    with subprocess.Popen(
        command([program, secret]), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            word, port = process.stdout.readline().split()
            assert word == "port"
            yield f"ebbrt.frontend={host}:{port} ebbrt.secret={secret}"
        finally:
            process.terminate()


