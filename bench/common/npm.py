"""npm's packages, fetched and unpacked in the cache, by npm as it is configured here."""

import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

from common import places

sys.dont_write_bytecode = True
sys.path.insert(0, str(places.ROOT / "tools"))

from command import paths  # noqa: E402

TIMEOUT = 300.0


def fetch(name: str, version: str) -> pathlib.Path:
    """The directory of a package's files. npm has verified them."""
    unpacked = paths.cache() / "npm" / f"{name}-{version}"
    if unpacked.exists():
        return unpacked
    if shutil.which("npm") is None:
        raise places.Unusable("npm is not installed, which fetches the scripts; apt-get install npm")
    unpacked.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=unpacked.parent) as directory:
        packing = subprocess.run(
            ["npm", "pack", "--silent", f"{name}@{version}"],
            cwd=directory, capture_output=True, text=True, timeout=TIMEOUT,
            env={**os.environ, "NO_COLOR": "1"})
        packed = list(pathlib.Path(directory).glob("*.tgz"))
        if packing.returncode != 0 or len(packed) != 1:
            raise places.Unusable(f"npm can't fetch {name}@{version}; "
                                  f"npm pack says:\n{packing.stderr.strip() or packing.stdout}")
        with tarfile.open(packed[0]) as archive:
            archive.extractall(directory, filter="data")
        if not unpacked.exists():  # another may have been faster
            (pathlib.Path(directory) / "package").rename(unpacked)
    return unpacked
