#!/usr/bin/python3
"""The memcached server, hosted and as an image, and memcached itself: the same
requests must get the same answers, byte for byte.

Requests are known ones, for every command and every error of it, and random ones.
EBBRT_LONG=1 makes 20,000 of these; EBBRT_SEED chooses others.
"""

import os
import random
import re
import struct
import sys
import time
import unittest

import binary_client as binary
from binary_client import connect_in, request
from harness import ROOT, Namespace, eventually
from memcached_server import Hosted, Image

sys.path.insert(0, str(ROOT / "bench"))

from common import debian, places  # noqa: E402

SEED = int(os.environ.get("EBBRT_SEED", "1"))
RANDOM = 20_000 if os.environ.get("EBBRT_LONG") == "1" else 1_500
LONG_KEY = b"k" * 251
SENTINEL = b"mn\r\n"

# Each on a connection of its own. Where ours differs on purpose is in
# docs/memcached.md, and not here.
CONVERSATIONS = (
    b"get a\r\n", b"\r\n", b"get\r\n", b"get  a  b\r\n", b"gets\r\n", b"bget a\r\n",
    b"set a 1 0 3\r\nabc\r\nget a\r\ngets a\r\n",
    b"set a 0 0 3 noreply\r\nxyz\r\nget a\r\n",
    b"set a 0 0 3\r\nabcdef\r\n",
    b"set a 0 0 -1\r\n",
    b"set a x 0 1\r\n1\r\n", b"set a 0 y 1\r\n1\r\n", b"set a 0 0 z\r\n",
    b"set a 4294967295 0 1\r\n1\r\nget a\r\n",
    b"set " + LONG_KEY + b" 0 0 1\r\n1\r\n",
    b"set " + LONG_KEY[1:] + b" 0 0 1\r\n1\r\nget " + LONG_KEY[1:] + b"\r\n",
    b"get " + LONG_KEY + b"\r\n", b"get a " + LONG_KEY + b" b\r\n",
    b"set a 0 0 2000000\r\n" + b"x" * 2_000_000 + b"\r\nget a\r\n",
    b"set a 0 0 1\r\n1\r\nadd a 0 0 1\r\n2\r\nreplace a 0 0 1\r\n3\r\n"
    b"append a 5 0 1\r\n4\r\nprepend a 7 0 1\r\n2\r\nget a\r\n",
    b"replace zz 0 0 1\r\n1\r\nappend zz 0 0 1\r\n1\r\nprepend zz 0 0 1\r\n1\r\n"
    b"add zz 0 0 1\r\n1\r\nget zz\r\ndelete zz\r\ndelete zz\r\n",
    b"cas nope 0 0 1 5\r\n1\r\nset c 0 0 1\r\n1\r\ncas c 0 0 1 99999999\r\n1\r\n"
    b"cas c 0 0 1 x\r\n1\r\ncas c 0 0 1 0\r\n1\r\ncas c 0 0 1\r\n",
    b"set n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 6\r\nget n\r\ndecr n 100\r\nget n\r\n"
    b"incr n 18446744073709551615\r\nincr n 5\r\nget n\r\nincr n -1\r\nincr n abc\r\n"
    b"incr n\r\nincr nn 1\r\ndecr nn 1\r\nincr n 18446744073709551616\r\n"
    b"incr n 1 noreply\r\nget n\r\nincr a b c d\r\n",
    b"set t 0 0 3\r\nabc\r\nincr t 1\r\ndecr t 1\r\nset t 0 0 0\r\n\r\nget t\r\nincr t 1\r\n"
    b"set t 0 0 3\r\n5  \r\nincr t 1\r\nget t\r\nset t 0 0 3\r\n 5 \r\nincr t 1\r\n",
    b"touch a 10\r\ntouch none 10\r\ntouch a x\r\ntouch a\r\ntouch a 10 noreply\r\n"
    b"gat 10 a\r\ngats 10 a b\r\ngat x a\r\ngat 10\r\ngat\r\n",
    b"delete a 0\r\ndelete a 5\r\ndelete a noreply\r\ndelete a 0 noreply\r\n"
    b"delete a b c\r\ndelete\r\ndelete a b c d\r\ndelete " + LONG_KEY + b"\r\n",
    b"verbosity\r\nverbosity 1\r\nverbosity x\r\nverbosity 1 noreply\r\nverbosity 0\r\n",
    b"flush_all noreply\r\nflush_all 0\r\nflush_all x\r\nflush_all 1 2 3\r\n"
    b"flush_all 100 noreply\r\nflush_all\r\nflush_all -1\r\n",
    b"nonsense\r\na\r\nGET a\r\nget a HTTP/1.1\r\n", b"GET / HTTP/1.1\r\n",
    b"quit\r\nget a\r\n", b"quit now\r\n", b"shutdown\r\n",
    b"x" * 3000, b"get " + b"a " * 2000 + b"\r\n", b"mn\r\n", b"mx\r\n",
    b"mg\r\n", b"mg a\r\n", b"mg " + LONG_KEY + b" v\r\n",
    b"ms a 3 F5\r\nabc\r\nmg a v f t s k Oxyz h\r\nmg a v f t s k Oxyz h\r\nmg a\r\n"
    b"mg a q\r\nmg none q\r\nmg none k Oq\r\nmg none v\r\nmn\r\n",
    b"ms a S3\r\nabc\r\n", b"ms a\r\n", b"ms a x\r\n", b"ms a 3 Fx\r\nabc\r\n",
    b"ms a 3 F1 F2\r\nabc\r\nmg a v\r\n", b"ms a 3 Mx\r\nabc\r\n",
    b"ms a 3 MXX\r\nabc\r\n", b"ms a 3 ~\r\nabc\r\n", b"ms a -1\r\n",
    b"ms a 2 T0\r\nhi\r\nmg a t\r\nms a 2 T100\r\nhi\r\nmg a t\r\nms a 2 T-1\r\nhi\r\n"
    b"mg a t v\r\nms a 2 Tx\r\nhi\r\n",
    b"ms a 2 q\r\nhi\r\nms a 2 ME q\r\nhi\r\nms a 2 MR q k O1\r\nho\r\nms zzz 2 MR\r\nho\r\n"
    b"ms zzz 2 MA\r\nho\r\nms a 1 MA\r\n!\r\nms a 1 MP\r\n>\r\nmg a v\r\nms zzz 2 C5\r\nhi\r\n"
    b"ms a 2 C999999\r\nhi\r\nms a 2 C1 k Oab\r\nhi\r\n",
    b"md a\r\nmd a\r\nmd none q\r\nmd none q k O9\r\nms a 1\r\n1\r\nmd a q\r\nmd a\r\n"
    b"ms a 1\r\n1\r\nmd a I T30\r\nmg a v t\r\nmg a v t\r\nms a 1\r\n2\r\nmg a v\r\n"
    b"md a C999999\r\nmd a ~\r\n",
    b"ma cnt\r\nma cnt N0 J13 v\r\nma cnt v\r\nma cnt D10 v t\r\nma cnt MD D3 v\r\n"
    b"ma cnt M- D300 v\r\nma cnt M+ v\r\nma cnt Mx\r\nma cnt Dx\r\nma cnt Jx\r\nma cnt q\r\n"
    b"ma nope q\r\nma nope k O3\r\nma cnt k O3\r\nma cnt N0 q\r\nma newc N0 q\r\nmn\r\n"
    b"ma cnt T30 t v\r\nmg cnt t\r\n",
    b"set t 0 0 3\r\nabc\r\nma t\r\nma t C99999\r\n",
    b"ms Zm9v 3 b\r\nabc\r\nmg Zm9v b v k\r\nget foo\r\nmg foo v k\r\nmd Zm9v b k\r\n"
    b"mg !!!! b\r\nms !!!! 3 b\r\nabc\r\nmg Zm9v b k O1\r\nme Zm9v b\r\n",
    b"mg viv N30 v t\r\nmg viv N30 v t\r\nmg viv v\r\nms viv 2 T30\r\nhi\r\n"
    b"mg viv v R60\r\nmg viv v R60\r\nmg viv v R10\r\n",
    b"ma gone N-1 J5 v\r\nmg gone v\r\nmg gone N-1 v\r\nmg gone v\r\n",
    b"me none\r\nme\r\n", b"mg a s v O" + b"x" * 40 + b"\r\n",
    b"ms a 1 O" + b"x" * 40 + b"\r\n1\r\n", b"md a O" + b"x" * 40 + b"\r\n",
    b"mg a " + b" ".join(bytes([c]) for c in b"abcdefghijklmnopqrstuvwxyz") + b"\r\n",
    b"mg a T10 t\r\nms a 1\r\n1\r\nmg a T10 t\r\nmg a t\r\nmg a T-1\r\nmg a\r\nmg a Tq\r\n",
    b"stats nonsense\r\nstats reset\r\nstats sizes\r\n",
    b"cache_memlimit\r\ncache_memlimit x\r\ncache_memlimit 1\r\n",
    b"lru_crawler\r\n", b"slabs\r\n", b"extstore\r\n",
    b"set a 0 0 1\n1\r\nget a\n", b"set a 0 0 1\r\n1\nx\r\n",
    b"set a 0 -1 1\r\n1\r\nget a\r\nset a 0 2592001 1\r\n1\r\nget a\r\n",
    b"set a 0 99999999999 1\r\n1\r\n", b"set a 0 0 2147483647\r\n",
    b"set a 0 0 1 extra\r\n1\r\n", b"set a 0 0 1 noreply extra\r\n1\r\n", b"get \x00a\r\n",
    b"set f 0 0 1\r\n1\r\nmd f I\r\nms f 1 I C1 c\r\n2\r\nmg f v\r\n",
    b"ms z 1\r\nx\r\nmd z C0\r\nmg z v\r\nmd z I C0\r\nmg z v\r\n",
    b"ms b 1\r\nx\r\nms b 2000000 MA\r\n" + b"y" * 2_000_000 + b"\r\nmg b v\r\n",
    b"ms r 1 T100\r\nx\r\nmg r R0\r\nmg r R200\r\nme r\r\n",
    b"ms a 1 T1 F1 q k O1 s t c f v h l u I b P1 L1 MS C1 D1\r\n1\r\n",
    b"mg a T1 q k O1 s t c f v h l u I b P1 L1 M1 C1 D1\r\n",
    b"md a T1 q k O1 s t c f v h l u I b P1 L1 M1 C1 D1\r\n",
    b"ma a T1 q k O1 s t c f v h l u I b P1 L1 M1 C1 D1\r\n",
    b"me a " + b"w " * 30 + b"\r\n",
    b"mg Zm9v b N30 k\r\nmg Zm9v b k\r\nma YmFy b N30 k v\r\nmg YmFy b k\r\n",
    b"set s 0 0 2\r\n+5\r\nincr s +2\r\nget s\r\nma s D+3 v\r\n",
    b"set a +1 +100 +1\r\n1\r\nget a\r\n",
    # Last: memcached flushes what is stored until its clock's next second, too.
    b"set d 0 0 1\r\n1\r\nflush_all 1\r\nget d\r\n",
)

