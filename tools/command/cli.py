"""The command line of `./ebbrt`."""

import argparse
import math
import os
import re
import signal
import sys
import time
from collections.abc import Sequence

from . import (
    applications,
    benches,
    builds,
    doctor,
    gdb,
    node,
    nodes,
    paths,
    progress,
    top,
    trace,
)
from .problems import Problem, UsageProblem
from .testing import plan
from .testing.steps import Options

INTERRUPTED = 130  # as a shell reports a program that Ctrl-C has ended


class _Parser(argparse.ArgumentParser):
    """argparse, with errors that are one line and name the valid words."""

    def error(self, message: str):
        raise UsageProblem(f"{message}\n(see {self.prog} --help)")


def _version() -> str:
    text = (paths.ROOT / "CMakeLists.txt").read_text()
    found = re.search(r"project\(EbbRT VERSION (\S+)", text)
    return f"EbbRT {found[1] if found else 'of an unknown version'}"


def _build(arguments: argparse.Namespace) -> int:
    what = [*arguments.what]
    if arguments.sanitize:
        what.append({"address": "asan", "thread": "tsan"}[arguments.sanitize])
    if not what or "all" in what:
        what = ["toolchain", "hosted", "native", *(w for w in what if w.endswith("san"))]
    step = progress.Step("build")
    for name in dict.fromkeys(what):
        if name == "toolchain":
            builds.build_toolchain()
        elif name == "node":
            node.build()
        else:
            builds.build(builds.TREES[name])
    step.end(f"{', '.join(dict.fromkeys(what))} up to date")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    if arguments.app is None:
        for application in applications.APPLICATIONS.values():
            print(f"{application.usage}\n    {application.about}")
        return 0
    applications.start(
        applications.find(arguments.app), arguments.arguments, not arguments.no_build
    )


def _test(arguments: argparse.Namespace) -> int:
    options = Options(
        filters=tuple(arguments.filters),
        fuzz_seconds=arguments.fuzz_seconds,
        deadline=time.monotonic() + 60 * arguments.within if arguments.within else math.inf,
    )
    if arguments.list:
        return plan.list_tests(arguments.only, options)
    return plan.run(arguments.only, options)


def _bench(arguments: argparse.Namespace) -> int:
    if arguments.name is None:
        print("\n".join(benches.available()))
        return 0
    benches.start(arguments.name, arguments.arguments, not arguments.no_build)


def _clean(_: argparse.Namespace) -> int:
    for path in builds.clean():
        progress.say(f"removed {paths.shown(path)}")
    return 0


def _add_build(commands) -> None:
    parser = commands.add_parser(
        "build",
        help="build what is missing or has changed",
        description="Installs packages (as root), builds the toolchain once, and "
        "brings the build trees up to date. Logs are in build/logs.",
    )
    names = ("toolchain", *builds.TREES, "node", "all")
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        type=_one_of("WHAT", names),
        help=f"{', '.join(names)} (default: all, which is toolchain, hosted and native; "
        "node is V8 and what runs on it)",
    )
    parser.add_argument(
        "--sanitize",
        type=_one_of("--sanitize", ("address", "thread")),
        metavar="address|thread",
        help="the hosted unit tests under that sanitizer",
    )
    parser.set_defaults(action=_build)


def _one_of(what: str, valid: Sequence[str]):
    """A converter that names the valid words in its error."""

    def convert(text: str) -> str:
        if text not in valid:
            raise UsageProblem(f"{what}: '{text}' is none of {', '.join(valid)}")
        return text

    return convert


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise UsageProblem(f"'{text}' is not a number of 1 or more")
    return int(text)


def _add_test(commands) -> None:
    parser = commands.add_parser(
        "test",
        help="run every test",
        description="Runs the tests and ends with `N passed, N failed`.",
    )
    parser.add_argument(
        "filters",
        nargs="*",
        metavar="FILTER",
        help="only tests whose name contains one of these",
    )
    parser.add_argument("--list", action="store_true", help="print the tests' names")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="KIND",
        type=_one_of("--only", plan.KINDS),
        help=f"only tests of a kind: {', '.join(plan.KINDS)}; may be repeated",
    )
    parser.add_argument(
        "--fuzz-seconds",
        type=_positive,
        default=5,
        metavar="N",
        help="how long each fuzzer runs, if --within leaves it so long (default: 5)",
    )
    parser.add_argument(
        "--within",
        type=_positive,
        metavar="MINUTES",
        help="give up after that time; what has not run by then has failed",
    )
    parser.set_defaults(action=_test)


def _add_run_and_bench(commands) -> None:
    usages = "\n".join(f"  {a.usage:<70}\n      {a.about}" for a in applications.APPLICATIONS.values())
    parser = commands.add_parser(
        "run",
        help="run an application",
        description=f"Builds what is needed and becomes the front-end:\n{usages}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-build", action="store_true", help="run what is there")
    parser.add_argument("app", nargs="?", metavar="APP")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    parser.set_defaults(action=_run)

    parser = commands.add_parser(
        "bench",
        help="measure",
        description="Builds, then runs a benchmark; without a name, lists them: "
        + ", ".join(benches.available()),
    )
    parser.add_argument("--no-build", action="store_true", help="run what is there")
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...")
    parser.set_defaults(action=_bench)


