#!/usr/bin/python3
"""Memory on machines with two NUMA nodes (numa.cc checks, on every core)."""

import unittest

import harness
import qemu

IMAGE = harness.NATIVE / "tests/system/native/numa.img"


def options(sizes: tuple[int, int], cpus: tuple[str, str]) -> tuple:
    words = []
    for node, (size, cpu) in enumerate(zip(sizes, cpus)):
        words += ["-object", f"memory-backend-ram,id=m{node},size={size}M",
                  "-numa", f"node,nodeid={node},memdev=m{node},cpus={cpu}"]
    return tuple(words)


class Numa(unittest.TestCase):
    def check(self, machine: str, cores: int, sizes: tuple[int, int],
              cpus: tuple[str, str], nodes: list[int]) -> None:
        result = qemu.boot(IMAGE, machine, cores=cores, memory=sum(sizes),
                           options=options(sizes, cpus))
        for core, node in enumerate(nodes):
            self.assertIn(f"core {core} node {node}\n", result.console)
        for node, size in enumerate(sizes):
            # Of node 0 the image, the array of PageInfo and what lies below take some.
            self.assertRegex(result.console, rf"node {node} MiB \d+\n")
            told = int(result.console.split(f"node {node} MiB ")[1].split()[0])
            self.assertLessEqual(told, size)
            self.assertGreater(told, size - 8)
        self.assertIn("numa ok\n", result.console)
        self.assertEqual(result.exit_code, 0)

    def test_two_nodes(self) -> None:
        for machine in ("pc", "q35"):
            with self.subTest(machine=machine):
                self.check(machine, 2, (64, 96), ("0", "1"), [0, 1])

    def test_cores_of_each(self) -> None:
        self.check("q35", 4, (64, 64), ("0-1", "2-3"), [0, 0, 1, 1])

    def test_the_first_core_is_on_the_second_node(self) -> None:
        """Nodes are numbered as they come up, and core 0's comes first."""
        result = qemu.boot(IMAGE, "q35", cores=2, memory=160,
                           options=options((64, 96), ("1", "0")))
        self.assertIn("core 0 node 0\ncore 1 node 1\n", result.console)
        self.assertIn("numa ok\n", result.console)


if __name__ == "__main__":
    unittest.main()
