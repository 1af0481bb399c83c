"""node's own tests (test/parallel): which there are, what each needs, how one is run.

The tests come with node's source; apps/node/core/build puts them beside the core.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness import HOSTED, NATIVE, ROOT, Namespace

sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "tools"))
from command import paths  # noqa: E402

# Not beside the core, whose key in the cache is made of all that is there.
LIST = ROOT / "apps" / "node" / "tests.txt"
IMAGE = NATIVE / "apps" / "node" / "node.elf"
FRONT_END = HOSTED / "apps" / "node" / "node_frontend"
MEMORY_MIB = "512"
TIMEOUT = 60
LATE = f"takes more than {TIMEOUT} s"
WORKERS = 2

PASSED, FAILED, REFUSED, SKIPPED, WAITS = "passed", "failed", "refused", "skipped", "not run yet"

# Groups in the order of the run and of the tables; what none has is in "other".
GROUPS = [
    "buffer", "events", "timers", "stream", "url", "path", "util", "querystring", "string-decoder",
    "assert", "fs", "net", "http", "zlib", "crypto", "process", "console", "dgram", "dns", "tls",
    "https", "promises", "vm", "module", "readline", "repl", "http2", "webcrypto", "webstreams",
    "encoding", "async-hooks", "domain", "diagnostics-channel", "perf-hooks", "stdio", "os",
    "errors", "global", "next-tick", "internal", "v8", "runner", "heap", "policy", "trace-events",
    "eslint", "pipe", "snapshot", "intl", "child-process", "cluster", "worker", "inspector", "other",
]  # fmt: skip

# Beginnings of names that belong to a group of another name.
GROUP_OF = {
    "async": "async-hooks", "diagnostics": "diagnostics-channel", "event": "events",
    "eventtarget": "events", "abortcontroller": "events", "abortsignal": "events",
    "whatwg-events": "events", "whatwg-url": "url", "whatwg-encoding": "encoding",
    "whatwg-readablestream": "webstreams", "whatwg-readablebytestream": "webstreams",
    "whatwg-transformstream": "webstreams", "whatwg-writablestream": "webstreams",
    "whatwg-webstreams": "webstreams", "webstream": "webstreams", "compression": "webstreams",
    "stream2": "stream", "stream3": "stream", "streams": "stream", "readable": "stream",
    "promise": "promises", "require": "module", "esm": "module", "cjs": "module",
    "preload": "module", "stdin": "stdio", "stdout": "stdio", "performance": "perf-hooks",
    "performanceobserver": "perf-hooks", "perf": "perf-hooks", "error": "errors",
    "heapdump": "heap", "heapsnapshot": "heap", "child": "child-process", "inspect": "inspector",
    "debugger": "inspector", "debug": "inspector", "file": "fs", "filehandle": "fs",
    "socket": "net", "tcp": "net", "trace": "trace-events", "icu": "intl", "eventemitter": "events", "double-tls": "tls",
}  # fmt: skip

# What a test needs that is not here, by its text. The first three are what issue 6 excepts.
NEEDS_PROCESS, NEEDS_WORKER, NEEDS_INSPECTOR = "a child process", "a worker", "the inspector"
EXCEPTED = (NEEDS_PROCESS, NEEDS_WORKER, NEEDS_INSPECTOR)
NEEDS = [
    (re.compile(text), what)
    for text, what in [
        (r"['\"](node:)?child_process['\"]|common/(child_process|assertSnapshot|cpu-prof|prof|benchmark|snapshot|report)\b"
         r"|\bspawnPromisified\b|process\.binding\('(spawn_sync|process_wrap)'\)|--build-snapshot", NEEDS_PROCESS),
        (r"['\"](node:)?cluster['\"]", NEEDS_PROCESS),
        (r"\bnew Worker\(|\.Worker\(|common/wpt\b", NEEDS_WORKER),
        (r"['\"](node:)?inspector(/promises)?['\"]|skipIfInspectorDisabled|common/(inspector-helper|debugger)\b"
         r"|Flags:.*--inspect", NEEDS_INSPECTOR),
        (r"\bnew Intl\.|\bIntl\.\w+\(", "Intl"),
    ]
]  # fmt: skip

# Tests of what lies elsewhere in node's source (its linters, documents and tools).
OF_THE_SOURCE = re.compile(
    r"(__dirname|import\.meta\.url), *['\"]\.\.['\"], *['\"]\.\.['\"]"
    r"|\.\./\.\./(tools|doc|deps|lib|benchmark)/")

# What the same needs look like in what a run has said.
SAID = [
    (re.compile(text), what)
    for text, what in [
        (r"spawn(Sync)? .*ENOSYS|spawnSync ", NEEDS_PROCESS),
        (r"ERR_WORKER_INIT_FAILED", NEEDS_WORKER),
        (r"ERR_INSPECTOR_NOT_AVAILABLE|inspector is disabled|[Ii]nspector is not available"
         r"|requires --inspect|missing inspector", NEEDS_INSPECTOR),
        (r"Intl is not defined|ERR_NO_ICU|ERR_ENCODING_NOT_SUPPORTED|Invalid property name|missing Intl|missing ICU|hasIntl|Intl.*not (present|supported|enabled)"
         r"|small-icu|full-icu|without intl", "Intl"),
        (r"ERR_TRACE_EVENTS_UNAVAILABLE|missing trace events", "trace events"),
    ]
]  # fmt: skip


@dataclass
class Outcome:
    """How a test has ended, and why so if it has not passed."""

    state: str
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}" if self.reason else self.state


def tests_directory() -> pathlib.Path:
    """node's test/ with common, fixtures and parallel; EBBRT_NODE_TESTS names another."""
    if named := os.environ.get("EBBRT_NODE_TESTS"):
        return pathlib.Path(named)
    script = ROOT / "apps" / "node" / "core" / "build"
    prefix = subprocess.run([script, "--print-prefix"], capture_output=True, text=True, check=True,
                            env={**os.environ, "EBBRT_CACHE": str(paths.cache())})
    return pathlib.Path(prefix.stdout.split()[-1]) / "share" / "node" / "test"


