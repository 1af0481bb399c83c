"""Frames with mistakes in them: good ones, and all that can be wrong with their
lengths, options and fragments. Sums are right for what a frame says of itself, so that
the mistake is all that there is to find."""

import itertools
import random
import socket
import struct
from collections.abc import Iterator

ETHERNET = 14
TCP, UDP, ICMP, ICMPV6 = 6, 17, 1, 58
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
SUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMPV6: 2}  # in the header


def total(data: bytes) -> int:
    """The one's complement sum, complemented."""
    if len(data) % 2:
        data += b"\0"
    value = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while value >> 16:
        value = (value & 0xFFFF) + (value >> 16)
    return ~value & 0xFFFF


class Speaker:
    """Makes frames from one address of each protocol to a machine."""

    def __init__(self, macs: bytes, four: tuple[str, str], six: tuple[str, str]) -> None:
        """`macs`: the machine's, then ours; of the addresses ours comes first."""
        self._macs = macs
        self.four = tuple(map(socket.inet_aton, four))
        self.six = tuple(socket.inet_pton(socket.AF_INET6, each) for each in six)

    def ethernet(self, kind: int, packet: bytes) -> bytes:
        return self._macs + struct.pack("!H", kind) + packet

    def ip4(self, protocol: int, data: bytes, *, options: bytes = b"", fragment: int = 0,
            ident: int = 1, source: bytes = b"") -> bytes:
        """`fragment`: flags and offset, as in the header."""
        header = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0,
                             20 + len(options) + len(data), ident, fragment, 64, protocol, 0)
        addresses = (source or self.four[0]) + self.four[1]
        return self.ethernet(0x0800, header + addresses + options + data)

    def ip6(self, protocol: int, data: bytes) -> bytes:
        header = struct.pack("!IHBB", 6 << 28, len(data), protocol, 255)
        return self.ethernet(0x86DD, header + b"".join(self.six) + data)

    def arp(self, operation: int) -> bytes:
        return self.ethernet(0x0806, struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation)
                             + self._macs[6:12] + self.four[0] + self._macs[:6] + self.four[1])


def summed(frame: bytes) -> bytes:
    """The frame with the sums that it should have by what its lengths say."""
    out = bytearray(frame)
    if frame[12:14] == b"\x08\x00" and len(frame) >= ETHERNET + 20:
        _sum_ip4(out)
    elif frame[12:14] == b"\x86\xdd" and len(frame) >= ETHERNET + 40:
        length = min(struct.unpack_from("!H", out, ETHERNET + 4)[0], len(out) - ETHERNET - 40)
        _sum_transport(out, out[ETHERNET + 6], ETHERNET + 40, length, bytes(out[22:54]))
    return bytes(out)


def _sum_ip4(out: bytearray) -> None:
    header = (out[ETHERNET] & 15) * 4
    if header >= 20 and ETHERNET + header <= len(out):
        struct.pack_into("!H", out, ETHERNET + 10, 0)
        struct.pack_into("!H", out, ETHERNET + 10, total(bytes(out[ETHERNET:ETHERNET + header])))
    fragment = struct.unpack_from("!H", out, ETHERNET + 6)[0] & 0x3FFF
    if fragment == 0:
        said = struct.unpack_from("!H", out, ETHERNET + 2)[0] - header
        length = min(said, len(out) - ETHERNET - header)
        _sum_transport(out, out[ETHERNET + 9], ETHERNET + header, length, bytes(out[26:34]))


def _sum_transport(out: bytearray, protocol: int, at: int, length: int,
                   addresses: bytes) -> None:
    place = SUM_AT.get(protocol)
    if place is None or length < place + 2:
        return
    struct.pack_into("!H", out, at + place, 0)
    pseudo = b"" if protocol == ICMP else addresses + struct.pack("!II", length, protocol)
    struct.pack_into("!H", out, at + place, total(pseudo + bytes(out[at:at + length])))


# --- good ones -----------------------------------------------------------------------

def tcp(port: int, to: int, flags: int, data: bytes = b"", options: bytes = b"",
        seq: int = 1) -> bytes:
    return struct.pack("!HHIIBBHHH", port, to, seq, 0, (20 + len(options)) // 4 << 4, flags,
                       65535, 0, 0) + options + data


