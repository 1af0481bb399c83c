"""Child processes that are bounded in time and never outlive the call."""

import dataclasses
import os
import pathlib
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

GRACE = 5.0  # seconds between asking a group to end and killing it
DRAIN = 1.0  # seconds for output after the end of the process that was started


@dataclasses.dataclass
class Result:
    """How a process ended."""

    code: int | None  # None: it ran out of time and was killed
    output: str  # standard output and standard error
    seconds: float

    def tail(self, lines: int = 20) -> str:
        """The last lines of the output."""
        return "\n".join(self.output.rstrip().splitlines()[-lines:])

    def ending(self) -> str:
        """How it ended, in words."""
        if self.code is None:
            return f"killed after {self.seconds:.0f} s without an end"
        if self.code < 0:
            return f"ended by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"


def _end_group(process: subprocess.Popen) -> None:
    """Ends what is left of the process group that `process` was started as."""
    for what in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, what)
        except ProcessLookupError:
            break
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            continue
        time.sleep(0.1)
    process.wait()


def _read(process: subprocess.Popen, deadline: float, keep: Callable) -> bool:
    """Hands the output to `keep`; whether the process has ended in time."""
    stream = process.stdout
    os.set_blocking(stream.fileno(), False)
    ended_at = None
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if now >= deadline:
                return process.poll() is not None
            if ended_at is None and process.poll() is not None:
                ended_at = now
            # A grandchild may hold the pipe open; it isn't waited for.
            if ended_at is not None and now - ended_at > DRAIN:
                return True
            if not selector.select(min(0.2, deadline - now)):
                continue
            data = stream.read()
            if data == b"":
                try:
                    process.wait(max(0.0, deadline - time.monotonic()))
                except subprocess.TimeoutExpired:
                    return False
                return True
            if data:
                keep(data)


def run(
    words: Sequence[str | pathlib.Path],
    *,
    timeout: float,
    log: pathlib.Path | None = None,
    cwd: pathlib.Path | None = None,
    env: Mapping[str, str] | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """Runs a program to its end in a process group of its own, with no input.

    When the time is over, or the user interrupts, the group is ended. `log` gets
    the output as it comes (appended), `on_line` each whole line of it. Raises
    FileNotFoundError when there is no such program.
    """
    started = time.monotonic()
    chunks: list[bytes] = []
    rest = b""
    sink = open(log, "ab") if log else None

    def keep(data: bytes) -> None:
        nonlocal rest
        chunks.append(data)
        if sink:
            sink.write(data)
            sink.flush()
        if on_line:
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                on_line(line.decode(errors="replace"))

    try:
        process = subprocess.Popen(
            [str(word) for word in words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=env,
            start_new_session=True,
        )
        in_time = False
        try:
            in_time = _read(process, started + timeout, keep)
        finally:
            if not in_time:
                _end_group(process)
            process.stdout.close()
    finally:
        if sink:
            sink.close()
    return Result(
        code=process.returncode if in_time else None,
        output=b"".join(chunks).decode(errors="replace"),
        seconds=time.monotonic() - started,
    )
