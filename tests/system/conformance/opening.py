"""TCP: how connections begin."""

from scapy.layers.inet import ICMP, IP
from scapy.layers.inet6 import ICMPv6DestUnreach, IPv6

from raw_peer import Nothing, Station, Tcp

from .case import When, case
from .waits import growth

SECTION = "TCP: opening"
CLOSED = 99  # a port that nobody listens on
RESET_ACKNOWLEDGES = (
    "every reset of lwIP's carries an acknowledgement too; nobody looks at it")


@case(SECTION, "a SYN is answered", "RFC 9293 §3.10.7.2", "SYN+ACK seq 0 ack 1; open")
def a_syn(station: Station) -> str:
    tcp = Tcp(station)
    answer = tcp.syn()
    tcp.send("A")
    station.fence()
    return f"{answer}; {tcp.told().split()[1]}"


@case(SECTION, "initial numbers are not predictable", "RFC 9293 §3.4.1",
      "far apart")
def initial_numbers(station: Station) -> str:
    numbers = []
    for port in range(4000, 4008):
        tcp = Tcp(station, port)
        tcp.syn()
        numbers.append(tcp.irs)
        tcp.send("R", seq=1)
    steps = {abs(b - a) % (1 << 32) for a, b in zip(numbers, numbers[1:])}
    return "far apart" if len(steps) == 7 and min(steps) > 1 << 12 else f"{numbers}"


@case(SECTION, "a SYN to a port that is closed", "RFC 9293 §3.10.7.1",
      "RST+ACK seq 0 ack 1")
def closed_port(station: Station) -> str:
    tcp = Tcp(station, to=CLOSED)
    tcp.send("S", seq=0)
    return str(tcp.receive())


@case(SECTION, "a segment without acknowledgement to a port that is closed",
      "RFC 9293 §3.10.7.1", "RST+ACK seq 0 ack 11")
def closed_port_without_ack(station: Station) -> str:
    tcp = Tcp(station, to=CLOSED)
    tcp.send("P", b"0123456789", seq=1, ack=5000)
    return str(tcp.receive())


@case(SECTION, "an acknowledgement to a port that is closed", "RFC 9293 §3.10.7.1",
      "RST seq 5000", deviates=RESET_ACKNOWLEDGES)
def closed_port_ack(station: Station) -> str:
    tcp = Tcp(station, to=CLOSED)
    tcp.send("A", seq=1, ack=5000)
    return str(tcp.receive())


@case(SECTION, "a reset to a port that is closed", "RFC 9293 §3.10.7.1", "nothing")
def closed_port_reset(station: Station) -> str:
    tcp = Tcp(station, to=CLOSED)
    tcp.send("R", seq=1)
    tcp.send("RA", seq=1, ack=1)
    return tcp.heard()


@case(SECTION, "an acknowledgement to a port that listens", "RFC 9293 §3.10.7.2",
      "RST seq 5000", deviates=RESET_ACKNOWLEDGES)
def listening_port_ack(station: Station) -> str:
    tcp = Tcp(station)
    tcp.send("A", seq=1, ack=5000)
    return str(tcp.receive())


@case(SECTION, "a reset to a port that listens", "RFC 9293 §3.10.7.2", "nothing")
def listening_port_reset(station: Station) -> str:
    tcp = Tcp(station)
    tcp.send("R", seq=1)
    return tcp.heard()


@case(SECTION, "a SYN with data", "RFC 9293 §3.10.7.2 (data may be kept or not)",
      "SYN+ACK seq 0 ack 1; sent again: 10 open")
def syn_with_data(station: Station) -> str:
    tcp = Tcp(station)
    tcp.send("S", b"abcdefghij", seq=0)
    tcp.next = 1
    answer = tcp.learn(tcp.receive())
    tcp.send("A")
    tcp.piece(1, 11)
    tcp.until_ack(11)
    return f"{answer}; sent again: {tcp.told()}"


@case(SECTION, "a SYN to all", "RFC 9293 §3.9.2.3 (MUST-57)", "nothing")
def syn_to_all(station: Station) -> str:
    tcp = Tcp(station)
    packet = tcp.build("S", seq=0)
    if station.version == 4:
        packet[IP].dst, mac = "10.77.255.255", "ff:ff:ff:ff:ff:ff"
    else:
        packet[IPv6].dst, mac = "ff02::1", "33:33:00:00:00:01"
    station.send_frame(station.frame(mac) / packet)
    return tcp.heard()


# --- half open ------------------------------------------------------------------------

@case(SECTION, "a SYN comes again", "RFC 9293 §3.10.7.4 (an answer that was lost)",
      "SYN+ACK seq 0 ack 1")
def syn_again(station: Station) -> str:
    tcp = Tcp(station)
    tcp.syn()
    tcp.send("S", seq=0, options=[("MSS", 1460)])
    return str(tcp.receive())


@case(SECTION, "another SYN in SYN-RECEIVED", "RFC 5961 §4.2", "ACK seq 1 ack 1")
def another_syn(station: Station) -> str:
    tcp = Tcp(station)
    tcp.syn()
    tcp.send("S", seq=100)
    return str(tcp.receive())


@case(SECTION, "a wrong acknowledgement in SYN-RECEIVED",
      "RFC 9293 §3.10.7.4, fifth", "RST seq 5000", deviates=RESET_ACKNOWLEDGES)
def wrong_ack_half_open(station: Station) -> str:
    tcp = Tcp(station)
    tcp.syn()
    tcp.send("A", ack=5000)
    return str(tcp.receive())


