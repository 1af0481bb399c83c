"""Datagrams that the machine answers: whether, and where to."""

from scapy.layers.inet import UDP
from scapy.packet import Packet, Raw

from raw_peer import Station

PING = b"ping"  # which the port of orders answers (net/conform.cc)


def send_ping(station: Station, **fields) -> None:
    """Asks the port of orders, in a packet with these fields of IP."""
    station.send(station.ip(**fields) / UDP(sport=4000, dport=4) / Raw(PING))


def pong(station: Station) -> Packet:
    """Its answer."""
    return station.receive(lambda packet: UDP in packet and packet[UDP].dport == 4000)


def ping(station: Station, **fields) -> str:
    """Both, in words."""
    send_ping(station, **fields)
    return heard(station, 4000)


def goes_to(station: Station, mac: str) -> str:
    """To which address an answer to the station is sent."""
    send_ping(station)
    return f"goes to the {'new' if pong(station).dst == mac else 'old'} address"


def heard(station: Station, port: int) -> str:
    """What came to our port."""
    found = station.received(lambda packet: UDP in packet and packet[UDP].dport == port)
    return " ".join(bytes(packet[UDP].payload).decode() for packet in found) or "nothing"
