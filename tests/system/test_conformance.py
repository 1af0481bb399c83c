"""TCP, IP and their neighbours' protocols as RFCs have them, seen from raw frames.

The cases are in conformance/. What became of them is docs/tcp-conformance.md:

    /usr/bin/python3 tests/system/test_conformance.py --update

writes it; otherwise the file is compared with what is seen, so that it stays true.
"""

import concurrent.futures
import difflib
import itertools
import re
import subprocess
import sys
import unittest

import conformance
from conformance.case import Case, Finding, When, observe
from echo_machine import TAP, EchoMachineTest
from harness import ROOT
from raw_peer import Pulse, Station, Wire

PAGE = ROOT / "docs" / "tcp-conformance.md"
MACHINE = {4: "10.77.0.2", 6: "fd77::2"}
MACHINE_MAC = "52:54:00:12:34:56"
LINUX = "10.77.0.1"
# Nothing is left to the device, so that what is seen is the stack's work: segments
# come and go one by one, with their sums.
ARGUMENTS = (f"ebbrt.ip={MACHINE[4]}/16 ebbrt.ip6={MACHINE[6]}/64 "
             "ebbrt.net=-csum,-guestcsum,-guesttso,-hosttso -- ipv6")
AT_ONCE = 16

HEAD = """\
# Conformance
What the network stack of a back-end does with frames that a test makes, and what RFCs
say that it should. The test writes this page and, when run without `--update`, compares
it with what it sees:

    /usr/bin/python3 tests/system/test_conformance.py --update

Segments are shown by their flags (PSH aside), their number, what they acknowledge and how
much data they carry. Numbers are relative to each end's first one: 0 is a SYN's, 1 the
first byte's; before a connection has a first one of the node's they are as sent. What is
heard of the application comes after: how many bytes in order it has, and the connection's
state. "nothing" is the node's silence when it has demonstrably dealt with what was sent.

The node uses none of its device's offloads here. That the fast path of TCP, which needs
them, does as the rest would is `fast_path_test`'s to show ([network](network.md)).

"""


class ConformanceTest(EchoMachineTest):
    image_name = "net_conform.elf"
    maxDiff = None

    def setUp(self) -> None:
        super().setUp()
        run = self.namespace.run
        # Nobody but the stations speaks.
        run(["sysctl", "-qw", f"net.ipv6.conf.{TAP}.disable_ipv6=1"], check=True)
        run(["ip", "address", "flush", "dev", TAP], check=True)

    def observe_all(self) -> list[Finding]:
        """Every case, by each version of IP that it has."""
        wire = Wire(self.namespace, TAP, MACHINE_MAC)
        self.addCleanup(wire.close)
        self.start(arguments=ARGUMENTS, wait="conform: up")
        wire.booted()
        numbers = itertools.count(1)

        def station(version: int) -> Station:
            number = next(numbers)
            address = (f"10.77.{1 + number // 200}.{1 + number % 200}" if version == 4
                       else f"fd77::1:{number:x}")
            return Station(wire, address, MACHINE[version])

        def of(when: When) -> list[tuple[Case, int]]:
            return [(one, version) for one in conformance.CASES if one.when is when
                    for version in one.versions]

        with Pulse(station(4)) as pulse:
            def see(pair: tuple[Case, int]) -> Finding:
                one, version = pair
                return observe(one, lambda: station(version), pulse)
            waiting = of(When.EARLY)
            with (concurrent.futures.ThreadPoolExecutor(len(waiting)) as patient,
                  concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool):
                early, others = patient.map(see, waiting), pool.map(see, of(When.ANY))
            return [*early, *others, *(see(pair) for pair in of(When.ALONE))]

    def test_the_page_says_what_is_seen(self) -> None:
        findings = self.observe_all()
        page = HEAD + conformance.table(findings)
        if "--update" in sys.argv:
            PAGE.write_text(page)
        unexplained = [
            f"{finding.case.name} by IPv{finding.version}: expected "
            f"'{finding.case.expects(finding.version)}', seen '{finding.seen}'"
            for finding in findings if not finding.conforms and not finding.case.deviates]
        self.assertEqual(unexplained, [])
        self.assertEqual(self.groundless(findings), [], "they conform")
        written = PAGE.read_text() if PAGE.exists() else ""
        difference = difflib.unified_diff(written.splitlines(), page.splitlines(),
                                          str(PAGE), "seen", lineterm="")
        self.assertEqual("\n".join(difference), "", "--update writes it anew")

    def groundless(self, findings: list[Finding]) -> list[str]:
        """Cases that say why they deviate and don't."""
        def deviates(one: Case) -> bool:
            return any(finding.case is one and not finding.conforms
                       for finding in findings)
        return [one.name for one in conformance.CASES if one.deviates and not deviates(one)]

    # --- programs on Linux ------------------------------------------------------------

    def with_linux(self) -> None:
        self.namespace.run(["ip", "address", "add", f"{LINUX}/16", "dev", TAP], check=True)
        self.start(arguments=f"ebbrt.ip={MACHINE[4]}/16", wait="conform: up")

    def test_curl(self) -> None:
        self.with_linux()
        result = self.namespace.run(
            ["curl", "--silent", "--show-error", "--max-time", "30",
             f"http://{MACHINE[4]}/"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "e" * (1 << 20))

    def test_iperf3(self) -> None:
        """Both ways, by several streams."""
        self.with_linux()
        for ours, theirs, way in (("sender", "receiver", []),
                                  ("receiver", "sender", ["--reverse"])):
            with self.subTest(way=way):
                result = self.iperf3("--bytes", "16M", "--parallel", "3", *way)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
                counted = {end: float(megabytes) for megabytes, end in re.findall(
                    r"\[SUM\].*?([\d.]+) MBytes.*(sender|receiver)", result.stdout)}
                self.assertGreaterEqual(counted[ours], 15.9, result.stdout)
                # The node's count is of when the client had enough.
                self.assertGreater(counted[theirs], 0, result.stdout)

    def iperf3(self, *words: str) -> subprocess.CompletedProcess:
        return self.namespace.run(
            ["iperf3", "--client", MACHINE[4], "--format", "M", *words],
            capture_output=True, text=True, check=False)


if __name__ == "__main__":
    unittest.main(argv=[word for word in sys.argv if word != "--update"])