@case(SECTION, "a reset in SYN-RECEIVED", "RFC 9293 §3.10.7.4, second",
      "nothing; the next SYN: SYN+ACK seq 0 ack 1")
def reset_half_open(station: Station) -> str:
    tcp = Tcp(station)
    tcp.syn()
    tcp.send("R")
    heard = tcp.heard()
    return f"{heard}; the next SYN: {Tcp(station, iss=0x20000000).syn()}"


@case(SECTION, "nobody answers a SYN+ACK", "RFC 9293 §3.8.1, RFC 6298 §5.5",
      "SYN+ACK seq 0 ack 1, 3 times, waits double", when=When.EARLY)
def syn_ack_unanswered(station: Station) -> str:
    tcp = Tcp(station)
    segments = [tcp.syn()] + [tcp.receive() for _ in range(2)]
    texts = " / ".join(sorted(set(map(str, segments))))
    return f"{texts}, 3 times, {growth([segment.time for segment in segments])}"


# --- the machine connects -----------------------------------------------------------------

@case(SECTION, "the machine connects", "RFC 9293 §3.5",
      "SYN seq 0; ACK seq 1 ack 1; open")
def called(station: Station) -> str:
    tcp = Tcp(station)
    syn = tcp.called(40001)
    tcp.send("SA", seq=0, options=[("MSS", 1460)])
    tcp.next = 1
    ack = tcp.receive()
    station.fence()
    return f"{syn}; {ack}; {tcp.told().split()[1]}"


@case(SECTION, "nobody answers a SYN", "RFC 9293 §3.8.3 (MUST-23), RFC 6298 §5.5",
      "again, waits double, for 3 minutes at least",
      deviates="a program on a back-end learns within half a minute that the other "
               "is not there; the few SYNs until then don't load the network", when=When.EARLY)
def syn_unanswered(station: Station) -> str:
    tcp = Tcp(station)
    segments = [tcp.called(40002)]
    try:
        while len(segments) < 20:
            segments.append(tcp.receive(8))
    except Nothing:
        pass
    state = tcp.told().split(" ", 1)[1]
    waits = growth([segment.time for segment in segments])
    return f"{len(segments)} SYNs, {waits}, {state.rsplit(': ', 1)[-1]}"


@case(SECTION, "a reset answers a SYN", "RFC 9293 §3.10.7.3",
      "nothing; Connection refused")
def refused(station: Station) -> str:
    tcp = Tcp(station)
    tcp.called(40003)
    tcp.send("RA", seq=0, ack=1)
    return f"{tcp.heard()}; {tcp.told().rsplit(': ', 1)[-1]}"


@case(SECTION, "a reset that acknowledges nothing answers a SYN",
      "RFC 9293 §3.10.7.3", "nothing; then open")
def reset_without_ack(station: Station) -> str:
    tcp = Tcp(station)
    tcp.called(40004)
    tcp.send("R", seq=0, ack=1)
    tcp.send("RA", seq=0, ack=2)
    heard = tcp.heard()
    return f"{heard}; then {tcp.answer().told().split()[1]}"


@case(SECTION, "an acknowledgement of what was not sent answers a SYN",
      "RFC 9293 §3.10.7.3, first", "RST seq 5000; then open",
      deviates=RESET_ACKNOWLEDGES)
def wrong_ack_answers(station: Station) -> str:
    tcp = Tcp(station)
    tcp.called(40005)
    tcp.send("A", seq=1, ack=5000)
    reset = next(each for each in iter(tcp.receive, None) if "RST" in each.flags)
    return f"{reset}; then {tcp.answer().told().split()[1]}"


@case(SECTION, "both connect at once", "RFC 9293 §3.5, figure 7",
      "SYN+ACK seq 0 ack 1; ACK seq 1 ack 1; 50 open")
def simultaneous_open(station: Station) -> str:
    tcp = Tcp(station)
    tcp.called(40006)
    tcp.send("S", seq=0, options=[("MSS", 1460)])
    answer = tcp.receive()
    tcp.send("SA", seq=0, options=[("MSS", 1460)])
    tcp.next = 1
    last = tcp.receive()
    tcp.piece(1, 51)
    tcp.until_ack(51)
    return f"{answer}; {last}; {tcp.told()}"


@case(SECTION, "that the port is unreachable answers a SYN",
      "RFC 9293 §3.9.2.2 (MUST-54, SHLD-26)", "Connection refused",
      deviates="lwIP hands no such message to TCP, so nobody who guesses an address "
               "and ports can end a connection by one; the SYN is repeated until it "
               "times out")
def unreachable(station: Station) -> str:
    tcp = Tcp(station)
    syn = tcp.called(40007)
    quoted = bytes(station_packet(station, syn))
    error = (ICMP(type=3, code=3) if station.version == 4 else ICMPv6DestUnreach(code=4))
    station.send(station.ip() / error / quoted)
    station.fence()
    return tcp.told().split(" ", 1)[1].rsplit(": ", 1)[-1]


def station_packet(station: Station, segment) -> IP | IPv6:
    """The machine's packet that had the segment."""
    make = IP if station.version == 4 else IPv6
    return make(src=station.machine, dst=station.address) / segment.tcp


@case(SECTION, "a port is used again after a reset", "RFC 9293 §3.6",
      "SYN+ACK seq 0 ack 1; 10 open")
def port_again(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("R")
    again = Tcp(station, iss=0x30000000)
    answer = again.syn()
    again.send("A")
    again.piece(1, 11)
    again.until_ack(11)
    return f"{answer}; {again.told()}"
