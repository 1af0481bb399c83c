"""`ebbrt trace`: what a machine's cores have done lately, for a viewer."""

import json
import pathlib
import tempfile
import time

from . import gdb, nodes, progress
from .problems import Problem

# Chrome's trace event format counts in microseconds.
NS_PER_US = 1000
NS_PER_S = 1_000_000_000


def run(number: str, symbols: str | None, output: str | None, seconds: int | None) -> int:
    """Writes the trace of a node to a file; 0."""
    node = nodes.find(number)
    path = pathlib.Path(output or f"trace-{number}.json")
    if seconds:
        time.sleep(seconds)
    cores = read(number, symbols)
    if seconds:
        cores = latest(cores, seconds)
    name = f"node {number} {pathlib.Path(node['image']).name}"
    try:
        path.write_text(json.dumps(chrome(node["node"], name, cores)))
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None
    count = sum(len(core["slices"]) for core in cores)
    progress.say(f"{path}: {count} slices of {len(cores)} cores")
    return 0


def read(number: str, symbols: str | None) -> list[dict]:
    """The cores' slices as the machine has them (`ebbrt trace` of ebbrt_gdb.py); what
    goes on while the machine stands still ends where the machine has stopped."""
    with tempfile.NamedTemporaryFile(prefix="ebbrt-trace-") as file:
        gdb.ask(number, symbols, f"ebbrt trace {file.name}")
        cores = json.load(file)
    stopped = max((max(s["begin"], s["end"]) for core in cores for s in core["slices"]), default=0)
    for core in cores:
        for each in core["slices"]:
            each["end"] = each["end"] or stopped
    return cores


def latest(cores: list[dict], seconds: int) -> list[dict]:
    """What of the slices has ended in the last seconds. Says so if the machine hasn't
    kept all of it."""
    end = max((s["end"] for core in cores for s in core["slices"]), default=0)
    begin = end - seconds * NS_PER_S
    for core in cores:
        if core["lost"] and core["slices"][0]["begin"] > begin:
            kept = (end - core["slices"][0]["begin"]) / NS_PER_S
            progress.say(f"core {core['core']} has kept only the last {kept:.3f} s")
    return [
        {**core, "slices": [s for s in core["slices"] if s["end"] > begin]} for core in cores
    ]


def chrome(pid: int, name: str, cores: list[dict]) -> dict:
    """The slices in Chrome's trace event format. src/hosted/chrome_trace.h writes the
    same of front-ends, and says how."""
    events = [_named("process_name", pid, 0, name)]
    for core in cores:
        events.append(_named("thread_name", pid, core["core"], f"core {core['core']}"))
        for each in core["slices"]:
            events += _slice(pid, core["core"], each)
    return {"traceEvents": events, "displayTimeUnit": "ns"}


def _named(what: str, pid: int, tid: int, name: str) -> dict:
    return {"ph": "M", "pid": pid, "tid": tid, "name": what, "args": {"name": name}}


def _slice(pid: int, tid: int, each: dict) -> list[dict]:
    where = {"pid": pid, "tid": tid}
    arguments = {}
    if each["kind"] == "interrupt":
        arguments["vector"] = each["detail"]
    elif each["kind"] == "idle":
        arguments["turns"] = each["detail"]
    events = [
        {
            "ph": "X",
            **where,
            "name": each["name"] or each["kind"],
            "cat": each["kind"],
            "ts": each["begin"] / NS_PER_US,
            "dur": (each["end"] - each["begin"]) / NS_PER_US,
            "args": arguments,
        }
    ]
    # An arrow begins and ends inside slices.
    arrow = {**where, "name": "blocked", "cat": "blocked", "bp": "e"}
    arrow["id"] = f"{pid}.{tid}.{each['event']}"
    if each["continues"]:
        events.append({"ph": "f", **arrow, "ts": each["begin"] / NS_PER_US})
    if each["blocks"]:
        last = max(each["begin"], each["end"] - 1)
        events.append({"ph": "s", **arrow, "ts": last / NS_PER_US})
    return events
