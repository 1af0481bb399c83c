"""The time stamp counter's frequency, which a guest of TCG can't know: the daemon
tells it, too (tools/iaasd/accelerator.cc)."""

import ctypes
import functools
import mmap
import time

_READ_TSC = bytes.fromhex("0f31 48c1e220 4809d0 c3")  # rdtsc; shl rdx, 32; or rax, rdx; ret
_SECONDS = 0.2


@functools.cache
def khz() -> int:
    with mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC) as page:
        page.write(_READ_TSC)
        code = ctypes.c_char.from_buffer(page)
        read = ctypes.CFUNCTYPE(ctypes.c_uint64)(ctypes.addressof(code))

        def now() -> tuple[int, int]:
            """Of several pairs the one that was read at once."""
            def pair() -> tuple[int, int, int]:
                before = time.monotonic_ns()
                ticks = read()
                after = time.monotonic_ns()
                return after - before, (before + after) // 2, ticks
            _, nanoseconds, ticks = min(pair() for _ in range(20))
            return nanoseconds, ticks

        began = now()
        time.sleep(_SECONDS)
        ended = now()
        del read, code
    return (ended[1] - began[1]) * 1_000_000 // (ended[0] - began[0])
