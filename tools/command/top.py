"""`ebbrt top`: the machines that run and what they cost."""

import dataclasses
import os
import pathlib
import sys
import time

from . import nodes

PAGE = os.sysconf("SC_PAGESIZE")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclasses.dataclass(frozen=True)
class Cost:
    """What a process has cost its host so far."""

    cpu_seconds: float
    resident_bytes: int


@dataclasses.dataclass(frozen=True)
class Look:
    """All that is known at one moment; costs by the daemon's number."""

    time: float
    nodes: list[dict]
    costs: dict[int, Cost]


def cost_of(pid: int) -> Cost | None:
    """From /proc/PID/stat, proc(5): fields 14, 15 and 24. None if it has ended."""
    try:
        stat = pathlib.Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()
    return Cost((int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE)


def look() -> Look:
    """Asks the daemon and the kernel."""
    listed = [node for node in nodes.listed() if not node["state"].startswith("ended")]
    costs = {node["node"]: cost_of(node["pid"]) for node in listed}
    return Look(
        time.monotonic(),
        listed,
        {number: cost for number, cost in costs.items() if cost is not None},
    )


def _mebibytes(size: float | None) -> str:
    return "-" if size is None else f"{size / (1 << 20):.0f}"


def _plain(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(c if c.isprintable() else "?" for c in text)


COLUMNS = (
    "NODE", "STATE", "UPTIME", "CORES", "MEM-MIB", "CPU-S", "CPU-%", "HOST-MIB",
    "IMAGE",
)  # fmt: skip


def _row(node: dict, before: Look, now: Look) -> tuple[str, ...]:
    number = node["node"]
    seconds = now.time - before.time
    cost, old_cost = now.costs.get(number), before.costs.get(number)
    percent = "-"
    if cost and old_cost and seconds > 0:
        percent = f"{100 * (cost.cpu_seconds - old_cost.cpu_seconds) / seconds:.0f}"
    label = f" ({node['label']})" if node["label"] else ""
    return (
        str(number),
        _plain(node["state"]),
        f"{node['uptime_ms'] / 1000:.0f}s",
        str(node["cores"]),
        str(node["memory_mib"]),
        f"{cost.cpu_seconds:.1f}" if cost else "-",
        percent,
        _mebibytes(cost.resident_bytes if cost else None),
        _plain(pathlib.Path(node["image"]).name + label),
    )


def table(before: Look, now: Look) -> str:
    """The nodes of `now`, with rates since `before`."""
    rows = [COLUMNS, *(_row(node, before, now) for node in now.nodes)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(width) if name in ("STATE", "IMAGE") else cell.rjust(width)
            for cell, width, name in zip(row, widths, COLUMNS, strict=True)
        ).rstrip()
        for row in rows
    ]
    if not now.nodes:
        lines.append("no node runs")
    return "\n".join(lines)


def run(once: bool, interval: float) -> int:
    """Shows the table, anew every `interval` seconds if a terminal looks on and
    not just `once`."""
    before = look()
    while True:
        time.sleep(interval)
        now = look()
        if once or not sys.stdout.isatty():
            print(table(before, now))
            return 0
        # Home, the table, and nothing below it (ECMA-48).
        print("\x1b[H\x1b[2J" + table(before, now), flush=True)
        before = now
