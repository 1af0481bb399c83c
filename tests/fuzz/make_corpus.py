#!/usr/bin/python3
"""Writes the first inputs of network_fuzz and virtqueue_fuzz anew, from packets that
scapy builds and from what the fuzzers' steps are. Others are written by hand."""

import pathlib
import struct

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (
    ICMPv6EchoRequest,
    ICMPv6MLQuery,
    ICMPv6ND_NA,
    ICMPv6ND_NS,
    ICMPv6ND_RA,
    ICMPv6ND_Redirect,
    ICMPv6NDOptDstLLAddr,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptSrcLLAddr,
    ICMPv6PacketTooBig,
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    PadN,
)
from scapy.layers.l2 import ARP
from scapy.packet import Packet, Raw

CORPUS = pathlib.Path(__file__).parent / "corpus"
NODE, PEER = "10.0.0.2", "10.0.0.1"
NODE6, PEER6, PEER_LOCAL = "fd00::2", "fd00::1", "fe80::1"
PEER_MAC = "02:00:00:00:00:01"
SOLICITED = "ff02::1:ff00:2"
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ANY_SUMS, VERIFIED, LEASED = 0, 1, 4
UDP_NUMBER = 17


# --- network_fuzz: its steps -------------------------------------------------------

def four(packet: Packet | bytes) -> bytes:
    data = bytes(packet)
    return struct.pack("<BH", 1, len(data)) + data


def six(packet: Packet | bytes) -> bytes:
    data = bytes(packet)
    return struct.pack("<BH", 2, len(data)) + data


def segment(seq: int, ack: int, flags: int, data: bytes = b"", options: bytes = b"",
            window: int = 65535) -> bytes:
    return (struct.pack("<BhhBHB", 3, seq, ack, flags, window, len(options)) + options
            + struct.pack("<H", len(data)) + data)


def arp(packet: Packet | bytes) -> bytes:
    data = bytes(packet)
    return struct.pack("<BB", 4, len(data)) + data


def seconds(count: int) -> bytes:
    return struct.pack("<BB", 5, count - 1)


def send(size: int) -> bytes:
    return struct.pack("<BH", 6, size)


def connect(port: int) -> bytes:
    return struct.pack("<BB", 7, port)


def dhcp(options: bytes, address: int = 0x0A000002) -> bytes:
    return struct.pack("<BIH", 8, address, len(options)) + options


CLOSE = b"\x09"


def ip(**fields) -> IP:
    return IP(src=PEER, dst=NODE, **fields)


def ip6(**fields) -> IPv6:
    return IPv6(**{"src": PEER6, "dst": NODE6, "hlim": 255, **fields})


def fragments4(data: bytes, cuts: list[tuple[int, int]], proto: int = 17) -> list[bytes]:
    """The pieces [begin, end) of a datagram; the last of them is its last."""
    return [four(ip(id=7, proto=proto, frag=begin // 8,
                    flags="" if end == len(data) else "MF") / Raw(data[begin:end]))
            for begin, end in cuts]


def fragments6(data: bytes, cuts: list[tuple[int, int]], nh: int) -> list[bytes]:
    return [six(ip6() / IPv6ExtHdrFragment(nh=nh, id=7, offset=begin // 8,
                                           m=int(end != len(data)))
                / Raw(data[begin:end]))
            for begin, end in cuts]


def udp(data: bytes) -> bytes:
    return bytes((ip() / UDP(sport=9, dport=7) / Raw(data))[UDP])


