#!/usr/bin/python3
"""The benchmarks run and say something sensible; what they count is exact."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

from harness import HOSTED, NATIVE, ROOT, require

sys.path.insert(0, str(ROOT / "bench"))

from common import (  # noqa: E402
    alternate,
    counter,
    cpio,
    known_loop,
    output,
    plot,
    qemu,
    symbols,
    tsc,
)


class CounterTest(unittest.TestCase):
    """The instruction counter, on an image whose instructions are known."""

    def between(self, report: counter.Report) -> int:
        found = symbols.Symbols(known_loop.image())
        (begin,) = report.at(found.address("known_loop_begin"))
        (end,) = report.at(found.address("known_loop_end"))
        return end.instructions - begin.instructions

    def count(self, precise: bool = False, **vm) -> counter.Report:
        image = known_loop.image()
        found = symbols.Symbols(image)
        marks = [found.address(f"known_loop_{end}") for end in ("begin", "end")]
        result = qemu.run(qemu.Vm(image, **vm), marks=marks, precise=precise)
        self.assertEqual(result.status, 1, result.console)
        return result.report

    def test_counts_a_known_loop_exactly(self) -> None:
        for machine in qemu.MACHINES:
            with self.subTest(machine=machine):
                report = self.count(machine=machine)
                self.assertEqual(self.between(report), known_loop.instructions())

    def test_counts_the_same_instruction_by_instruction(self) -> None:
        report = self.count(precise=True)
        self.assertEqual(self.between(report), known_loop.instructions())

    def test_sums_the_cores(self) -> None:
        report = self.count(cores=2)
        self.assertEqual(len(report.cores), 2)
        self.assertEqual(report.instructions, sum(report.cores))
        self.assertGreater(report.cores[0], known_loop.instructions())

    def test_profiles_between_marks(self) -> None:
        image = known_loop.image()
        found = symbols.Symbols(image)
        marks = [found.address(f"known_loop_{end}") for end in ("begin", "end")]
        report = qemu.run(qemu.Vm(image), marks=marks, profile=(1, 2)).report
        spent = sum(run.length * run.executions for run in report.runs)
        self.assertEqual(spent, known_loop.instructions())

    def test_refuses_an_argument_it_does_not_know(self) -> None:
        for argument in ("mark=here", "profile=x:1", "precise=maybe", "speed=on"):
            with self.subTest(argument), tempfile.TemporaryDirectory() as directory:
                words = qemu.Vm(known_loop.image()).arguments()
                plugin = f"{counter.plugin()},out={directory}/report,{argument}"
                result = subprocess.run(
                    [*words, "-plugin", plugin],
                    capture_output=True,
                    text=True,
                    timeout=30,
                )
                self.assertEqual(result.returncode, 1)
                self.assertIn(f'bad argument "{argument}"', result.stderr)


class CommonTest(unittest.TestCase):
    def test_contestants_take_turns(self) -> None:
        order = []
        contestants = {
            name: lambda name=name: order.append(name) or len(order)
            for name in ("a", "b")
        }
        results = alternate.alternate(contestants, 3)
        self.assertEqual(order, ["a", "b", "b", "a", "a", "b"])
        self.assertEqual(results, {"a": [1, 4, 5], "b": [2, 3, 6]})

    def test_confidence_is_students(self) -> None:
        self.assertIsNone(alternate.confidence([5]))
        self.assertAlmostEqual(alternate.confidence([1, 3]), 12.706)
        ten = alternate.confidence([4.0, 6.0] * 5)
        self.assertAlmostEqual(ten, 2.262 * (10 / 9) ** 0.5 / 10**0.5)

    def test_a_plain_archive_after_a_packed_one(self) -> None:
        """At a multiple of four, as Linux wants it."""
        first, second = cpio.Archive(), cpio.Archive()
        first.file("a", b"1")
        second.file("b", b"2")
        packed = first.packed()
        whole = cpio.joined(packed + bytes(-len(packed) % 4 + 1), second.plain())
        self.assertEqual(whole.index(b"070701") % 4, 0)

    def test_the_counters_frequency(self) -> None:
        once = tsc.khz()
        tsc.khz.cache_clear()
        self.assertAlmostEqual(tsc.khz() / once, 1, delta=0.01)


SVG = "{http://www.w3.org/2000/svg}"


class PlotTest(unittest.TestCase):
    COLUMNS = ["name", "size", "a", "b"]
    ROWS = [["x & <y>", 64, 10, 1.0], ["z", 128, 20, None], ["w", 4096, 40, 3.0]]

    def draw(self, kind: plot.Kind, x: str, **more) -> xml.etree.ElementTree.Element:
        drawn = plot.Plot(kind, [x], ["a", "b"], "instructions", **more)
        text = plot.svg(drawn, "A & B", self.COLUMNS, self.ROWS)
        return xml.etree.ElementTree.fromstring(text)

    def bar_lengths(self, picture, color: str) -> list[float]:
        """Without the legend's square, which comes first."""
        boxes = [b for b in picture.iter(f"{SVG}rect") if b.get("fill") == color]
        return [float(box.get("width")) for box in boxes[1:]]

    def test_bars_are_as_long_as_their_values(self) -> None:
        picture = self.draw(plot.Kind.BARS, "name")
        first = self.bar_lengths(picture, "#0072b2")
        self.assertEqual(len(first), 3)
        self.assertAlmostEqual(first[1], 2 * first[0], delta=0.2)
        self.assertAlmostEqual(first[2], 4 * first[0], delta=0.2)
        # The empty cell has no bar.
        self.assertEqual(len(self.bar_lengths(picture, "#d55e00")), 2)
        words = [text.text for text in picture.iter(f"{SVG}text")]
        self.assertIn("x & <y>", words)
        self.assertIn("A & B", words)

    def test_bars_have_their_errors(self) -> None:
        without = self.draw(plot.Kind.BARS, "name")
        rows = [[*row, 5, None] for row in self.ROWS]
        drawn = plot.Plot(plot.Kind.BARS, ["name"], ["a", "b"], "y", errors=["± a", "± b"])
        picture = xml.etree.ElementTree.fromstring(
            plot.svg(drawn, "t", [*self.COLUMNS, "± a", "± b"], rows))
        black = [line for line in picture.iter(f"{SVG}line") if line.get("stroke") == "#000000"]
        self.assertEqual(len(black), 3 * len(rows))
        self.assertFalse([line for line in without.iter(f"{SVG}line")
                          if line.get("stroke") == "#000000"])
        ends = [float(black[0].get(x)) for x in ("x1", "x2")]
        bar = next(box for box in list(picture.iter(f"{SVG}rect"))[2:]
                   if box.get("fill") == "#0072b2" and box.get("height") == "14.0")
        end = float(bar.get("x")) + float(bar.get("width"))
        self.assertAlmostEqual(sum(ends) / 2, end, delta=0.2)

    def test_stacked_bars_lie_end_to_end(self) -> None:
        picture = self.draw(plot.Kind.STACKS, "name")
        boxes = [b for b in picture.iter(f"{SVG}rect") if b.get("height") == "14.0"]
        first, second = boxes[:2]
        self.assertAlmostEqual(
            float(first.get("x")) + float(first.get("width")),
            float(second.get("x")),
            delta=0.2,
        )

    def test_logarithmic_lines_are_straight_for_a_power_law(self) -> None:
        rows = [["", 2**i, 10**i, None] for i in range(1, 5)]
        drawn = plot.Plot(
            plot.Kind.LINES, ["size"], ["a"], "y", log_x=True, log_y=True
        )
        text = plot.svg(drawn, "t", self.COLUMNS, rows)
        (line,) = xml.etree.ElementTree.fromstring(text).iter(f"{SVG}polyline")
        points = [tuple(map(float, p.split(","))) for p in line.get("points").split()]
        steps = [
            (after[0] - before[0], after[1] - before[1])
            for before, after in zip(points, points[1:])
        ]
        for step in steps[1:]:
            self.assertAlmostEqual(step[0], steps[0][0], delta=0.3)
            self.assertAlmostEqual(step[1], steps[0][1], delta=0.3)
        self.assertGreater(steps[0][0], 0)
        self.assertLess(steps[0][1], 0)  # upward

    def test_what_an_earlier_run_wrote_goes(self) -> None:
        directory = pathlib.Path(
            self.enterContext(tempfile.TemporaryDirectory())
        )
        stale, other = directory / "b-old.svg", directory / "c-old.svg"
        for path in stale, other:
            path.write_text("")
        drawn = plot.Plot(plot.Kind.BARS, ["name"], ["a"], "y")
        table = output.Table("t", "T", self.COLUMNS, self.ROWS, plot=drawn)
        with contextlib.redirect_stdout(io.StringIO()):
            output.publish("b", [table], directory)
        self.assertFalse(stale.exists())
        self.assertTrue(other.exists())
        self.assertTrue((directory / "b-t.svg").exists())


