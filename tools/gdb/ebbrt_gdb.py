"""Commands for gdb that know a back-end's structures: cores, Ebbs, events, saved
contexts, connections, allocators. `./ebbrt gdb NODE` loads this file; by hand:

    (gdb) source tools/gdb/ebbrt_gdb.py

They only read the machine, which QEMU has stopped, except that `ebbrt events`
lends a core's registers to a saved context for its backtrace and gives them back.
QEMU shows each core as a thread; what is per core (docs/memory-map.md) is read
through the core's own page tables.
"""

import contextlib
import json
import socket
import struct

import gdb

PAGE = 4096
LOCAL_TABLE = 0xFFFFFFF800000000  # src/native/platform/local_table.h
STACK_REGION = 0xFFFF800000000000  # src/native/paging.h
TABLE_ENTRY_ADDRESS = 0x000FFFFFFFFFF000  # SDM 4.5: bits 51:12
SYSTEM_RANGE = 0xFFFF0000  # src/common/base_ebbs.h
LOCAL_ID_MAP = SYSTEM_RANGE + 3
# What Boost's jump_fcontext leaves on a stack, from the saved stack pointer on
# (its x86-64 System V assembly): control words, six registers, where to go on.
FCONTEXT = ("r12", "r13", "r14", "r15", "rbx", "rbp", "rip")
FCONTEXT_RIP = 0x38
FCONTEXT_SIZE = 0x40
MOST_FRAMES = 30
MOST_LISTED = 100_000  # of a list that may be broken


# --- the machine ------------------------------------------------------------------


def read(address: int, size: int) -> bytes:
    """Memory as the selected core sees it. Raises gdb.MemoryError."""
    return bytes(gdb.selected_inferior().read_memory(address, size))


def words(address: int, count: int) -> tuple[int, ...]:
    """`count` words of 64 bits."""
    return struct.unpack(f"<{count}Q", read(address, 8 * count))


def word(address: int) -> int:
    """A word of 64 bits."""
    return words(address, 1)[0]


def evaluate(text: str) -> gdb.Value:
    """An expression's value."""
    return gdb.parse_and_eval(text)


def static(name: str, file: str) -> gdb.Value:
    """The variable of an anonymous namespace of ebbrt in a source file."""
    full = f"ebbrt::(anonymous namespace)::{name}"
    for symbol in gdb.lookup_static_symbols(full):
        if symbol.symtab.filename.endswith(file):
            return symbol.value()
    raise gdb.GdbError(
        f"the image has no {full} of {file}; are its symbols those of what runs? "
        "Name the right file: ebbrt gdb NODE --symbols FILE"
    )


def linker_value(name: str) -> int:
    """The value that the linker script has given a symbol as its address."""
    return int(evaluate(f"(unsigned long)&{name}"))


def symbol_at(address: int) -> str:
    """The symbol that `address` is in, with its offset; empty if it is in none."""
    text = gdb.execute(f"info symbol {address:#x}", to_string=True)
    return "" if text.startswith("No symbol") else text.rpartition(" in section ")[0]


def registers(*names: str) -> dict[str, int]:
    """Of the selected core."""
    return {name: int(evaluate(f"(unsigned long)${name}")) for name in names}


@contextlib.contextmanager
def every_core():
    """A function that goes through the cores and selects each in turn; what was
    selected before is selected again at the end."""
    thread = gdb.selected_thread()
    if thread is None:
        raise gdb.GdbError("no machine is being debugged; see `ebbrt gdb --help`")

    def cores():
        for each in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            each.switch()
            yield int(evaluate("ebbrt::platform::detail::current_core"))

    try:
        yield cores
    finally:
        thread.switch()


def find(value: gdb.Value, name: str, code: int | None = None) -> gdb.Value | None:
    """The first member called `name` of a structure, its bases and its members; with
    `code`, the first whose type is of that kind."""
    if value.type.strip_typedefs().code != gdb.TYPE_CODE_STRUCT:
        return None
    for field in value.type.strip_typedefs().fields():
        if not hasattr(field, "bitpos"):
            continue  # static
        if field.name == name and code in (None, value[field].type.strip_typedefs().code):
            return value[field]
        found = find(value[field], name, code)
        if found is not None:
            return found
    return None


