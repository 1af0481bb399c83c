"""ARP, IPv4 and its fragments, ICMP."""

import time
from collections.abc import Callable

from scapy.layers.inet import ICMP, IP, UDP, IPOption_NOP, IPOption_RR
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

from raw_peer import Nothing, Station, stream

from .case import When, case
from .ping import goes_to, ping, pong, send_ping
from .udp import is_error
from .waits import no_faster_than_a_second, unanswered

ONLY_4 = (4,)
BROADCAST = "ff:ff:ff:ff:ff:ff"
NOBODY = "00:00:00:00:00:00"
ANOTHER = "02:77:00:00:00:99"  # a MAC that no station has


def is_arp(packet: Packet) -> bool:
    return ARP in packet


def _request(station: Station, target: str, **fields) -> Packet:
    return station.frame(BROADCAST) / ARP(
        **{"op": 1, "hwsrc": station.mac, "psrc": station.address, "hwdst": NOBODY,
           "pdst": target, **fields})


def _replies(station: Station) -> str:
    found = station.received(is_arp)
    return "; ".join(f"{packet[ARP].psrc} is at {packet[ARP].hwsrc}, to "
                     f"{'us' if packet.dst == station.mac else packet.dst}"
                     for packet in found) or "nothing"


# --- ARP --------------------------------------------------------------------------------

SECTION = "ARP"
IS_AT = "10.77.0.2 is at 52:54:00:12:34:56, to us"


@case(SECTION, "a request for the machine", "RFC 826 (packet reception)", IS_AT, ONLY_4)
def request(station: Station) -> str:
    station.send_frame(_request(station, station.machine))
    return _replies(station)


@case(SECTION, "a request for another", "RFC 826 (packet reception)", "nothing", ONLY_4)
def request_for_another(station: Station) -> str:
    station.send_frame(_request(station, "10.77.99.99"))
    return _replies(station)


@case(SECTION, "a probe: nobody asks", "RFC 5227 §2.1.1 (answered)", IS_AT, ONLY_4)
def probe(station: Station) -> str:
    # The reply is to nobody's address, so it is found by the frame's.
    found: list[Packet] = []
    watch = _watch(station, found)
    station.send_frame(_request(station, station.machine, psrc="0.0.0.0"))
    station.fence()
    station.wire.watchers.remove(watch)
    reply = next((each for each in found if ARP in each and each[ARP].op == 2
                  and each.dst == station.mac), None)
    return (f"{reply[ARP].psrc} is at {reply[ARP].hwsrc}, to us" if reply else "nothing")


def _watch(station: Station, found: list[Packet]) -> Callable[[bytes], None]:
    def watch(frame: bytes) -> None:
        if frame[12:14] == b"\x08\x06":
            found.append(Ether(frame))
    station.wire.watchers.append(watch)
    return watch


@case(SECTION, "another kind of hardware, of protocol", "RFC 826 (packet reception)",
      "nothing", ONLY_4)
def other_kinds(station: Station) -> str:
    station.send_frame(_request(station, station.machine, hwtype=6))
    station.send_frame(_request(station, station.machine, ptype=0x86DD))
    return _replies(station)


@case(SECTION, "a reply that nobody asked for, of somebody unknown",
      "RFC 826 (merge flag: not entered)", "it asks", ONLY_4)
def unasked(station: Station) -> str:
    station.send_frame(station.frame() / ARP(
        op=2, hwsrc=ANOTHER, psrc=station.address, hwdst=station.wire.machine_mac,
        pdst="10.77.0.77"))
    station.order("ping")
    return "it asks" if not station.questions.empty() else "it does not ask"


@case(SECTION, "an announcement of somebody known", "RFC 826 (merge flag), RFC 5944 §4.6",
      "goes to the new address", ONLY_4, when=When.ALONE)
def announcement(station: Station) -> str:
    station.fence()
    station.send_frame(_request(station, station.address, hwsrc=ANOTHER))
    return goes_to(station, ANOTHER)


@case(SECTION, "a packet waits for the address that it needs", "RFC 1122 §2.3.2.2",
      "asked; nothing yet; then it comes", ONLY_4)
def waits(station: Station) -> str:
    station.answers = False
    send_ping(station)
    question = station.question()
    try:
        yet = station.receive(seconds=0.3).summary()
    except Nothing:
        yet = "nothing yet"
    station.answers = True
    station.send_frame(station.answer(question))
    answer = pong(station)
    then = "then it comes" if bytes(answer[UDP].payload) == b"pong" else answer.summary()
    return f"asked; {yet}; {then}"


