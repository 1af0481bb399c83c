"""How far the tiles are that Python waits for."""

import sys
import threading

import tqdm


class Progress:
    """Shows how many of the tiles that the main thread waits for are computed, if it
    waits for more than a second."""

    def __init__(self, wanted):
        # As tqdm's: None is on a terminal only.
        self._disable = True if sys.stderr is None else None if wanted is None else not wanted
        self._bar = None

    def __call__(self, done=None, asked=None):
        if self._disable or threading.current_thread() is not threading.main_thread():
            return
        try:
            self._show(done, asked)
        except (BrokenPipeError, ValueError, AttributeError):
            # Standard error is gone: that ends the showing, not the work.
            self._disable, self._bar = True, None

    def _show(self, done, asked):
        if done is None:
            bar, self._bar = self._bar, None
            if bar is not None:
                bar.close()
            return
        if self._bar is None:
            self._bar = tqdm.tqdm(desc="ebbrt", total=asked, unit=" tiles", leave=False, delay=1,
                                  miniters=0, disable=self._disable, file=sys.stderr)
        self._bar.total = asked
        self._bar.update(done - self._bar.n)
