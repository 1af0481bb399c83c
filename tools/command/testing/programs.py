"""Steps that run a GoogleTest program: hosted, sanitized, inside the library OS."""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

from .. import builds, packages, paths, process
from .counts import Counts, of_googletest
from .steps import Options, Step, show_failure

HOSTED_TIMEOUT = 300.0
SANITIZED_TIMEOUT = 600.0
NATIVE_TIMEOUT = 600.0

# The device through which an image tells its exit code, and QEMU's exit code for
# the image's c: (c << 1) | 1. QEMU's own 0 is a clean power-off.
_DEBUG_EXIT = "isa-debug-exit,iobase=0xf4,iosize=0x04"


def _judge(title: str, result: process.Result, code: int | None, log) -> Counts:
    """Counts of a run; one that ends badly though its tests passed has failed."""
    counts = of_googletest(result.output)
    if result.code is None:
        counts.failures.append(f"{title}: {result.ending()}")
    if counts.failed == 0 and code != 0:
        counts.failed = 1
        counts.failures.append(f"{title}: all tests passed, yet it {result.ending()}")
    if counts.failed:
        show_failure(f"{title} {result.ending()}", _relevant(result), log)
    return counts


def _relevant(result: process.Result) -> str:
    """The failed tests' own lines, and the end of the output."""
    blocks = re.findall(
        r"^.*\[ RUN      \] (?:(?!\[ RUN |\[       OK ).*\n)*?.*\[  FAILED  \].*$",
        result.output,
        re.MULTILINE,
    )
    return "\n".join([*(block[-4000:] for block in blocks[:10]), result.tail(40)])


_LIST = "--gtest_list_tests"


def _list(words: Sequence[str | pathlib.Path]) -> list[str]:
    """The tests of a GoogleTest program, run with its option for that."""
    result = process.run(words, timeout=60)
    names, suite = [], ""
    for line in result.output.splitlines():
        if re.match(r"^\S+\.(\s+#.*)?$", line):
            suite = line.split()[0]
        elif line.startswith("  ") and suite:
            names.append(suite + line.split()[0])
    return names


def hosted(
    kind: str,
    tree: builds.Tree,
    cores: int,
    timeout: float = HOSTED_TIMEOUT,
    environment: Mapping[str, str] | None = None,
) -> Step:
    """The unit tests as a Linux process with so many event loops."""
    name = f"{kind}, {cores} core{'s' if cores > 1 else ''}"
    program = tree.path / "tests" / "unit" / "unit_tests"

    def run(options: Options) -> Counts:
        log = paths.LOGS / f"test-{kind}-{cores}.log"
        log.unlink(missing_ok=True)
        result = process.run(
            [program, *options.googletest()],
            timeout=timeout,
            log=log,
            env={**os.environ, **(environment or {}), "EBBRT_CORES": str(cores)},
        )
        return _judge(name, result, result.code, paths.shown(log))

    return Step(
        kind=kind,
        name=name,
        build=lambda: _build(tree, "unit_tests"),
        run=run,
        names=lambda: _list([program, _LIST]),
    )


def _build(tree: builds.Tree, target: str) -> None:
    builds.build(tree, [target])


def encode(argument: str) -> str:
    """An application's argument on the kernel command line: %XX for what could
    not stand there as it is (src/common/boot_arguments.h)."""
    return "".join(
        f"%{byte:02X}" if byte <= 0x20 or byte >= 0x7F or byte in b'%"' else chr(byte)
        for byte in argument.encode()
    )


def qemu(image: pathlib.Path, cores: int, arguments: Sequence[str]) -> list[str]:
    """The argument vector that boots an image whose console is standard output."""
    command_line = " ".join(
        ["ebbrt.quiet", "--", *(encode(argument) for argument in arguments)]
    )
    return [
        os.environ.get("EBBRT_QEMU", "qemu-system-x86_64"),
        *("-M", "microvm,acpi=off", "-accel", "tcg", "-cpu", "max"),
        *("-smp", str(cores), "-m", "512"),
        *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-global", "virtio-mmio.force-legacy=false"),
        *("-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"),
        *("-device", _DEBUG_EXIT),
        *("-kernel", str(image), "-append", command_line),
    ]


def native(cores: int) -> Step:
    """The same unit tests inside the library OS, in a virtual machine."""
    name = f"native, {cores} core{'s' if cores > 1 else ''}"
    tree = builds.TREES["native"]
    image = tree.path / "tests" / "unit" / "unit_tests.elf"

    def run(options: Options) -> Counts:
        log = paths.LOGS / f"test-native-{cores}.log"
        log.unlink(missing_ok=True)
        result = process.run(
            qemu(image, cores, options.googletest()), timeout=NATIVE_TIMEOUT, log=log
        )
        code = None
        if result.code is not None and result.code >= 0:
            code = result.code >> 1
        return _judge(name, result, code, paths.shown(log))

    def build() -> None:
        packages.require("run")
        _build(tree, "unit_tests")

    return Step(
        kind="native",
        name=name,
        build=build,
        run=run,
        names=lambda: _list(qemu(image, cores, [_LIST])),
    )