class CommandTest(unittest.TestCase):
    """Each benchmark in its short form."""

    def bench(self, name: str, zeros: tuple[str, ...] = ()) -> dict[str, dict]:
        """Runs the benchmark; its tables by name. Numbers are above 0 but in the columns
        `zeros`."""
        directory = self.enterContext(tempfile.TemporaryDirectory())
        result = subprocess.run(
            [ROOT / "bench" / name, "--short", "--output", directory],
            capture_output=True,
            text=True,
            timeout=480,
        )
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        written = json.loads((pathlib.Path(directory) / f"{name}.json").read_text())
        self.assertIn("QEMU", written["machine"]["qemu"])
        for table in written["tables"]:
            self.assertIn(table["title"], result.stdout)
            self.assertTrue(table["rows"], table["title"])
            for row in table["rows"]:
                self.assertEqual(len(row), len(table["columns"]), row)
                for column, value in zip(table["columns"], row):
                    if isinstance(value, str) or value is None or column in zeros:
                        continue
                    self.assertGreater(value, 0, row)
            csv = pathlib.Path(directory) / f"{name}-{table['name']}.csv"
            self.assertEqual(
                len(csv.read_text().splitlines()), len(table["rows"]) + 1
            )
            if table["plot"]:
                xml.etree.ElementTree.parse(csv.with_suffix(".svg"))
        return {table["name"]: table for table in written["tables"]}

    def test_dispatch(self) -> None:
        require(NATIVE / "bench" / "bench_dispatch.elf")
        tables = self.bench("dispatch")
        calls = dict(tables["calls"]["rows"])
        # Exact, so it may be asserted: what an Ebb call may cost.
        for call in ("Ebb call, fixed id", "Ebb call, id in memory"):
            self.assertLessEqual(calls[call], calls["virtual call"] + 2, call)
        # A load, a test, a branch, a call and a return can't be had for less.
        self.assertGreaterEqual(calls["Ebb call, fixed id"], 5)

    def test_boot(self) -> None:
        require(NATIVE / "bench" / "bench_boot.elf")
        require(NATIVE / "apps" / "hello" / "hello.elf")
        tables = self.bench("boot")
        stages = [row[0] for row in tables["stages-microvm"]["rows"]]
        self.assertTrue(stages[0].startswith("entry point"), stages)
        self.assertEqual(
            stages[-2:], ["application's main", "network up, static address"]
        )
        since_entry = [row[2] for row in tables["stages-microvm"]["rows"]][1:]
        self.assertEqual(since_entry, sorted(since_entry))

    def test_sizes(self) -> None:
        for name in ("apps/hello/hello", "apps/memcached/memcached", "tests/system/files/files"):
            require(NATIVE / f"{name}.map")
        tables = self.bench("sizes")
        rows = {row[0]: row[1] for row in tables["images"]["rows"]}
        whole = (NATIVE / "apps/hello/hello.img").stat().st_size
        self.assertEqual(sum(rows.values()), whole)
        # What is not accounted for is little, and nothing of it missing elsewhere.
        self.assertLess(rows["headers and gaps"], 16_000)
        self.assertGreater(rows["lwIP"], 20_000)
        self.assertLess(rows["application"], 10_000)
        if "programs" in tables:  # node is built
            verdicts = [note for note in tables["programs"]["notes"] if "besides" in note]
            self.assertEqual(len(verdicts), 2)
            for verdict in verdicts:
                self.assertTrue(verdict.endswith("holds"), verdict)

    def test_connections(self) -> None:
        """A request costs the same however many connections are open: nothing walks
        a list of them. Instructions, which don't depend on the host's load."""
        require(NATIVE / "bench" / "bench_exchange.elf")
        rows = self.bench("connections")["requests"]["rows"]
        cost = {row[0]: row[1] for row in rows}
        self.assertLess(cost[256], 1.05 * cost[16])

    def test_cores(self) -> None:
        """A request takes no lock and no line of another core's. That the counter sees
        such lines, boot shows."""
        require(NATIVE / "bench" / "bench_cores.elf")
        require(NATIVE / "apps" / "memcached" / "memcached.elf")
        tables = self.bench("cores", (
            "lines of others", "lines of others, get", "lines of others, set", "core",
            "1 core", "2 cores", "4 cores"))
        rows = {row[0]: row for row in tables["requests"]["rows"]}
        for cores in (2, 4):
            self.assertLess(rows[cores][1], 1.2 * rows[1][1])
            self.assertLess(rows[cores][4], 0.1)
        # memcached's reads share nothing either, and a change locks its shard.
        for cores, *get_and_set in tables["memcached"]["rows"]:
            self.assertLess(get_and_set[2], 0.1, cores)
            self.assertGreater(get_and_set[4], get_and_set[1] + 0.9, cores)
        for name in ("locked", "get-locked"):
            self.assertEqual([row for row in tables[name]["rows"] if not row[1]], [], name)
        self.assertEqual(sum(row[2] for row in tables["served"]["rows"] if row[0] == 2), 512)
        (seen,) = [note for note in tables["requests"]["notes"] if "before" in note]
        self.assertRegex(seen, r": 0 on 1, [1-9][\d,]* on 2")

    def test_netpipe(self) -> None:
        require(NATIVE / "bench" / "bench_exchange.elf")
        rows = self.bench("netpipe")["instructions"]["rows"]
        cost = {row[0]: row[1:3] for row in rows}
        # The aim; instructions again.
        self.assertLess(cost[64][0], cost[64][1] / 3)

    def test_memcached(self) -> None:
        require(NATIVE / "apps" / "memcached" / "memcached.elf")
        tables = self.bench("memcached")
        cost = {row[0]: row[1:3] for row in tables["connections"]["rows"]}
        self.assertLess(cost[64][0], cost[64][1] / 3)
        self.assertEqual({row[0] for row in tables["values"]["rows"]}, {64})
        self.assertEqual([row[1] for row in tables["latency"]["rows"]], ["EbbRT", "Linux"])
        parts = [row[1] for row in tables["layers"]["rows"]]
        self.assertAlmostEqual(sum(parts), 100)
        self.assertGreater(min(parts), 0)

    def test_messages(self) -> None:
        require(NATIVE / "bench" / "bench_messages.elf")
        rows = self.bench("messages")["calls"]["rows"]
        self.assertEqual([row[0] for row in rows], [8, 64, 1024, 16384, 65536])

    def test_memory(self) -> None:
        require(NATIVE / "bench" / "bench_memory.elf")
        rows = self.bench("memory")["instructions"]["rows"]
        self.assertEqual(len(rows), 5)

    def test_files(self) -> None:
        require(NATIVE / "bench" / "bench_files.elf")
        ways = [row[0] for row in self.bench("files")["read"]["rows"]]
        self.assertEqual(ways, ["file", "TCP"])

    def test_allocate(self) -> None:
        require(NATIVE / "bench" / "bench_allocate.elf")
        rows = self.bench("allocate")["nodes"]["rows"]
        for _, first, median, last in rows:
            self.assertLessEqual(first, median)
            self.assertLessEqual(median, last)

    def test_sage_boot(self) -> None:
        require(NATIVE / "bench" / "bench_sage_boot.elf")
        cost = {row[0]: row[1] for row in self.bench("sage-boot")["machines"]["rows"]}
        # The aim; instructions, which don't depend on the host's load.
        self.assertLess(cost["EbbRT, microvm"], 1_000_000)
        self.assertLess(cost["EbbRT, q35"], cost["Linux, q35"] / 100)

    def test_sage_work(self) -> None:
        require(NATIVE / "bench" / "bench_sage_work.elf")
        tables = self.bench("sage-work")
        rows = tables["tiles"]["rows"]
        works = ("zero", "randomize", "sum", "multiply", "multiply-ublas")
        self.assertEqual([row[:2] for row in rows],
                         [[work, size] for work in works for size in (100, 200)])
        product, ublas = (row[2] for row in (rows[7], rows[9]))
        # 200 rows by 200 columns by 200 products, at most eight at a time.
        self.assertGreater(product, 200**3 / 8)
        self.assertLess(product, 200**3 * 6)
        self.assertGreater(ublas, product)
        ((size, _, ours, theirs, _),) = tables["elapsed"]["rows"]
        self.assertEqual(size, 100)
        self.assertLess(ours, theirs)

    def test_sage_nodes(self) -> None:
        require(HOSTED / "apps" / "sage-matrix" / "python" / "ebbrt" / "__init__.py")
        for table in self.bench("sage-nodes").values():
            self.assertEqual([row[0] for row in table["rows"]], [1, 2])
            self.assertTrue(all(min(row) > 0 for row in table["rows"]), table)

    def test_v8(self) -> None:
        if not (NATIVE / "apps" / "node" / "v8.elf").exists():
            self.skipTest("V8 is not built: ./ebbrt build node does that, in a quarter of an hour")
        if shutil.which("npm") is None:
            self.skipTest("npm, which fetches the suite, is not installed")
        tables = self.bench("v8")
        ((kernel, score, _, *_), (last, total, *_)) = tables["scores"]["rows"]
        self.assertEqual((kernel, last), ("richards", "total"))
        self.assertAlmostEqual(score, total)
        # Instructions, which don't depend on the host's load.
        kernel, ours, theirs, _ = tables["instructions"]["rows"][0]
        self.assertLess(ours, theirs)
        first_line = {row[0]: row[2] for row in tables["machines"]["rows"]}
        self.assertLess(first_line["EbbRT"], 20_000_000)
        self.assertLess(first_line["EbbRT"], first_line["Linux"] / 50)

    def test_node_http(self) -> None:
        if not (NATIVE / "apps" / "node" / "node.elf").exists():
            self.skipTest("node is not built: ./ebbrt build node does that, in half an hour")
        if shutil.which("wrk") is None:
            self.skipTest("wrk, which loads the server, is not installed")
        if os.environ.get("EBBRT_LONG") != "1":
            self.skipTest("it takes many minutes; EBBRT_LONG=1 runs it")
        tables = self.bench("node-http")
        self.assertEqual([row[0] for row in tables["requests"]["rows"]], [1, 64])
        self.assertEqual([row[1] for row in tables["latency"]["rows"]], ["EbbRT", "Linux"])
        # Few requests were served: of each, V8's compiling is a part that varies. What
        # comes before the first varies little.
        until_it_serves = {row[0]: row[2] for row in tables["machines"]["rows"]}
        self.assertLess(until_it_serves["EbbRT"], until_it_serves["Linux"] / 3)

    def test_node_http_says_what_is_missing(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run(
                [ROOT / "bench" / "node-http"], env={**os.environ, "EBBRT_BUILD": directory},
                capture_output=True, text=True, timeout=30)
        self.assertEqual(result.returncode, 1)
        self.assertIn("node.elf is not built; run ./ebbrt build node", result.stderr)

    def test_v8_says_what_is_missing(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run(
                [ROOT / "bench" / "v8"], env={**os.environ, "EBBRT_BUILD": directory},
                capture_output=True, text=True, timeout=30)
            self.assertEqual(result.returncode, 1)
            self.assertIn("v8.elf is not built; run ./ebbrt build node", result.stderr)
            programs = pathlib.Path(directory) / "programs"
            programs.mkdir()
            result = subprocess.run(
                [sys.executable, "-c", "from common import npm; npm.fetch('a', '1')"],
                cwd=ROOT / "bench", capture_output=True, text=True, timeout=30,
                env={"PATH": str(programs), "EBBRT_CACHE": directory})
        self.assertIn("npm is not installed", result.stderr)
        self.assertIn("apt-get install npm", result.stderr)

    def test_missing_builds_are_named(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            result = subprocess.run(
                [ROOT / "bench" / "dispatch", "--output", directory],
                env={**os.environ, "EBBRT_BUILD": directory},
                capture_output=True,
                text=True,
                timeout=30,
            )
        self.assertEqual(result.returncode, 1)
        self.assertIn("bench_dispatch.elf is not built; run ./ebbrt build", result.stderr)


if __name__ == "__main__":
    unittest.main()
