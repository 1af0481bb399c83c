"""Steps that compile every header alone (tests/headers/CMakeLists.txt)."""

import re

from .. import builds, paths
from .counts import Counts
from .steps import Options, Step, show_failure

_FAILED = re.compile(r"^FAILED: (\S+)", re.MULTILINE)


def _headers(tree: builds.Tree) -> dict[str, str]:
    """Object file (ninja's name for it) of each header of the tree's list."""
    listed = (tree.path / "tests" / "headers" / "headers.txt").read_text()
    pairs = (line.split(" ") for line in listed.splitlines() if line)
    return {header: unit for header, unit in pairs}


def step(tree: builds.Tree) -> Step:
    """The headers that belong to the tree's platform."""

    def run(options: Options) -> Counts:
        listed = _headers(tree)
        wanted = {
            header: unit for header, unit in listed.items() if options.matches(header)
        }
        if not wanted:
            return Counts()
        output = builds.build(tree, sorted(set(wanted.values())), keep_going=True)
        failed = set(_FAILED.findall(output))
        bad = [header for header, unit in wanted.items() if unit in failed]
        # What the headers need (generated sources) may fail as well.
        bad += sorted(failed - set(wanted.values()))
        if "build stopped" in output and not bad:
            bad.append(f"build/{tree.name} stopped")
        if bad:
            words = "\n".join(re.findall(r"^.*error.*$", output, re.MULTILINE)[:20])
            show_failure(f"{len(bad)} headers failed", words, paths.shown(tree.log))
        return Counts(
            passed=len(wanted) - len(set(bad) & set(wanted)),
            failed=len(bad),
            failures=bad,
        )

    return Step(
        kind="headers",
        name=f"headers, {tree.name}",
        # Configures and makes what they need; the headers are the run's.
        build=lambda: builds.build(tree, ["header_prerequisites"]) and None,
        run=run,
        names=lambda: list(_headers(tree)),
    )