@case(SECTION, "nobody has the address", "RFC 1122 §2.3.2.1 (at most once a second)",
      "asked more than once, not faster than once a second, and no more", ONLY_4,
      when=When.EARLY)
def nobody(station: Station) -> str:
    times = unanswered(station)
    return (f"asked {'more than once' if len(times) > 1 else 'once'}, "
            f"{'not faster than once a second' if no_faster_than_a_second(times) else 'faster'}, "
            "and no more")


@case(SECTION, "the machine comes up", "RFC 5227 §2.3 (announces its address)",
      "an announcement to all", ONLY_4)
def comes_up(station: Station) -> str:
    frames = [Ether(frame) for frame in station.wire.boot]
    return _announced(station, frames)


def _announced(station: Station, frames: list[Packet]) -> str:
    for frame in frames:
        if (ARP in frame and frame[ARP].psrc == station.machine
                and frame[ARP].hwsrc == station.wire.machine_mac):
            own = frame[ARP].pdst == station.machine and frame.dst == BROADCAST
            return "an announcement to all" if own else f"a reply to {frame.dst}"
    return "nothing"


@case(SECTION, "another announces the machine's address", "RFC 5227 §2.4 (b)",
      "an announcement to all", ONLY_4,
      deviates="lwIP takes it for a question and says so to who asks; addresses of "
               "back-ends are given out by the daemon, or by a server", when=When.ALONE)
def conflict(station: Station) -> str:
    found: list[Packet] = []
    watch = _watch(station, found)
    station.send_frame(_request(station, station.machine, psrc=station.machine,
                                hwsrc=ANOTHER))
    station.fence()
    station.wire.watchers.remove(watch)
    return _announced(station, found)


# --- IPv4 -------------------------------------------------------------------------------

SECTION = "IPv4"


@case(SECTION, "a wrong checksum of the header", "RFC 1122 §3.2.1.2", "nothing", ONLY_4)
def header_checksum(station: Station) -> str:
    return ping(station, chksum=0xBAD)


@case(SECTION, "another version", "RFC 1122 §3.2.1.1", "nothing", ONLY_4)
def version(station: Station) -> str:
    return ping(station, version=5)


@case(SECTION, "a time to live of 1 and of 0", "RFC 1122 §3.2.1.7 (taken)", "pong pong",
      ONLY_4)
def time_to_live(station: Station) -> str:
    send_ping(station, ttl=1)
    return ping(station, ttl=0)


@case(SECTION, "options", "RFC 1122 §3.2.1.8 (taken)", "pong", ONLY_4)
def ip_options(station: Station) -> str:
    return ping(station, options=[IPOption_NOP(), IPOption_RR(routers=["0.0.0.0"])])


@case(SECTION, "a length beyond the frame, and below the header's", "RFC 791 §3.1",
      "nothing", ONLY_4)
def length(station: Station) -> str:
    send_ping(station, len=200)
    return ping(station, len=19)


@case(SECTION, "a packet for another", "RFC 1122 §3.2.1.3 (dropped), §3.3.1 (no router)",
      "nothing", ONLY_4)
def for_another(station: Station) -> str:
    return ping(station, dst="10.77.99.98")


@case(SECTION, "a packet from the loopback's addresses", "RFC 1122 §3.2.1.3 (g)",
      "nothing", ONLY_4)
def from_loopback(station: Station) -> str:
    return ping(station, src="127.0.0.1")


@case(SECTION, "a protocol that nobody knows", "RFC 1122 §3.2.2.1",
      "protocol unreachable", ONLY_4)
def protocol(station: Station) -> str:
    station.send(station.ip(proto=254) / Raw(b"?" * 16))
    error = station.receive(is_error)[ICMP]
    is_it = (error.type, error.code) == (3, 2)
    return "protocol unreachable" if is_it else error.summary()


# --- ICMP -------------------------------------------------------------------------------

SECTION = "ICMP"


def echo(station: Station, body: bytes, number: int = 1) -> bytes | None:
    """What comes back of an echo request, which is sent in fragments if it must, and
    whose answer is put together; None if nothing comes."""
    request = station.ip(id=number) / ICMP(type=8, id=77, seq=number) / Raw(body)
    for piece in fragments(request, 1480):
        station.send(piece)
    return echoed(station)


