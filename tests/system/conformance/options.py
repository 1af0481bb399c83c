"""TCP: options, right and wrong ones, and keep-alive."""

from scapy.packet import Raw

from raw_peer import Nothing, Station, Tcp, stream

from .case import When, case
from .windows import flight

SECTION = "TCP: options"
SACK_OK = ("SAckOK", b"")


def _options(segment) -> str:
    return ", ".join(f"{name} {value}" if value not in (b"", None) else name
                     for name, value in segment.tcp.options if name != "NOP") or "none"


def _largest(tcp: Tcp, size: int = 5000) -> int:
    return max(len(segment.data) for segment in flight(tcp, size))


@case(SECTION, "what the machine offers", "RFC 9293 §3.7.1, RFC 7323 §2.2, RFC 2018 §2",
      {4: "MSS 1460, WScale 5, SAckOK", 6: "MSS 1440, WScale 5, SAckOK"})
def offers(station: Station) -> str:
    return _options(Tcp(station).called(40010))


@case(SECTION, "only what was offered is taken up", "RFC 7323 §2.2, RFC 2018 §2",
      {4: "MSS 1460; MSS 1460, WScale 5, SAckOK", 6: "MSS 1440; MSS 1440, WScale 5, SAckOK"})
def takes_up(station: Station) -> str:
    bare = Tcp(station, 4001).syn(())
    full = Tcp(station, 4002).syn((("MSS", 1460), ("WScale", 7), SACK_OK))
    return f"{_options(bare)}; {_options(full)}"


@case(SECTION, "timestamps", "RFC 7323 §3.2 (may be taken up), §5 (PAWS)",
      "SYN+ACK with a timestamp",
      deviates="not offered and not taken up: lwIP has no PAWS, and 12 bytes in every "
               "segment would take it off the fast path")
def timestamps(station: Station) -> str:
    answer = Tcp(station).syn((("MSS", 1460), ("Timestamp", (1, 0))))
    has = "with" if "Timestamp" in answer.options else "without"
    return f"{answer.flags} {has} a timestamp"


@case(SECTION, "a timestamp that was not agreed on", "RFC 7323 §3.2 (ignored)",
      "100 open")
def timestamp_unasked(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, options=[("NOP", None), ("NOP", None), ("Timestamp", (1, 2))])
    tcp.until_ack(101)
    return tcp.told()


# --- MSS ------------------------------------------------------------------------------

@case(SECTION, "our MSS", "RFC 9293 §3.7.1 (MUST-16)", "segments of 700 at most")
def mss(station: Station) -> str:
    tcp = Tcp(station).open((("MSS", 700),))
    return f"segments of {_largest(tcp)} at most"


@case(SECTION, "no MSS", "RFC 9293 §3.7.1 (MUST-15)",
      {4: "segments of 536 at most", 6: "segments of 1220 at most"})
def no_mss(station: Station) -> str:
    return f"segments of {_largest(Tcp(station).open(()))} at most"


@case(SECTION, "no MSS in a SYN+ACK", "RFC 9293 §3.7.1 (MUST-15)",
      {4: "segments of 536 at most", 6: "segments of 1220 at most"})
def no_mss_called(station: Station) -> str:
    tcp = Tcp(station)
    tcp.called(40011)
    tcp.send("SA", seq=0)
    tcp.next = 1
    tcp.until_ack(1)
    return f"segments of {_largest(tcp)} at most"


@case(SECTION, "an MSS larger than the network's", "RFC 9293 §3.7.1 (MUST-16)",
      {4: "segments of 1460 at most", 6: "segments of 1440 at most"})
def large_mss(station: Station) -> str:
    return f"segments of {_largest(Tcp(station).open((('MSS', 9000),)))} at most"


@case(SECTION, "an MSS after the SYN", "RFC 9293 §3.7.1 (only in a SYN)",
      "segments of 1000 at most")
def late_mss(station: Station) -> str:
    tcp = Tcp(station).open((("MSS", 1000),))
    tcp.piece(1, 2, options=[("MSS", 100)])
    tcp.until_ack(2)
    tcp.next = 2
    return f"segments of {_largest(tcp)} at most"


# --- illegal ones -----------------------------------------------------------------------

@case(SECTION, "unknown options are skipped", "RFC 9293 §3.1 (MUST-6)",
      "segments of 700 at most")
def unknown(station: Station) -> str:
    tcp = Tcp(station).open(((253, b"ab"), ("NOP", None), (254, b""), ("MSS", 700)))
    return f"segments of {_largest(tcp)} at most"


@case(SECTION, "illegal lengths of options", "RFC 9293 §3.1 (MUST-7)",
      "each answered by SYN+ACK seq 0 ack 1; 10 open")
def illegal(station: Station) -> str:
    answers = set()
    for port, options in enumerate((b"\x02\x00\x05\xb4", b"\x02\x03\x05\xb4",
                                    b"\x02\xff\x05\xb4", b"\x03\x00\x07\x00",
                                    b"\x01\x01\x01\x02", b"\x08\x01\x00\x00",
                                    b"\x05\xff\xff\xff", b"\xfe\x00\x00\x00"), 4000):
        tcp = Tcp(station, port)
        station.send(tcp.build("S", seq=0, dataofs=6) / Raw(options))
        tcp.next = 1
        answers.add(str(tcp.learn(tcp.receive())))
        tcp.send("A")
    tcp.piece(1, 11)
    tcp.until_ack(11)
    return f"each answered by {' / '.join(sorted(answers))}; {tcp.told()}"