# Binary requests that are not what they should be. Of long ones the head: memcached
# closes with the rest unread, which may take its answer along.
MALFORMED = (
    request(0x00, b"k", b"vvvv")[:25], request(0x00, b"k", b"vvvv"),
    request(0x0A, b"", bytes(2 << 20))[:24], request(0x00, b"k", bytes(2 << 20))[:25],
    request(0x01, b"k", b"no extras"), request(0x01, b"k", bytes(2 << 20))[:25],
    request(0x04, b"k", b"v"), request(0x05, b"k", b"", b"short"), request(0x1C, b"k"),
    request(0x0E, b"k", b"v", b"extras"), request(0x07, b"k"), request(0x0B, b"k"),
)

# What `stats` counts of commands, alike. (memcached's cmd_meta counts `me` alone, and
# its delete_misses in the binary protocol no wrong CAS.)
COUNTED = ("cmd_get", "cmd_set", "cmd_flush", "cmd_touch", "get_hits", "get_misses",
           "delete_hits", "incr_misses", "incr_hits", "decr_misses",
           "decr_hits", "cas_misses", "cas_hits", "cas_badval", "touch_hits", "touch_misses",
           "store_too_large", "store_no_memory", "curr_items")

KEYS = [b"a", b"b", b"c"]
NUMBER = b"n"


