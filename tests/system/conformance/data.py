"""TCP: what comes, in whichever order."""

from raw_peer import Station, Tcp

from .case import case

SECTION = "TCP: receiving"


@case(SECTION, "data in order", "RFC 9293 §3.10.7.4, seventh",
      "ACK seq 1 ack 101; 100 open")
def in_order(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "every second full segment is acknowledged", "RFC 5681 §4.2",
      {4: "ACK seq 1 ack 2921", 6: "ACK seq 1 ack 2881"})
def every_second(station: Station) -> str:
    full = 1460 if station.version == 4 else 1440
    for port in range(4000, 4010):
        tcp = Tcp(station, port).open()
        tcp.piece(1, 1 + full)
        tcp.piece(1 + full, 1 + 2 * full)
        seen = tcp.received()
        # The tick of delayed acknowledgements may have come between the two.
        if not any(each.ack == 1 + full for each in seen):
            break
    return "; ".join(str(each) for each in seen if each.ack > 1 + full)


@case(SECTION, "data behind a gap", "RFC 9293 §3.10.7.4, RFC 5681 §4.2",
      "ACK seq 1 ack 1; the gap is filled: ACK seq 1 ack 201; 200 open")
def out_of_order(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(101, 201)
    first = tcp.receive()
    tcp.piece(1, 101)
    return f"{first}; the gap is filled: {tcp.receive()}; {tcp.told()}"


@case(SECTION, "ten segments backwards", "RFC 9293 §3.10.7.4", "1000 open")
def backwards(station: Station) -> str:
    tcp = Tcp(station).open()
    for first in range(901, 0, -100):
        tcp.piece(first, first + 100)
    tcp.until_ack(1001)
    return tcp.told()


@case(SECTION, "a segment that overlaps the one before", "RFC 9293 §3.4, §3.10.7.4",
      "150 open")
def overlaps_before(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101)
    tcp.piece(51, 151)
    tcp.until_ack(151)
    return tcp.told()


@case(SECTION, "segments behind a gap that overlap", "RFC 9293 §3.10.7.4", "400 open")
def overlaps_behind_gap(station: Station) -> str:
    tcp = Tcp(station).open()
    for first, end in ((201, 301), (151, 251), (251, 401), (101, 401), (1, 120)):
        tcp.piece(first, end)
    tcp.until_ack(401)
    return tcp.told()


@case(SECTION, "data comes twice", "RFC 9293 §3.10.7.4, first",
      "ACK seq 1 ack 101; 100 open")
def duplicate(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101)
    tcp.receive()
    tcp.piece(1, 101)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "data behind the window", "RFC 9293 §3.10.7.4, first",
      "ACK seq 1 ack 1; 0 open")
def behind_window(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("PA", b"x" * 100, seq=1 + 70000)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "data from before the window", "RFC 9293 §3.10.7.4, first",
      "ACK seq 1 ack 1; 0 open")
def before_window(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("PA", b"x" * 100, seq=-1000)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "an acknowledgement outside of the window is not taken",
      "RFC 9293 §3.10.7.4, first", "ACK seq 101 ack 1; data sent again")
def ack_outside(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("send", 100)
    first = tcp.receive()
    tcp.send("A", seq=1 + 70000, ack=101)
    answer = tcp.receive()
    again = tcp.receive()
    same = (again.seq, again.data) == (first.seq, first.data)
    return f"{answer}; {'data sent again' if same else again}"


@case(SECTION, "data that acknowledges what was not sent", "RFC 5961 §5.2",
      "ACK seq 1 ack 1; 0 open")
def acks_unsent(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, ack=5000)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "data that acknowledges what was acknowledged long ago", "RFC 5961 §5.2",
      "ACK seq 1 ack 1; 0 open")
def acks_long_ago(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, ack=-100_000)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "data that acknowledges what was acknowledged before",
      "RFC 5961 §5.2", "ACK seq 101 ack 101; 100 open")
def acks_before(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("send", 100)
    tcp.until_data(101)
    tcp.piece(1, 101, ack=1)
    return f"{tcp.until_ack(101)}; {tcp.told()}"


@case(SECTION, "data without acknowledgement", "RFC 9293 §3.10.7.4, fifth",
      "nothing; 0 open")
def without_ack(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, "P")
    return f"{tcp.heard()}; {tcp.told()}"


@case(SECTION, "urgent data", "RFC 9293 §3.8.5, RFC 6093 §5 (in line)",
      "ACK seq 1 ack 101; 100 open")
def urgent(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, "PAU", urgptr=50)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "an urgent pointer beyond the data", "RFC 9293 §3.8.5",
      "ACK seq 1 ack 101; 100 open")
def urgent_beyond(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, "PAU", urgptr=60000)
    return f"{tcp.receive()}; {tcp.told()}"


@case(SECTION, "a wrong checksum", "RFC 9293 §3.1 (MUST-3)", "nothing; 0 open")
def bad_checksum(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, chksum=0xBAD)
    return f"{tcp.heard()}; {tcp.told()}"


@case(SECTION, "a header shorter than one, and longer than the segment",
      "RFC 9293 §3.1 (data offset)", "nothing; 0 open")
def bad_offset(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 11, dataofs=4)
    tcp.piece(1, 11, dataofs=15)
    return f"{tcp.heard()}; {tcp.told()}"


@case(SECTION, "reserved bits", "RFC 9293 §3.1 (ignored)", "ACK seq 1 ack 101; 100 open")
def reserved(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(1, 101, reserved=7)
    return f"{tcp.receive()}; {tcp.told()}"
