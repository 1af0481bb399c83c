"""The Linux machine that results are compared with (linux_vm/build)."""

import pathlib
import subprocess

from common import places

_BUILD = places.ROOT / "bench" / "linux_vm" / "build"
DIRECTORY = places.OUTPUT / "linux_vm"


def vm(words: str, hosted: bool = False) -> dict:
    """The arguments of a qemu.Vm that boots it, with `words` for its init; and with
    the programs of the hosted library if asked. Builds it if need be."""
    built = subprocess.run([_BUILD], capture_output=True, text=True)
    if built.returncode != 0:
        raise places.Unusable(built.stderr.strip())
    return {
        "image": DIRECTORY / "vmlinuz",
        "initrd": DIRECTORY / ("initramfs-hosted.gz" if hosted else "initramfs.gz"),
        # microvm has no PCI, which the cloud kernel's virtio needs.
        "machine": "q35",
        "memory_mib": 512,
        "append": f"console=ttyS0 quiet mitigations=off {words}",
    }


def program(name: str) -> pathlib.Path:
    """One of its programs, with symbols. After vm()."""
    return DIRECTORY / name
