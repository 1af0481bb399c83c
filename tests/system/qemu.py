"""Boots an image directly in QEMU, without the daemon, and tells how it ended."""

import dataclasses
import pathlib
import subprocess

import harness

MACHINES = {"microvm": "microvm,acpi=off", "pc": "pc", "q35": "q35"}


@dataclasses.dataclass
class Result:
    """exit_code is the node's own, as isa-debug-exit tells it; 0 for power-off."""

    console: str
    exit_code: int


def boot(image: pathlib.Path, machine: str, arguments: str = "", cores: int = 1,
         memory: int = 128, seconds: float = 120.0, options: tuple = ()) -> Result:
    """Runs the image to its end; raises subprocess.TimeoutExpired if it has none.
    TCG, because it is there on every machine."""
    command = [
        "qemu-system-x86_64", "-M", MACHINES[machine], "-accel", "tcg", "-cpu", "max",
        "-m", str(memory), "-smp", str(cores), "-nodefaults", "-no-user-config",
        "-display", "none", "-serial", "stdio", "-no-reboot",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=4", *options,
        "-kernel", str(harness.require(image)), "-append", arguments]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=seconds, check=False)
    # Status 2v + 1 for the code v; a power-off is status 0.
    return Result(done.stdout.decode(errors="replace"), done.returncode // 2)