def elements(vector: gdb.Value) -> list[gdb.Value]:
    """Those of a std::vector."""
    start, finish = vector["_M_impl"]["_M_start"], vector["_M_impl"]["_M_finish"]
    return [start[i] for i in range(int(finish - start))]


def owned(pointer: gdb.Value) -> int:
    """What a std::unique_ptr holds; beside it lies its deleter."""
    return int(find(pointer, "_M_head_impl", gdb.TYPE_CODE_PTR))


def table(head: tuple[str, ...], rows: list[tuple]) -> None:
    """Prints columns; the last may be of any width."""
    cells = [head, *(tuple(map(str, row)) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head) - 1)]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths)]
        print("  ".join([*padded, row[-1]]).rstrip())


# --- events -----------------------------------------------------------------------


def manager_of(core: int) -> gdb.Value | None:
    """The EventManager of a core; None before it has one."""
    pointer = static("managers", "common/event_manager.cc")["_M_elems"][core]
    return None if int(pointer) == 0 else pointer.dereference()


def atomic(value: gdb.Value) -> int:
    """What a std::atomic holds."""
    return int(find(value, "_M_i"))


def queued(manager: gdb.Value) -> list[gdb.Value]:
    """The functions that wait in a core's queue."""
    queue = manager["queue_"]
    slots = owned(queue["slots_"])
    item = gdb.lookup_type("ebbrt::MoveFunction<void()>")
    mask = int(queue["capacity_"]) - 1
    return [
        gdb.Value(slots + (i & mask) * item.sizeof).cast(item.pointer()).dereference()
        for i in range(int(queue["head_"]), int(queue["tail_"]))
    ]


def identity_name(address: int) -> str:
    """What EventTrace's `what` tells: the type of a MoveFunction's target, the class
    of an idle callback."""
    name = symbol_at(address)
    if name.startswith("vtable for "):
        return name.removeprefix("vtable for ").rpartition(" + ")[0]
    return name.partition("Operations<")[2].rpartition(">")[0] or name or hex(address)


def function_name(function: gdb.Value) -> str:
    """What a MoveFunction calls: the type of its target."""
    operations = int(function["operations_"])
    return identity_name(operations) if operations else "nothing"


class Context:
    """An execution that was left: its stack, where it goes on, and its core."""

    def __init__(self, fiber: gdb.Value, stack_pointer: int) -> None:
        self.fiber = int(fiber.address)
        self.stack_pointer = stack_pointer
        manager_type = gdb.lookup_type("ebbrt::EventManager").pointer()
        self.core = int(fiber["argument_"].cast(manager_type)["core_"])

    def backtrace(self) -> str:
        """With the registers of the selected core, which get back their own."""
        before = registers("rsp", *FCONTEXT)
        saved = dict(zip(FCONTEXT, words(self.stack_pointer + 8, len(FCONTEXT))))
        saved["rsp"] = self.stack_pointer + FCONTEXT_SIZE
        try:
            for name, value in saved.items():
                gdb.execute(f"set ${name} = {value:#x}", to_string=True)
            return gdb.execute(f"backtrace {MOST_FRAMES}", to_string=True)
        finally:
            for name, value in before.items():
                gdb.execute(f"set ${name} = {value:#x}", to_string=True)


def function_range(name: str) -> range:
    """The addresses of a function's code."""
    start = int(evaluate(name).address)
    block = gdb.block_for_pc(start)
    while block.function is None:
        block = block.superblock
    return range(block.start, block.end)