def test_files(directory: pathlib.Path) -> list[str]:
    """Names of the tests, as node's own runner finds them."""
    return sorted(path.name for path in (directory / "parallel").iterdir()
                  if re.fullmatch(r"test-.*\.m?js", path.name))


def group_of(name: str) -> str:
    """The group of a test: the longest beginning of its name that is or leads to one."""
    words = re.sub(r"\.m?js$", "", name.removeprefix("test-")).split("-")
    for count in range(len(words), 0, -1):
        beginning = "-".join(words[:count])
        if beginning in GROUP_OF:
            return GROUP_OF[beginning]
        if beginning in GROUPS:
            return beginning
    return "other"


def by_group(names: Iterable[str]) -> dict[str, list[str]]:
    """The groups that have tests, in order."""
    result: dict[str, list[str]] = {group: [] for group in GROUPS}
    for name in sorted(names):
        result[group_of(name)].append(name)
    return {group: tests for group, tests in result.items() if tests}


def foretold(source: str) -> Outcome | None:
    """How a test ends by what its text says it needs; None when only a run can tell."""
    for expression, what in NEEDS:
        if expression.search(source):
            return Outcome(REFUSED, f"needs {what}")
    if OF_THE_SOURCE.search(source):
        return Outcome(SKIPPED, "tests other parts of node's source")
    return None


def flags(source: str) -> list[str]:
    """node's options that the test asks for."""
    found = re.search(r"^//\s+Flags:(.*)", source, re.MULTILINE)
    return found.group(1).split() if found else []


