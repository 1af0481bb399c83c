"""V8's benchmark suite on machines: its scripts, the machines, what they say."""

import contextlib
import dataclasses
import pathlib
import re
import resource
import secrets
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator

from common import cpio, linux_vm, npm, places, qemu, tsc

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


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of a machine that ran scripts."""

    said: str
    seconds: float  # from its start to its end
    processor_seconds: float  # of this host's, that it had
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
        share = self.processor_seconds / self.seconds  # others may use the host, too
        if not self.instructions and not 0 <= rest * share <= _AROUND_SECONDS:
            raise places.Unusable(f"the guest's clock says {int(clock[1]) / 1000} s "
                                  f"of the machine's {self.seconds:.1f}")
        return {kernel: float(found[KERNELS[kernel]]) for kernel in kernels}


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
        with _front_end() as (boot, program):
            vm = self.vm(words)
            network = dataclasses.replace(vm, network=True, append=f"{boot} {vm.append}")
            outcome = _run(network, count)
            program.terminate()
            return dataclasses.replace(outcome, said=outcome.said + program.stdout.read())

    def suite(self, mode: str, kernels: list[str], count: bool = False) -> Outcome:
        """Runs the driver. places.Unusable unless all is done."""
        outcome = self.run(f"settings='{','.join([mode, *kernels])}'", (_DRIVER,), count)
        outcome.scores(kernels)
        return outcome


def _processor_seconds() -> float:
    """Of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(vm: qemu.Vm, count: bool) -> Outcome:
    memory = 0
    before = _processor_seconds()
    with qemu.Machine(vm, count=count) as machine:
        if not count:
            with contextlib.suppress(OSError):
                while machine.process.poll() is None:
                    memory = max(memory, _touched(machine.process.pid, vm.memory_mib))
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        machine.process.wait(0.2)
        result = machine.wait(TIMEOUT)
    if result.status != 0:
        raise places.Unusable(f"{vm.image} ended with status {result.status}:\n{result.console}")
    return Outcome(result.console, result.seconds, _processor_seconds() - before, memory,
                   result.report.instructions if result.report else 0)


def _touched(process: int, memory_mib: int) -> int:
    """Bytes of a machine's memory that this host had to give it."""
    maps = pathlib.Path(f"/proc/{process}/smaps").read_text()
    found = re.findall(r"^Size:\s+(\d+) kB$.*?^Rss:\s+(\d+) kB$", maps, re.MULTILINE | re.DOTALL)
    return max((int(rss) << 10 for size, rss in found if int(size) == memory_mib << 10), default=0)


@contextlib.contextmanager
def _front_end() -> Iterator[tuple[str, subprocess.Popen]]:
    """A process that grants the scripts and says what the machine says; and the boot
    words that lead to it."""
    program = places.built(places.HOSTED / "bench" / "bench_files")
    secret = secrets.token_hex(16)
    with subprocess.Popen([program, secret, _SCRIPTS], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True) as process:
        try:
            _, port, _ = process.stdout.readline().split()
            yield (f"ebbrt.node=2 ebbrt.frontend=10.0.2.2:{port} ebbrt.secret={secret} "
                   "ebbrt.ip=10.0.2.15/24", process)
        finally:
            process.terminate()


def _ours(words: list[str]) -> qemu.Vm:
    encoded = " ".join(urllib.parse.quote(word, safe="=',()./-") for word in ["-e", *words])
    return qemu.Vm(IMAGE, memory_mib=MEMORY_MIB, append=f"ebbrt.tsc_khz={tsc.khz()} -- {encoded}")


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
