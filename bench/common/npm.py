"""The command's npm, for benchmarks."""

import pathlib
import sys

from common import places

sys.dont_write_bytecode = True
sys.path.insert(0, str(places.ROOT / "tools"))

from command import npm, problems  # noqa: E402


def fetch(name: str, version: str) -> pathlib.Path:
    """The directory of a package's files."""
    try:
        return npm.fetch(name, version)
    except problems.Problem as problem:
        raise places.Unusable(str(problem)) from None
