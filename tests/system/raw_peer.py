"""Peers made of raw frames: neighbours of a machine on its tap that no kernel
answers for. Scapy builds and takes apart the packets; a packet socket carries them.

A Wire is the tap's other end. Stations on it have addresses of their own, for which
they answer ARP and neighbour solicitations unless told not to, and Tcp is one
connection of a station's, whose numbers count from the two ends' first ones.
"""

import contextlib
import ipaddress
import logging
import queue
import socket
import threading
import time
from collections.abc import Callable

logging.getLogger("scapy.runtime").setLevel(logging.ERROR)

from scapy.layers.inet import IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import (  # noqa: E402
    ICMPv6ND_NA,
    ICMPv6NDOptDstLLAddr,
    IPv6,
)
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.packet import Packet, Raw  # noqa: E402

from harness import Namespace, inside  # noqa: E402

ETH_P_ALL = 3
SO_RCVBUFFORCE = 33  # Linux: what the socket module does not name
ARP_TYPE, IPV4_TYPE, IPV6_TYPE = b"\x08\x06", b"\x08\x00", b"\x86\xdd"
ICMPV6, NEIGHBOUR_SOLICITATION = 58, 135
PATIENCE = 60.0  # seconds for what must come, however slow the machine


class Nothing(Exception):
    """What was waited for has not come."""


class Wire:
    """A machine's tap, seen and used frame by frame. Frames of the machine go to the
    station that they are addressed to, by IP; all of them to `watchers`."""

    def __init__(self, namespace: Namespace, tap: str, machine_mac: str) -> None:
        self.machine_mac = machine_mac
        self.boot: list[bytes] = []  # what it sent before booted()
        self.watchers: list[Callable[[bytes], None]] = [self.boot.append]
        self._stations: dict[bytes, Station] = {}
        self._ending = False
        with inside(namespace):
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW,
                                         socket.htons(ETH_P_ALL))
        self._socket.bind((tap, ETH_P_ALL))
        self._socket.settimeout(0.2)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 32 << 20)
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._ending = True
        self._thread.join()
        self._socket.close()

    def booted(self) -> None:
        self.watchers.remove(self.boot.append)

    def send(self, frame: bytes) -> None:
        self._socket.send(frame)

    def add(self, station: "Station") -> None:
        self._stations[station.packed] = station

    def _receive(self) -> None:
        while not self._ending:
            try:
                frame, address = self._socket.recvfrom(1 << 16)
            except TimeoutError:
                continue
            if address[2] != socket.PACKET_OUTGOING:
                self._deliver(frame)

    def _deliver(self, frame: bytes) -> None:
        for watch in list(self.watchers):
            watch(frame)
        if station := self._stations.get(destination(frame)):
            station.take_in(frame)


def destination(frame: bytes) -> bytes:
    """The IP address, packed, that a frame is for or asks for."""
    kind = frame[12:14]
    if kind == ARP_TYPE:
        return frame[38:42]
    if kind == IPV4_TYPE:
        return frame[30:34]
    if kind == IPV6_TYPE and is_solicitation(frame):
        return frame[62:78]
    return frame[38:54]


def is_solicitation(frame: bytes) -> bool:
    return (frame[12:14] == IPV6_TYPE and frame[20] == ICMPV6
            and frame[54] == NEIGHBOUR_SOLICITATION)