def _add_nodes(commands) -> None:
    parser = commands.add_parser("nodes", help="list the machines that run")
    parser.set_defaults(action=lambda _: nodes.iaasctl(["list"]))

    parser = commands.add_parser("console", help="show what a machine has written")
    parser.add_argument("node", metavar="NODE", help="its number, from `ebbrt nodes`")
    parser.add_argument("-f", "--follow", action="store_true", help="and go on showing")
    parser.set_defaults(
        action=lambda a: nodes.iaasctl(["console", a.node, *(["-f"] if a.follow else [])])
    )

    parser = commands.add_parser("kill", help="end a machine")
    parser.add_argument("node", metavar="NODE", help="its number, from `ebbrt nodes`")
    parser.set_defaults(action=lambda a: nodes.iaasctl(["kill", a.node]))


def _add_operations(commands) -> None:
    parser = commands.add_parser(
        "top",
        help="show the machines that run and what they cost",
        description="A table, anew every few seconds until Ctrl-C.",
    )
    parser.add_argument("--once", action="store_true", help="one table, as without a terminal")
    parser.add_argument(
        "--interval",
        type=_positive,
        default=1,
        metavar="SECONDS",
        help="between two looks (default: 1)",
    )
    parser.set_defaults(action=lambda a: top.run(a.once, a.interval))

    parser = commands.add_parser(
        "gdb",
        help="debug a machine that runs",
        description="Stops the machine and opens gdb with the image's symbols and the "
        "commands `ebbrt cores`, `ebbs`, `events`, `connections`, `allocators`, `trace`; the "
        "machine goes on when gdb ends.",
    )
    parser.add_argument("node", metavar="NODE", help="its number, from `ebbrt nodes`")
    parser.add_argument("--symbols", metavar="FILE", help="the image with debugging information")
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="for gdb")
    parser.set_defaults(action=lambda a: gdb.run(a.node, a.symbols, a.words))


def _add_trace(commands) -> None:
    parser = commands.add_parser(
        "trace",
        help="write what a machine's cores have done lately, for a viewer",
        description="Stops the machine for a moment, reads the trace that its cores keep "
        "if the image is linked with TRACED (docs/debugging.md), and writes it in Chrome's "
        "trace format, which chrome://tracing and https://ui.perfetto.dev show.",
    )
    parser.add_argument("node", metavar="NODE", help="its number, from `ebbrt nodes`")
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="to write (default: trace-NODE.json)"
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        metavar="N",
        help="let it run for so long first, and leave out what was before "
        "(default: all that it has kept)",
    )
    parser.add_argument("--symbols", metavar="FILE", help="the image with debugging information")
    parser.set_defaults(action=lambda a: trace.run(a.node, a.symbols, a.output, a.seconds))


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = _Parser(
        prog="ebbrt",
        description="Builds, runs, tests and measures EbbRT. Start with "
        "`ebbrt run memcached` or `ebbrt test`.",
    )
    top.add_argument("--version", action="version", version=_version())
    commands = top.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    _add_run_and_bench(commands)
    _add_test(commands)
    _add_build(commands)
    _add_nodes(commands)
    _add_operations(commands)
    _add_trace(commands)
    doctor_parser = commands.add_parser("doctor", help="what this machine has and lacks")
    doctor_parser.set_defaults(action=lambda _: doctor.report())
    clean_parser = commands.add_parser(
        "clean", help="remove the build trees (not the toolchain)"
    )
    clean_parser.set_defaults(action=_clean)
    return top


def _valid_command(words: Sequence[str], top: argparse.ArgumentParser) -> None:
    """argparse's own complaint about an unknown command is hard to read."""
    choices = next(
        action.choices
        for action in top._subparsers._group_actions  # noqa: SLF001
    )
    first = next((word for word in words if not word.startswith("-")), None)
    if first is not None and first not in choices:
        raise UsageProblem(
            f"there is no command '{first}'; there are: {', '.join(choices)}"
        )


def _interrupt(_signal: int, _frame) -> None:
    raise KeyboardInterrupt


def main(words: Sequence[str]) -> int:
    """Runs the command; its exit code."""
    # So that whatever was started is ended on the way out.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        top = parser()
        _valid_command(words, top)
        arguments = top.parse_args(words)
        if arguments.command is None:
            top.print_help()
            return UsageProblem.exit_code
        return arguments.action(arguments)
    except Problem as problem:
        print(f"ebbrt: {problem}", file=sys.stderr)
        return problem.exit_code
    except KeyboardInterrupt:
        print("\nebbrt: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has had enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
