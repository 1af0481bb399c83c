"""The instruction counter: QEMU's plugin built, its argument and its report."""

import dataclasses
import os
import pathlib
import socket
import subprocess

from common import places

SOURCES = places.ROOT / "bench" / "plugin"
_PLUGIN = places.OUTPUT / "instruction_counter.so"


def plugin() -> pathlib.Path:
    """The plugin, compiled if it isn't there or older than its source."""
    sources = sorted(SOURCES.iterdir())
    if not places.newer(_PLUGIN, *sources):
        _PLUGIN.parent.mkdir(parents=True, exist_ok=True)
        made = _PLUGIN.with_suffix(f".{os.getpid()}")
        command = "g++ -std=c++20 -O2 -Wall -Wextra -Werror -fPIC -shared"
        subprocess.run(
            [
                *command.split(),
                "-fvisibility=hidden",
                "-o",
                made,
                SOURCES / "instruction_counter.cc",
            ],
            check=True,
        )
        made.rename(_PLUGIN)  # another benchmark may be doing the same
    return _PLUGIN


@dataclasses.dataclass(frozen=True)
class Mark:
    """A core's arrival at a marked address, before the instruction there."""

    address: int
    core: int
    instructions: int  # of all cores, since the machine was started
    repeats: int  # further turns of repeated string instructions
    nanoseconds: int  # time.monotonic_ns() of this host


@dataclasses.dataclass(frozen=True)
class Run:
    """Instructions in a row, and how often they were executed."""

    address: int
    length: int
    executions: int


@dataclasses.dataclass(frozen=True)
class Report:
    cores: list[int]  # instructions of each core
    repeats: int
    marks: list[Mark]
    end_nanoseconds: int
    runs: list[Run]  # only if a profile was asked for

    @property
    def instructions(self) -> int:
        return sum(self.cores)

    def at(self, address: int) -> list[Mark]:
        return [mark for mark in self.marks if mark.address == address]


def option(
    out: pathlib.Path,
    marks: list[int] = (),
    profile: tuple[int, int | None] | None = None,
    precise: bool = False,
    control: pathlib.Path | None = None,
    sharing: bool = False,
) -> str:
    """The value of QEMU's -plugin option. `profile` counts runs between the
    first and the second number of marks passed; a Control asks at `control`."""
    words = [str(plugin()), f"out={out}"]
    words += [f"mark={address:#x}" for address in dict.fromkeys(marks)]
    if profile:
        first, last = profile
        words.append(f"profile={first}:{'' if last is None else last}")
    if control:
        words.append(f"control={control}")
    if precise:
        words.append("precise=on")
    if sharing:
        words.append("sharing=on")
    return ",".join(words)


class Control:
    """Asks a running machine's counter."""

    def __init__(self, path: pathlib.Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._lines = self._socket.makefile("r")

    def instructions(self) -> int:
        """Of all cores, since the machine was started."""
        self._socket.sendall(b"?")
        return int(self._lines.readline().split()[0])

    def sharing(self) -> dict[int, tuple[int, int]]:
        """For each instruction's address, executions with a lock and touches of lines
        that another core had; of a counter with `sharing`."""
        self._socket.sendall(b"s")
        sites = {}
        for word in self._lines.readline().split():
            address, *counts = map(int, word.split(":"))
            sites[address] = tuple(counts)
        return sites

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def parse(text: str) -> Report:
    """Reads the plugin's report."""
    cores, repeats, marks, runs, end = [], 0, [], [], 0
    for line in text.splitlines():
        kind, *words = line.split()
        numbers = [int(word, 0) for word in words]
        if kind == "core":
            cores.append(numbers[1])
            repeats += numbers[2]
        elif kind == "mark":
            marks.append(Mark(*numbers))
        elif kind == "run":
            runs.append(Run(*numbers))
        elif kind == "end":
            (end,) = numbers
    return Report(cores, repeats, marks, end, runs)
