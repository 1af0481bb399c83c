"""How long things take, in words that don't depend on how fast a machine is."""

import time

from raw_peer import Nothing, Station

from .ping import send_ping


def unanswered(station: Station) -> list[float]:
    """When the machine asks who has an address that nobody has."""
    station.answers = False
    send_ping(station)
    times = []
    try:
        while True:
            station.question(6)
            times.append(time.monotonic())
    except Nothing:
        return times


def no_faster_than_a_second(times: list[float]) -> bool:
    """Whether those are a second apart, on a machine that may be late."""
    return all(later - earlier > 0.6 for earlier, later in zip(times, times[1:]))


def growth(times: list[float]) -> str:
    """Of events that are repeated: whether they become rarer. A wait that doubles has
    done so even if a slow machine lengthens the one before by a third."""
    waits = [later - earlier for earlier, later in zip(times, times[1:])]
    grows = all(later > 1.4 * earlier for earlier, later in zip(waits, waits[1:]))
    return "waits double" if grows else "waits stay"
