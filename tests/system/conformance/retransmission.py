"""TCP: what is lost is sent again, and how much is on the way."""

from raw_peer import Segment, Station, Tcp

from .case import When, case
from .waits import growth
from .windows import flight

SECTION = "TCP: retransmission and congestion"


def _ranges(segments: list[Segment]) -> str:
    """Which bytes, in the order in which they came."""
    return ", ".join(f"{each.seq}-{each.seq + len(each.data)}" for each in segments
                     if each.data) or "nothing"


def _grown(station: Station, options=(("MSS", 1000),)) -> Tcp:
    """A connection whose congestion window takes ten segments, of 1000 bytes."""
    tcp = Tcp(station).open(options)
    tcp.order("send", 20000)
    tcp.until_data(20001)
    tcp.received()
    return tcp


@case(SECTION, "the first segments", "RFC 5681 §3.1 (3 of up to 2190 bytes)",
      "3 segments")
def initial_window(station: Station) -> str:
    return f"{len(flight(Tcp(station).open(), 20000))} segments"


@case(SECTION, "slow start", "RFC 5681 §3.1 (at most one segment more for each "
      "acknowledgement; RFC 3465 §2.2: two)", "2 acknowledged: at most 4 follow")
def slow_start(station: Station) -> str:
    tcp = Tcp(station).open([("MSS", 1000)])
    first = flight(tcp, 20000)
    tcp.send("A", ack=first[1].seq + len(first[1].data))
    more = [each for each in tcp.received() if each.data]
    fits = len(more) <= 4
    return f"2 acknowledged: {'at most 4 follow' if fits else f'{len(more)} follow'}"


@case(SECTION, "nobody acknowledges data", "RFC 6298 §5.4, §5.5",
      "data 100 from 1, 4 times, waits double; then 10 new", when=When.EARLY)
def backoff(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("send", 100)
    segments = [tcp.receive() for _ in range(4)]
    pieces = {f"data {len(each.data)} from {each.seq}" for each in segments}
    tcp.send("A", ack=101)
    tcp.expects = 101
    tcp.order("send", 10)
    return (f"{' / '.join(sorted(pieces))}, 4 times, "
            f"{growth([each.time for each in segments])}; "
            f"then {len(tcp.receive().data)} new")


@case(SECTION, "after a timeout", "RFC 5681 §3.1 (one segment)",
      "1-1001; acknowledged: 1001-2001, 2001-3001")
def loss_window(station: Station) -> str:
    tcp = Tcp(station).open([("MSS", 1000)])
    sent = flight(tcp, 4000)
    again = [tcp.receive()] + tcp.received()
    tcp.send("A", ack=sent[0].seq + len(sent[0].data))
    return f"{_ranges(again)}; acknowledged: {_ranges(tcp.received())}"


@case(SECTION, "two duplicate acknowledgements", "RFC 5681 §3.2 (the third tells)",
      "nothing")
def two_duplicates(station: Station) -> str:
    tcp = _grown(station)
    flight(tcp, 8000)
    for _ in range(2):
        tcp.send("A")
    return _ranges(tcp.received())


@case(SECTION, "three duplicate acknowledgements", "RFC 5681 §3.2", "20001-21001")
def fast_retransmit(station: Station) -> str:
    tcp = _grown(station)
    flight(tcp, 8000)
    for _ in range(3):
        tcp.send("A")
    return _ranges(tcp.received())


@case(SECTION, "what is no duplicate acknowledgement", "RFC 5681 §2 (data, another window)",
      "nothing")
def no_duplicates(station: Station) -> str:
    tcp = _grown(station)
    flight(tcp, 8000)
    for i in range(4):
        tcp.piece(1 + i, 2 + i)
    for window in (60000, 61000, 62000, 63000):
        tcp.send("A", seq=5, window=window)
    return _ranges(tcp.received())


@case(SECTION, "acknowledgement of all after fast retransmit", "RFC 5681 §3.2, 6",
      "goes on: 28001-29001")
def recovered(station: Station) -> str:
    tcp = _grown(station)
    flight(tcp, 8000)
    for _ in range(3):
        tcp.send("A")
    tcp.received()
    tcp.expects = 28001
    tcp.send("A")
    return f"goes on: {_ranges(flight(tcp, 1000))}"


@case(SECTION, "the answer to a SYN+ACK that was repeated", "RFC 9293 §3.10.7.4, fifth",
      "open, 100 bytes in order", when=When.EARLY)
def answered_late(station: Station) -> str:
    tcp = Tcp(station)
    tcp.syn()
    tcp.receive()  # again
    tcp.send("A")
    station.fence()
    tcp.order("send", 100)
    tcp.until_data(101)
    return f"{tcp.told().split()[1]}, {tcp.expects - 1} bytes in order"


@case(SECTION, "the FIN is not acknowledged", "RFC 9293 §3.8.1",
      "FIN+ACK seq 1 ack 1, 3 times, waits double", when=When.EARLY)
def fin_again(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("end")
    segments = [tcp.receive() for _ in range(3)]
    texts = " / ".join(sorted(set(map(str, segments))))
    return f"{texts}, 3 times, {growth([each.time for each in segments])}"


@case(SECTION, "a part of a segment is acknowledged", "RFC 9293 §3.10.7.4, fifth",
      "the rest comes again")
def partial(station: Station) -> str:
    tcp = Tcp(station).open([("MSS", 1000)])
    flight(tcp, 1000)
    tcp.send("A", ack=501)
    again = tcp.receive()
    covers = again.seq <= 501 and again.seq + len(again.data) == 1001
    return "the rest comes again" if covers else str(again)
