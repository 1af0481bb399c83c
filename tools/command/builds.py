"""The build trees: what each is for, how it is configured and brought up to date."""

import contextlib
import dataclasses
import fcntl
import json
import os
import pathlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from . import engine, packages, paths, process, progress
from .problems import Problem

CONFIGURE_TIMEOUT = 300.0
NINJA_TIMEOUT = 3600.0
TOOLCHAIN_TIMEOUT = 3600.0

_ERROR = re.compile(r"error|undefined reference|multiple definition", re.IGNORECASE)
# What ninja prints of an edge, as NINJA_STATUS below lets it begin.
_EDGE = re.compile(r"^\[(\d+)/(\d+)\] (.*)")


@dataclasses.dataclass(frozen=True)
class Tree:
    """A build tree, build/NAME."""

    name: str
    about: str
    options: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()  # built when nothing else is asked; (): all
    groups: tuple[str, ...] = ("build",)  # of packages
    for_target: bool = False  # compiled for the library OS
    with_lwip: bool = False  # compiles lwIP's source, which the toolchain keeps

    @property
    def path(self) -> pathlib.Path:
        return paths.BUILD / self.name

    @property
    def log(self) -> pathlib.Path:
        return paths.LOGS / f"{self.name}.log"

    def built(self) -> bool:
        """Whether the tree has been configured to the end."""
        return (self.path / "build.ninja").exists()


_CLANG = ("-DCMAKE_C_COMPILER=clang-16", "-DCMAKE_CXX_COMPILER=clang++-16")

_SANITIZED = ("unit_tests", "ebbs_frontend", "ebbs_backend")

TREES = {
    tree.name: tree
    for tree in (
        Tree("hosted", "front-ends, daemon and unit tests for Linux"),
        Tree("native", "the images that back-ends boot", for_target=True),
        Tree(
            "asan",
            "hosted unit tests, nodes and memcached under AddressSanitizer and UBSan",
            options=("-DEBBRT_SANITIZE=address,undefined",),
            targets=(*_SANITIZED, "memcached_hosted"),
        ),
        Tree(
            "tsan",
            "hosted unit tests and nodes under ThreadSanitizer",
            options=("-DEBBRT_SANITIZE=thread",),
            targets=_SANITIZED,
        ),
        Tree(
            "lwip",
            "lwIP's own unit tests under AddressSanitizer and UBSan",
            options=("-DEBBRT_SANITIZE=address,undefined",),
            targets=("lwip_tests", "lwip_tests_v4"),
            groups=("build", "lwip"),
            with_lwip=True,
        ),
        Tree(
            "fuzz",
            "the fuzzers",
            options=("-DEBBRT_FUZZ=ON", "-DEBBRT_SANITIZE=address,undefined", *_CLANG),
            targets=("fuzzers",),
            groups=("build", "fuzz"),
            with_lwip=True,
        ),
    )
}


def toolchain_prefix() -> pathlib.Path:
    """Where the toolchain is, or would be once built."""
    result = subprocess.run(
        [paths.ROOT / "toolchain" / "build", "--print-prefix"],
        capture_output=True,
        text=True,
        env=_environment(),
        check=False,
    )
    lines = result.stdout.split()
    if result.returncode != 0 or not lines:
        raise Problem(f"toolchain/build --print-prefix: {result.stderr.strip()}")
    return pathlib.Path(lines[-1])


def build_toolchain() -> pathlib.Path:
    """Builds the toolchain if it isn't there; its prefix."""
    prefix = toolchain_prefix()
    if prefix.is_dir():
        return prefix
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    log = paths.LOGS / "toolchain.log"
    progress.say(f"build the toolchain into {prefix} (some minutes, once)")
    step = progress.Step("build toolchain")
    result = process.run(
        [paths.ROOT / "toolchain" / "build"],
        timeout=TOOLCHAIN_TIMEOUT,
        log=log,
        env=_environment(),
        on_line=lambda line: progress.say(line) if line.startswith("toolchain: ") else None,
    )
    if result.code != 0 or not prefix.is_dir():
        raise Problem(
            f"the toolchain's build {result.ending()}:\n{result.tail(5)}\n"
            f"(log: {paths.shown(log)})"
        )
    step.end("done")
    return prefix