def network() -> dict[str, bytes]:
    source = ICMPv6NDOptSrcLLAddr(lladdr=PEER_MAC)
    nonce = Raw(b"\x0e\x01nonce!")
    solicit = ip6(dst=SOLICITED) / ICMPv6ND_NS(tgt=NODE6)
    datagram = udp(bytes(range(64)) * 2)
    ping6 = bytes((ip6() / ICMPv6EchoRequest(data=b"p" * 40))[ICMPv6EchoRequest])
    # A fragment whose content is a fragment again: of one piece, and of a datagram that
    # is never whole.
    inner = bytes(IPv6ExtHdrFragment(nh=58, id=9, offset=1, m=1)) + ping6
    options = b"\x35\x01%c\x36\x04\x0a\0\0\x01\x01\x04\xff\xff\xff\0\x33\x04\0\0\x0e\x10\xff"
    whole = [(0, 48), (48, 96), (96, 136)]
    steps = {
        "ping4": [four(ip() / ICMP() / Raw(b"ping")), four(ip(proto=99) / Raw(bytes(40))),
                  four(ip(options=[b"\x83\x07\x04\x0a\0\0\x01\0"]) / ICMP())],
        "datagrams": [four(ip() / UDP(sport=9, dport=7) / Raw(b"hello")),
                      four(ip() / UDP(sport=9, dport=8) / Raw(b"nobody")),
                      six(ip6() / UDP(sport=9, dport=7) / Raw(b"hello")),
                      four(ip() / UDP(sport=9, dport=7, len=300) / Raw(b"short"))],
        "fragments4": fragments4(datagram, whole),
        "fragments4_backwards": fragments4(datagram, whole[::-1]),
        "fragments4_overlap": fragments4(datagram, [(0, 48), (40, 96), (48, 96), (96, 136)]),
        "fragments4_missing": [*fragments4(datagram, [(0, 48), (96, 136)]), seconds(20)],
        "fragments4_of_nothing": [four(ip(id=3, flags="MF")), four(ip(id=3, frag=1)),
                                  four(ip(id=3, proto=17, frag=8191, flags="MF") / Raw(b"x" * 8))],
        "fragments6": fragments6(ping6, [(0, 24), (24, 48)], 58),
        "fragments6_backwards": fragments6(ping6, [(24, 48), (0, 24)], 58),
        "fragments6_overlap": fragments6(ping6, [(0, 24), (16, 48), (24, 48)], 58),
        "fragments6_missing": [*fragments6(ping6, [(0, 24)], 58), seconds(62)],
        "fragments6_within": fragments6(inner, [(0, 32), (32, len(inner))], 44),
        "fragments6_within_backwards": fragments6(inner, [(32, len(inner)), (0, 32)], 44),
        "fragments6_alone": [six(ip6() / IPv6ExtHdrFragment(nh=58, id=1) / Raw(ping6))],
        "extensions6": [
            six(ip6() / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)])
                / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)]) / ICMPv6EchoRequest()),
            six(ip6() / IPv6ExtHdrRouting(addresses=[PEER6], segleft=1) / ICMPv6EchoRequest()),
            six(ip6(nh=0) / Raw(b"\x3a\0\x05")), six(ip6(nh=60) / Raw(b"\x3a\x10\0\0\0\0\0\0")),
            six(ip6(nh=43) / Raw(b"\x3a")), six(ip6(nh=99) / Raw(b"unknown"))],
        "solicitations": [six(solicit / source), six(solicit / nonce / source), six(solicit),
                          six(ip6(src="::", dst=SOLICITED) / ICMPv6ND_NS(tgt=NODE6))],
        "advertisements": [
            six(ip6() / ICMPv6ND_NA(tgt=PEER6, S=1, O=1)
                / ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC)),
            six(ip6(dst="ff02::1") / ICMPv6ND_NA(tgt=PEER6, S=0, O=1) / nonce
                / ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC)),
            six(ip6() / ICMPv6ND_NA(tgt=NODE6, O=1))],
        "routers": [
            six(ip6(src=PEER_LOCAL, dst="ff02::1") / ICMPv6ND_RA(routerlifetime=1800) / source
                / ICMPv6NDOptMTU(mtu=1400) / ICMPv6NDOptPrefixInfo(prefix="fd01::", prefixlen=64)),
            seconds(3),
            six(ip6(src=PEER_LOCAL) / ICMPv6ND_Redirect(tgt=PEER_LOCAL, dst=PEER6)
                / ICMPv6NDOptDstLLAddr(lladdr=PEER_MAC)),
            six(ip6() / ICMPv6PacketTooBig(mtu=1280) / ip6(src=NODE6, dst=PEER6)),
            six(ip6(src=PEER_LOCAL, dst="ff02::1") / ICMPv6ND_RA(routerlifetime=0))],
        "groups": [six(ip6(src=PEER_LOCAL, dst="ff02::1", hlim=1) / ICMPv6MLQuery(mrd=1000)),
                   seconds(2)],
        "data": [segment(0, 0, ACK | PSH, b"some data"), segment(9, 64, ACK),
                 send(4000), segment(9, 1524, ACK), seconds(4)],
        "out_of_order": [segment(100, 0, ACK | PSH, b"b" * 100),
                         segment(50, 0, ACK | PSH, b"a" * 75),
                         segment(300, 0, ACK | FIN, b"d" * 10),
                         segment(0, 0, ACK | PSH, b"0" * 50),
                         segment(200, 0, ACK | PSH, b"c" * 120)],
        "ends": [segment(0, 0, ACK | FIN), segment(1, 1, ACK), seconds(64)],
        "we_close": [CLOSE, segment(0, 1, ACK), segment(0, 1, ACK | FIN), seconds(64)],
        "both_close": [CLOSE, segment(0, 0, ACK | FIN), segment(1, 1, ACK), seconds(3)],
        "resets": [segment(5, 0, RST), segment(0, 0, RST)],
        "syn_on_it": [segment(0, 0, SYN, options=b"\x02\x04\x05\xb4"),
                      segment(0, 0, SYN | ACK)],
        "options": [four(ip() / TCP(sport=5, dport=7, flags="S", seq=1, options=[
                        ("MSS", 536), ("SAckOK", b""), ("WScale", 15), ("NOP", None)])),
                    four(ip() / TCP(sport=6, dport=7, flags="S", dataofs=6)
                         / Raw(b"\x01\x01\x01\x02")),
                    four(ip() / TCP(sport=8, dport=7, flags="S", dataofs=15) / Raw(b"\xfd\x00")),
                    four(ip() / TCP(sport=8, dport=7, flags="S", dataofs=2))],
        "shut_window": [segment(0, 0, ACK, window=0), send(3000), seconds(30),
                        segment(0, 0, ACK)],
        "lost": [send(6000), segment(0, 0, ACK), segment(0, 0, ACK), segment(0, 0, ACK),
                 segment(0, 0, ACK), seconds(10), segment(0, 6000, ACK)],
        "connects": [connect(1), four(ip() / TCP(sport=1000, dport=8, flags="SA", seq=9,
                                                 ack=0x10000001)), send(10)],
        "connect_at_once": [connect(2), four(ip() / TCP(sport=1000, dport=9, flags="S", seq=9)),
                            four(ip() / TCP(sport=1000, dport=9, flags="A", seq=10,
                                            ack=0x10000001)), seconds(5)],
        "tcp6": [six(ip6() / TCP(sport=5, dport=7, flags="S", seq=1)),
                 six(solicit / source), seconds(4),
                 six(ip6() / TCP(sport=5, dport=7, flags="A", seq=2, ack=0x10000001) / Raw(b"six")),
                 seconds(9)],
        "arp": [arp(ARP(op=1, hwsrc=PEER_MAC, psrc=PEER, pdst=NODE)),
                arp(ARP(op=2, hwsrc=PEER_MAC, psrc=PEER, pdst=NODE)),
                arp(ARP(op=1, hwsrc=PEER_MAC, psrc=NODE, pdst=NODE)),
                arp(bytes(ARP())[:20]), arp(b"\0\1")],
        "short": [b"\0" + struct.pack("<H", n) + b"\x02" * n for n in (0, 1, 13, 14)]
                 + [four(b"\x45"), six(b"\x60"), four(b"\x45" + bytes(18)),
                    four(b"\x4f" + bytes(30))],
    }
    found = {}
    for name, each in steps.items():
        found[name] = bytes([ANY_SUMS, 0]) + b"".join(each)
    for name in ("data", "out_of_order", "we_close", "fragments4"):
        found[f"{name}_verified"] = bytes([VERIFIED, 0]) + b"".join(steps[name])
    for name in ("data", "options", "extensions6", "fragments6_within", "routers", "ping4"):
        found[f"{name}_in_pieces"] = bytes([ANY_SUMS, 37]) + b"".join(steps[name])
    name = b"\x0c\xc8" + b"n" * 200  # longer than some pieces
    leases = [dhcp(name + options % 2), dhcp(options % 5), seconds(60), dhcp(options % 6)]
    found["leased"] = bytes([LEASED, 0]) + b"".join(leases)
    for piece in (250, 100):
        found[f"leased_in_pieces_of_{piece}"] = bytes([LEASED, piece]) + b"".join(leases)
    found["leased_short"] = bytes([LEASED, 0]) + four(IP(src=PEER, dst="10.9.9.9", proto=UDP_NUMBER))
    return found


