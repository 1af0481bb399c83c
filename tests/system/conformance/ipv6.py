"""IPv6 and its fragments, ICMPv6, neighbour discovery."""

import time

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (
    ICMPv6EchoReply,
    ICMPv6EchoRequest,
    ICMPv6MLReport,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RS,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    ICMPv6ParamProblem,
    ICMPv6TimeExceeded,
    HBHOptUnknown,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import Ether
from scapy.packet import Packet, Raw

from raw_peer import Nothing, Station, Tcp, stream

from .case import When, case
from .ping import goes_to, heard, ping, send_ping
from .udp import is_error
from .waits import no_faster_than_a_second, unanswered
from .windows import flight

ONLY_6 = (6,)
ANOTHER = "02:77:00:00:06:99"  # a MAC that no station has
UNKNOWN_OPTION = 14  # a nonce (RFC 3971 §5.3.2), as long as an address's
ALL_NODES, ALL_NODES_MAC = "ff02::1", "33:33:00:00:00:01"
# The machine's address is fd77::2.
SOLICITED_NODE, SOLICITED_MAC = "ff02::1:ff00:2", "33:33:ff:00:00:02"


# --- neighbour discovery ------------------------------------------------------------------

SECTION = "IPv6 neighbour discovery"
ADVERTISED = "NA solicited override, of 52:54:00:12:34:56"


def _solicit(station: Station, target: str = "", to: str = SOLICITED_NODE,
             mac: str = SOLICITED_MAC, hops: int = 255, source: str = "",
             option: bool = True, **fields) -> Packet:
    packet = (station.frame(mac) / IPv6(src=source or station.address, dst=to, hlim=hops) /
              ICMPv6ND_NS(tgt=target or station.machine, **fields))
    return packet / ICMPv6NDOptSrcLLAddr(lladdr=station.mac) if option else packet


def _is_advertisement(packet: Packet) -> bool:
    return ICMPv6ND_NA in packet


def _advertisements(station: Station) -> str:
    return "; ".join(map(_describe, station.received(_is_advertisement))) or "nothing"


def _describe(packet: Packet) -> str:
    flags = "".join(f" {name}" for name, is_set in (
        ("router", packet[ICMPv6ND_NA].R), ("solicited", packet[ICMPv6ND_NA].S),
        ("override", packet[ICMPv6ND_NA].O)) if is_set)
    option = packet.getlayer(ICMPv6NDOptDstLLAddr)
    return f"NA{flags}, of {option.lladdr if option else 'nobody'}"


@case(SECTION, "the machine comes up", "RFC 4862 §5.4.2, RFC 4861 §6.3.7, RFC 2710 §4",
      "asks for fd77::2 and for its link-local address, from nobody to their groups, "
      "hop limit 255; for routers; reports its groups", ONLY_6)
def comes_up(station: Station) -> str:
    frames = [Ether(frame) for frame in station.wire.boot]
    asked = {each[ICMPv6ND_NS].tgt for each in frames if ICMPv6ND_NS in each
             and (each[IPv6].src, each[IPv6].hlim) == ("::", 255)
             and each[IPv6].dst.startswith("ff02::1:ff")}
    links = {target for target in asked if target.startswith("fe80::")}
    said = [f"asks for {station.machine}" if station.machine in asked else "does not ask"]
    if links:
        said[0] += (" and for its link-local address, from nobody to their groups, "
                    "hop limit 255")
    if any(ICMPv6ND_RS in each and each[IPv6].dst == "ff02::2" for each in frames):
        said.append("for routers")
    if any(ICMPv6MLReport in each for each in frames):
        said.append("reports its groups")
    return "; ".join(said)


@case(SECTION, "a solicitation", "RFC 4861 §7.2.4", ADVERTISED, ONLY_6)
def solicitation(station: Station) -> str:
    station.send_frame(_solicit(station))
    return _advertisements(station)


@case(SECTION, "a solicitation to the machine alone", "RFC 4861 §7.2.4, §7.3.3",
      ADVERTISED, ONLY_6)
def unicast_solicitation(station: Station) -> str:
    station.send_frame(_solicit(station, to=station.machine, mac=station.wire.machine_mac))
    return _advertisements(station)


@case(SECTION, "a solicitation of somebody known, without his address",
      "RFC 4861 §7.2.3, §7.2.4 (answered if it was not to a group)", ADVERTISED, ONLY_6)
def solicitation_without_option(station: Station) -> str:
    station.fence()
    station.send_frame(_solicit(station, to=station.machine,
                                mac=station.wire.machine_mac, option=False))
    return _advertisements(station)


@case(SECTION, "a solicitation that has come through a router",
      "RFC 4861 §7.1.1 (hop limit 255)", "nothing", ONLY_6)
def hop_limit(station: Station) -> str:
    station.send_frame(_solicit(station, hops=254))
    return _advertisements(station)


@case(SECTION, "solicitations with a wrong checksum, code, target", "RFC 4861 §7.1.1",
      "nothing", ONLY_6)
def bad_solicitations(station: Station) -> str:
    station.send_frame(_solicit(station, cksum=0xBAD))
    station.send_frame(_solicit(station, code=1))
    station.send_frame(_solicit(station, target=ALL_NODES))
    return _advertisements(station)


@case(SECTION, "an option of length 0", "RFC 4861 §7.1.1", "nothing", ONLY_6)
def empty_option(station: Station) -> str:
    option = Raw(b"\x01\x00" + bytes.fromhex(station.mac.replace(":", "")))
    station.send_frame(_solicit(station, option=False) / option)
    return _advertisements(station)


@case(SECTION, "a solicitation in a fragment", "RFC 6980 §5 (ignored)", "nothing", ONLY_6,
      deviates="it would hide the message from a switch that looks into it, and the "
               "bridge of back-ends does not")
def fragmented_solicitation(station: Station) -> str:
    plain = IPv6(bytes(_solicit(station)[IPv6]))
    packet = (IPv6(src=plain.src, dst=plain.dst, hlim=255) /
              IPv6ExtHdrFragment(nh=58, offset=0, m=0, id=7) / Raw(bytes(plain.payload)))
    station.send_frame(station.frame(SOLICITED_MAC) / packet)
    return _advertisements(station)


@case(SECTION, "a solicitation for another", "RFC 4861 §7.2.3", "nothing", ONLY_6)
def for_another(station: Station) -> str:
    station.send_frame(_solicit(station, target="fd77::77:77"))
    return _advertisements(station)


@case(SECTION, "another wants to use the machine's address", "RFC 4861 §7.2.4, RFC 4862 §5.4.3",
      "NA override, of 52:54:00:12:34:56, to all", ONLY_6)
def duplicate(station: Station) -> str:
    found: list[Packet] = []

    def watch(frame: bytes) -> None:
        if frame[:6] == b"\x33\x33\0\0\0\x01":
            found.append(Ether(frame))
    station.wire.watchers.append(watch)
    station.send_frame(_solicit(station, source="::", option=False))
    station.fence()
    station.wire.watchers.remove(watch)
    ours = [each for each in found if ICMPv6ND_NA in each
            and each[ICMPv6ND_NA].tgt == station.machine]
    return f"{_describe(ours[0])}, to all" if ours else "nothing"


@case(SECTION, "another says that he has the machine's address", "RFC 4862 §5.4.4",
      "it stays: pong", ONLY_6, when=When.ALONE)
def claimed(station: Station) -> str:
    station.send_frame(station.frame(ALL_NODES_MAC) /
                       IPv6(src=station.machine, dst=ALL_NODES, hlim=255) /
                       ICMPv6ND_NA(tgt=station.machine, R=0, S=0, O=1) /
                       ICMPv6NDOptDstLLAddr(lladdr=ANOTHER))
    return f"it stays: {ping(station)}"


def _advertise(station: Station, override: int, solicited: int = 0, to: str = "",
               hops: int = 255) -> None:
    station.send_frame(station.frame(station.wire.machine_mac if to else ALL_NODES_MAC) /
                       IPv6(src=station.address, dst=to or ALL_NODES, hlim=hops) /
                       ICMPv6ND_NA(tgt=station.address, R=0, S=solicited, O=override) /
                       ICMPv6NDOptDstLLAddr(lladdr=ANOTHER))


@case(SECTION, "an advertisement that overrides", "RFC 4861 §7.2.5",
      "goes to the new address", ONLY_6, when=When.ALONE)
def override(station: Station) -> str:
    station.fence()
    _advertise(station, override=1)
    return goes_to(station, ANOTHER)


@case(SECTION, "a solicitation of somebody known, with another address",
      "RFC 4861 §7.2.3", "goes to the new address", ONLY_6, when=When.ALONE)
def moved(station: Station) -> str:
    station.fence()
    solicitation = _solicit(station, option=False) / ICMPv6NDOptSrcLLAddr(lladdr=ANOTHER)
    station.send_frame(solicitation)
    return goes_to(station, ANOTHER)


@case(SECTION, "an address behind an option that nobody knows", "RFC 4861 §4.6 (skipped)",
      "goes to the new address", ONLY_6, when=When.ALONE)
def behind_another_option(station: Station) -> str:
    station.fence()
    unknown = Raw(bytes([UNKNOWN_OPTION, 1]) + b"others")
    station.send_frame(_solicit(station, option=False) / unknown /
                       ICMPv6NDOptSrcLLAddr(lladdr=ANOTHER))
    return goes_to(station, ANOTHER)


@case(SECTION, "an advertisement that does not override", "RFC 4861 §7.2.5",
      "goes to the old address", ONLY_6, when=When.ALONE)
def no_override(station: Station) -> str:
    station.fence()
    _advertise(station, override=0)
    _advertise(station, override=0, solicited=1, to=station.machine)
    return goes_to(station, ANOTHER)


@case(SECTION, "an advertisement that has come through a router", "RFC 4861 §7.1.2",
      "goes to the old address", ONLY_6, when=When.ALONE)
def advertisement_hop_limit(station: Station) -> str:
    station.fence()
    _advertise(station, override=1, hops=64)
    return goes_to(station, ANOTHER)


@case(SECTION, "a neighbour that does not answer any more", "RFC 4861 §7.3.3",
      "3 solicitations to it alone, then one to its group", ONLY_6, when=When.ALONE)
def unreachable(station: Station) -> str:
    station.answers = False
    # The machine learns the address from the solicitation, and then wants to know.
    station.send_frame(_solicit(station))
    alone = 0
    try:
        while True:
            question = station.question(8)
            if question[IPv6].dst == station.address:
                alone += 1
    except Nothing:
        pass
    send_ping(station)
    question = station.question()
    group = "one to its group" if question[IPv6].dst.startswith("ff02::1:ff") else "no"
    return f"{alone} solicitations to it alone, then {group}"


@case(SECTION, "nobody has the address", "RFC 4861 §7.2.2 (3 times, a second apart)",
      "3 times, not faster", ONLY_6, when=When.EARLY)
def nobody(station: Station) -> str:
    times = unanswered(station)
    slow = no_faster_than_a_second(times[1:])
    return f"{len(times)} times, {'not faster' if slow else 'faster'}"


# --- IPv6 -------------------------------------------------------------------------------

SECTION = "IPv6 and ICMPv6"


def echo(station: Station, packet: Packet) -> str:
    """What becomes of an echo request of `stream`, whatever its headers."""
    station.send(packet)
    return echoed(station)


def echoed(station: Station, body: bytes = stream(100)) -> str:
    found = station.received(lambda packet: ICMPv6EchoReply in packet or is_error(packet))
    texts = []
    for packet in found:
        if ICMPv6EchoReply in packet:
            right = packet[ICMPv6EchoReply].data == body
            texts.append("all comes back" if right else "wrong bytes come back")
        elif ICMPv6ParamProblem in packet:
            problem = packet[ICMPv6ParamProblem]
            texts.append(f"parameter problem {problem.code} at {problem.ptr}")
        else:
            texts.append(packet.summary())
    return "; ".join(texts) or "nothing"


ECHO = ICMPv6EchoRequest(id=77, seq=1, data=stream(100))


@case(SECTION, "echo", "RFC 4443 §4.2", "all comes back", ONLY_6)
def echo_request(station: Station) -> str:
    return echo(station, station.ip() / ECHO)


@case(SECTION, "echo with a wrong checksum", "RFC 4443 §2.3", "nothing", ONLY_6)
def echo_checksum(station: Station) -> str:
    return echo(station, station.ip() / ICMPv6EchoRequest(id=77, cksum=0xBAD,
                                                          data=stream(100)))


@case(SECTION, "a hop limit of 1 and of 0", "RFC 8200 §3 (taken by its destination)",
      "all comes back; all comes back", ONLY_6)
def hops(station: Station) -> str:
    station.send(station.ip(hlim=1) / ECHO)
    return echo(station, station.ip(hlim=0) / ECHO)


@case(SECTION, "extension headers", "RFC 8200 §4.1", "all comes back", ONLY_6)
def extension_headers(station: Station) -> str:
    pad = PadN(optdata=bytes(4))
    return echo(station, station.ip() / IPv6ExtHdrHopByHop(options=[pad]) /
                IPv6ExtHdrDestOpt(options=[pad]) / ECHO)


@case(SECTION, "an unknown next header", "RFC 8200 §4, RFC 4443 §3.4",
      "parameter problem 1 at 6", ONLY_6)
def next_header(station: Station) -> str:
    return echo(station, station.ip(nh=253) / Raw(bytes(16)))


def _unknown_option(station: Station, kind: int) -> str:
    option = HBHOptUnknown(otype=kind, optdata=bytes(4))
    return echo(station, station.ip() / IPv6ExtHdrDestOpt(options=[option]) / ECHO)


@case(SECTION, "an unknown option to be skipped", "RFC 8200 §4.2 (00)", "all comes back",
      ONLY_6)
def option_skip(station: Station) -> str:
    return _unknown_option(station, 0x1E)


@case(SECTION, "an unknown option to be dropped for", "RFC 8200 §4.2 (01)", "nothing",
      ONLY_6)
def option_drop(station: Station) -> str:
    return _unknown_option(station, 0x5E)


@case(SECTION, "an unknown option to be told of", "RFC 8200 §4.2 (10)",
      "parameter problem 2 at 42", ONLY_6)
def option_tell(station: Station) -> str:
    return _unknown_option(station, 0x9E)


@case(SECTION, "a routing header of type 0", "RFC 5095 §3 (segments left)",
      "parameter problem 0 at 42", ONLY_6)
def routing_0(station: Station) -> str:
    return echo(station, station.ip() /
                IPv6ExtHdrRouting(type=0, addresses=["fd77::77:78"], segleft=1) / ECHO)


@case(SECTION, "a packet for another", "RFC 8200 §4 (no router)", "nothing", ONLY_6)
def packet_for_another(station: Station) -> str:
    return echo(station, station.ip(dst="fd77::99:98") / ECHO)


@case(SECTION, "a packet from a group and from the loopback", "RFC 4291 §2.7, §2.5.3",
      "nothing", ONLY_6)
def bad_sources(station: Station) -> str:
    for source in ("ff02::1", "::1"):
        send_ping(station, src=source)
    return heard(station, 4000)


@case(SECTION, "a length beyond the frame", "RFC 8200 §3", "nothing", ONLY_6)
def length(station: Station) -> str:
    return echo(station, station.ip(plen=500) / ECHO)


@case(SECTION, "no error about a datagram to all, nor about an error", "RFC 4443 §2.4 (e)",
      "nothing", ONLY_6)
def no_errors(station: Station) -> str:
    datagram = UDP(sport=4000, dport=99) / Raw(b"x")
    station.send_frame(station.frame(ALL_NODES_MAC) / station.ip(dst=ALL_NODES) / datagram)
    station.send(station.ip() / ICMPv6TimeExceeded() /
                 IPv6(src=station.machine, dst=station.address) / datagram)
    return echoed(station)


def _after_too_big(station: Station, mtu: int) -> str:
    """How large segments are when a router has asked for such packets."""
    tcp = Tcp(station).open()
    tcp.order("send", 3000)
    tcp.until_data(3001)
    quoted = IPv6(src=station.machine, dst=station.address, plen=1460, nh=6)
    station.send(station.ip() / ICMPv6PacketTooBig(mtu=mtu) / quoted / Raw(bytes(40)))
    station.fence()
    largest = max(len(segment.data) for segment in flight(tcp, 5000))
    return f"segments of {largest} at most"


@case(SECTION, "a router asks for packets of 1280 bytes", "RFC 8201 §4, RFC 4443 §3.2",
      "segments of 1220 at most", ONLY_6)
def too_big(station: Station) -> str:
    return _after_too_big(station, 1280)


@case(SECTION, "a router asks for packets smaller than any link's",
      "RFC 8201 §4 (not below 1280)", "segments of 1440 at most", ONLY_6)
def far_too_big(station: Station) -> str:
    return _after_too_big(station, 600)


# --- fragments --------------------------------------------------------------------------

SECTION = "IPv6 fragments"
BODY = stream(3992)  # with ICMPv6's header a multiple of 8


def fragments(station: Station, number: int = 1, size: int = 1000) -> list[Packet]:
    request = IPv6(bytes(station.ip() / ICMPv6EchoRequest(id=77, seq=number, data=BODY)))
    payload = bytes(request.payload)
    return [_fragment(station, first, payload[first:first + size],
                      first + size < len(payload), number)
            for first in range(0, len(payload), size)]


def _fragment(station: Station, offset: int, data: bytes, more: bool,
              number: int = 1) -> Packet:
    return station.ip() / IPv6ExtHdrFragment(nh=58, offset=offset // 8, m=int(more),
                                             id=number) / Raw(data)


def _sent(station: Station, pieces: list[Packet]) -> str:
    """What becomes of them. The answer is in fragments itself."""
    for piece in pieces:
        station.send(piece)
    parts = {}
    errors = []
    for packet in station.received(lambda packet: IPv6ExtHdrFragment in packet
                                   or is_error(packet)):
        if is_error(packet):
            errors.append(packet.summary() if ICMPv6ParamProblem not in packet else
                          f"parameter problem {packet[ICMPv6ParamProblem].code} "
                          f"at {packet[ICMPv6ParamProblem].ptr}")
            continue
        head = packet[IPv6ExtHdrFragment]
        parts[head.offset * 8] = bytes(head.payload)[:packet[IPv6].plen - 8]
    whole = b"".join(parts[first] for first in sorted(parts))[8:]
    if errors:
        return "; ".join(errors)
    if not whole:
        return "nothing"
    return "all comes back" if whole == BODY else f"{len(whole)} wrong bytes come back"


@case(SECTION, "in order", "RFC 8200 §4.5", "all comes back", ONLY_6)
def in_order(station: Station) -> str:
    return _sent(station, fragments(station))


@case(SECTION, "backwards", "RFC 8200 §4.5", "all comes back", ONLY_6)
def backwards(station: Station) -> str:
    return _sent(station, fragments(station)[::-1])


@case(SECTION, "each twice", "RFC 8200 §4.5 (exact duplicates may be dropped)",
      "all comes back", ONLY_6)
def twice(station: Station) -> str:
    pieces = fragments(station)
    return _sent(station, [piece for piece in pieces[:-1] for _ in range(2)] + pieces[-1:])


@case(SECTION, "one that is all", "RFC 6946 §4, RFC 8200 §4.5 (atomic)", "all comes back",
      ONLY_6)
def atomic(station: Station) -> str:
    """It is not put together with others of its number."""
    station.send(fragments(station)[0])
    request = IPv6(bytes(station.ip() / ECHO))
    return echo(station, _fragment(station, 0, bytes(request.payload), False))


@case(SECTION, "one that overlaps the one before", "RFC 8200 §4.5, RFC 5722 §4", "nothing",
      ONLY_6)
def overlaps_before(station: Station) -> str:
    pieces = fragments(station)
    overlap = _fragment(station, 504, b"!" * 1000, True)
    return _sent(station, [pieces[0], overlap, *pieces[1:]])


@case(SECTION, "one that overlaps the one behind it", "RFC 8200 §4.5, RFC 5722 §4",
      "nothing", ONLY_6)
def overlaps_behind(station: Station) -> str:
    pieces = fragments(station)
    overlap = _fragment(station, 504, b"!" * 1000, True)
    return _sent(station, [pieces[1], overlap, pieces[0], *pieces[2:]])


@case(SECTION, "another at the same place", "RFC 8200 §4.5, RFC 5722 §4", "nothing", ONLY_6)
def overlaps_same_place(station: Station) -> str:
    pieces = fragments(station)
    return _sent(station, [pieces[0], _fragment(station, 0, b"!" * 504, True), *pieces[1:]])


@case(SECTION, "after an overlap", "RFC 8200 §4.5", "nothing; the next: all comes back",
      ONLY_6)
def after_overlap(station: Station) -> str:
    pieces = fragments(station)
    first = _sent(station, [pieces[0], _fragment(station, 504, b"!" * 1000, True),
                            *pieces[1:]])
    return f"{first}; the next: {_sent(station, fragments(station, 2))}"


@case(SECTION, "a length that is no multiple of 8, and more follow", "RFC 8200 §4.5",
      "parameter problem 0 at 4", ONLY_6)
def odd_length(station: Station) -> str:
    return _sent(station, [_fragment(station, 0, bytes(1001), True)])


@case(SECTION, "beyond 65,535 bytes", "RFC 8200 §4.5", "parameter problem 0 at 42", ONLY_6,
      deviates="dropped in silence, which keeps the node from being a reflector")
def too_long(station: Station) -> str:
    return _sent(station, [_fragment(station, 65528, bytes(1000), False)])


@case(SECTION, "of which one is missing", "RFC 8200 §4.5 (60 s, then it is told)",
      "nothing; after 60 s time exceeded 1, quoting the first", ONLY_6, when=When.EARLY)
def missing(station: Station) -> str:
    pieces = fragments(station)
    before = _sent(station, [pieces[0], *pieces[2:]])
    began = time.monotonic()
    error = station.receive(is_error, 120)
    late = "after 60 s" if time.monotonic() - began > 55 else "before 60 s"
    text = (f"time exceeded {error[ICMPv6TimeExceeded].code}"
            if ICMPv6TimeExceeded in error else error.summary())
    quotes = bytes(pieces[0])[:200] in bytes(error)
    return (f"{before}; {late} {text}, "
            f"{'quoting the first' if quotes else 'quoting something else'}")


@case(SECTION, "without the first", "RFC 8200 §4.5 (not told)", "nothing", ONLY_6,
      when=When.EARLY)
def missing_first(station: Station) -> str:
    pieces = fragments(station)
    before = _sent(station, pieces[1:])
    try:
        return station.receive(is_error, 75).summary()
    except Nothing:
        return before


@case(SECTION, "more that stay incomplete than are kept", "RFC 8200 §4.5 (no leak)",
      "all comes back", ONLY_6, when=When.ALONE)
def incomplete(station: Station) -> str:
    """512 fragments wait at most; were they not given back, none could after that."""
    for number in range(100, 1400):
        station.send(_fragment(station, 1000, bytes(1000), True, number))
        if number % 50 == 0:
            station.fence()
    return _sent(station, fragments(station))
