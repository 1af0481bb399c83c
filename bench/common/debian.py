"""Debian's packages, fetched and unpacked below build/bench/packages: nothing is
installed, so no server of theirs is started."""

import os
import pathlib
import re
import shutil
import subprocess

from common import places

DIRECTORY = places.OUTPUT / "packages"
LIBRARIES = pathlib.Path("usr") / "lib" / "x86_64-linux-gnu"


def output(words: list, **options) -> str:
    return subprocess.run(
        [*map(str, words)], check=True, stdout=subprocess.PIPE, text=True, **options
    ).stdout


def depends(package: str) -> list[str]:
    """The packages that one needs."""
    return re.findall(r"Depends: (\S+)", output(["apt-cache", "depends", package]))


def candidate(package: str) -> str:
    """The version of a package that would be installed."""
    found = re.search(r"Candidate: (\S+)", output(["apt-cache", "policy", package]))
    if not found or found[1] == "(none)":
        raise places.Unusable(f"apt knows no package {package}; run apt-get update")
    return found[1]


def fetch(package: str, version: str = "") -> pathlib.Path:
    """The directory of a package's files; of this version, if one is named."""
    unpacked = DIRECTORY / package
    if unpacked.exists():
        return unpacked
    with_debs = DIRECTORY / f"{package}.{os.getpid()}.d"
    shutil.rmtree(with_debs, ignore_errors=True)
    with_debs.mkdir(parents=True)
    try:
        # As this user: apt's own may not write below a home.
        apt = "apt-get -qq -o APT::Sandbox::User=root download"
        output([*apt.split(), f"{package}={version}" if version else package], cwd=with_debs)
    except subprocess.CalledProcessError:
        shutil.rmtree(with_debs)
        raise places.Unusable(
            f"the package {package} can't be had; run apt-get update"
        ) from None
    (deb,) = with_debs.glob("*.deb")
    partial = with_debs / "unpacked"
    subprocess.run(["dpkg-deb", "-x", deb, partial], check=True)
    if not unpacked.exists():
        partial.rename(unpacked)
    shutil.rmtree(with_debs)
    return unpacked


class Memcached:
    """memcached itself."""

    def __init__(self) -> None:
        self.path = fetch("memcached") / "usr" / "bin" / "memcached"
        needed = [name for name in depends("memcached") if re.match(r"lib(?!c6)", name)]
        found = [str(fetch(name) / LIBRARIES) for name in needed]
        self._where = {"LD_LIBRARY_PATH": ":".join(found)}

    def command(self, *words) -> list:
        """A command line that runs it here."""
        where = [f"{name}={value}" for name, value in self._where.items()]
        return ["env", *where, str(self.path), *map(str, words)]

    def libraries(self) -> dict[str, pathlib.Path]:
        return libraries(self.path, self._where)


class Node:
    """Debian's node 18, also where a newer one of others is installed."""

    PACKAGE = "libnode108"

    def __init__(self) -> None:
        version = candidate(self.PACKAGE)
        library = fetch(self.PACKAGE)
        self.path = fetch("nodejs", version) / "usr" / "bin" / "node"
        needed = [name for name in depends(self.PACKAGE) if re.match(r"lib(?!c6)|zlib|node-", name)]
        self._roots = [library, *map(fetch, needed)]
        found = [str(root / where) for root in self._roots
                 for where in (LIBRARIES, LIBRARIES.relative_to("usr"))]
        self._where = {"LD_LIBRARY_PATH": ":".join(found)}

    def files(self) -> dict[str, pathlib.Path]:
        """What it needs to run, by where it looks: libraries, and modules of other
        packages, whose paths are in its library."""
        files = libraries(self.path, self._where)
        (library,) = self._roots[0].glob(f"{LIBRARIES}/libnode.so.*")
        for name in set(re.findall(rb"/(usr/share/nodejs/[\w./-]+\.js)", library.read_bytes())):
            path = name.decode()
            found = [root / path for root in self._roots if (root / path).exists()]
            if not found:
                raise places.Unusable(f"no package of node's has {path}")
            files[path] = found[0]
        return files


def libraries(program: pathlib.Path, where: dict[str, str] | None = None) -> dict[str, pathlib.Path]:
    """The files of a program's shared libraries and its loader, by where it looks;
    `where` has further words of its environment."""
    listed = output(["ldd", program], env={**os.environ, **(where or {})})
    paths = map(pathlib.Path, re.findall(r"(/\S+) \(0x", listed))
    return {
        str(path if path.parent.name == "lib64" else LIBRARIES / path.name).lstrip("/"): path
        for path in paths
    }