# --- virtqueue_fuzz ----------------------------------------------------------------

TRANSMIT = 0x80
USE, USE_ANY, SPOIL, RECEIVE, REFILL, SEND, KICK, RECLAIM = 0, 2, 3, 4, 6, 7, 9, 10
ROOM, WANT, DONT_WANT, DROP, LOOK = 11, 12, 13, 14, 15
OFFERED = (1 << 32) | (1 << 29) | (1 << 15) | 0x1FFF


def device(*steps: bytes, features: int = OFFERED, sizes: tuple = (16, 16)) -> bytes:
    config = b"\x02\0\0\0\0\2" + bytes(18)
    return struct.pack("<QHH", features, *sizes) + config + b"\0" + b"".join(steps)


def used(length: int, buffers: int = 1, flags: int = 0) -> bytes:
    """A frame into the oldest buffer; its length in 16s, from 0xF0 on an odd one."""
    header = struct.pack("<BBHHHHH", flags, 0, 0, 0, 0, 0, buffers)
    return bytes([USE, 0, len(header)]) + header + bytes([length])


def spoil(places: range) -> list[bytes]:
    return [bytes([SPOIL, at & 255, at >> 8, 255]) for at in places]


def virtqueue() -> dict[str, bytes]:
    take = bytes([RECEIVE, 31, REFILL])
    sent = bytes([SEND, 2, 20, SEND, 0, 5, KICK])
    done = bytes([USE | TRANSMIT, 1, 0, 0]) + bytes([USE | TRANSMIT, 0, 0, 0, RECLAIM, LOOK])
    return {
        "frames": device(used(5), used(10, flags=1), take, bytes([DROP]), used(119), take),
        "merged": device(used(119, 3), used(119), used(20), take),
        "merged_without_the_rest": device(used(119, 3), used(119), take),
        "no_merging": device(used(4, 9), take, features=1 << 32),
        "sent": device(sent, done, bytes([ROOM, WANT, DONT_WANT])),
        "ids": device(bytes([USE_ANY, 3, 0, 2]), take),
        "id_beyond": device(bytes([USE_ANY, 0, 1, 2]), take),
        "length_beyond": device(used(0xF5), take), "length_of_all": device(used(0xF7), take),
        "less_than_a_header": device(used(0xF2), take),
        "too_many_buffers": device(used(5, 17), take),
        "no_buffers": device(used(5, 0), take),
        "index_jumps": device(bytes([SPOIL, 2, 0, 200]), take),
        "spoilt": device(*spoil(range(0, 500, 7)), take),
        "spoilt_after": device(*spoil(range(134, 400, 3)), used(5), take, used(5), take),
        "full": device(*(bytes([SEND, 19, 100]) for _ in range(20)), bytes([KICK, ROOM]), done),
        "no_queue": device(sizes=(0, 16)), "one": device(used(5), take, sent, sizes=(1, 1)),
        "old": device(features=1 << 5),
    }


def main() -> None:
    for name, inputs in (("network_fuzz", network()), ("virtqueue_fuzz", virtqueue())):
        directory = CORPUS / name
        directory.mkdir(parents=True, exist_ok=True)
        for each, data in inputs.items():
            (directory / each).write_bytes(data)


main()