def comparable(answer: bytes) -> bytes:
    """CAS numbers are the server's own; memcached's clock ticks in whole seconds; its
    items are slabs."""
    answer = re.sub(rb" exp=(-?)\d{2,} ", rb" exp=\1N ", answer)
    answer = re.sub(rb" la=\d+ cas=\d+", b"", answer)
    answer = re.sub(rb" cls=\d+ size=\d+", b"", answer)
    answer = re.sub(rb" c\d+", b" cN", answer)
    answer = re.sub(rb" t\d+", b" tN", answer)
    return re.sub(rb"(VALUE \S+ \d+ \d+) \d+\r", rb"\1 C\r", answer)


def without_padding(answer: bytes) -> bytes:
    """A number that got shorter is padded with spaces, unless memcached still refers
    to its item: then the item is replaced, which threads make a matter of chance."""
    answer = re.sub(rb" s\d+", b" sN", answer)
    answer = re.sub(rb"(VALUE \S+ \d+|VA) \d+", rb"\1 N", answer)
    return answer.replace(b" ", b"")


def random_number(rng: random.Random) -> int:
    return rng.choice([0, 1, 9, 99, 1000, (1 << 64) - 1])


def random_value(rng: random.Random) -> bytes:
    length = rng.choice([0, 1, 2, 10, 511, 512, 513, 3000])
    # No number. (If a value is only white space, memcached looks for one behind it.)
    return b"x" * (length > 0) + bytes(rng.choices(b"xyz\r\n 0", k=length))


