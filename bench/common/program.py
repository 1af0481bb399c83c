"""Images that are programs of V8's (apps/node), and a front-end for their files."""

import contextlib
import os
import pathlib
import secrets
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator

from common import places, tsc


def append(*words: str) -> str:
    """The boot words of a machine whose program is given these."""
    encoded = " ".join(urllib.parse.quote(word, safe="=',()./-") for word in words)
    return f"ebbrt.tsc_khz={tsc.khz()} -- {encoded}"


@contextlib.contextmanager
def front_end(
    directory: pathlib.Path,
    host: str = "10.0.2.2",
    command: Callable[[list], list] = list,
) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """A process that grants the directory and says what the machine says: the boot words
    that lead to it, at `host` as seen from the machine, and what it has said so far.
    `command` may put it into a namespace."""
    program = places.built(places.HOSTED / "bench" / "bench_files")
    secret = secrets.token_hex(16)
    with subprocess.Popen(command([program, secret, directory]), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        try:
            _, port, _ = process.stdout.readline().split()
            os.set_blocking(process.stdout.fileno(), False)
            said = bytearray()

            def lines() -> bytes:
                while block := process.stdout.read(65536):
                    said.extend(block)
                return bytes(said)

            yield f"ebbrt.node=2 ebbrt.frontend={host}:{int(port)} ebbrt.secret={secret}", lines
        finally:
            process.kill()  # what ends a program in an orderly way may be its machine's to take
