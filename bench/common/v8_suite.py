"""V8's benchmark suite on machines: its scripts, the machines, what they say."""

import dataclasses
import itertools
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable

from common import cpio, linux_vm, npm, places, program, qemu

# The eight of version 7, as the name of the file and that of the score.
KERNELS = {
    "richards": "Richards", "deltablue": "DeltaBlue", "crypto": "Crypto",
    "raytrace": "RayTrace", "earley-boyer": "EarleyBoyer", "regexp": "RegExp",
    "splay": "Splay", "navier-stokes": "NavierStokes",
}  # fmt: skip
PACKAGE = ("benchmark-octane", "1.0.1")
MEMORY_MIB = 512
DIRECTORY = places.OUTPUT / "v8"
IMAGE = places.NATIVE / "apps" / "node" / "v8.elf"
TIMEOUT = 1800.0
_HERE = places.ROOT / "bench"
_SCRIPTS = DIRECTORY / "scripts"
_DRIVER = "v8_suite.js"
_NODE_SHELL = "node_shell.js"
# Of a processor, from the machine's start to the driver's and from its end to the
# machine's: at most. A guest's clock that is slow makes it seem more.
_AROUND_SECONDS = 20
# Between looks whether a machine has ended, and between those at its memory.
_PAUSE = 0.02
_PAUSES_PER_LOOK = 10


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a machine that ran scripts."""

    said: str
    seconds: float  # from its start to its end
    share: float  # of a processor, that it had
    memory: int  # bytes of the guest's that it has touched, where that was watched
    instructions: int  # where they were counted, else 0

    def scores(self, kernels: list[str]) -> dict[str, float]:
        """By kernel. places.Unusable if one is missing, or the guest's clock went
        wrong: scores are made with it."""
        found = dict(re.findall(r"^score: (\w+)\t([-+\w.]+)\r?$", self.said, re.MULTILINE))
        clock = re.search(r"^clock: (\d+)\r?$", self.said, re.MULTILINE)
        if clock is None or set(found) != {KERNELS[kernel] for kernel in kernels}:
            raise places.Unusable(f"the suite was not done; the machine says:\n{self.said}")
        rest = self.seconds - int(clock[1]) / 1000
        if not self.instructions and not 0 <= rest * self.share <= _AROUND_SECONDS:
            raise places.Unusable(f"the guest's clock says {int(clock[1]) / 1000} s "
                                  f"of the machine's {self.seconds:.1f}")
        return {kernel: float(found[KERNELS[kernel]]) for kernel in kernels}

    def scores_alone(self, kernels: list[str]) -> dict[str, float]:
        """As they would be if the machine had had a processor for itself: what others
        did on the host meanwhile is the guest's time, too, but not its work."""
        return {kernel: score / self.share for kernel, score in self.scores(kernels).items()}


def prepare() -> None:
    """The scripts, and Linux's file system with them and node."""
    if not IMAGE.exists():
        raise places.Unusable(f"{IMAGE} is not built; run ./ebbrt build node")
    package = npm.fetch(*PACKAGE) / "lib" / "octane"
    shutil.rmtree(_SCRIPTS, ignore_errors=True)
    _SCRIPTS.mkdir(parents=True)
    for name in "base", *KERNELS:
        shutil.copyfile(package / f"{name}.js", _SCRIPTS / f"{name}.js")
    shutil.copyfile(_HERE / "images" / _DRIVER, _SCRIPTS / _DRIVER)
    shell = _HERE / "linux_vm" / _NODE_SHELL
    archive = cpio.Archive()
    for path in [*sorted(_SCRIPTS.iterdir()), shell]:
        archive.file(f"suite/{path.name}", path.read_bytes())
    base = linux_vm.vm("")["initrd"].read_bytes()
    _initrd().write_bytes(cpio.joined(base, linux_vm.node().read_bytes(), archive.plain()))


def _initrd() -> pathlib.Path:
    return DIRECTORY / "initramfs"


@dataclasses.dataclass(frozen=True)
class Contestant:
    """A machine that runs V8. `text` is a script of itself, without blanks; `files`
    run after it, from the scripts' directory."""

    name: str
    vm: Callable[[list[str]], qemu.Vm]  # from the words after the options: TEXT, FILE...
    uses_front_end: bool
    options: tuple[str, ...] = ()

    def bytes_booted(self) -> int:
        vm = self.vm([])
        image = vm.image.with_suffix(".img") if vm.image == IMAGE else vm.image
        return image.stat().st_size + (vm.initrd.stat().st_size if vm.initrd else 0)

    def run(self, text: str, files: tuple[str, ...] = (), count: bool = False) -> Outcome:
        words = [*self.options, text, *files]
        if not files or not self.uses_front_end:
            return _run(self.vm(words), count)
        with program.front_end(_SCRIPTS) as (boot, lines):
            vm = self.vm(words)
            network = dataclasses.replace(vm, network=True,
                                          append=f"{boot} ebbrt.ip=10.0.2.15/24 {vm.append}")
            return _run(network, count, lines)

    def suite(self, mode: str, kernels: list[str], count: bool = False) -> Outcome:
        """Runs the driver. places.Unusable unless all is done."""
        outcome = self.run(f"settings='{','.join([mode, *kernels])}'", (_DRIVER,), count)
        outcome.scores(kernels)
        return outcome


def _run(vm: qemu.Vm, count: bool, lines: Callable[[], bytes] = bytes) -> Outcome:
    """`lines` gives what the machine has said elsewhere than on its console."""
    with qemu.Machine(vm, count=count) as machine:
        used, memory = _watch(machine)
        result = machine.wait()
    said = result.console + lines().decode(errors="replace")
    if result.status != 0:
        raise places.Unusable(f"{vm.image} ended with status {result.status}:\n{said}")
    return Outcome(said, result.seconds, used / result.seconds, memory,
                   result.report.instructions if result.report else 0)


def _watch(machine: qemu.Machine) -> tuple[float, int]:
    """Until it ends: the seconds of a processor that it has had, and the bytes of the
    machine's memory that this host had to give it."""
    memory = 0
    process = machine.process
    deadline = time.monotonic() + TIMEOUT
    for turn in itertools.count():
        # It is not waited for here, so that what it had is there to its end.
        ended = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended:
            # Its clock, as clock_getcpuclockid(3) would name it, which Python lacks.
            return time.clock_gettime(~process.pid << 3 | 2), memory
        if time.monotonic() > deadline:
            raise places.Unusable(f"not done after {TIMEOUT} s; the console says:\n{machine.console}")
        if turn % _PAUSES_PER_LOOK == 0:
            memory = max(memory, machine.touched())
        time.sleep(_PAUSE)


def _ours(words: list[str]) -> qemu.Vm:
    return qemu.Vm(IMAGE, memory_mib=MEMORY_MIB, append=program.append("-e", *words))


def _linux(*options: str) -> Callable[[list[str]], qemu.Vm]:
    def vm(words: list[str]) -> qemu.Vm:
        arguments = [*options, f"/suite/{_NODE_SHELL}", *words]
        described = linux_vm.vm(
            " ".join(["bench.program=node", *(f"bench.argument={word}" for word in arguments)]))
        return qemu.Vm(**described | {"initrd": _initrd(), "memory_mib": MEMORY_MIB})
    return vm


OURS = Contestant("EbbRT", _ours, uses_front_end=True)
NODE = Contestant("Linux", _linux(), uses_front_end=False)
NODE_ALONE = Contestant("Linux (one thread)", _linux("--single-threaded"), uses_front_end=False)
ALL = (OURS, NODE, NODE_ALONE)