def context_on(lowest: int, size: int, code: range) -> Context | None:
    """The execution that was left on a stack; None if there is none, or it runs.
    It is found by where it has called jump_fcontext: there its Fiber is at hand,
    whose context_ is the stack pointer that was saved."""
    fiber_type = gdb.lookup_type("ebbrt::Fiber").pointer()
    stack = words(lowest, size // 8)
    for place, value in enumerate(stack):
        stack_pointer = lowest + 8 * place - FCONTEXT_RIP
        if value not in code or stack_pointer < lowest:
            continue
        first = (stack_pointer - lowest) // 8
        for candidate in set(stack[first : first + 40]):
            if candidate % 8 or not PAGE < candidate < 1 << 46:
                continue
            try:
                if word(candidate) != stack_pointer:
                    continue
                fiber = gdb.Value(candidate).cast(fiber_type).dereference()
                if int(fiber["stack_"]["lowest"]) == lowest and fiber["owns_stack_"]:
                    return Context(fiber, stack_pointer)
            except gdb.MemoryError:
                continue
    return None


def contexts() -> list[Context]:
    """Every execution that was left, but for the loops that are kept to go on."""
    slot, size = linker_value("stack_slot"), linker_value("stack_size")
    lowest = PAGE + linker_value("stack_guard")  # in a slot (native/stack_region.h)
    end = int(static("next_slot", "platform/stack.cc"))
    code = function_range("ebbrt::Fiber::SwitchTo")
    managers = [manager for core in range(256) if (manager := manager_of(core)) is not None]
    kept = {owned(spare) for manager in managers for spare in elements(manager["spares_"])}
    found = [
        context_on(begin + lowest, size, code) for begin in range(STACK_REGION, end, slot)
    ]
    return [context for context in found if context and context.fiber not in kept]


# --- Ebbs -------------------------------------------------------------------------


def local_entries() -> dict[int, int]:
    """The selected core's translation table: id to representative. The table's
    own page tables are walked, since most of its room is one shared page."""
    shared = {
        int(static(name, "platform/local_table.cc").address)
        for name in ("zero_page", "zero_level1", "zero_level2")
    }

    def pages(physical: int, level: int, base: int):
        for index, entry in enumerate(words(physical, 512)):
            below = entry & TABLE_ENTRY_ADDRESS
            if not entry & 1 or below in shared:
                continue
            address = base + (index << (12 + 9 * (level - 1)))
            if level == 1:
                yield address, below
            else:
                yield from pages(below, level - 1, address)

    top = registers("cr3")["cr3"] & TABLE_ENTRY_ADDRESS
    level3 = words(top + 8 * 511, 1)[0] & TABLE_ENTRY_ADDRESS
    entries = {}
    for address, page in pages(level3, 3, 0xFFFFFF8000000000):
        if address < LOCAL_TABLE:
            continue
        for place, representative in enumerate(words(page, 512)):
            if representative:
                entries[(address - LOCAL_TABLE) // 8 + place] = representative
    return entries


def root_types(entries: dict[int, int]) -> dict[int, str]:
    """From the LocalIdMap: the type of each Ebb that has a root on this node."""
    address = entries.get(LOCAL_ID_MAP)
    if address is None:
        return {}
    id_map = gdb.Value(address).cast(gdb.lookup_type("ebbrt::LocalIdMap").pointer())
    hashtable = id_map["entries_"]["_M_h"]
    pair = gdb.lookup_type("std::pair<unsigned int const, ebbrt::LocalIdMap::Entry>").pointer()
    types = {}
    node = int(hashtable["_M_before_begin"]["_M_nxt"])
    while node and len(types) < MOST_LISTED:
        item = gdb.Value(node + 8).cast(pair)
        name = symbol_at(int(item["second"]["type"]))
        types[int(item["first"])] = name.partition("TypeOf<")[2].rpartition(">()")[0]
        node = word(node)
    return types


def constant_types() -> dict[int, str]:
    """From the program's EbbRef constants: the type of each id that one has."""
    listed = gdb.execute("info variables -q -t ebbrt::EbbRef", to_string=True)
    types = {}
    for line in listed.splitlines():
        declared, _, name = line.rpartition("> ")
        if "EbbRef<" not in declared:
            continue
        try:
            ebb = int(evaluate(f"'{name.rstrip(';')}'")["id_"])
        except gdb.error:
            continue  # optimised away
        types[ebb] = declared.partition("EbbRef<")[2]
    return types


def vtable_type(representative: int) -> str:
    """By the symbol of its vtable; empty if it has none."""
    try:
        name = symbol_at(word(representative))
    except gdb.MemoryError:
        return ""
    return name.removeprefix("vtable for ").partition(" + ")[0] if "vtable for" in name else ""


# --- connections ------------------------------------------------------------------


def chain(pointer: gdb.Value):
    """A list that is linked by `next`."""
    for _ in range(MOST_LISTED):
        if int(pointer) == 0:
            return
        yield pointer
        pointer = pointer["next"]


def address_text(address: gdb.Value) -> str:
    """An ip_addr_t; of an image without IPv6, an ip4_addr_t."""
    names = [field.name for field in address.type.strip_typedefs().fields()]
    if "u_addr" in names:
        if int(address["type"]) == 6:
            groups = [int(address["u_addr"]["ip6"]["addr"][i]) for i in range(4)]
            return f"[{socket.inet_ntop(socket.AF_INET6, struct.pack('<4I', *groups))}]"
        if int(address["type"]) == 46:
            return "*"
        address = address["u_addr"]["ip4"]
    return socket.inet_ntoa(struct.pack("<I", int(address["addr"])))


def handler_of(pcb: gdb.Value) -> str:
    """Who takes what arrives: the type of the connection's handler."""
    try:
        stream = gdb.lookup_type("ebbrt::network::TcpStream").pointer()
        if int(pcb["callback_arg"]) == 0:
            return ""
        return vtable_type(int(pcb["callback_arg"].cast(stream)["handler_"]))
    except gdb.error:
        return ""


def segments(pointer: gdb.Value) -> int:
    """Bytes of a list of segments."""
    return sum(int(segment["len"]) for segment in chain(pointer))


def connection_rows() -> list[tuple]:
    """The selected core's TCP connections, listening ports and UDP ports."""
    rows = []
    for name in ("tcp_active_pcbs", "tcp_tw_pcbs"):
        for pcb in chain(evaluate(name)):
            rows.append((
                "tcp", str(pcb["state"]),
                f"{address_text(pcb['local_ip'])}:{int(pcb['local_port'])}",
                f"{address_text(pcb['remote_ip'])}:{int(pcb['remote_port'])}",
                segments(pcb["unsent"]), segments(pcb["unacked"]), segments(pcb["ooseq"]),
                int(pcb["rcv_wnd"]), int(pcb["snd_wnd"]), handler_of(pcb),
            ))  # fmt: skip
    for pcb in chain(evaluate("tcp_listen_pcbs.listen_pcbs")):
        local = f"{address_text(pcb['local_ip'])}:{int(pcb['local_port'])}"
        rows.append(("tcp", "LISTEN", local, "", "", "", "", "", "", ""))
    for pcb in chain(evaluate("udp_pcbs")):
        local = f"{address_text(pcb['local_ip'])}:{int(pcb['local_port'])}"
        remote = f"{address_text(pcb['remote_ip'])}:{int(pcb['remote_port'])}"
        rows.append(("udp", "", local, remote, "", "", "", "", "", ""))
    return rows


# --- memory -----------------------------------------------------------------------


class Pages:
    """What PageInfo tells of the pages that were carved (src/native/page_info.h)."""

    SIZE = 16
    KINDS = ("used", "free block", "slab", "own slab", "large")

    def __init__(self) -> None:
        zones = static("zones", "page_allocator.cc")
        self.zones = [zones["values_"]["_M_elems"][i] for i in range(int(zones["size_"]))]
        self.infos = int(evaluate("ebbrt::page_infos"))

    def carved(self):
        """(page, next, large pages or free and used, tag) of each."""
        for zone in self.zones:
            begin, frontier = int(zone["begin"]), int(zone["frontier"])
            data = read(self.infos + begin * self.SIZE, (frontier - begin) * self.SIZE)
            for place, info in enumerate(struct.iter_unpack("<IIIHH", data)):
                yield begin + place, info[2], info[3], info[4]


def _kind(tag: int) -> int:
    return tag & 7


# --- the commands -----------------------------------------------------------------


class Ebbrt(gdb.Command):
    """What the machine's library OS knows: cores, Ebbs, events, connections,
    allocators."""

    def __init__(self) -> None:
        super().__init__("ebbrt", gdb.COMMAND_STATUS, prefix=True)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Without a word that is one of the commands."""
        raise gdb.GdbError(
            "say one of: ebbrt cores, ebbrt ebbs, ebbrt events, ebbrt connections, "
            "ebbrt allocators, ebbrt trace FILE"
        )


class Command(gdb.Command):
    """One of them; takes no arguments."""

    def __init__(self, name: str) -> None:
        super().__init__(f"ebbrt {name}", gdb.COMMAND_STATUS)

    def invoke(self, argument: str, from_tty: bool) -> None:
        """As gdb calls it."""
        if argument.strip():
            raise gdb.GdbError("takes no arguments")
        self.show()

    def show(self) -> None:
        """Prints what the command is about."""
        raise NotImplementedError


class Cores(Command):
    """The cores: what each does, and where it is."""

    def show(self) -> None:
        """A line for each."""
        rows = []
        with every_core() as cores:
            for core in cores():
                manager = manager_of(core)
                if manager is None:
                    state, events = "starting", ""
                else:
                    state = "asleep" if atomic(manager["sleeping_"]) else "awake"
                    events = int(manager["queue_"]["head_"])
                where = registers("rip")["rip"]
                rows.append((
                    core, gdb.selected_thread().num, state, events,
                    f"{where:#x} {symbol_at(where)}",
                ))  # fmt: skip
        table(("CORE", "THREAD", "STATE", "EVENTS", "AT"), rows)


class Ebbs(Command):
    """Each core's translation table: the Ebbs it has called, their types, and
    their representatives there."""

    def show(self) -> None:
        """A line for each entry."""
        constants = constant_types()
        rows = []
        with every_core() as cores:
            for core in cores():
                entries = local_entries()
                roots = root_types(entries)
                for ebb, representative in sorted(entries.items()):
                    name = roots.get(ebb) or constants.get(ebb) or vtable_type(representative)
                    exact = vtable_type(representative)
                    if exact and exact != name:
                        name = f"{name} ({exact})" if name else exact
                    rows.append((core, f"{ebb:#010x}", f"{representative:#x}", name or "?"))
        table(("CORE", "EBB", "REPRESENTATIVE", "TYPE"), rows)


class Events(Command):
    """Each core's loop: what waits in it, what runs, and the events that have
    blocked, with their backtraces."""

    def show(self) -> None:
        """The loops, the running events, the saved contexts."""
        rows, running = [], []
        with every_core() as cores:
            for core in cores():
                manager = manager_of(core)
                if manager is None:
                    continue
                functions = queued(manager)
                rows.append((
                    core, int(manager["queue_"]["head_"]), len(functions),
                    len(elements(manager["remote_"])), int(find(manager["timers_"], "size_")),
                    len(elements(manager["idle_callbacks_"])),
                    "asleep" if atomic(manager["sleeping_"]) else "awake",
                ))  # fmt: skip
                text = gdb.execute(f"backtrace {MOST_FRAMES}", to_string=True)
                running.append(f"core {core} is at\n{text}")
                running += [f"core {core} has queued {function_name(f)}" for f in functions]
            table(("CORE", "RUN", "QUEUED", "REMOTE", "TIMERS", "POLLED", "STATE"), rows)
            print("\n" + "\n".join(running))
            saved = contexts()
            print(f"saved contexts: {len(saved)}")
            for context in saved:
                print(f"\ncontext {context.fiber:#x} of core {context.core}")
                print(context.backtrace(), end="")


class Connections(Command):
    """lwIP's TCP connections and ports: states, addresses, bytes that wait to be
    sent, to be acknowledged and for what is missing before them, windows, and who
    handles them."""

    def show(self) -> None:
        """A line for each, of every core that has a stack."""
        rows = []
        with every_core() as cores:
            for core in cores():
                rows += [(core, *row) for row in connection_rows()]
        head = ("CORE", "PROTO", "STATE", "LOCAL", "REMOTE", "UNSENT", "UNACKED", "EARLY",
                "RCV-WND", "SND-WND", "HANDLER")  # fmt: skip
        table(head, rows)


class Allocators(Command):
    """The page allocator's free blocks by order, each core's pages at hand, and
    the slabs and large blocks of the general purpose allocator."""

    def show(self) -> None:
        """Three tables."""
        free, slabs, large, large_pages = {}, {}, 0, 0
        for _, number, _, tag in Pages().carved():
            kind, of = Pages.KINDS[_kind(tag)] if _kind(tag) < 5 else "", tag >> 11
            if kind == "free block":
                free[of] = free.get(of, 0) + 1
            elif kind == "slab":
                first = (tag >> 6 & 31) == 0
                pages, used = slabs.get(of, (0, 0))
                slabs[of] = (pages + 1, used + (number >> 16 if first else 0))
            elif kind == "large":
                large, large_pages = large + 1, large_pages + number
        self._pages(free)
        self._heap(slabs, large, large_pages)
        self._kept()

    def _pages(self, free: dict[int, int]) -> None:
        nodes = static("nodes", "native/page_allocator.cc")["_M_elems"]
        count = int(static("node_count", "native/page_allocator.cc"))
        zones = Pages().zones
        for i in range(count):
            fresh = sum(
                int(zone["end"]) - int(zone["frontier"]) for zone in zones if int(zone["node"]) == i
            )
            total, listed = int(nodes[i]["total_pages"]), int(nodes[i]["free_pages"])
            print(
                f"pages of NUMA node {i}: {total}, of them never used {fresh}, "
                f"in free blocks {listed}"
            )
        table(
            ("ORDER", "PAGES", "FREE-BLOCKS"),
            [(order, 1 << order, blocks) for order, blocks in sorted(free.items())],
        )

    def _heap(self, slabs: dict[int, tuple[int, int]], large: int, large_pages: int) -> None:
        classes = evaluate("ebbrt::kClasses")["_M_elems"]
        print("\ngeneral purpose allocator")
        table(
            ("CLASS", "BYTES", "SLAB-PAGES", "OBJECTS-OUT"),
            [
                (number, int(classes[number]["size"]), pages, used)
                for number, (pages, used) in sorted(slabs.items())
            ],
        )
        print(f"large blocks: {large} of {large_pages} pages")

    def _kept(self) -> None:
        rows = []
        with every_core() as cores:
            for core in cores():
                caches = evaluate("ebbrt::own_heap.caches_")["_M_elems"]
                objects = sum(int(caches[i]["own_"]["count"]) for i in range(32))
                pages = int(evaluate("ebbrt::own_page_allocator.kept_count_"))
                rows.append((core, pages, objects))
        print("\nat hand on each core")
        table(("CORE", "PAGES", "OBJECTS"), rows)


class Trace(gdb.Command):
    """What each core has done lately, if the image is TRACED: `ebbrt trace FILE`
    writes it to FILE, for `./ebbrt trace`."""

    SLICE = struct.Struct("<QQQIHBB")  # EventTrace::Slice
    KINDS = ("event", "timer", "interrupt", "idle", "end of event", "asleep")

    def __init__(self, name: str) -> None:
        super().__init__(f"ebbrt {name}", gdb.COMMAND_STATUS, gdb.COMPLETE_FILENAME)
        self.names: dict[int, str] = {}

    def invoke(self, argument: str, from_tty: bool) -> None:
        """As gdb calls it."""
        if not argument.strip():
            raise gdb.GdbError("say to which file: ebbrt trace FILE")
        found = []
        with every_core() as cores:
            for core in cores():
                slices, lost = self._of_selected()
                found.append({"core": core, "lost": lost, "slices": slices})
        with open(argument.strip(), "w") as file:
            json.dump(found, file)

    def _of_selected(self) -> tuple[list[dict], int]:
        """The selected core's slices, the oldest first, and how many are lost."""
        try:
            pointer = evaluate("ebbrt::platform::detail::own_trace")
        except gdb.error:
            raise gdb.GdbError(
                "this image keeps no trace; link it with TRACED (docs/debugging.md)"
            ) from None
        if int(pointer) == 0:
            return [], 0
        trace = pointer.dereference()
        size, recorded = int(trace["size_"]), int(trace["recorded_"])
        kept = min(size, recorded)
        data = read(owned(trace["slices_"]), kept * self.SLICE.size)
        first = recorded % size if recorded > size else 0
        ring = list(self.SLICE.iter_unpack(data))
        slices = ring[first:] + ring[:first]
        if int(trace["in_slice_"]):
            goes_on = read(int(trace["current_"].address), self.SLICE.size)
            slices.append(self.SLICE.unpack(goes_on))
        return [self._told(s) for s in slices if self._is_whole(s)], recorded - kept

    def _is_whole(self, slice_: tuple) -> bool:
        """The machine may have stopped while one was written."""
        begin, end, kind = slice_[0], slice_[1], slice_[5]
        return begin != 0 and (end == 0 or end >= begin) and kind < len(self.KINDS)

    def _told(self, slice_: tuple) -> dict:
        begin, end, what, event, detail, kind, flags = slice_
        if what not in self.names:
            self.names[what] = identity_name(what) if what else ""
        return {
            "begin": begin,
            "end": end,
            "name": self.names[what],
            "kind": self.KINDS[kind],
            "event": event,
            "detail": detail,
            "blocks": bool(flags & 1),
            "continues": bool(flags & 2),
        }


# What a core reads is not what another does.
for setting in ("stack-cache", "code-cache"):
    gdb.execute(f"set {setting} off")

Ebbrt()
Cores("cores")
Ebbs("ebbs")
Events("events")
Connections("connections")
Allocators("allocators")
Trace("trace")
