#!/usr/bin/python3
"""node's own tests, test/parallel of its source, each on a machine of its own.

apps/node/tests.txt lists all of them with how they end, docs/node-support.md counts
them. Both are generated:

    test_node_parallel.py --update [BEGINNING...]   runs these tests, or all, anew
    test_node_parallel.py --update --only "not run yet" [BEGINNING...]
                                                    of these only those that ended so

BEGINNING is a group (buffer, fs, ...) or how a test's name begins. What is known of other
tests stays. As a test this runs a sample of those that pass, with EBBRT_LONG=1 all.
"""

import argparse
import os
import pathlib
import re
import signal
import sys
import tempfile
import time
import unittest

import node_parallel
from harness import ROOT, Namespace, require
from node_parallel import (
    EXCEPTED, FAILED, LIST, PASSED, REFUSED, SKIPPED, WAITS, Outcome, Runner, by_group, group_of,
    test_files, tests_directory,
)  # fmt: skip

SUPPORT = ROOT / "docs" / "node-support.md"
BEGIN, END = "<!-- tests: begin -->", "<!-- tests: end -->"
STATES = [PASSED, FAILED, REFUSED, SKIPPED, WAITS]
SAMPLE = 60
LONG = os.environ.get("EBBRT_LONG") == "1"
WRITE_EVERY = 20  # tests: what an interrupted update loses at most


def listed() -> dict[str, Outcome]:
    """What the list says of each test."""
    result = {}
    if LIST.exists():
        for line in LIST.read_text().splitlines():
            if line.startswith("test-"):
                name, _, said = line.partition("  ")
                state, _, reason = said.partition(": ")
                result[name] = Outcome(state, reason)
    return result


def excepted(outcome: Outcome) -> bool:
    """Whether a test needs what issue 6 lets be refused."""
    return outcome.state == REFUSED and outcome.reason.removeprefix("needs ") in EXCEPTED


def counts(outcomes: list[Outcome]) -> list[int]:
    """How many ended in each of STATES."""
    return [sum(outcome.state == state for outcome in outcomes) for state in STATES]


def share(outcomes: list[Outcome]) -> str:
    """Passed of those that have run or would, but for what is excepted, in percent."""
    asked = [o for o in outcomes if not excepted(o) and o.state not in (SKIPPED, WAITS)]
    passed = sum(outcome.state == PASSED for outcome in asked)
    return f"{100 * passed / len(asked):.0f} %" if asked else ""