def udp(port: int, to: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", port, to, 8 + len(data), 0) + data


def ping(version: int) -> bytes:
    return struct.pack("!BBHHH", 8 if version == 4 else 128, 0, 0, 7, 1) + b"ping" * 8


def solicitation(speaker: Speaker, options: bytes) -> bytes:
    return struct.pack("!BBHI", 135, 0, 0, 0) + speaker.six[1] + options


SYN = 2
SYN_OPTIONS = b"\x02\x04\x05\xb4\x04\x02\x01\x03\x03\x07\x01\x01"  # MSS, SACK, scale


def good(speaker: Speaker) -> dict[str, tuple[bytes, list[tuple[int, int]]]]:
    """By name: a frame, and where its lengths are: offset and size in bytes."""
    ip4, ip6, at4, at6 = speaker.ip4, speaker.ip6, ETHERNET + 20, ETHERNET + 40
    lengths4, lengths6 = [(ETHERNET, 1), (ETHERNET + 2, 2)], [(ETHERNET + 4, 2)]
    extension = [*lengths6, (at6 + 1, 1), (at6 + 3, 1)]
    link = b"\x01\x01" + speaker._macs[6:12]
    routing = struct.pack("!BBBBI", ICMPV6, 2, 0, 1, 0) + speaker.six[0]
    padded = struct.pack("!BBBB", ICMPV6, 0, 1, 4) + bytes(4)
    return {
        "ARP": (speaker.arp(1), [(ETHERNET + 4, 1), (ETHERNET + 5, 1)]),
        "ping": (ip4(ICMP, ping(4)), lengths4),
        "options of IPv4": (ip4(ICMP, ping(4), options=b"\x44\x08\x05\0\0\0\0\0"),
                            [*lengths4, (at4 + 1, 1), (at4 + 2, 1)]),
        "UDP": (ip4(UDP, udp(9, 7, b"hello" * 5)), [*lengths4, (at4 + 4, 2)]),
        "SYN": (ip4(TCP, tcp(9, 7, SYN, options=SYN_OPTIONS)),
                [*lengths4, (at4 + 12, 1), *((at4 + 20 + at, 1) for at in (1, 5, 8))]),
        "ping6": (ip6(ICMPV6, ping(6)), lengths6),
        "UDP6": (ip6(UDP, udp(9, 7, b"hello" * 5)), [*lengths6, (at6 + 4, 2)]),
        "SYN6": (ip6(TCP, tcp(9, 7, SYN, options=SYN_OPTIONS)), [*lengths6, (at6 + 12, 1)]),
        "hop by hop": (ip6(HOP_BY_HOP, padded + ping(6)), extension),
        "destination": (ip6(DESTINATION, padded + ping(6)), extension),
        "routing": (ip6(ROUTING, routing + ping(6)), extension),
        "solicitation": (ip6(ICMPV6, solicitation(speaker, link)), [*lengths6, (at6 + 25, 1)]),
    }


# --- what is wrong with them -----------------------------------------------------------

def wrong_lengths(speaker: Speaker) -> Iterator[bytes]:
    """Every length of every frame, with values that it should not have."""
    for frame, lengths in good(speaker).values():
        for at, size in lengths:
            right, most = int.from_bytes(frame[at:at + size], "big"), (1 << 8 * size) - 1
            values = {0, 1, 2, 3, 7, right - 1, right + 1, right // 2, right * 2, 0x40, 0x41, 0x44,
                      0x46, 0x4F, 0x50, 0x10, 0xF2, most - 1, most, most // 2}
            for value in sorted(each for each in values if 0 <= each <= most and each != right):
                yield summed(frame[:at] + value.to_bytes(size, "big") + frame[at + size:])


def truncated(speaker: Speaker) -> Iterator[bytes]:
    """Every frame ended at every place."""
    for frame, _ in good(speaker).values():
        for end in range(ETHERNET, len(frame)):
            yield summed(frame[:end])


def absurd_options(speaker: Speaker) -> Iterator[bytes]:
    """TCP's and IPv4's options of any kind and length, at their end and before."""
    for kind, length in itertools.product((0, 2, 3, 4, 5, 8, 30, 34, 253),
                                          (0, 1, 2, 3, 4, 10, 39, 40, 255)):
        for before in (0, 1, 2):
            option = (b"\x01" * before + bytes([kind, length])).ljust(4, b"\0")
            last = (b"\x01" * 3 + bytes([kind]))
            for options in (option, last, option + last):
                yield summed(speaker.ip4(TCP, tcp(11, 7, SYN, options=options)))
            yield summed(speaker.ip4(ICMP, ping(4), options=option))


def garbage(speaker: Speaker, seed: int) -> Iterator[bytes]:
    """Random bytes in frames of any kind, as ARP's messages, and in packets whose header
    may lie about its own length, theirs, and whether they are fragments."""
    noise = random.Random(seed)
    for number in range(3000):
        if number % 4 == 0:
            yield speaker.ethernet(noise.randrange(1 << 16), noise.randbytes(number % 1400))
        elif number % 4 == 1:
            yield speaker.ethernet(0x0806, noise.randbytes(28))
        else:
            data = noise.randbytes(noise.randrange(200))
            fragment = noise.randrange(1 << 14) if number % 8 < 4 else 0
            frame = bytearray(speaker.ip4((ICMP, TCP, UDP)[number % 3], data,
                                          fragment=fragment, ident=number))
            frame[ETHERNET] += number % 5 % 3
            if number % 4 == 2:
                struct.pack_into("!H", frame, ETHERNET + 2, noise.randrange(1600))
            yield summed(bytes(frame))


def _fragment4(speaker: Speaker, begin: int, end: int, more: bool, ident: int) -> bytes:
    data = udp(9, 7, bytes(120))[begin:end].ljust(end - begin, b"x")
    return summed(speaker.ip4(UDP, data, fragment=begin // 8 | more << 13, ident=ident))


def fragments4(speaker: Speaker) -> Iterator[bytes]:
    """Fragments that overlap, are empty, end beyond the largest packet, or before they
    begin; none of their datagrams is whole."""
    sets = ([(0, 64, 1), (32, 128, 0)], [(32, 128, 0), (0, 64, 1)], [(8, 16, 1), (0, 128, 0)],
            [(0, 0, 1), (0, 8, 1)], [(0, 64, 1), (8, 16, 0)], [(65528, 65536 + 8, 0)],
            [(65528, 65536, 1)], [(128, 128, 0), (0, 120, 1)], [(0, 8, 1), (8, 9, 1), (16, 24, 0)])
    for ident, pieces in enumerate(sets, 100):
        for begin, end, more in pieces:
            yield _fragment4(speaker, begin, end, bool(more), ident)


def _fragment6(speaker: Speaker, data: bytes, begin: int, end: int, kind: int,
               ident: int) -> bytes:
    header = struct.pack("!BBHI", kind, 0, begin | (end < len(data)), ident)
    return speaker.ip6(FRAGMENT, header + data[begin:end])


def fragments6(speaker: Speaker) -> Iterator[bytes]:
    """Fragments whose content is a fragment again, that overlap, that are nothing."""
    plain = ping(6) * 4
    within = struct.pack("!BBHI", ICMPV6, 0, 8 | 1, 77) + plain
    for ident, data, kind in ((200, within, FRAGMENT), (201, plain, ICMPV6)):
        cuts = [(0, 32), (32, len(data))]
        for order in (cuts, cuts[::-1]):
            for begin, end in order:
                yield _fragment6(speaker, data, begin, end, kind, ident)
    for begin, end in ((0, 32), (16, 48), (0, 0), (8, 8)):
        yield _fragment6(speaker, plain, begin, end, ICMPV6, 202)


def ends_fragments6(speaker: Speaker) -> Iterator[bytes]:
    """Whatever of the above waits for its rest is discarded: of two fragments that
    overlap the second one discards both, the first whatever it overlaps itself. After
    the third only that one waits, and the fourth overlaps it."""
    data = bytes(64)
    for ident in (77, 200, 201, 202):
        for begin, end in ((0, 16), (8, 24), (8, 24), (0, 16)):
            yield _fragment6(speaker, data, begin, end, ICMPV6, ident)
