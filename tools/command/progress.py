"""Progress on standard error: a line per step, its time when it ends."""

import sys
import time


def say(text: str) -> None:
    """One line for the user."""
    print(f"ebbrt: {text}", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """A time span to be read by people."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole // 60} min {whole % 60:02} s"


class Step:
    """A step that takes time. Says that it begins (unless `silent_start`), how far
    it is, and how long it took.

    On a terminal the state is rewritten in place; elsewhere it is a line every
    `INTERVAL` seconds, so that a log shows that something moves.
    """

    INTERVAL = 30.0

    def __init__(self, name: str) -> None:
        self.name = name
        self._started = time.monotonic()
        self._last = self._started
        self._terminal = sys.stderr.isatty()
        self._shown = False

    def state(self, text: str) -> None:
        """How far the step is."""
        now = time.monotonic()
        if now - self._last < (0.2 if self._terminal else self.INTERVAL):
            return
        self._last = now
        line = f"ebbrt: {self.name}: {text}, {duration(now - self._started)}"
        if self._terminal:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
            self._shown = True
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self, result: str) -> None:
        """The step's last line."""
        if self._shown:
            print("\r\033[K", end="", file=sys.stderr)
        say(f"{self.name}: {result}, {duration(self.seconds)}")

    @property
    def seconds(self) -> float:
        """Time since the step began."""
        return time.monotonic() - self._started
