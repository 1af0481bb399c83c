"""`ebbrt top`: the machines that run and what they cost."""

import pathlib
import sys
import time

from . import nodes


def look() -> tuple[float, list[dict]]:
    """The moment, and the nodes that run then, as the daemon tells them."""
    return time.monotonic(), [node for node in nodes.listed() if node["pid"]]


def _plain(text: str) -> str:
    """Without what a terminal would take for a command."""
    return "".join(c if c.isprintable() else "?" for c in text)


COLUMNS = (
    "NODE", "STATE", "UPTIME", "CORES", "MEM-MIB", "CPU-S", "CPU-%", "HOST-MIB",
    "IMAGE",
)  # fmt: skip


def _row(node: dict, before: dict | None, seconds: float) -> tuple[str, ...]:
    """`before` is the node as it was so many seconds earlier, if it was there."""
    percent = f"{(node['cpu_ms'] - before['cpu_ms']) / (10 * seconds):.0f}" if before else "-"
    label = f" ({node['label']})" if node["label"] else ""
    return (
        str(node["node"]),
        _plain(node["state"]),
        f"{node['uptime_ms'] / 1000:.0f}s",
        str(node["cores"]),
        str(node["memory_mib"]),
        f"{node['cpu_ms'] / 1000:.1f}",
        percent,
        f"{node['resident_bytes'] / (1 << 20):.0f}",
        _plain(pathlib.Path(node["image"]).name + label),
    )


def table(before: tuple[float, list[dict]], now: tuple[float, list[dict]]) -> str:
    """The nodes of a look, with rates since one before."""
    earlier = {node["node"]: node for node in before[1]}
    rows = [COLUMNS, *(_row(node, earlier.get(node["node"]), now[0] - before[0]) for node in now[1])]
    widths = [max(len(row[i]) for row in rows) for i in range(len(COLUMNS))]
    lines = [
        "  ".join(
            cell.ljust(width) if name in ("STATE", "IMAGE") else cell.rjust(width)
            for cell, width, name in zip(row, widths, COLUMNS, strict=True)
        ).rstrip()
        for row in rows
    ]
    if not now[1]:
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