def build(tree: Tree, targets: Sequence[str] = (), keep_going: bool = False) -> str:
    """Brings targets of a tree (default: the tree's own) up to date, with the
    packages and the toolchain it needs. Returns ninja's output; raises Problem
    with the last error when something doesn't build.

    `keep_going`: build what can be built, and leave it to the caller to find in
    the output what couldn't.
    """
    packages.require(*tree.groups)
    options = list(tree.options)
    if tree.for_target:
        prefix = build_toolchain()
        options.append(f"-DCMAKE_TOOLCHAIN_FILE={prefix}/share/ebbrt.cmake")
        options += engine.options()
    if tree.with_lwip:
        options.append(f"-DEBBRT_LWIP_SOURCE={build_toolchain()}/src/lwip")
    if shutil.which("ccache"):
        options += [f"-DCMAKE_{x}_COMPILER_LAUNCHER=ccache" for x in ("C", "CXX")]
    tree.path.mkdir(parents=True, exist_ok=True)
    paths.LOGS.mkdir(parents=True, exist_ok=True)
    with _locked(tree):
        _configure(tree, options)
        return _ninja(tree, targets or tree.targets, keep_going)


def _environment() -> dict[str, str]:
    """The environment of the builds: the compiler cache lies in ours, and a tree
    that lies elsewhere (a fresh clone) finds the same objects."""
    return {
        **os.environ,
        "LC_ALL": "C.UTF-8",
        "EBBRT_CACHE": str(paths.cache()),
        "CCACHE_DIR": str(paths.cache() / "ccache"),
        "CCACHE_BASEDIR": str(paths.ROOT),
        "CCACHE_NOHASHDIR": "1",
        "CCACHE_COMPILERCHECK": "%compiler% -v",
        "NINJA_STATUS": "[%f/%t] ",
    }


@contextlib.contextmanager
def _locked(tree: Tree) -> Iterator[None]:
    """One build of a tree at a time: ninja has no lock of its own."""
    with open(tree.path / ".ebbrt-lock", "w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.say(f"waiting for another build of {paths.shown(tree.path)}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _configure(tree: Tree, options: list[str]) -> None:
    """Runs CMake when the tree is new or its options have changed. Everything
    else that calls for it ninja notices by itself."""
    stamp = tree.path / ".ebbrt-options"
    wanted = json.dumps([str(paths.ROOT), *options])
    if tree.built() and stamp.exists() and stamp.read_text() == wanted:
        return
    # A compiler can't be changed in a tree that has one.
    (tree.path / "CMakeCache.txt").unlink(missing_ok=True)
    shutil.rmtree(tree.path / "CMakeFiles", ignore_errors=True)
    tree.log.unlink(missing_ok=True)
    step = progress.Step(f"configure {tree.name}")
    result = process.run(
        ["cmake", "-S", paths.ROOT, "-B", tree.path, "-G", "Ninja", *options],
        timeout=CONFIGURE_TIMEOUT,
        log=tree.log,
        env=_environment(),
    )
    if result.code != 0:
        stamp.unlink(missing_ok=True)
        raise Problem(
            f"cmake for build/{tree.name} {result.ending()}:\n{_errors(result)}\n"
            f"(log: {paths.shown(tree.log)})"
        )
    stamp.write_text(wanted)
    step.end("done")


def _errors(result: process.Result) -> str:
    """The part of a failed build's output that tells why: of the first step that
    failed, the errors, without the command and the way to where they are."""
    lines = result.output.splitlines()
    for number, line in enumerate(lines):
        if line.startswith(("CMake Error", "ninja: error")):
            return "\n".join(lines[number : number + 12])
        if line.startswith("FAILED: "):
            # The next line is the command.
            rest = lines[number + 2 : number + 400]
            told = [text[:300] for text in rest if _ERROR.search(text)]
            return "\n".join([line, *(told or rest)[:12]])
    return result.tail(15)


def _ninja(tree: Tree, targets: Sequence[str], keep_going: bool) -> str:
    step = progress.Step(f"build {tree.name}")
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        if edge := _EDGE.match(line):
            done = int(edge[1])
            step.state(f"{edge[1]}/{edge[2]}")

    result = process.run(
        [
            *("ninja", "-C", tree.path, "-j", str(os.cpu_count() or 1)),
            *(["-k", "0"] if keep_going else []),
            *targets,
        ],
        timeout=NINJA_TIMEOUT,
        log=tree.log,
        env=_environment(),
        on_line=on_line,
    )
    if result.code == 0:
        # Nothing to do is nothing to say.
        if done > 0:
            step.end(f"{done} steps done")
        return result.output
    # Without a step that failed it is ninja itself that did.
    if keep_going and result.code == 1 and "\nFAILED: " in result.output:
        step.end("done, with failures")
        return result.output
    step.end("failed")
    raise Problem(
        f"build/{tree.name}: ninja {result.ending()}:\n{_errors(result)}\n"
        f"(log: {paths.shown(tree.log)})"
    )


def clean() -> list[pathlib.Path]:
    """Removes the build trees and logs, not the cache; what was removed."""
    removed = []
    for path in (*(tree.path for tree in TREES.values()), paths.LOGS):
        if path.exists():
            shutil.rmtree(path)
            removed.append(path)
    return removed
