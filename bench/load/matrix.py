"""matrix.py MACHINE NODES ROUNDS SIZE: what bench/sage-nodes measures of one session of
the module ebbrt, in seconds: a line each "first-result" and "multiply".

With the machine "numpy", the product of the same matrices by NumPy."""

import gc
import statistics
import sys
import time

TILE = 100  # rows and columns of what the first result is computed from


def median(rounds: int, work, after=lambda: None) -> float:
    times = []
    for _ in range(rounds):
        begin = time.monotonic()
        result = work()
        times.append(time.monotonic() - begin)
        del result
        after()
    return statistics.median(times)


def numpys(rounds: int, size: int) -> None:
    import numpy

    a, b = numpy.random.default_rng(1).random((2, size, size))
    a @ b  # threads are started, pages are there
    print("multiply", median(rounds, lambda: a @ b))


def ours(machine: str, nodes: int, rounds: int, size: int) -> None:
    import ebbrt

    def first_result():
        matrix = ebbrt.Matrix.random(TILE * nodes, TILE, tile=TILE)
        matrix.sum()
        return matrix

    def all_gone() -> None:
        gc.collect()
        while ebbrt.nodes():
            time.sleep(0.01)
        time.sleep(0.2)  # the daemon cleans up

    ebbrt.start(nodes=nodes, machine=machine)
    # Whoever starts the daemon does it once.
    ebbrt.Matrix(1, 1).sum()
    all_gone()
    print("first-result", median(rounds, first_result, all_gone))
    a, b = (ebbrt.Matrix.random(size, size, seed, tile=size // 4).evaluate() for seed in (1, 2))
    print("multiply", median(rounds, lambda: (a @ b).evaluate()))


if __name__ == "__main__":
    machine, nodes, rounds, size = sys.argv[1], *map(int, sys.argv[2:])
    if machine == "numpy":
        numpys(rounds, size)
    else:
        ours(machine, nodes, rounds, size)
