"""`ebbrt nodes`, `console` and `kill`: the daemon's own command does them."""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import builds, paths


def iaasctl_path():
    """Where the daemon's command is once built."""
    return builds.TREES["hosted"].path / "tools" / "iaasd" / "iaasctl"


def iaasctl(words: Sequence[str]) -> NoReturn:
    """Becomes the daemon's command. It is built first if it isn't there."""
    program = iaasctl_path()
    if not program.exists():
        builds.build(builds.TREES["hosted"], ["iaasctl"])
    sys.stdout.flush()
    os.execv(program, [str(program), *words])
