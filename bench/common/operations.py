"""Images that do operations between marks (images/measure.h), and the front-end
for those that call one."""

import contextlib
import pathlib
import secrets
import subprocess

from common import places, qemu, symbols


def per_operation(result: qemu.Result, begin: int, end: int) -> dict[str, float]:
    """Instructions of each operation, from the marks and the image's words."""
    if result.status != 0 or not result.console.rstrip().endswith("bench: done"):
        raise places.Unusable(
            f"the image ended with status {result.status}:\n{result.console}"
        )
    begins, ends = result.report.at(begin), result.report.at(end)
    counts = [e.instructions - b.instructions for b, e in zip(begins, ends)]
    operations = {}
    names = [line for line in result.lines("bench: ") if line != "done"]
    if not len(begins) == len(ends) == 2 * len(names):
        raise places.Unusable(
            f"{len(names)} operations, but {len(begins)} and {len(ends)} marks"
        )
    for line, once, twice in zip(names, counts[0::2], counts[1::2]):
        name, n = line.split("\t")
        operations[name] = (twice - once) / int(n)
    return operations


def measure(image: pathlib.Path, **vm) -> dict[str, float]:
    """Runs the image once."""
    begin, end = marks(image)
    result = qemu.run(qemu.Vm(image, **vm), marks=[begin, end])
    return per_operation(result, begin, end)


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


