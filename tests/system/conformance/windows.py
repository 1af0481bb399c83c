"""TCP: windows that shut, and scaled ones."""

import time

from raw_peer import Segment, Station, Tcp, stream

from .case import When, case
from .waits import growth

SECTION = "TCP: windows"


def flight(tcp: Tcp, size: int) -> list[Segment]:
    """What the machine sends at once of `size` bytes; of what comes twice, as on a machine
    that is slow, one."""
    tcp.order("send", size)
    segments = [segment for segment in tcp.received() if segment.data]
    return list({segment.seq: segment for segment in segments}.values())


def _fill(tcp: Tcp, size: int) -> Segment:
    """Sends that many bytes, more than anybody takes; returns the acknowledgement of
    what was."""
    for first in range(1, size + 1, 1400):
        tcp.piece(first, min(first + 1400, size + 1))
    last = tcp.until_ack(65536)
    tcp.next = last.ack
    return last


@case(SECTION, "the application does not read", "RFC 9293 §3.8.6, §3.10.7.4, first",
      "ack 65536 window 0; a probe: ACK seq 1 ack 65536 window 0; "
      "it reads: window open, then 65635 open")
def machine_shuts(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("pause")
    last = _fill(tcp, 66000)  # the last segment is partly behind the window
    shut = f"ack {last.ack} window {last.window}"
    tcp.received()
    tcp.send("PA", b"?")
    probe = tcp.receive()
    tcp.order("resume")
    update = tcp.receive()
    is_open = "open" if update.window > 0 and update.ack == 65536 else str(update)
    tcp.piece(65536, 65636)
    tcp.until_ack(65636)
    return (f"{shut}; a probe: {probe} window {probe.window}; it reads: "
            f"window {is_open}, then {tcp.told()}")


@case(SECTION, "an acknowledgement while the machine's window is shut",
      "RFC 9293 §3.10.7.4, first (valid ACKs are taken)", "100 bytes acknowledged")
def acks_while_shut(station: Station) -> str:
    tcp = Tcp(station).open()
    tcp.order("pause")
    _fill(tcp, 66000)
    tcp.received()
    tcp.order("send", 100)
    tcp.receive()
    tcp.send("PA", b"?", ack=101)
    tcp.received()
    # Were it not taken, those would be sent again and nothing new.
    tcp.order("send", 10)
    segment = tcp.receive()
    return f"{segment.seq - 1} bytes acknowledged"


@case(SECTION, "our window is shut", "RFC 9293 §3.8.6.1 (MUST-36)",
      "probes of 1 byte, waits double; open: 3000 bytes in order", when=When.EARLY)
def we_shut(station: Station) -> str:
    tcp = Tcp(station).open(window=0)
    tcp.order("send", 3000)
    probes = []
    while len(probes) < 4:
        probe = tcp.receive()
        probes.append(probe)
        tcp.send("A")
    sizes = sorted({len(probe.data) for probe in probes})
    tcp.window = 65535
    tcp.send("A")
    tcp.until_data(3001)
    waits = growth([probe.time for probe in probes])
    return (f"probes of {'/'.join(map(str, sizes))} byte, {waits}; open: "
            f"{tcp.expects - 1} bytes in order")


@case(SECTION, "our window stays shut after the machine has closed", "RFC 6429 §3",
      "probes for a minute, then RST+ACK", when=When.EARLY)
def we_never_read(station: Station) -> str:
    tcp = Tcp(station).open(window=0)
    tcp.order("send", 3000)
    tcp.order("close")
    began = time.monotonic()
    while (segment := tcp.receive(seconds=90)).data:
        tcp.send("A")
    seconds = time.monotonic() - began
    lasted = "a minute" if 50 < seconds < 80 else f"{seconds:.0f} s"
    return f"probes for {lasted}, then {segment.flags}"


@case(SECTION, "our window takes a part of a segment", "RFC 9293 §3.8.6.2.1",
      "100 bytes and no more")
def small_window(station: Station) -> str:
    tcp = Tcp(station).open(window=100)
    tcp.order("send", 1000)
    sizes = {each.seq: len(each.data) for each in [tcp.receive(), *tcp.received()]}
    return f"{sum(sizes.values())} bytes and no more"


@case(SECTION, "we shrink the window", "RFC 9293 §3.8.6 (SHLD-15)",
      "nothing behind it; then 3000 bytes in order",
      deviates="lwIP takes a smaller window only with a new number or acknowledgement, as "
               "of two segments without either nobody knows which is the older; what "
               "was sent too much is sent again")
def shrinks(station: Station) -> str:
    tcp = Tcp(station).open(window=5000)
    tcp.window = 1000
    tcp.send("A")
    behind = [each for each in flight(tcp, 3000) if each.seq + len(each.data) > 1001]
    tcp.window = 65535
    tcp.send("A")
    tcp.until_data(3001)
    return (f"{'; '.join(map(str, behind)) or 'nothing'} behind it; then "
            f"{tcp.expects - 1} bytes in order")


@case(SECTION, "our window is scaled", "RFC 7323 §2.3", "800 bytes on the way")
def ours_scaled(station: Station) -> str:
    tcp = Tcp(station).open([("MSS", 400), ("WScale", 3)], window=100)
    return f"{sum(len(each.data) for each in flight(tcp, 5000))} bytes on the way"


@case(SECTION, "the machine's window is scaled", "RFC 7323 §2.2, §2.3",
      "WScale 5, a window of 1 MiB")
def theirs_scaled(station: Station) -> str:
    tcp = Tcp(station)
    answer = tcp.syn([("MSS", 1460), ("WScale", 0)])
    tcp.send("A")
    tcp.piece(1, 2)
    scale = answer.options.get("WScale")
    room = tcp.until_ack(2).window << (scale or 0)
    return f"WScale {scale}, a window of {(room + 1023) >> 20} MiB"


@case(SECTION, "a window that is not scaled", "RFC 7323 §2.2",
      "no WScale, 65535; ACK window 65534")
def not_scaled(station: Station) -> str:
    tcp = Tcp(station)
    answer = tcp.syn()
    tcp.send("A")
    tcp.order("pause")
    tcp.piece(1, 2)
    scale = "WScale" if "WScale" in answer.options else "no WScale"
    return f"{scale}, {answer.window}; ACK window {tcp.until_ack(2).window}"


@case(SECTION, "data far into a large window", "RFC 7323 §2.3",
      "kept: 1000000 bytes ahead, then 100 open")
def far_ahead(station: Station) -> str:
    tcp = Tcp(station).open([("MSS", 1460), ("WScale", 0), ("SAckOK", b"")])
    tcp.send("PA", stream(10), seq=1_000_001)
    block = tcp.receive().sacks
    tcp.piece(1, 101)
    tcp.until_ack(101)
    ahead = block[0] - 1 if block else "nothing"
    return f"kept: {ahead} bytes ahead, then {tcp.told()}"
