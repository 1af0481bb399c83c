"""The Debian packages that EbbRT needs: the one list of them.

The toolchain's own are in toolchain/lib/packages.sh, and installed by its build.
"""

import os
import shutil
import subprocess

from . import paths, process, progress
from .problems import Problem

# What each part of the work needs.
GROUPS: dict[str, tuple[str, ...]] = {
    "build": (
        "g++",
        "cmake",
        "ninja-build",
        "ccache",
        "libboost-dev",
        "libboost-context-dev",
        "capnproto",
        "libcapnp-dev",
        "libdw-dev",
        "patch",  # lwIP's source is patched
        "pkg-config",  # Cap'n Proto's CMake package asks for it
        "googletest",
        "pybind11-dev",  # apps/sage-matrix
        "python3-dev",
    ),
    "run": ("qemu-system-x86", "iproute2"),
    "gdb": ("gdb",),
    "python": ("python3-numpy", "python3-tqdm"),
    "sage": ("sagemath",),  # some GB
    "test": (
        "libmemcached-tools",
        "python3-pymemcache",
        "python3-pylibmc",
        "php-cli",
        "php-memcached",
        "ruby",
        "ruby-dalli",
        "libcache-memcached-fast-perl",
        "curl",
        "iperf3",
        "python3-scapy",
        "wrk",
        "gdb",
        "python3-prometheus-client",
        "npm",
    ),
    # Whose installation starts a server: only where nobody else works.
    "servers": ("nginx-light", "libnginx-mod-http-memc"),
    "fuzz": ("clang-16", "libclang-rt-16-dev"),
    "lwip": ("check",),
    "bench": ("libmemcached-tools", "wrk", "npm", "librsvg2-bin", "fonts-dejavu-core"),
}

# Packages whose command may as well be another's, beside which Debian's can't be installed.
COMMANDS = ("npm",)

INSTALL_TIMEOUT = 1800.0


def missing(*groups: str) -> list[str]:
    """The packages of the groups that are not installed, in order."""
    wanted = [name for group in groups for name in GROUPS[group]
              if not (name in COMMANDS and shutil.which(name))]
    if not wanted or not shutil.which("dpkg-query"):
        return wanted
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Status}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    )
    installed = {
        words[0]
        for words in map(str.split, listed.stdout.splitlines())
        if words[1:] == ["installed"]
    }
    return [name for name in dict.fromkeys(wanted) if name not in installed]


def remedy(names: list[str]) -> str:
    """The command that installs the packages."""
    sudo = "" if os.geteuid() == 0 else "as root: "
    return f"{sudo}apt-get install --no-install-recommends {' '.join(names)}"


def require(*groups: str) -> None:
    """Installs what is missing of the groups. Raises Problem, which names the
    packages, when that can't be done."""
    names = missing(*groups)
    if not names:
        return
    if not shutil.which("apt-get"):
        raise Problem(f"missing packages, and no apt-get here: {' '.join(names)}")
    if os.geteuid() != 0:
        raise Problem(f"missing packages; {remedy(names)}")
    step = progress.Step(f"install {' '.join(names)}")
    progress.say(step.name)
    _install(names, step)
    step.end("done")


def _install(names: list[str], step: progress.Step) -> None:
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / "packages.log"
    options = ["-y", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    install = ["apt-get", "install", *options, *names]
    # The package lists are only fetched anew when the ones here don't do.
    for words in (install, ["apt-get", "update"], install):
        result = process.run(
            words,
            timeout=INSTALL_TIMEOUT,
            log=log,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
            on_line=lambda line: step.state(line[:60]),
        )
        if result.code == 0 and words is install:
            return
    raise Problem(
        f"apt-get could not install {' '.join(names)}:\n{result.tail(5)}\n"
        f"(log: {paths.shown(log)})"
    )
