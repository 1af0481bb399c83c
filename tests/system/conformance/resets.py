"""TCP: what must not end a connection, and what must."""

from raw_peer import Station, Tcp

from .case import case
from .opening import RESET_ACKNOWLEDGES

SECTION = "TCP: resets and blind attacks"


def _after(station: Station, flags: str, *numbers: int) -> str:
    """What comes of segments with these sequence numbers on a connection."""
    tcp = Tcp(station).open()
    for number in numbers:
        tcp.send(flags, seq=number)
    return f"{tcp.heard()}; {tcp.told().split(' ', 1)[1]}"


@case(SECTION, "a reset with the next number", "RFC 5961 §3.2",
      "nothing; Connection reset by peer")
def reset(station: Station) -> str:
    return _after(station, "R", 1)


@case(SECTION, "a reset with another number in the window", "RFC 5961 §3.2",
      "ACK seq 1 ack 1; open")
def reset_in_window(station: Station) -> str:
    return _after(station, "R", 1000)


@case(SECTION, "a reset outside of the window", "RFC 5961 §3.2", "nothing; open")
def reset_outside(station: Station) -> str:
    return _after(station, "R", 1 + 70000, 0)


@case(SECTION, "a SYN in the window", "RFC 5961 §4.2", "ACK seq 1 ack 1; open")
def syn_in_window(station: Station) -> str:
    return _after(station, "S", 1)


@case(SECTION, "a SYN outside of the window", "RFC 5961 §4.2", "ACK seq 1 ack 1; open")
def syn_outside(station: Station) -> str:
    return _after(station, "S", 1 + 70000)


@case(SECTION, "a SYN+ACK on a connection", "RFC 5961 §4.2", "ACK seq 1 ack 1; open")
def syn_ack(station: Station) -> str:
    return _after(station, "SA", 0)


@case(SECTION, "a hundred such SYNs", "RFC 5961 §7 (a limit on answers)",
      "fewer answers",
      deviates="each is answered by one segment no larger than itself, so nothing is "
               "amplified; a limit for all connections together would be a side "
               "channel between them")
def many_syns(station: Station) -> str:
    tcp = Tcp(station).open()
    for _ in range(100):
        tcp.send("S", seq=1)
    answers = len(tcp.received())
    return "fewer answers" if answers < 100 else f"{answers} answers"


@case(SECTION, "the application aborts", "RFC 9293 §3.10.5", "RST seq 1",
      deviates=RESET_ACKNOWLEDGES)
def abort(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("abort")
    return str(tcp.receive())