@case(SECTION, "an illegal option on a connection", "RFC 9293 §3.1 (MUST-7)", "10 open")
def illegal_later(station: Station) -> str:
    tcp = Tcp(station).open()
    station.send(tcp.build("PA", dataofs=6) / Raw(b"\x05\x00\xff\xff" + stream(10)))
    tcp.until_ack(11)
    return tcp.told()


@case(SECTION, "explicit congestion notification", "RFC 3168 §6.1.1 (may be declined)",
      "SYN+ACK seq 0 ack 1")
def ecn(station: Station) -> str:
    tcp = Tcp(station)
    tcp.send("SEC", seq=0, options=[("MSS", 1460)])
    return str(tcp.learn(tcp.receive()))


# --- SACK -------------------------------------------------------------------------------

@case(SECTION, "blocks of what came", "RFC 2018 §4 (the latest first)",
      "ACK seq 1 ack 1 sack 401-501 201-301; ACK seq 1 ack 301 sack 401-501; "
      "ACK seq 1 ack 501")
def sack(station: Station) -> str:
    tcp = Tcp(station).open((("MSS", 1460), SACK_OK))
    tcp.piece(201, 301)
    tcp.receive()
    tcp.piece(401, 501)
    first = tcp.receive()
    tcp.piece(1, 201)
    second = tcp.receive()
    tcp.piece(301, 401)
    return f"{first}; {second}; {tcp.receive()}"


@case(SECTION, "more gaps than blocks", "RFC 2018 §3, §4",
      "ACK seq 1 ack 1 sack 901-1001 701-801 501-601 301-401")
def many_gaps(station: Station) -> str:
    tcp = Tcp(station).open((("MSS", 1460), SACK_OK))
    for first in (101, 301, 501, 701, 901):
        tcp.piece(first, first + 100)
    segments = tcp.received()
    return str(segments[-1])


@case(SECTION, "no blocks unless asked for", "RFC 2018 §2", "ACK seq 1 ack 1")
def no_sack(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(101, 201)
    return str(tcp.receive())


@case(SECTION, "our blocks say that two segments are lost", "RFC 2018 §5, RFC 6675 §5",
      "20001-21001, 22001-23001",
      deviates="lwIP tells what it has and does not use what it is told: the second "
               "follows when its timer or three more acknowledgements say so")
def uses_sack(station: Station) -> str:
    tcp = Tcp(station).open((("MSS", 1000), SACK_OK))
    tcp.order("send", 20000)
    tcp.until_data(20001)
    tcp.received()
    flight(tcp, 8000)
    base = tcp.irs
    blocks = [(base + 21001, base + 22001)]
    for end in (24001, 25001, 26001, 27001, 28001):
        edges = [(base + 23001, base + end), *blocks]
        flat = tuple(edge % (1 << 32) for pair in edges for edge in pair)
        tcp.send("A", options=[("NOP", None), ("NOP", None), ("SAck", flat)])
    return ", ".join(f"{each.seq}-{each.seq + len(each.data)}"
                     for each in tcp.received() if each.data) or "nothing"


# --- keep-alive ---------------------------------------------------------------------------

@case(SECTION, "our keep-alive, without and with a byte", "RFC 9293 §3.8.4",
      "ACK seq 1 ack 1; ACK seq 1 ack 1; 0 open")
def keep_alive(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("A", seq=0)
    first = tcp.receive()
    tcp.send("A", b"\0", seq=0)
    return f"{first}; {tcp.receive()}; {tcp.told()}"


@case(SECTION, "the machine's keep-alive, answered", "RFC 9293 §3.8.4",
      "ACK seq 0 ack 1; again after our answer; open", when=When.EARLY)
def keeps_alive(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("keepalive", 1000, 1000, 3)
    probes = []
    for _ in range(5):  # more than it would send in vain
        probes.append(str(tcp.receive()))
        tcp.send("A")
    tcp.send("A")
    same = "again after our answer" if len(set(probes)) == 1 else f"{probes}"
    return f"{probes[0]}; {same}; {tcp.told().split()[1]}"


@case(SECTION, "the machine's keep-alive, not answered", "RFC 9293 §3.8.4, RFC 1122 §4.2.3.6",
      "ACK seq 0 ack 1, 3 times, then RST; Connection timed out", when=When.EARLY)
def dies(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("keepalive", 1000, 1000, 3)
    segments = [tcp.receive()]
    try:
        while "RST" not in segments[-1].flags:
            segments.append(tcp.receive())
    except Nothing:
        return f"{len(segments)} probes, no end"
    probes = {str(each) for each in segments[:-1]}
    return (f"{' / '.join(sorted(probes))}, {len(segments) - 1} times, then RST; "
            f"{tcp.told().split(' ', 1)[1]}")
