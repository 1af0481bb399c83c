"""npm's packages, in the cache, fetched and verified by npm as it is configured here."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator

from . import paths
from .problems import Problem

TIMEOUT = 300.0


def fetch(name: str, version: str) -> pathlib.Path:
    """The directory of one package's files, without those it depends on."""
    wanted = _cache() / f"{name}-{version}"
    if not wanted.exists():
        with _beside(wanted) as directory:
            _npm(directory, "pack", f"{name}@{version}")
            (packed,) = directory.glob("*.tgz")
            # tar lets nothing out of the directory.
            subprocess.run(["tar", "-xzf", packed], cwd=directory, check=True)
            _move(directory / "package", wanted)
    return wanted


def install(description: pathlib.Path) -> pathlib.Path:
    """The node_modules that a package.json and the package-lock.json beside it ask for.
    No script of a package is run."""
    files = [description / name for name in ("package.json", "package-lock.json")]
    content = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    wanted = _cache() / f"{description.name}-{content[:16]}" / "node_modules"
    if not wanted.exists():
        with _beside(wanted.parent) as directory:
            for file in files:
                shutil.copyfile(file, directory / file.name)
            _npm(directory, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            _move(directory / "node_modules", wanted)
    return wanted


def _cache() -> pathlib.Path:
    return paths.cache() / "npm"


@contextlib.contextmanager
def _beside(wanted: pathlib.Path) -> Iterator[pathlib.Path]:
    """A directory for a while, on the file system of what is wanted."""
    wanted.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=wanted.parent) as directory:
        yield pathlib.Path(directory)


def _move(made: pathlib.Path, wanted: pathlib.Path) -> None:
    wanted.parent.mkdir(parents=True, exist_ok=True)
    if not wanted.exists():  # another may have been faster
        made.rename(wanted)


def _npm(directory: pathlib.Path, *words: str) -> None:
    if shutil.which("npm") is None:
        raise Problem("npm is not installed, which fetches the scripts; apt-get install npm")
    result = subprocess.run(["npm", words[0], "--silent", *words[1:]], cwd=directory,
                            capture_output=True, text=True, timeout=TIMEOUT, check=False,
                            env={**os.environ, "NO_COLOR": "1"})
    if result.returncode != 0:
        raise Problem(f"npm can't fetch {words[-1] if words[0] == 'pack' else 'the packages'}; "
                      f"npm {words[0]} says:\n{result.stderr.strip() or result.stdout}")
