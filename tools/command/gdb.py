"""`ebbrt gdb`: the debugger on a node that runs."""

import os
import pathlib
import signal
import socket
import subprocess
from collections.abc import Sequence

from . import nodes, packages, paths
from .problems import Problem

SCRIPT = paths.ROOT / "tools" / "gdb" / "ebbrt_gdb.py"
# The remote protocol's detach, after which QEMU lets the machine go on.
# The process is named, as QEMU asks for once a gdb has spoken of processes.
DETACH = b"$D;1#b0"
LEAVE_TIMEOUT = 5.0


def symbols_of(image: pathlib.Path) -> pathlib.Path:
    """The file with debugging information of an image, stripped or not."""
    whole = image.with_suffix(".elf")
    if image.suffix == ".img" and whole.exists():
        return whole
    return image


def let_go(path: str) -> None:
    """Makes the machine go on, should gdb have ended without detaching. Nothing
    happens if it runs, or has ended."""
    try:
        with socket.socket(socket.AF_UNIX) as stub:
            stub.settimeout(LEAVE_TIMEOUT)
            stub.connect(path)
            stub.sendall(DETACH)
            stub.recv(64)
    except OSError:
        pass


def _command(number: str, symbols: str | None) -> tuple[list[str], str]:
    """gdb on a node, and the socket where the node waits for it."""
    packages.require("gdb")
    node = nodes.find(number)
    image = pathlib.Path(symbols) if symbols else symbols_of(pathlib.Path(node["image"]))
    if not image.exists():
        raise Problem(f"{image} is gone; name the file with the symbols: --symbols FILE")
    path = nodes.output(["gdb", number]).strip()
    command = [
        "gdb", "-q", str(image),
        "-iex", "set pagination off",
        "-iex", "set confirm off",
        "-ex", f"source {SCRIPT}",
        "-ex", f"target remote {path}",
    ]  # fmt: skip
    return command, path


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}


def run(number: str, symbols: str | None, words: Sequence[str]) -> int:
    """Runs gdb with further `words` of its own; its exit code."""
    command, path = _command(number, symbols)
    # Ctrl-C is gdb's to deal with.
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        return subprocess.run(
            [*command, *words], check=False, env=_environment()
        ).returncode
    finally:
        signal.signal(signal.SIGINT, before)
        let_go(path)


def ask(number: str, symbols: str | None, what: str) -> None:
    """Has gdb do `what` while the machine stands still. Raises Problem with what it
    says if that fails."""
    command, path = _command(number, symbols)
    try:
        result = subprocess.run(
            [*command, "-batch", "-ex", what],
            check=False,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    finally:
        let_go(path)
    if result.returncode != 0:
        lines = (result.stderr or result.stdout).strip().splitlines()
        raise Problem(lines[-1] if lines else "gdb failed")
