"""`ebbrt run`: the applications and how their front-ends are started."""

import dataclasses
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from . import builds, node, packages, paths
from .problems import Problem, UsageProblem


@dataclasses.dataclass(frozen=True)
class Application:
    """An application: its front-end, its image, and what its words mean."""

    name: str
    about: str
    usage: str
    front_end: str  # target and path below build/hosted
    image: str  # target and path below build/native
    # The front-end's arguments from the image's path and the user's words.
    arguments: Callable[[pathlib.Path, list[str]], list[str]]
    room: str = ""  # below apps, if not its name
    # The front-end is a module of this interpreter, which needs packages.
    interpreter: str = ""
    packages: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()  # targets of the hosted tree that it starts
    on_v8: bool = False

    def _built(self, tree: str) -> pathlib.Path:
        return builds.TREES[tree].path / "apps" / (self.room or self.name)

    def program(self) -> pathlib.Path:
        """What runs as the front-end."""
        return pathlib.Path(self.interpreter or self._built("hosted") / self.front_end)

    def image_path(self) -> pathlib.Path:
        return self._built("native") / f"{self.image}.elf"

    def environment(self) -> dict[str, str]:
        """What an interpreter needs to find the module, and that its parts."""
        if not self.interpreter:
            return {}
        hosted = builds.TREES["hosted"].path
        before = os.environ.get("PYTHONPATH")
        modules = [str(self._built("hosted") / "python"), *([before] if before else [])]
        return {
            "PYTHONPATH": ":".join(modules),
            "EBBRT_MATRIX_IMAGE": str(self.image_path()),
            "EBBRT_MATRIX_PROGRAM": str(self._built("hosted") / "matrix_backend"),
            "EBBRT_IAASD": str(hosted / "tools" / "iaasd" / "iaasd"),
            # Of Sage alone; ours reads the user's.
            "EBBRT_SAGE_STARTUP_FILE": os.environ.get("SAGE_STARTUP_FILE", ""),
            "SAGE_STARTUP_FILE": str(paths.ROOT / "apps" / self.room / "python" / "startup.sage"),
        }


def _hello(image: pathlib.Path, words: list[str]) -> list[str]:
    if len(words) > 1 or not all(word.isdecimal() for word in words):
        raise UsageProblem("usage: ebbrt run hello [N]   (N: how many back-ends)")
    return [str(image), *(words or ["1"])]


APPLICATIONS = {
    application.name: application
    for application in (
        Application(
            "hello",
            "N back-ends each say hello to the front-end",
            "hello [N]",
            "hello_frontend",
            "hello",
            _hello,
        ),
        Application(
            "memcached",
            "a memcached server on a machine of its own, until Ctrl-C",
            "memcached [-- -m MIB -p PORT -U PORT -c N -I SIZE -t N -M -v ...]",
            "memcached_frontend",
            "memcached",
            lambda image, words: [str(image), *words],
        ),
        Application(
            "v8",
            "JavaScript on V8 on a machine of its own, with this directory's files",
            "v8 [--OPTION...] [-e TEXT | FILE]...",
            "node_frontend",
            "v8",
            lambda image, words: ["512", str(image), *words],
            room="node",
            on_v8=True,
        ),
        Application(
            "node",
            "node on a machine of its own, with this directory's files",
            "node [OPTION...] [SCRIPT | -e TEXT] [ARGUMENT...]",
            "node_frontend",
            "node",
            lambda image, words: ["512", str(image), *words],
            on_v8=True,
        ),
        Application(
            "python",
            "Python with the module ebbrt: matrices on machines that come when needed",
            "python [ARGUMENT...]",
            "matrix_python",
            "matrix",
            lambda image, words: words,
            room="sage-matrix",
            interpreter="/usr/bin/python3",
            packages=("python",),
            programs=("matrix_backend",),
        ),
        Application(
            "sage",
            "Sage with the module ebbrt loaded; installs Sage, which takes some GB",
            "sage [ARGUMENT...]",
            "matrix_python",
            "matrix",
            lambda image, words: words,
            room="sage-matrix",
            interpreter="/usr/bin/sage",
            packages=("python", "sage"),
            programs=("matrix_backend",),
        ),
    )
}


def find(name: str) -> Application:
    """The application of that name. Raises UsageProblem with the valid ones."""
    if name not in APPLICATIONS:
        raise UsageProblem(
            f"there is no application '{name}'; there are: {', '.join(APPLICATIONS)}"
        )
    return APPLICATIONS[name]


def prepare(application: Application) -> None:
    """Builds what the application needs to run."""
    packages.require("build", "run", *application.packages)
    if application.on_v8:
        node.build()
    hosted = [application.front_end, *application.programs, "iaasd", "iaasctl"]
    builds.build(builds.TREES["hosted"], hosted)
    builds.build(builds.TREES["native"], [application.image])


def start(application: Application, words: Sequence[str], build: bool) -> NoReturn:
    """Becomes the application's front-end: signals and the exit code are its own.

    The front-end starts a daemon if none runs, and everything that was made for
    it goes when it does.
    """
    words = list(words)
    if "--" in words:
        words.remove("--")  # others are the application's
    arguments = application.arguments(application.image_path(), words)
    if build:
        prepare(application)
    program = application.program()
    for path in (program, application.image_path()):
        if not path.exists():
            raise Problem(f"{paths.shown(path)} is not there; run: ebbrt build")
    sys.stdout.flush()
    sys.stderr.flush()
    environment = os.environ | application.environment()
    os.execve(program, [str(program), *arguments], environment)
