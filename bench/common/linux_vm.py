"""The Linux machine that results are compared with (linux_vm/build)."""

import pathlib
import subprocess

from common import cpio, debian, places

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


def node() -> pathlib.Path:
    """An archive with Debian's node in /bin, to be unpacked after the machine's."""
    made = DIRECTORY / "node.cpio"
    sources = [places.ROOT / "bench" / "common" / name
               for name in ("cpio.py", "debian.py", "linux_vm.py")]
    if not places.newer(made, *sources):
        found = debian.Node()
        archive = cpio.Archive()
        archive.file("bin/node", found.path.read_bytes())
        for name, path in sorted(found.files().items()):
            archive.file(name, path.read_bytes())
        DIRECTORY.mkdir(parents=True, exist_ok=True)
        # Not packed: unpacking it would be most of what the machine does.
        made.write_bytes(archive.plain())
    return made


def program(name: str) -> pathlib.Path:
    """One of its programs, with symbols. After vm()."""
    return DIRECTORY / name
