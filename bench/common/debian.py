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


def fetch(package: str) -> pathlib.Path:
    """The directory of a package's files."""
    unpacked = DIRECTORY / package
    if unpacked.exists():
        return unpacked
    with_debs = DIRECTORY / f"{package}.{os.getpid()}.d"
    shutil.rmtree(with_debs, ignore_errors=True)
    with_debs.mkdir(parents=True)
    try:
        # As this user: apt's own may not write below a home.
        apt = "apt-get -qq -o APT::Sandbox::User=root download"
        output([*apt.split(), package], cwd=with_debs)
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


def libraries(program: pathlib.Path, where: dict[str, str] | None = None) -> dict[str, pathlib.Path]:
    """The files of a program's shared libraries and its loader, by where it looks;
    `where` has further words of its environment."""
    listed = output(["ldd", program], env={**os.environ, **(where or {})})
    paths = map(pathlib.Path, re.findall(r"(/\S+) \(0x", listed))
    return {
        str(path if path.parent.name == "lib64" else LIBRARIES / path.name).lstrip("/"): path
        for path in paths
    }
