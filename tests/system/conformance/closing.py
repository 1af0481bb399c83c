"""TCP: how connections end."""

from raw_peer import Station, Tcp

from .case import case
from .opening import RESET_ACKNOWLEDGES

SECTION = "TCP: closing"


@case(SECTION, "we close first", "RFC 9293 §3.6, case 2",
      "ACK seq 1 ack 2; ended; FIN+ACK seq 1 ack 2; then closed port: RST seq 2",
      deviates=RESET_ACKNOWLEDGES)
def passive(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("FA")
    tcp.next = 2
    acknowledged = tcp.receive()
    state = tcp.told().split()[1]
    tcp.order("end")
    fin = tcp.receive()
    tcp.expects = 2
    tcp.send("A")
    station.fence()
    tcp.send("A")
    return f"{acknowledged}; {state}; {fin}; then closed port: {tcp.receive()}"


@case(SECTION, "the machine closes first", "RFC 9293 §3.6, case 1, figure 12",
      "FIN+ACK seq 1 ack 1; ACK seq 2 ack 2; the FIN again: ACK seq 2 ack 2")
def active(station: Station) -> str:
    tcp = Tcp(station).open()
    fin, ack = _close_first(tcp)
    tcp.send("FA", seq=1)
    return f"{fin}; {ack}; the FIN again: {tcp.receive()}"


def _close_first(tcp: Tcp) -> tuple[str, str]:
    """The machine closes, then we: it is in TIME-WAIT. Its FIN, and what it says to
    ours."""
    tcp.order("close")
    fin = tcp.receive()
    tcp.expects = 2
    tcp.send("A")
    tcp.send("FA")
    tcp.next = 2
    return str(fin), str(tcp.receive())


@case(SECTION, "our FIN acknowledges the machine's", "RFC 9293 §3.10.7.4, eighth",
      "ACK seq 2 ack 2")
def fin_with_ack(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("close")
    tcp.receive()
    tcp.expects = 2
    tcp.send("FA")
    return str(tcp.receive())


@case(SECTION, "both close at once", "RFC 9293 §3.6, figure 13",
      "FIN+ACK seq 1 ack 1; ACK seq 2 ack 2; nothing; the FIN again: ACK seq 2 ack 2")
def simultaneous(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("close")
    fin = tcp.receive()
    tcp.send("FA", ack=1)
    tcp.next = 2
    crossed = tcp.receive()
    tcp.expects = 2
    tcp.send("A")
    quiet = tcp.heard()
    tcp.send("FA", seq=1)
    return f"{fin}; {crossed}; {quiet}; the FIN again: {tcp.receive()}"


@case(SECTION, "half closed by us, the machine sends", "RFC 9293 §3.6 (CLOSE-WAIT)",
      "3000 bytes, then FIN+ACK seq 3001 ack 2")
def half_closed(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("FA")
    tcp.next = 2
    tcp.receive()
    tcp.order("send", 3000)
    tcp.until_data(3001)
    tcp.order("end")
    return f"{tcp.expects - 1} bytes, then {tcp.receive()}"


@case(SECTION, "half closed by the machine, we send", "RFC 9293 §3.6 (FIN-WAIT-2)",
      "FIN+ACK seq 1 ack 1; 100 open; ACK seq 2 ack 102; 100 ended")
def half_closed_by_machine(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("end")
    fin = tcp.receive()
    tcp.expects = 2
    tcp.piece(1, 101)
    tcp.until_ack(101)
    state = tcp.told()
    tcp.send("FA", seq=101)
    return f"{fin}; {state}; {tcp.until_ack(102)}; {tcp.told()}"


@case(SECTION, "a FIN behind a gap", "RFC 9293 §3.10.7.4, eighth",
      "ACK seq 1 ack 1; the gap is filled: ACK seq 1 ack 102; 100 ended")
def fin_behind_gap(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.piece(51, 101, "FPA")
    first = tcp.receive()
    tcp.piece(1, 51)
    return f"{first}; the gap is filled: {tcp.until_ack(102)}; {tcp.told()}"


@case(SECTION, "the FIN comes again in CLOSE-WAIT", "RFC 9293 §3.10.7.4, first",
      "ACK seq 1 ack 2; ACK seq 1 ack 2; 0 ended")
def fin_twice(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("FA")
    first = tcp.receive()
    tcp.send("FA")
    return f"{first}; {tcp.receive()}; {tcp.told()}"


@case(SECTION, "data behind the FIN", "RFC 9293 §3.10.7.4, seventh (ignored)", "0 ended")
def data_behind_fin(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.send("FA")
    tcp.receive()
    tcp.piece(2, 102)
    station.fence()
    return tcp.told()


@case(SECTION, "data for an application that is gone", "RFC 9293 §3.6.1 (SHLD-3: a reset)",
      "FIN+ACK seq 1 ack 1; RST seq 2", deviates=RESET_ACKNOWLEDGES)
def nobody_reads(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("close")
    fin = tcp.receive()
    tcp.expects = 2
    tcp.send("A")
    station.fence()
    tcp.piece(1, 101)
    return f"{fin}; {tcp.receive()}"


@case(SECTION, "the application closes with data unread",
      "RFC 9293 §3.6.1 (SHLD-3: a reset)", "RST seq 1",
      deviates="a reset could overtake what the application sent before it closed; one "
               "that wants a reset aborts")
def unread(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("pause")
    tcp.piece(1, 101)
    tcp.until_ack(101)
    tcp.order("close")
    return str(tcp.receive())


@case(SECTION, "what was sent before closing arrives", "RFC 9293 §3.10.4",
      "5000 bytes, then FIN+ACK seq 5001 ack 1")
def closes_after_data(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("send", 5000)
    tcp.order("close")
    fin = None
    while tcp.expects < 5001 or fin is None:
        segment = tcp.receive()
        if segment.seq == tcp.expects and segment.data:
            tcp.expects += len(segment.data)
            tcp.send("A")
        if "FIN" in segment.flags:
            fin = segment.seq + len(segment.data)
    return f"{tcp.expects - 1} bytes, then FIN+ACK seq {fin} ack 1"


# --- TIME-WAIT ------------------------------------------------------------------------

@case(SECTION, "a reset in TIME-WAIT", "RFC 1337 §3 (ignored)",
      "nothing; still there: ACK seq 2 ack 2")
def reset_in_time_wait(station: Station) -> str:
    tcp = Tcp(station).open()
    _close_first(tcp)
    tcp.send("R")
    heard = tcp.heard()
    tcp.send("FA", seq=1)
    return f"{heard}; still there: {tcp.receive()}"


@case(SECTION, "a new SYN in TIME-WAIT", "RFC 9293 §3.6.1 (MAY-2), RFC 1122 §4.2.2.13",
      "SYN+ACK seq 0 ack 1; open")
def syn_in_time_wait(station: Station) -> str:
    tcp = Tcp(station).open()
    _close_first(tcp)
    again = Tcp(station, iss=tcp.iss + 100_000)
    answer = again.syn()
    again.send("A")
    station.fence()
    return f"{answer}; {again.told().split()[1]}"


@case(SECTION, "an old SYN in TIME-WAIT", "RFC 9293 §3.10.7.4, fourth", "ACK seq 2 ack 2")
def old_syn_in_time_wait(station: Station) -> str:
    tcp = Tcp(station).open()
    _close_first(tcp)
    tcp.send("S", seq=-1000)
    return str(tcp.receive())


@case(SECTION, "a SYN with the next number in TIME-WAIT", "RFC 9293 §3.10.7.4, fourth",
      "ACK seq 2 ack 2")
def next_syn_in_time_wait(station: Station) -> str:
    tcp = Tcp(station).open()
    _close_first(tcp)
    tcp.send("S", seq=2)
    return str(tcp.receive())


@case(SECTION, "data in TIME-WAIT", "RFC 9293 §3.10.7.4, first", "ACK seq 2 ack 2")
def data_in_time_wait(station: Station) -> str:
    tcp = Tcp(station).open()
    _close_first(tcp)
    tcp.piece(2, 12)
    return str(tcp.receive())
