"""Where things are: the repository, the build trees, the cache."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EBBRT_BUILD") or ROOT / "build").absolute()
LOGS = BUILD / "logs"


def cache() -> pathlib.Path:
    """What outlives the build trees: the toolchain and compiled objects."""
    if chosen := os.environ.get("EBBRT_CACHE"):
        return pathlib.Path(chosen).absolute()
    if base := os.environ.get("XDG_CACHE_HOME"):
        return pathlib.Path(base).absolute() / "ebbrt"
    return pathlib.Path.home() / ".cache" / "ebbrt"


def shown(path: pathlib.Path) -> str:
    """The path as a user would type it from where they are, if that's shorter."""
    try:
        return str(path.relative_to(pathlib.Path.cwd()))
    except (ValueError, FileNotFoundError):
        return str(path)