def random_text(rng: random.Random) -> bytes:
    """Numbers have a key of their own, see without_padding."""
    quiet = rng.choice([b"", b"", b" noreply"])
    q = rng.choice([b"", b" q"])
    seconds = rng.choice([0, 0, 100, -1])
    number = random_number(rng)
    if rng.random() < 0.3:
        digits = b"%d" % random_number(rng)
        return rng.choice([
            b"set %s 3 %d %d\r\n%s\r\n" % (NUMBER, seconds, len(digits), digits),
            b"get %s\r\n" % NUMBER, b"mg %s v f t k\r\n" % NUMBER,
            b"%s %s %d%s\r\n" % (rng.choice([b"incr", b"decr"]), NUMBER, number, quiet),
            b"ma %s D%d M%c%s%s\r\n" % (NUMBER, number, rng.choice(b"ID+-"), q,
                                        rng.choice([b"", b" v t", b" N60 J7 v"])),
            b"delete %s%s\r\n" % (NUMBER, quiet),
        ])
    key, value = rng.choice(KEYS), random_value(rng)
    flags = b"".join(b" " + bytes([f]) for f in rng.sample(b"ftskvhq", rng.randrange(6)))
    mode = rng.choice(b"EAPRS")
    storage = rng.choice([b"set", b"add", b"replace", b"append", b"prepend"])
    return rng.choice([
        b"%s %s %d %d %d%s\r\n%s\r\n" % (storage, key, number % 1000, seconds, len(value),
                                         quiet, value),
        b"cas %s 0 0 %d 12345678%s\r\n%s\r\n" % (key, len(value), quiet, value),
        b"get %s %s\r\n" % (key, rng.choice(KEYS)), b"gets %s\r\n" % key,
        b"gat %d %s\r\n" % (seconds, key), b"touch %s %d%s\r\n" % (key, seconds, quiet),
        b"delete %s%s\r\n" % (key, quiet), b"incr %s 1%s\r\n" % (key, quiet),
        b"mg %s%s%s\r\n" % (key, flags, rng.choice([b"", b" N100", b" T50", b" R70", b" u"])),
        b"ms %s %d F%d T%d M%c%s%s\r\n%s\r\n" % (key, len(value), number % 99, seconds, mode, q,
                                                rng.choice([b"", b" k Oo", b" C7 I"]), value),
        b"md %s%s%s\r\n" % (key, q, rng.choice([b"", b" I", b" I T20", b" C8"])),
        b"ma %s M%c%s\r\n" % (key, rng.choice(b"ID"), q),
    ])