def fragments(packet: Packet, size: int) -> list[Packet]:
    """Its pieces of `size` bytes each, a multiple of 8, the last one less."""
    whole = IP(bytes(packet))
    payload = bytes(whole.payload)
    pieces = []
    for first in range(0, len(payload), size):
        head = whole.copy()
        head.remove_payload()
        head.len = head.chksum = None
        head.frag = first // 8
        head.flags = "MF" if first + size < len(payload) else 0
        pieces.append(head / Raw(payload[first:first + size]))
    return pieces


def echoed(station: Station) -> bytes | None:
    """The body of the echo reply that has come, or None."""
    parts = {}
    for packet in station.received(lambda packet: IP in packet and packet[IP].proto == 1):
        if packet[IP].frag == 0 and bytes(packet[IP].payload)[0] != 0:
            continue
        ip = packet[IP]
        parts[ip.frag * 8] = bytes(ip.payload)[:ip.len - ip.ihl * 4]
    if not parts:
        return None
    whole = b"".join(parts[first] for first in sorted(parts))
    return whole[8:]


def _is_back(back: bytes | None, body: bytes) -> str:
    if back is None:
        return "nothing"
    return "all comes back" if back == body else f"{len(back)} wrong bytes come back"


@case(SECTION, "echo, of every size", "RFC 1122 §3.2.2.6, RFC 792", "all comes back",
      ONLY_4)
def echoes(station: Station) -> str:
    seen = set()
    for number, size in enumerate((0, 1, 56, 1472, 1473, 8000, 20000), 1):
        seen.add(_is_back(echo(station, stream(size), number), stream(size)))
    return " / ".join(sorted(seen))


@case(SECTION, "echo with a wrong checksum", "RFC 792 (checksum)", "nothing", ONLY_4)
def echo_checksum(station: Station) -> str:
    station.send(station.ip() / ICMP(type=8, chksum=0xBAD) / Raw(b"x"))
    return _is_back(echoed(station), b"x")


@case(SECTION, "echo to all", "RFC 1122 §3.2.2.6 (may be ignored)", "nothing", ONLY_4)
def echo_to_all(station: Station) -> str:
    for to in ("10.77.255.255", "255.255.255.255", "224.0.0.1"):
        station.send_frame(station.frame(BROADCAST) / station.ip(dst=to) /
                           ICMP(type=8) / Raw(b"x"))
    return _is_back(echoed(station), b"x")


@case(SECTION, "no error about a datagram to all, nor about an error",
      "RFC 1122 §3.2.2", "nothing", ONLY_4)
def no_errors(station: Station) -> str:
    datagram = UDP(sport=4000, dport=99) / Raw(b"x")
    station.send_frame(station.frame(BROADCAST) / station.ip(dst="10.77.255.255") / datagram)
    # An error about a datagram that the machine never sent.
    station.send(station.ip() / ICMP(type=3, code=3) /
                 IP(src=station.machine, dst=station.address) / datagram)
    found = station.received(is_error)
    return "; ".join(each.summary() for each in found) or "nothing"


@case(SECTION, "other requests and unknown types", "RFC 1122 §3.2.2 (ignored)", "nothing",
      ONLY_4)
def other_types(station: Station) -> str:
    for kind in (13, 15, 17, 4, 5, 9, 200):
        station.send(station.ip() / ICMP(type=kind) / Raw(bytes(12)))
    found = station.received(lambda packet: ICMP in packet)
    return "; ".join(each.summary() for each in found) or "nothing"


@case(SECTION, "a router asks for smaller packets", "RFC 1191 §3, RFC 9293 §3.7.2 (a host may)",
      "may be fragmented on the way", ONLY_4)
def fragmentation_needed(station: Station) -> str:
    """No path MTU discovery: DF is never set, so that no router asks."""
    send_ping(station)
    set_ = pong(station)[IP].flags.DF
    return "must not be fragmented" if set_ else "may be fragmented on the way"


# --- fragments --------------------------------------------------------------------------

SECTION = "IPv4 fragments"
BODY = stream(4000)


def _pieces(station: Station, number: int = 1, size: int = 1000) -> list[Packet]:
    return fragments(station.ip(id=number) / ICMP(type=8, id=77, seq=number) / Raw(BODY),
                     size)


def _sent(station: Station, pieces: list[Packet]) -> str:
    for piece in pieces:
        station.send(piece)
    return _is_back(echoed(station), BODY)


@case(SECTION, "in order", "RFC 791 §3.2", "all comes back", ONLY_4)
def in_order(station: Station) -> str:
    return _sent(station, _pieces(station))


