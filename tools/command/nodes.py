"""`ebbrt nodes`, `console` and `kill`: the daemon's own command does them."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import builds, paths
from .problems import Problem


def iaasctl_path():
    """Where the daemon's command is once built."""
    return builds.TREES["hosted"].path / "tools" / "iaasd" / "iaasctl"


def iaasctl(words: Sequence[str]) -> NoReturn:
    """Becomes the daemon's command. It is built first if it isn't there."""
    program = _built()
    sys.stdout.flush()
    os.execv(program, [program, *words])


def _built() -> str:
    program = iaasctl_path()
    if not program.exists():
        builds.build(builds.TREES["hosted"], ["iaasctl"])
    return str(program)


def output(words: Sequence[str]) -> str:
    """What the daemon's command prints. Raises Problem with its error."""
    result = subprocess.run(
        [_built(), *words], capture_output=True, text=True, check=False, timeout=60
    )
    if result.returncode != 0:
        raise Problem(result.stderr.strip().removeprefix("iaasctl: "))
    return result.stdout


def listed() -> list[dict]:
    """The nodes that the user may see, as `iaasctl list --json` tells them."""
    return json.loads(output(["list", "--json"]))


def find(number: str) -> dict:
    """One of them. Raises Problem if there is none of that number."""
    for node in listed():
        if str(node["node"]) == number:
            return node
    raise Problem(f"there is no node '{number}' of yours; `ebbrt nodes` lists those there are")