def random_binary(rng: random.Random) -> bytes:
    """As random_text."""
    seconds = rng.choice([0, 0, 100])
    cas = rng.choice([0, 0, 0, 12345678])
    word = struct.Struct("!I").pack
    if rng.random() < 0.3:
        opcode = rng.choice([0, 1, 4, 5, 6, 0x15, 0x16])
        if opcode == 1:
            return binary.store(opcode, NUMBER, b"%d" % random_number(rng), 3, seconds, 1, cas)
        if opcode in (0, 4):
            return request(opcode, NUMBER, b"", b"", 6, cas if opcode == 4 else 0)
        initial = rng.choice([0xFFFFFFFF, 0, 100])
        extras = struct.pack("!QQI", random_number(rng), 7, initial)
        return request(opcode, NUMBER, b"", extras, 2, cas)
    key, value = rng.choice(KEYS), random_value(rng)
    opcode = rng.choice([0, 1, 2, 3, 4, 5, 9, 0xA, 0xC, 0xD, 0xE, 0xF, 0x11, 0x12, 0x13, 0x14,
                         0x19, 0x1A, 0x1C, 0x1D, 0x1E, 0x23, 0x24])
    if opcode in (1, 2, 3, 0x11, 0x12, 0x13):
        return binary.store(opcode, key, value, rng.randrange(99), seconds, 1, cas)
    if opcode == 5:
        return request(opcode, key, b"", struct.pack("!QQI", 1, 0, 0xFFFFFFFF), 2, cas)
    if opcode in (0xE, 0xF, 0x19, 0x1A):
        return request(opcode, key, value, b"", 3, cas)
    if opcode in (0x1C, 0x1D, 0x1E, 0x23, 0x24):
        return request(opcode, key, b"", word(seconds), 4)
    if opcode == 0xA:
        return request(opcode, opaque=5)
    return request(opcode, key, b"", b"", 6, cas if opcode in (4, 0x14) else 0)


