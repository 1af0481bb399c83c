"""A virtual machine: QEMU's arguments as the IaaS daemon gives them, and a run."""

import dataclasses
import pathlib
import re
import shutil
import subprocess
import tempfile
import threading
import time

from common import counter, places

PROGRAM = "qemu-system-x86_64"

# As tools/iaasd/qemu_command.cc has them: what is measured is what is run.
_MACHINES = {
    "microvm": "microvm,acpi=off,pit=off,pic=off,rtc=on,isa-serial=on",
    "pc": "pc,usb=off,vmport=off",
    "q35": "q35,usb=off,vmport=off,sata=off",
}
MACHINES = tuple(_MACHINES)


@dataclasses.dataclass(frozen=True)
class Vm:
    """A machine to be run. All of it decides what the guest executes."""

    image: pathlib.Path
    machine: str = "microvm"
    cores: int = 1
    memory_mib: int = 128
    append: str = ""
    network: bool = False  # a virtio device on QEMU's user networking
    tap: str | None = None  # or on this tap of `namespace` (network.py)
    queues: int = 1  # pairs that the device on the tap has
    namespace: str | None = None  # where QEMU runs
    mac: str = "52:54:00:12:34:56"
    initrd: pathlib.Path | None = None
    forwards: tuple[tuple[int, int], ...] = ()  # (port here, port of the guest)
    deterministic: bool = False  # cores take turns on one thread
    extra: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        threads = ",thread=single" if self.deterministic else ""
        words = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        words += [PROGRAM, "-M", _MACHINES[self.machine]]
        words += ["-accel", f"tcg{threads}", "-cpu", "max"]
        words += "-nodefaults -no-user-config -no-reboot".split()
        words += "-display none -vga none".split()
        # The daemon's way, and its reason (tools/iaasd/qemu_command.cc).
        processors = "1,maxcpus=2" if self.cores == 1 else str(self.cores)
        words += ["-m", f"{self.memory_mib}M", "-smp", processors]
        words += ["-kernel", str(self.image), "-append", self.append]
        words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]
        words += ["-chardev", "stdio,id=console,signal=off"]
        words += ["-serial", "chardev:console"]
        if self.initrd:
            words += ["-initrd", str(self.initrd)]
        if self.machine == "microvm":
            words += ["-global", "virtio-mmio.force-legacy=off"]
        if self.network or self.tap:
            words += self._network()
        return words + list(self.extra)

    def _network(self) -> list[str]:
        if self.tap:
            netdev = f"tap,id=net0,ifname={self.tap},script=no,downscript=no"
            if self.queues > 1:
                netdev += f",queues={self.queues}"
        else:
            netdev = "user,id=net0,net=10.0.2.0/24,host=10.0.2.2,"
            netdev += "dhcpstart=10.0.2.15,ipv6=off"
            for here, there in self.forwards:
                netdev += f",hostfwd=tcp:127.0.0.1:{here}-:{there}"
        device = "virtio-net-device"
        if self.machine != "microvm":
            device = "virtio-net-pci,disable-legacy=on,romfile="
        device += f",netdev=net0,mac={self.mac}"
        if self.queues > 1:
            # An interrupt for each queue, and one for changes.
            device += f",mq=on,vectors={2 * self.queues + 2}"
        return ["-netdev", netdev, "-device", device]


@dataclasses.dataclass(frozen=True)
class Result:
    """What became of a machine that has ended."""

    status: int  # QEMU's exit status
    console: str
    started_nanoseconds: int  # time.monotonic_ns() before QEMU was started
    seconds: float
    report: counter.Report | None  # None without the counter

    def lines(self, prefix: str) -> list[str]:
        """What follows the prefix on the console's lines that begin with it."""
        return [
            line.removeprefix(prefix).strip()
            for line in self.console.replace("\r", "").split("\n")
            if line.startswith(prefix)
        ]


class Machine:
    """A running virtual machine; a context manager, which ends it."""

    def __init__(self, vm: Vm, count: bool = True, **counting) -> None:
        self._vm, self._count, self._counting = vm, count, counting
        self._console = bytearray()

    def __enter__(self) -> "Machine":
        if shutil.which(PROGRAM) is None:
            raise places.Unusable(
                f"{PROGRAM} is not installed; apt-get install qemu-system-x86"
            )
        places.built(self._vm.image)
        self._directory = tempfile.TemporaryDirectory(prefix="ebbrt-bench-")
        self._out = pathlib.Path(self._directory.name) / "report"
        words = self._vm.arguments()
        self._control = pathlib.Path(self._directory.name) / "control"
        if self._count:
            option = counter.option(
                self._out, control=self._control, **self._counting
            )
            words += ["-plugin", option]
        self._started = time.monotonic_ns()
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        return self

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self._reader.join()
        self.process.stdout.close()
        self._directory.cleanup()

    def _read(self) -> None:
        while block := self.process.stdout.read1(65536):
            self._console += block

    @property
    def console(self) -> str:
        return bytes(self._console).decode(errors="replace")

    def wait_for(self, text: str, seconds: float = 60) -> None:
        """Until the console shows the text."""
        deadline = time.monotonic() + seconds
        while text not in self.console:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise places.Unusable(
                    f"{self._vm.image}: the console never showed {text!r}:\n"
                    + self.console
                )
            time.sleep(0.01)

    def control(self) -> counter.Control:
        """Asks for the count while the machine runs."""
        return counter.Control(self._control)

    def touched(self) -> int:
        """Bytes of the guest's memory that this host had to give it so far; 0 when it
        is just ending."""
        try:
            maps = pathlib.Path(f"/proc/{self.process.pid}/smaps").read_text()
        except OSError:
            return 0
        found = re.findall(r"^Size:\s+(\d+) kB$.*?^Rss:\s+(\d+) kB$", maps,
                           re.MULTILINE | re.DOTALL)
        size = self._vm.memory_mib << 10
        return max((int(rss) << 10 for of, rss in found if int(of) == size), default=0)

    def stop(self) -> Result:
        """Ends the machine from outside."""
        self.process.terminate()
        return self.wait()

    def wait(self, seconds: float = 120) -> Result:
        """Until the guest has ended the machine."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise places.Unusable(
                f"{self._vm.image}: not done after {seconds} s; it said:\n"
                + self.console
            ) from None
        ended = time.monotonic_ns()
        self._reader.join()
        report = None
        if self._count:
            if not self._out.exists():
                raise places.Unusable(
                    f"QEMU ended with status {status} and no report:\n{self.console}"
                )
            report = counter.parse(self._out.read_text())
        return Result(
            status,
            self.console,
            self._started,
            (ended - self._started) / 1e9,
            report,
        )


def run(vm: Vm, seconds: float = 120, **counting) -> Result:
    """Runs a machine until its guest ends it. Further arguments as Machine's:
    `count`, and those of counter.option."""
    with Machine(vm, **counting) as machine:
        return machine.wait(seconds)
