"""UDP, as far as the stack itself answers."""

from scapy.layers.inet import ICMP, UDP
from scapy.layers.inet6 import ICMPv6DestUnreach
from scapy.packet import Packet, Raw

from raw_peer import Station

from .case import case
from .ping import PING, heard

SECTION = "UDP"
CLOSED = 99


def is_error(packet: Packet) -> bool:
    """An ICMP error of either version."""
    return (ICMP in packet and packet[ICMP].type in (3, 11, 12)
            or bytes(packet)[12:14] == b"\x86\xdd" and bytes(packet)[20] == 58
            and bytes(packet)[54] < 128)


@case(SECTION, "a port that is closed", "RFC 1122 §4.1.3.1, RFC 4443 §3.1",
      "port unreachable, quoting the datagram")
def closed(station: Station) -> str:
    sent = station.ip() / UDP(sport=4000, dport=CLOSED) / Raw(b"anybody?")
    station.send(sent)
    error = station.receive(is_error)
    kind = (ICMP in error and (error[ICMP].type, error[ICMP].code) == (3, 3)
            or ICMPv6DestUnreach in error and error[ICMPv6DestUnreach].code == 4)
    # From the quoted header's protocol on: IP's own first bytes are lengths and sums.
    quotes = bytes(sent[UDP])[:8] in bytes(error)
    return (f"{'port unreachable' if kind else error.summary()}, "
            f"{'quoting the datagram' if quotes else 'quoting something else'}")


@case(SECTION, "a wrong checksum", "RFC 1122 §4.1.3.4, RFC 8200 §8.1", "nothing")
def bad_checksum(station: Station) -> str:
    station.send(station.ip() / UDP(sport=4000, dport=4, chksum=0xBAD) / Raw(PING))
    return heard(station, 4000)


@case(SECTION, "no checksum", "RFC 1122 §4.1.3.4 (taken), RFC 8200 §8.1 (dropped)",
      {4: "pong", 6: "nothing"})
def no_checksum(station: Station) -> str:
    station.send(station.ip() / UDP(sport=4000, dport=4, chksum=0) / Raw(PING))
    return heard(station, 4000)


@case(SECTION, "a packet longer than the datagram", "RFC 768 (length)", "pong")
def longer_packet(station: Station) -> str:
    datagram = UDP(bytes(station.ip() / UDP(sport=4000, dport=4) / Raw(PING))[-12:])
    packet = station.ip() / datagram / Raw(b"and what is no part of it")
    station.send(packet)
    return heard(station, 4000)


@case(SECTION, "a length beyond the packet, and below the header's", "RFC 768 (length)",
      "nothing")
def bad_length(station: Station) -> str:
    for length in (100, 7, 0):
        # With the sum of the whole, so that only the length is wrong.
        station.send(station.ip() / UDP(sport=4000, dport=4, len=length) / Raw(PING))
    return heard(station, 4000)