def complaint(text: str) -> str:
    """The line of a run's output that says most, without what differs from run to run."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    patterns = [r"^node: the machine has failed", r"^(\w*Error|AssertionError)\b.*", r"^Uncaught .*",
                r"^Mismatched .*", r"^# Fatal error.*|FATAL ERROR", r".*Error\b.*:.*"]
    for pattern in patterns:
        for at, line in enumerate(lines):
            if re.match(pattern, line):
                if line.endswith(":") and at + 1 < len(lines):
                    line += " " + lines[at + 1]
                return re.sub(r"\s+", " ", line)[:160]
    return re.sub(r"\s+", " ", lines[-1])[:160] if lines else ""


def judge(code: int, said: str) -> Outcome:
    """What an exit code and an output mean."""
    skipped = re.search(r"^1\.\.0 # Skipped: (.*)", said, re.MULTILINE)
    if code != 0 or skipped:
        text = skipped.group(1) if skipped else said
        for expression, what in SAID:
            if expression.search(text):
                return Outcome(REFUSED, f"needs {what}")
    if skipped and code == 0:
        return Outcome(SKIPPED, skipped.group(1).strip())
    if code == 0:
        return Outcome(PASSED)
    return Outcome(FAILED, complaint(said) or f"ends with {code} and says nothing")


class Runner:
    """Runs tests in a namespace, each on a machine of its own.

    A worker has a copy of the tests for its machines to write in. What a failing test says
    is kept in the directory `said`, if there is one.
    """

    def __init__(self, namespace: Namespace, directory: pathlib.Path,
                 said: pathlib.Path | None = None, workers: int = WORKERS) -> None:
        self.namespace = namespace
        self.directory = directory
        self.said = said
        self.workers = workers
        self.tests = tests_directory()
        self.mine = threading.local()

    def files(self) -> pathlib.Path:
        """This worker's copy, with nothing in it that a former test has left."""
        if not hasattr(self.mine, "files"):
            self.mine.files = pathlib.Path(tempfile.mkdtemp(dir=self.directory))
            for part in ("common", "fixtures", "parallel"):
                shutil.copytree(self.tests / part, self.mine.files / "test" / part, symlinks=True)
        for left in [*self.mine.files.iterdir(), *(self.mine.files / "test").iterdir()]:
            if left.name not in ("test", "common", "fixtures", "parallel"):
                shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        (self.mine.files / "tmp").mkdir()
        return self.mine.files

    def once(self, name: str, source: str) -> tuple[int | None, str]:
        """One run: the exit code, None when the time is over, and what was said."""
        command = [FRONT_END, MEMORY_MIB, IMAGE, *flags(source), f"test/parallel/{name}"]
        environment = {variable: value for variable, value in self.namespace.environment().items()
                       if variable == "PATH" or variable.startswith("EBBRT_")}
        try:
            result = self.namespace.run(command, cwd=self.files(), env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, timeout=TIMEOUT)
        except subprocess.TimeoutExpired as late:
            return None, (late.stdout or b"").decode(errors="replace")
        return result.returncode, result.stdout.decode(errors="replace")

    def run(self, name: str) -> Outcome:
        """How the test ends."""
        source = (self.tests / "parallel" / name).read_text(errors="replace")
        if outcome := foretold(source):
            return outcome
        code, said = self.once(name, source)
        if code is not None:
            outcome = judge(code, said)
        else:
            outcome = judge(1, said)
            if outcome.state == FAILED:
                outcome.reason = f"{LATE}: {complaint(said)}" if said else LATE
        if self.said and outcome.state == FAILED:
            (self.said / name).write_text(said)
        return outcome

    def run_all(self, names: list[str], tell: Callable[[str, Outcome], None]) -> None:
        """Runs them all and tells of each, on this thread, when it has ended.

        Those that take too long get a second chance in the end, when the host may be less
        busy.
        """
        late = []

        def note(name: str, outcome: Outcome) -> None:
            if outcome.reason.startswith(LATE):
                late.append(name)
            tell(name, outcome)

        self.run_each(names, note)
        self.run_each(late, tell)

    def run_each(self, names: list[str], tell: Callable[[str, Outcome], None]) -> None:
        with concurrent.futures.ThreadPoolExecutor(self.workers) as pool:
            ends = {pool.submit(self.run, name): name for name in names}
            try:
                for end in concurrent.futures.as_completed(ends):
                    tell(ends[end], end.result())
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