class Station:
    """A neighbour with one address, and a MAC that nobody else has."""

    def __init__(self, wire: Wire, address: str, machine: str) -> None:
        parsed = ipaddress.ip_address(address)
        self.wire, self.address, self.machine = wire, address, machine
        self.packed, self.version = parsed.packed, parsed.version
        self.mac = "02:77:" + ":".join(f"{byte:02x}" for byte in self.packed[-4:])
        self.answers = True  # who has the address?
        self.questions: queue.Queue[Packet] = queue.Queue()
        self._arrived: queue.Queue[tuple[float, bytes]] = queue.Queue()
        self._kept: list[Packet] = []
        self._next_port = 50000
        wire.add(self)

    # --- what comes ---------------------------------------------------------------

    def take_in(self, frame: bytes) -> None:
        """Called by the wire's thread."""
        if frame[12:14] != ARP_TYPE and not is_solicitation(frame):
            self._arrived.put((time.monotonic(), frame))
            return
        question = Ether(frame)
        if ARP in question and question[ARP].op != 1:
            self._arrived.put((time.monotonic(), frame))
            return
        self.questions.put(question)
        if self.answers:
            self.send_frame(self.answer(question))

    def answer(self, question: Packet) -> Packet:
        """That the address is ours (RFC 826; RFC 4861 section 7.2.4)."""
        if ARP in question:
            return self.frame(question.src) / ARP(
                op=2, hwsrc=self.mac, psrc=self.address,
                hwdst=question[ARP].hwsrc, pdst=question[ARP].psrc)
        return (self.frame(question.src) / IPv6(src=self.address, dst=question[IPv6].src,
                                                hlim=255) /
                ICMPv6ND_NA(tgt=self.address, R=0, S=1, O=1) /
                ICMPv6NDOptDstLLAddr(lladdr=self.mac))

    def receive(self, wanted: Callable[[Packet], bool] = lambda _: True,
                seconds: float = PATIENCE) -> Packet:
        """The next packet that is wanted; others are kept for who wants them. Raises
        Nothing when none comes. Its `time` is when it came."""
        for place, packet in enumerate(self._kept):
            if wanted(packet):
                return self._kept.pop(place)
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            try:
                when, frame = self._arrived.get(timeout=left)
            except queue.Empty:
                break
            packet = Ether(frame)
            packet.time = when
            if wanted(packet):
                return packet
            self._kept.append(packet)
        raise Nothing(f"nothing in {seconds:.0f} s")

    def received(self, wanted: Callable[[Packet], bool] = lambda _: True) -> list[Packet]:
        """All that came before now, and what the machine said to all that was sent
        before now: it takes frames in their order."""
        self.fence()
        kept, self._kept = self._kept, []
        found = []
        for packet in kept:
            (found if wanted(packet) else self._kept).append(packet)
        return found

    def question(self, seconds: float = PATIENCE) -> Packet:
        """The next time that the machine asks who has the address."""
        try:
            return self.questions.get(timeout=seconds)
        except queue.Empty:
            raise Nothing(f"no question in {seconds:.0f} s") from None

    # --- what goes ----------------------------------------------------------------

    def frame(self, to: str = "") -> Packet:
        return Ether(src=self.mac, dst=to or self.wire.machine_mac)

    def ip(self, **fields) -> Packet:
        """A header from here to the machine; fields are those of scapy's."""
        if self.version == 4:
            return IP(**{"src": self.address, "dst": self.machine, **fields})
        return IPv6(**{"src": self.address, "dst": self.machine, **fields})

    def send(self, packet: Packet) -> None:
        """An IP packet."""
        self.send_frame(self.frame() / packet)

    def send_frame(self, frame: Packet) -> None:
        self.wire.send(bytes(frame))

    # --- the machine's application (net/conform.cc) ---------------------------------

    def order(self, text: str) -> str:
        """What the application answers to an order."""
        port = self._next_port = self._next_port + 1
        self.send(self.ip() / UDP(sport=port, dport=4) / Raw(text.encode()))
        answer = self.receive(lambda packet: UDP in packet and packet[UDP].dport == port)
        return bytes(answer[UDP].payload).decode(errors="replace")

    def fence(self) -> None:
        """Returns when all that was sent before has been dealt with. Twice: the
        first answer may leave in the turn in which that is done."""
        for _ in range(2):
            self.order("ping")


class Pulse:
    """Notices when the machine stands still, as one does that the host has no time for:
    what was measured meanwhile says nothing."""

    PERIOD, STILL = 0.1, 0.5  # seconds: from one ping to the next, that a pong may take

    def __init__(self, station: Station) -> None:
        self._station = station
        self._ending = threading.Event()
        self._stills: list[float] = []
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Pulse":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ending.set()
        self._thread.join()

    def stood_still_since(self, when: float) -> bool:
        return any(still >= when for still in self._stills)

    def _run(self) -> None:
        while not self._ending.wait(self.PERIOD):
            began = time.monotonic()
            with contextlib.suppress(Nothing):
                self._station.order("ping")
            ended = time.monotonic()
            if ended - began > self.STILL:
                self._stills.append(ended)


FLAGS = (("S", "SYN"), ("F", "FIN"), ("R", "RST"), ("U", "URG"), ("E", "ECE"), ("A", "ACK"))


class Segment:
    """A segment of the machine's; its numbers are the connection's."""

    def __init__(self, packet: Packet, connection: "Tcp") -> None:
        self.time = packet.time
        self.tcp = tcp = packet[TCP]
        self._connection = connection
        self.flags = "+".join(name for letter, name in FLAGS if letter in tcp.flags)
        self.window = tcp.window
        self.options = dict(tcp.options)
        # Ethernet fills up short frames.
        length = packet[IP].len - packet[IP].ihl * 4 if IP in packet else packet[IPv6].plen
        self.data = bytes(tcp)[tcp.dataofs * 4:length]

    @property
    def seq(self) -> int:
        return (self.tcp.seq - self._connection.irs) % (1 << 32)

    @property
    def ack(self) -> int | None:
        if "A" not in self.tcp.flags:
            return None
        return (self.tcp.ack - self._connection.iss) % (1 << 32)

    @property
    def sacks(self) -> list[int]:
        iss = self._connection.iss
        return [(edge - iss) % (1 << 32) for edge in self.options.get("SAck", ())]

    def __str__(self) -> str:
        words = [self.flags, f"seq {self.seq}"]
        if self.ack is not None:
            words.append(f"ack {self.ack}")
        if self.data:
            words.append(f"data {len(self.data)}")
        if self.sacks:
            words.append("sack " + " ".join(
                f"{a}-{b}" for a, b in zip(self.sacks[::2], self.sacks[1::2])))
        return " ".join(words)