def sample(outcomes: dict[str, Outcome], most: int) -> list[str]:
    """At most this many of those that pass: of each group in turn one, spread over it."""
    groups = by_group(name for name, outcome in outcomes.items() if outcome.state == PASSED)
    quota = dict.fromkeys(groups, 0)
    while sum(quota.values()) < most:
        growing = [g for g in groups if quota[g] < len(groups[g])]
        if not growing:
            break
        for group in growing[: most - sum(quota.values())]:
            quota[group] += 1
    return [names[i * len(names) // quota[group]]
            for group, names in groups.items() for i in range(quota[group])]


class NodeParallelTest(unittest.TestCase):
    def setUp(self) -> None:
        if not node_parallel.IMAGE.exists():
            self.skipTest("node is not built: ./ebbrt build node does that, in half an hour")
        if not (tests_directory() / "parallel").exists():
            self.skipTest("node's tests are not built: ./ebbrt build node puts them beside its core")
        require(node_parallel.FRONT_END)

    def test_list_is_complete(self) -> None:
        there = test_files(tests_directory())
        self.assertGreater(len(there), 3000)
        self.assertEqual(there, sorted(listed()))

    def test_those_that_pass(self) -> None:
        outcomes = listed()
        chosen = sample(outcomes, len(outcomes) if LONG else SAMPLE)
        with Namespace("np") as namespace, tempfile.TemporaryDirectory() as directory:
            runner = Runner(namespace, pathlib.Path(directory))
            wrong = self.those_that_fail(runner, chosen)
            # Many have time limits of their own, which a busy host misses; not twice.
            wrong = self.those_that_fail(runner, list(wrong))
            self.assertEqual(wrong, {})
            namespace.assert_clean(self)

    def those_that_fail(self, runner: Runner, names: list[str]) -> dict[str, str]:
        results: dict[str, Outcome] = {}
        runner.run_all(names, results.__setitem__)
        return {name: str(outcome) for name, outcome in results.items() if outcome.state != PASSED}


class ListTest(unittest.TestCase):
    """What needs no node: the list and the counts made of it."""

    def test_support_counts_what_is_listed(self) -> None:
        self.assertEqual(SUPPORT.read_text(), with_table(SUPPORT.read_text(), listed()))

    def test_sample_is_bounded_and_spread(self) -> None:
        chosen = sample(listed(), SAMPLE)
        self.assertEqual(len(chosen), len(set(chosen)))
        self.assertLessEqual(len(chosen), SAMPLE)
        self.assertGreater(len({group_of(name) for name in chosen}), 20)


def table(outcomes: dict[str, Outcome]) -> str:
    """The counts, per group and in all."""
    lines = ["| | passed | failed | refused | skip themselves | not run yet | share |",
             "|---|---|---|---|---|---|---|"]
    for group, names in by_group(outcomes).items():
        of_group = [outcomes[name] for name in names]
        lines.append(f"| {group} | {' | '.join(map(str, counts(of_group)))} | {share(of_group)} |")
    everything = list(outcomes.values())
    total = " | ".join(f"**{count}**" for count in counts(everything))
    lines.append(f"| **all** | {total} | **{share(everything)}** |")
    if waiting := counts(everything)[STATES.index(WAITS)]:
        lines += ["", f"{waiting} tests have not run yet: shares are of the others, no more than a sample."]
    refused: dict[str, int] = {}
    for outcome in everything:
        if outcome.state == REFUSED:
            refused[outcome.reason] = refused.get(outcome.reason, 0) + 1
    reasons = sorted(refused.items(), key=lambda item: (-item[1], item[0]))
    lines += ["", "| refused because it | tests |", "|---|---|"]
    lines += [f"| {reason} | {count} |" for reason, count in reasons]
    return "\n".join(lines)


def with_table(text: str, outcomes: dict[str, Outcome]) -> str:
    """The document with the counts between its marks."""
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{table(outcomes)}\n{END}", text, flags=re.DOTALL)


def replace(path: pathlib.Path, text: str) -> None:
    """Writes the file such that it is never there in part."""
    part = path.with_suffix(".part")
    part.write_text(text)
    part.replace(path)


def write(outcomes: dict[str, Outcome]) -> None:
    passed, failed, refused, skipped, waits = counts(list(outcomes.values()))
    lines = [f"# node's own tests (test/parallel) on the library OS: {passed} passed, {failed} failed,",
             f"# {refused} refused, {skipped} skip themselves, {waits} not run yet.",
             "# Written by tests/system/test_node_parallel.py --update."]
    for group, names in by_group(outcomes).items():
        of_group = counts([outcomes[name] for name in names])
        lines += ["", f"# {group}: {of_group[0]} of {len(names)} passed"]
        lines += [f"{name}  {outcomes[name]}" for name in names]
    replace(LIST, "\n".join(lines) + "\n")
    replace(SUPPORT, with_table(SUPPORT.read_text(), outcomes))


def update(beginnings: list[str], only: str | None, said: pathlib.Path | None,
           workers: int) -> None:
    known = listed()
    outcomes = {name: known.get(name, Outcome(WAITS)) for name in test_files(tests_directory())}
    wanted = [
        name
        for names in by_group(outcomes).values()
        for name in names
        if (only is None or outcomes[name].state == only)
        and (not beginnings or any(group_of(name) == b or name.removeprefix("test-").startswith(f"{b}-")
                                   or name == b for b in beginnings))
    ]  # fmt: skip
    done = 0

    def tell(name: str, outcome: Outcome) -> None:
        nonlocal done
        done += 1
        outcomes[name] = outcome
        print(f"[{done}/{len(wanted)}] {time.strftime('%T')} {name}  {outcome}", flush=True)
        if done % WRITE_EVERY == 0:
            write(outcomes)

    if said:
        said.mkdir(parents=True, exist_ok=True)
    # Whatever ends it, what is known is written, and the machines end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        with Namespace("np") as namespace, tempfile.TemporaryDirectory() as directory:
            Runner(namespace, pathlib.Path(directory), said, workers).run_all(wanted, tell)
    finally:
        write(outcomes)


def main() -> None:
    if "--update" not in sys.argv:
        unittest.main()
    parser = argparse.ArgumentParser(description="Runs node's own tests and writes down how they end.")
    parser.add_argument("--update", action="store_true", required=True)
    parser.add_argument("--only", choices=STATES, help="only tests that ended so")
    parser.add_argument("--said", type=pathlib.Path, metavar="DIRECTORY",
                        help="keep what failing tests say there")
    parser.add_argument("--workers", type=int, default=node_parallel.WORKERS, metavar="N",
                        help="machines at once (%(default)s)")
    parser.add_argument("beginnings", nargs="*", help="groups, or how names of tests begin")
    arguments = parser.parse_args()
    update(arguments.beginnings, arguments.only, arguments.said, arguments.workers)


if __name__ == "__main__":
    main()
