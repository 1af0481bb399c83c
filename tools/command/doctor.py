"""`ebbrt doctor`: what the machine has and lacks, and the remedy for each lack."""

import dataclasses
import enum
import os
import pathlib
import platform
import shutil
import stat
import subprocess
import tempfile
import time

from . import builds, packages, paths, process

# Linux: include/uapi/linux/capability.h
CAP_NET_ADMIN = 12

MIN_DISK_GIB = 6
MIN_MEMORY_GIB = 2
PROBE_TIMEOUT = 10.0


class Verdict(enum.Enum):
    """What a finding means."""

    GOOD = "ok"
    NOTE = "note"  # works, but less well, or is made when needed
    LACK = "LACK"  # doesn't work without the remedy


@dataclasses.dataclass(frozen=True)
class Finding:
    """One line of the report."""

    subject: str
    verdict: Verdict
    text: str
    remedy: str = ""

    def line(self) -> str:
        remedy = f"\n{'':22}-> {self.remedy}" if self.remedy else ""
        return f"{self.verdict.value:>4}  {self.subject:<15} {self.text}{remedy}"


def _system() -> Finding:
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    name = release.get("PRETTY_NAME", "unknown system")
    if release.get("ID") == "debian" and release.get("VERSION_ID") == "12":
        return Finding("system", Verdict.GOOD, name)
    return Finding(
        "system", Verdict.LACK, name, "the toolchain's sources are Debian 12's: use that"
    )


def _processor() -> Finding:
    text = f"{platform.machine()}, {os.cpu_count()} processors"
    if platform.machine() == "x86_64":
        return Finding("processor", Verdict.GOOD, text)
    return Finding("processor", Verdict.LACK, text, "back-ends run on x86-64 only")


def _memory() -> Finding:
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    if gib >= MIN_MEMORY_GIB:
        return Finding("memory", Verdict.GOOD, f"{gib:.1f} GiB")
    return Finding(
        "memory",
        Verdict.LACK,
        f"{gib:.1f} GiB",
        f"the builds need {MIN_MEMORY_GIB} GiB",
    )


def _disk(subject: str, where: pathlib.Path) -> Finding:
    while not where.exists():
        where = where.parent
    gib = shutil.disk_usage(where).free / 2**30
    text = f"{gib:.0f} GiB free at {where}"
    if gib >= MIN_DISK_GIB:
        return Finding(subject, Verdict.GOOD, text)
    return Finding(
        subject,
        Verdict.LACK,
        text,
        f"{MIN_DISK_GIB} GiB are needed; EBBRT_BUILD and EBBRT_CACHE name other places",
    )


def _packages() -> list[Finding]:
    findings = []
    for group in packages.GROUPS:
        lacking = packages.missing(group)
        subject = f"packages: {group}"[:15]
        if not lacking:
            findings.append(Finding(subject, Verdict.GOOD, "all installed"))
            continue
        as_root = os.geteuid() == 0
        findings.append(
            Finding(
                subject,
                Verdict.NOTE if as_root or group == "bench" else Verdict.LACK,
                f"missing: {' '.join(lacking)}",
                "installed when needed" if as_root else packages.remedy(lacking),
            )
        )
    return findings


def _effective_capabilities() -> int:
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0


def _privilege() -> Finding:
    if _effective_capabilities() >> CAP_NET_ADMIN & 1:
        who = "root" if os.geteuid() == 0 else "not root"
        return Finding("privilege", Verdict.GOOD, f"{who}, with CAP_NET_ADMIN")
    return Finding(
        "privilege",
        Verdict.NOTE,
        "no CAP_NET_ADMIN: back-ends get QEMU's user networking, and tests that"
        " need network namespaces are skipped",
        "run as root for bridges and taps",
    )


def _device(path: str, what: str, remedy: str) -> Finding:
    subject = pathlib.Path(path).name
    try:
        if not stat.S_ISCHR(os.stat(path).st_mode):
            raise OSError("is no device")
        os.close(os.open(path, os.O_RDWR))
    except OSError as error:
        reason = error.strerror or str(error)
        return Finding(subject, Verdict.NOTE, f"{path}: {reason}; {what}", remedy)
    return Finding(subject, Verdict.GOOD, f"{path} opens")


def _ask_daemon() -> str | None:
    """What a daemon of our own, started for this, finds about the accelerator."""
    directory = builds.TREES["hosted"].path / "tools" / "iaasd"
    daemon, iaasctl = directory / "iaasd", directory / "iaasctl"
    if not (daemon.exists() and iaasctl.exists()):
        return None
    with tempfile.TemporaryDirectory(prefix="ebbrt-doctor-") as temporary:
        socket = pathlib.Path(temporary) / "iaasd.sock"
        with subprocess.Popen(
            [daemon, "--foreground", "--socket", socket],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as running:
            try:
                deadline = time.monotonic() + PROBE_TIMEOUT
                while time.monotonic() < deadline and running.poll() is None:
                    result = process.run(
                        [iaasctl, "--socket", socket, "info"], timeout=PROBE_TIMEOUT
                    )
                    if result.code == 0:
                        return _accelerator_line(result.output)
                    time.sleep(0.05)
            finally:
                running.terminate()
                try:
                    running.wait(PROBE_TIMEOUT)
                except subprocess.TimeoutExpired:
                    running.kill()
    return None


def _accelerator_line(info: str) -> str | None:
    for line in info.splitlines():
        if line.startswith("accelerator:"):
            return line.split(":", 1)[1].strip()
    return None


def _accelerator() -> Finding:
    """KVM or QEMU's translator: a /dev/kvm that opens proves nothing."""
    if text := _ask_daemon():
        kvm = text.startswith("kvm")
        return Finding("accelerator", Verdict.GOOD if kvm else Verdict.NOTE, text)
    opens = _device("/dev/kvm", "", "").verdict is Verdict.GOOD
    return Finding(
        "accelerator",
        Verdict.NOTE,
        f"/dev/kvm {'opens' if opens else 'does not open'}; only the daemon can tell"
        " whether hardware is behind it",
        "ebbrt build, then ebbrt doctor again",
    )


def _toolchain() -> Finding:
    prefix = builds.toolchain_prefix()
    if prefix.is_dir():
        return Finding("toolchain", Verdict.GOOD, str(prefix))
    return Finding(
        "toolchain", Verdict.NOTE, "not built", "built when needed, or: ebbrt build toolchain"
    )


def _builds() -> Finding:
    there = [name for name, tree in builds.TREES.items() if tree.built()]
    if {"hosted", "native"} <= set(there):
        return Finding("builds", Verdict.GOOD, ", ".join(there))
    return Finding(
        "builds", Verdict.NOTE, ", ".join(there) or "none", "made when needed, or: ebbrt build"
    )


def examine() -> list[Finding]:
    """Everything there is to say about this machine."""
    return [
        _system(),
        _processor(),
        _memory(),
        _disk("disk: build", paths.BUILD),
        _disk("disk: cache", paths.cache()),
        *_packages(),
        _privilege(),
        _device(
            "/dev/net/tun",
            "no taps, so QEMU's user networking only",
            "as root: modprobe tun",
        ),
        _accelerator(),
        _toolchain(),
        _builds(),
    ]


def report() -> int:
    """Prints the findings; 0 if EbbRT is usable here."""
    findings = examine()
    for finding in findings:
        print(finding.line())
    lacks = [finding.subject for finding in findings if finding.verdict is Verdict.LACK]
    if lacks:
        print(f"\nEbbRT is not usable here before these are remedied: {', '.join(lacks)}")
        return 1
    print("\nEbbRT is usable here.")
    return 0