class Parity:
    """The cases, for a server that memcached_server.py has started."""

    @classmethod
    def setUpClass(cls) -> None:
        try:
            memcached = debian.Memcached()
        except places.Unusable as error:
            raise unittest.SkipTest(str(error)) from None
        super().setUpClass()
        cls.other = cls.enterClassContext(Namespace("memcached-itself"))
        itself = cls.other.start(memcached.command("-u", "root", "-l", "127.0.0.1", "-p", 11211,
                                                   "-U", 0, "-t", 1))
        cls.addClassCleanup(itself.wait)
        cls.addClassCleanup(itself.kill)

    def setUp(self) -> None:
        def listens() -> bool:
            try:
                connect_in(self.other, ("127.0.0.1", 11211), 1).close()
            except OSError:
                return False
            return True

        self.assertTrue(eventually(listens), "memcached does not listen")

    def tearDown(self) -> None:
        self.assertIsNone(self.server.poll(), "the server has died")

    def both(self, exchange) -> tuple:
        """What `exchange(connection)` gives for memcached and for ours."""
        results = []
        for namespace, address in ((self.other, ("127.0.0.1", 11211)),
                                   (self.namespace, self.address)):
            connection = connect_in(namespace, address, 10)
            with connection:
                results.append(exchange(connection))
        return tuple(results)

    def hold(self, conversations: tuple, follow: bytes = b"") -> None:
        """Each with both servers, which say nothing more for a moment, or end."""
        def say(data: bytes, settle: float) -> tuple:
            def exchange(connection) -> bytes:
                connection.settimeout(settle)
                seen = b""
                try:
                    connection.sendall(data)
                    while piece := connection.recv(1 << 20):
                        seen += piece
                    seen += b"<end>"
                except TimeoutError:
                    pass
                except (ConnectionResetError, BrokenPipeError):
                    seen += b"<end>"
                return comparable(seen)
            return self.both(exchange)

        self.both(lambda connection: connection.sendall(b"flush_all\r\n"))
        time.sleep(1.1)  # memcached's clock has seconds
        for data in conversations:
            with self.subTest(data[:100]):
                theirs, ours = say(data + follow, 0.15)
                if theirs != ours:  # a busy machine's pause?
                    theirs, ours = say(data + follow, 1.5)
                self.assertEqual(theirs, ours)

    def test_known_conversations(self) -> None:
        self.hold(CONVERSATIONS)

    def test_malformed_binary_requests(self) -> None:
        self.hold(MALFORMED)
        self.hold(MALFORMED[1:2] + MALFORMED[4:], follow=request(binary.NOOP))

    def start_anew(self) -> None:
        """No keys of these tests are on either server."""
        for key in (*KEYS, NUMBER):
            self.both(lambda connection, key=key: (
                connection.sendall(b"delete %s\r\n" % key), connection.recv(100)))

    def run_random(self, choose, exchange) -> None:
        """Both servers' answers to one random request after the other. (In answers
        to many at once memcached shows which items it still refers to.)"""
        rng = random.Random(SEED)
        self.start_anew()
        before = self.counts()
        pair = [self.enterContext(connect_in(*where, 10)) for where in
                ((self.other, ("127.0.0.1", 11211)), (self.namespace, self.address))]
        for number in range(RANDOM):
            data = choose(rng)
            theirs, ours = (exchange(connection, data) for connection in pair)
            self.assertEqual(theirs, ours, f"seed {SEED}, request {number}: {data}")
        self.assert_counted_alike(before)

    def counts(self) -> tuple[dict, dict]:
        """What both servers have counted."""
        found = []
        for where in ((self.other, ("127.0.0.1", 11211)), (self.namespace, self.address)):
            with binary.Client(*where) as client:
                said = client.statistics()
            found.append({name: int(said[name]) for name in COUNTED})
        return tuple(found)

    def say_text(self, connection, data: bytes) -> bytes:
        """All answers to it."""
        connection.sendall(data + SENTINEL)
        seen = b""
        while not seen.endswith(b"MN\r\n"):
            piece = connection.recv(1 << 20)
            self.assertTrue(piece, f"the end after {seen[-100:]!r}")
            seen += piece
        return seen

    def assert_counted_alike(self, before: tuple[dict, dict]) -> None:
        theirs, ours = ({name: there[name] - then[name] for name in COUNTED}
                        for there, then in zip(self.counts(), before))
        self.assertEqual(set(theirs.items()), set(ours.items()))

    def test_counts_of_refused_values(self) -> None:
        before = self.counts()
        large = b"x" * 2_000_000
        for data in (b"set a 0 0 1\r\n1\r\nset a 0 0 %d\r\n%s\r\n" % (len(large), large),
                     b"set b 0 0 1\r\n1\r\nadd b 0 0 %d\r\n%s\r\n" % (len(large), large),
                     b"ma counted N0 J5\r\nmg vivified N0\r\ndelete counted\r\n"
                     b"delete vivified\r\n"):
            self.both(lambda connection, data=data: self.say_text(connection, data))
        self.assert_counted_alike(before)

    def test_random_text(self) -> None:
        self.run_random(random_text, lambda connection, data: without_padding(
            comparable(self.say_text(connection, data))))

    def test_random_binary(self) -> None:
        def exchange(connection, data: bytes) -> list:
            connection.sendall(data + request(binary.NOOP, opaque=99))
            seen, data = [], b""
            while True:
                while len(data) < 24 or len(data) < 24 + int.from_bytes(data[8:12], "big"):
                    piece = connection.recv(1 << 20)
                    self.assertTrue(piece, f"the end after {seen[-1:]}")
                    data += piece
                fields = list(binary.HEADER.unpack(data[:24]))
                fields[8] = fields[8] != 0  # a CAS or none
                size = 24 + fields[6]
                if fields[7] == 99:
                    return seen
                fields[6] = 0
                seen.append((*fields, without_padding(data[24:size])))
                data = data[size:]

        self.run_random(random_binary, exchange)


class HostedTest(Parity, Hosted, unittest.TestCase):
    pass


class ImageTest(Parity, Image, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
