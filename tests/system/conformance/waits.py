"""How long things take, in words that don't depend on how fast a machine is."""


def growth(times: list[float]) -> str:
    """Of events that are repeated: whether they become rarer. A wait that doubles has
    done so even if a slow machine lengthens the one before by a third."""
    waits = [later - earlier for earlier, later in zip(times, times[1:])]
    grows = all(later > 1.4 * earlier for earlier, later in zip(waits, waits[1:]))
    return "waits double" if grows else "waits stay"