@case(SECTION, "backwards", "RFC 791 §3.2", "all comes back", ONLY_4)
def backwards(station: Station) -> str:
    return _sent(station, _pieces(station)[::-1])


@case(SECTION, "each twice", "RFC 791 §3.2", "all comes back", ONLY_4)
def twice(station: Station) -> str:
    pieces = _pieces(station)
    return _sent(station, [piece for piece in pieces[:-1] for _ in range(2)] + pieces[-1:])


@case(SECTION, "of two datagrams at once", "RFC 791 §3.2 (identification)",
      "both come back", ONLY_4)
def interleaved(station: Station) -> str:
    for pair in zip(_pieces(station, 1), _pieces(station, 2)):
        for piece in pair:
            station.send(piece)
    replies = {packet[IP].id for packet in station.received(
        lambda packet: IP in packet and packet[IP].proto == 1)}
    return "both come back" if len(replies) == 2 else f"{len(replies)} come back"


def _overlap(station: Station, at: int) -> Packet:
    """A fragment of other bytes that lies across the first two."""
    piece = _pieces(station)[0].copy()
    piece.frag = at // 8
    piece.flags = "MF"
    piece.len = piece.chksum = None
    return piece.__class__(bytes(piece)[:20]) / Raw(b"!" * 1000)


@case(SECTION, "one that overlaps others with other bytes",
      "RFC 791 §3.2 (either may be kept), RFC 1858", "all comes back", ONLY_4)
def overlapping(station: Station) -> str:
    """What came first stays."""
    pieces = _pieces(station)
    return _sent(station, [pieces[0], pieces[1], _overlap(station, 504), *pieces[2:]])


@case(SECTION, "one that overlaps and fills a gap", "RFC 791 §3.2, RFC 1858",
      "nothing; then all comes back", ONLY_4)
def overlapping_gap(station: Station) -> str:
    """It is dropped; the one that fits is waited for."""
    pieces = _pieces(station)
    before = _sent(station, [pieces[0], *pieces[2:], _overlap(station, 504)])
    return f"{before}; then {_sent(station, [pieces[1]])}"


@case(SECTION, "beyond 65,535 bytes", "RFC 791 §3.1 (total length)",
      "nothing; the next datagram: all comes back", ONLY_4)
def too_long(station: Station) -> str:
    head, *_ = _pieces(station, 5)
    head.len = head.chksum = None
    head.frag, head.flags = 65528 // 8, 0
    station.send(_pieces(station, 5)[0])
    station.send(IP(bytes(head)[:20]) / Raw(b"!" * 1000))
    before = _is_back(echoed(station), BODY)
    return f"{before}; the next datagram: {_sent(station, _pieces(station, 6))}"


@case(SECTION, "of which one is missing", "RFC 1122 §3.3.2",
      "nothing; then time exceeded, quoting the first; the last alone: nothing", ONLY_4,
      when=When.EARLY)
def missing(station: Station) -> str:
    pieces = _pieces(station)
    before = _sent(station, [pieces[0], *pieces[2:]])
    error = station.receive(is_error, 90)
    kind = (error[ICMP].type, error[ICMP].code) == (11, 1)
    quotes = bytes(IP(bytes(pieces[0])).payload)[:8] in bytes(error)
    text = "time exceeded" if kind else error.summary()
    quoted = "quoting the first" if quotes else "quoting something else"
    return f"{before}; then {text}, {quoted}; the last alone: {_sent(station, [pieces[1]])}"


@case(SECTION, "how long the rest is waited for", "RFC 1122 §3.3.2 (60 s to 120 s)",
      "60 s at least", ONLY_4,
      deviates="15 s: what is missing after that doesn't come, and fragments that wait "
               "take memory from others'", when=When.EARLY)
def how_long(station: Station) -> str:
    station.send(_pieces(station)[0])
    began = time.monotonic()
    station.receive(is_error, 90)
    return "60 s at least" if time.monotonic() - began > 55 else "less than 60 s"


@case(SECTION, "more that stay incomplete than are kept", "RFC 1122 §3.3.2 (no leak)",
      "all comes back", ONLY_4, when=When.ALONE)
def incomplete(station: Station) -> str:
    """512 fragments wait at most; were they not given back, none could after that."""
    for number in range(100, 1400):
        station.send(_pieces(station, number)[1])
        if number % 50 == 0:
            station.fence()
    return _sent(station, _pieces(station))
