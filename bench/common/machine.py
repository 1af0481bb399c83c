"""The machine that a result was made on, in a few words for each output."""

import datetime
import os
import pathlib
import platform
import re
import subprocess

from common import places, qemu


def _first_line(words: list[str]) -> str:
    try:
        output = subprocess.run(words, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return output.stdout.splitlines()[0]


def description() -> dict[str, str]:
    """What the numbers depend on. Instructions depend on QEMU, its accelerator
    and the compiler alone; times on all of it."""
    cpu = re.search(
        r"^model name\s*: (.+)$",
        pathlib.Path("/proc/cpuinfo").read_text(),
        re.MULTILINE,
    )
    commit = _first_line(
        ["git", "-C", str(places.ROOT), "describe", "--always", "--dirty"]
    )
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "cpu": cpu[1] if cpu else "unknown",
        "cores": str(os.cpu_count()),
        "host": f"{platform.system()} {platform.release()}",
        "qemu": _first_line([qemu.PROGRAM, "--version"]),
        "accelerator": "TCG",
        "compiler": _first_line(["g++", "--version"]),
    }