class Tcp:
    """A connection of a station's with the machine: sends what it is told to, knows
    what it has sent. Numbers are relative: 0 is a SYN's, 1 the first byte's. Until the
    machine's first one is known, its numbers are absolute."""

    def __init__(self, station: Station, port: int = 4000, to: int = 9,
                 iss: int = 0x10000000) -> None:
        self.station, self.port, self.to, self.iss = station, port, to, iss
        self.irs = 0
        self.next = 0  # what we send next
        self.expects = 0  # what we acknowledge
        self.window = 65535

    @property
    def name(self) -> str:
        """As orders call it."""
        address = self.station.address
        host = address if self.station.version == 4 else f"[{address}]"
        return f"{host}:{self.port}"

    def order(self, verb: str, *numbers: int) -> str:
        return self.station.order(" ".join([verb, self.name, *map(str, numbers)]))

    def told(self) -> str:
        """What the application has: "LENGTH STATE", both ours and as it was sent
        (stream()), or not."""
        state, data = self.order("tell").split("\n", 1)
        if data != stream(len(data)).decode():
            state += ", wrong bytes"
        return state

    # --- sending --------------------------------------------------------------------

    def build(self, flags: str = "A", data: bytes = b"", *, seq: int | None = None,
              ack: int | None = None, window: int | None = None, options=(),
              **fields) -> Packet:
        """The packet of a segment; `fields` are those of scapy's TCP."""
        if ack is None:
            ack_field = (self.irs + self.expects) % (1 << 32) if "A" in flags else 0
        else:
            ack_field = (self.irs + ack) % (1 << 32)
        tcp = TCP(sport=self.port, dport=self.to, flags=flags, ack=ack_field,
                  seq=(self.iss + (self.next if seq is None else seq)) % (1 << 32),
                  window=self.window if window is None else window,
                  options=list(options), **fields)
        return self.station.ip() / (tcp / Raw(data) if data else tcp)

    def send(self, flags: str = "A", data: bytes = b"", **fields) -> None:
        self.station.send(self.build(flags, data, **fields))

    def piece(self, first: int, end: int, flags: str = "PA", **fields) -> None:
        """Sends the stream's bytes from number `first` to before `end`."""
        self.send(flags, stream(end - 1)[first - 1:], seq=first, **fields)

    # --- receiving ------------------------------------------------------------------

    def _is_ours(self, packet: Packet) -> bool:
        return TCP in packet and (packet[TCP].dport, packet[TCP].sport) == (
            self.port, self.to)

    def receive(self, seconds: float = PATIENCE) -> Segment:
        """The next segment; raises Nothing when none comes."""
        return Segment(self.station.receive(self._is_ours, seconds), self)

    def received(self) -> list[Segment]:
        """All that came, and what is said to what was sent before now."""
        return [Segment(packet, self) for packet in self.station.received(self._is_ours)]

    def heard(self) -> str:
        """The same in words."""
        return "; ".join(map(str, self.received())) or "nothing"

    def until_ack(self, number: int) -> Segment:
        """The first segment that acknowledges all before `number`."""
        while True:
            segment = self.receive()
            if segment.ack is not None and segment.ack >= number:
                return segment

    def until_data(self, number: int) -> None:
        """Takes and acknowledges the machine's bytes before `number`, in order."""
        while self.expects < number:
            segment = self.receive()
            if segment.seq == self.expects and segment.data:
                self.expects += len(segment.data)
                self.send("A")

    # --- beginning ------------------------------------------------------------------

    def learn(self, segment: Segment) -> Segment:
        """Takes a SYN's number as the machine's first one."""
        if "SYN" in segment.flags:
            self.irs = segment.tcp.seq
            self.expects = 1
        return segment

    def syn(self, options=(("MSS", 1460),), **fields) -> Segment:
        """Sends a SYN; returns what answers it."""
        self.send("S", seq=0, options=options, **fields)
        self.next = 1
        return self.learn(self.receive())

    def open(self, options=(("MSS", 1460),), window: int = 65535) -> "Tcp":
        """Shakes hands."""
        self.syn(options)
        self.window = window
        self.send("A")
        self.received()  # a SYN+ACK that was late comes twice
        return self

    def called(self, to: int) -> Segment:
        """Has the machine connect from its port `to`; returns its SYN."""
        self.to = to
        self.order("connect", to)
        segment = self.learn(self.receive())
        self.next = 0
        return segment

    def answer(self) -> "Tcp":
        """Completes what called() began."""
        self.send("SA", seq=0, options=[("MSS", 1460)])
        self.next = 1
        self.until_ack(1)
        return self


def stream(size: int) -> bytes:
    """What is sent to the machine: bytes of which each tells its place, printable."""
    return bytes(ord("a") + i % 25 for i in range(size))
