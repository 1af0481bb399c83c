"""A wire that loses, repeats, reorders and damages frames, between a machine's tap and
a tap of Linux's: what netem does, which not every kernel has.

The impairments are chosen by a generator that starts at a seed; when each frame comes
is not the seed's to say, so that runs differ all the same.
"""

import dataclasses
import fcntl
import os
import random
import select
import socket
import struct
import threading
import time

from harness import Namespace, inside

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # Linux: what the socket module does not name
SOL_PACKET, PACKET_VNET_HDR = 263, 15
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 2, 0x1000, 0x4000
TUN_F_CSUM, TUN_F_TSO4, TUN_F_TSO6 = 1, 2, 4
VNET_HEADER = 10  # bytes that tell what is left to be summed and divided
ETHERNET = 14
LARGEST = 1 << 17


@dataclasses.dataclass(frozen=True)
class Impairment:
    """What happens to a frame, as probabilities. A late one is overtaken by those that
    come in the next `delay` seconds."""

    loss: float = 0
    twice: float = 0
    late: float = 0
    damage: float = 0  # a bit of an IPv4 packet turned: its sums tell
    delay: float = 0.01


class ImpairedWire:
    """Joins `machine_tap`, which is there, with `host_tap`, which is made and set up by
    `attach`, words for ip(8) each. With `offload` frames go as the ends' offloads leave
    them, unsummed and undivided; then none may be damaged. When the machine's tap goes,
    the wire does nothing more."""

    def __init__(self, namespace: Namespace, machine_tap: str, host_tap: str,
                 attach: list[list[str]], impairment: Impairment, offload: bool,
                 seed: int) -> None:
        assert not (offload and impairment.damage)
        self.impairment = impairment
        self.lost = self.twice = self.late = self.damaged = self.passed = 0
        self._header = VNET_HEADER if offload else 0
        self._dice = random.Random(seed)
        self._waiting: list[tuple[float, int, bytes]] = []  # when, where to, what
        self._ending = False
        with inside(namespace):
            self._machine = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                          socket.htons(ETH_P_ALL))
            self._host = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
        flags = IFF_TAP | IFF_NO_PI | (IFF_VNET_HDR if offload else 0)
        fcntl.ioctl(self._host, TUNSETIFF, struct.pack("16sH22x", host_tap.encode(), flags))
        if offload:
            fcntl.ioctl(self._host, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6)
            self._machine.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self._machine.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self._machine.bind((machine_tap, ETH_P_ALL))
        self._machine.setblocking(False)
        # Linux would answer on it for addresses that it has elsewhere.
        for setting in ("ipv4.conf.%s.arp_ignore=1", "ipv6.conf.%s.disable_ipv6=1"):
            namespace.run(["sysctl", "-qw", "net." + setting % machine_tap], check=True)
        for words in (*attach, ["link", "set", host_tap, "up"]):
            namespace.run(["ip", *words], check=True)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> "ImpairedWire":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        if self._ending:
            return
        self._ending = True
        self._thread.join()
        self._machine.close()
        os.close(self._host)

    def told(self) -> str:
        return (f"{self.passed} frames, {self.lost} lost, {self.twice} twice, "
                f"{self.late} late, {self.damaged} damaged")

    # --- the thread ---------------------------------------------------------------

    def _run(self) -> None:
        machine = self._machine.fileno()
        while not self._ending:
            ready, _, _ = select.select([machine, self._host], [], [],
                                        0.002 if self._waiting else 0.1)
            try:
                if machine in ready:
                    self._take(self._from_machine, self._host)
            except OSError:
                return  # the tap is gone
            if self._host in ready:
                self._take(lambda: os.read(self._host, LARGEST), machine)
            self._send_waiting()

    def _from_machine(self) -> bytes:
        frame, address = self._machine.recvfrom(LARGEST)
        return b"" if address[2] == socket.PACKET_OUTGOING else frame

    def _take(self, read, to: int) -> None:
        for _ in range(64):
            try:
                frame = read()
            except BlockingIOError:
                return
            if frame:
                self._pass_on(frame, to)

    def _pass_on(self, frame: bytes, to: int) -> None:
        chosen, what = self._dice.random, self.impairment
        self.passed += 1
        if chosen() < what.loss:
            self.lost += 1
            return
        if chosen() < what.damage and frame[12:14] == b"\x08\x00":
            self.damaged += 1
            damaged = bytearray(frame)
            damaged[self._dice.randrange(ETHERNET, len(frame))] ^= 1 << self._dice.randrange(8)
            frame = bytes(damaged)
        if chosen() < what.twice:
            self.twice += 1
            self._send(frame, to)
        if chosen() < what.late:
            self.late += 1
            self._waiting.append((time.monotonic() + what.delay, to, frame))
            return
        self._send(frame, to)

    def _send_waiting(self) -> None:
        now = time.monotonic()
        due = [each for each in self._waiting if each[0] <= now]
        if due:
            self._waiting = [each for each in self._waiting if each[0] > now]
        for _, to, frame in due:
            self._send(frame, to)

    def _send(self, frame: bytes, to: int) -> None:
        try:
            if to == self._host:
                os.write(to, frame)
            else:
                self._machine.send(frame)
        except OSError:
            self.lost += 1  # no room: a wire has none either
