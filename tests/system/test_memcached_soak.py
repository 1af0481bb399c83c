#!/usr/bin/python3
"""The memcached server under random operations of several clients by all protocols,
checked against a model; then emptied, after which memory must be free as before.

EBBRT_LONG=1 lets each round last an hour instead of some seconds; EBBRT_SEED chooses others.
"""

import contextlib
import os
import random
import threading
import time
import unittest

import binary_client as binary
from binary_client import Client, connect_in, request, store
from harness import eventually
from memcached_server import AllCores, Hosted, Image, fill_buffer_pools

SECONDS = 3600 if os.environ.get("EBBRT_LONG") == "1" else 8
SEED = int(os.environ.get("EBBRT_SEED", "1"))
CLIENTS = 6
KEYS = 40  # of each client, its own
# What may be missing from one round to the next: slabs that are not quite empty.
SLACK = 256 << 10
ROUNDS = 5


class Wrong(AssertionError):
    pass


class Text:
    """Random operations by the text protocol and the meta commands."""

    def __init__(self, connection, rng: random.Random) -> None:
        self.socket, self.rng = connection, rng
        self.file = connection.makefile("rb")

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def ask(self, data: bytes) -> bytes:
        self.socket.sendall(data)
        return self.file.readline()

    def expect(self, data: bytes, expected: bytes) -> None:
        got = self.ask(data)
        if got != expected:
            raise Wrong(f"{data[:80]!r}: {got[:80]!r}, not {expected!r}")

    def value(self, got: bytes) -> bytes | None:
        """Of a VALUE line that has been read, with its END; None for END alone."""
        if got == b"END\r\n":
            return None
        data = self.file.read(int(got.split()[3]) + 2)[:-2]
        if self.file.readline() != b"END\r\n":
            raise Wrong("no END")
        return data

    def get(self, key: bytes) -> bytes | None:
        if self.rng.random() < 0.5:
            return self.value(self.ask(b"get %s\r\n" % key))
        got = self.ask(b"mg %s v\r\n" % key)
        if got == b"EN\r\n":
            return None
        return self.file.read(int(got.split()[1]) + 2)[:-2]

    def set(self, key: bytes, value: bytes) -> None:
        if self.rng.random() < 0.5:
            self.expect(b"set %s 0 0 %d\r\n%s\r\n" % (key, len(value), value), b"STORED\r\n")
        else:
            self.expect(b"ms %s %d\r\n%s\r\n" % (key, len(value), value), b"HD\r\n")

    def append(self, key: bytes, value: bytes) -> bool:
        got = self.ask(b"append %s 0 0 %d\r\n%s\r\n" % (key, len(value), value))
        return got == b"STORED\r\n"

    def delete(self, key: bytes) -> bool:
        return self.ask(b"delete %s\r\n" % key) == b"DELETED\r\n"

    def break_off(self, key: bytes) -> None:
        """Goes in the middle of a value."""
        self.socket.sendall(b"set %s 0 0 50000\r\n" % key + bytes(self.rng.randrange(49000)))


class Binary:
    def __init__(self, client: Client, rng: random.Random) -> None:
        self.client, self.rng = client, rng

    def close(self) -> None:
        self.client.socket.close()

    def get(self, key: bytes) -> bytes | None:
        answer = self.client.ask(request(binary.GET, key))
        return answer.value if answer.status == binary.OK else None

    def set(self, key: bytes, value: bytes) -> None:
        answer = self.client.ask(store(binary.SET, key, value))
        if answer.status != binary.OK:
            raise Wrong(f"set: {answer.value}")

    def append(self, key: bytes, value: bytes) -> bool:
        return self.client.ask(request(binary.APPEND, key, value)).status == binary.OK

    def delete(self, key: bytes) -> bool:
        return self.client.ask(request(binary.DELETE, key)).status == binary.OK

    def break_off(self, key: bytes) -> None:
        data = store(binary.SET, key, bytes(50000))
        self.client.send(data[: self.rng.randrange(len(data))])


class Soak:
    """The case, for a server that memcached_server.py has started."""

    def talker(self, rng: random.Random):
        if rng.random() < 0.5:
            return Text(connect_in(self.namespace, self.address, 30), rng)
        return Binary(Client(self.namespace, self.address), rng)

    def work(self, number: int, until: float, failures: list, counts: list) -> None:
        rng = random.Random(SEED * 1000 + number)
        model: dict[bytes, bytes] = {}
        done = 0
        try:
            talker = self.talker(rng)
            while time.monotonic() < until:
                key = b"soak-%d-%d" % (number, rng.randrange(KEYS))
                done += 1
                choice = rng.random()
                if choice < 0.5:
                    got = talker.get(key)
                    if got != model.get(key):
                        raise Wrong(f"{key!r}: {(got or b'')[:50]!r} of {len(got or b'')} bytes"
                                    f", not {model.get(key, b'none')[:50]!r}")
                elif choice < 0.85:
                    size = rng.choice([0, 1, 100, 511, 513, 1400, 5000, 60000])
                    model[key] = rng.randbytes(size)
                    talker.set(key, model[key])
                elif choice < 0.92:
                    if talker.append(key, b"+more") != (key in model):
                        raise Wrong(f"append to {key!r}")
                    if key in model:
                        model[key] += b"+more"
                elif choice < 0.99:
                    if talker.delete(key) != (model.pop(key, None) is not None):
                        raise Wrong(f"delete {key!r}")
                else:
                    if rng.random() < 0.5:
                        talker.break_off(b"never-stored-%d" % number)
                    talker.close()
                    talker = self.talker(rng)
            if talker.get(b"never-stored-%d" % number) is not None:
                raise Wrong("half a value was stored")
            talker.close()
        except Exception as error:  # reported by the main thread
            failures.append(f"client {number}, operation {done}: {error!r}")
        counts.append(done)

    def statistics(self) -> dict:
        with Client(self.namespace, self.address) as client:
            return client.statistics()

    def empty(self) -> dict:
        """Everything flushed, swept and closed; what `stats` says then."""
        if self.cores > 1:
            # Their pools give to each other's, so that they'd hold now more, now less.
            with contextlib.ExitStack() as clients:
                fill_buffer_pools([
                    clients.enter_context(Client(self.namespace, self.address))
                    for _ in range(8 * self.cores)])
        with Client(self.namespace, self.address) as client:
            client.ask(request(binary.FLUSH))

        def is_empty() -> bool:
            found = self.statistics()
            return found["curr_items"] == "0" and found["curr_connections"] == "1"

        self.assertTrue(eventually(is_empty, 30), self.statistics())
        time.sleep(1)  # with several cores, what was removed goes a moment later
        return self.statistics()

    def round(self, seconds: float) -> int:
        failures, counts = [], []
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self.work, args=(i, until, failures, counts))
                   for i in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [], f"seed {SEED}")
        return sum(counts)

    def lost(self, before: dict, after: dict) -> int:
        if not self.machine_of_its_own:
            return 0
        return int(before["machine_free_bytes"]) - int(after["machine_free_bytes"])

    def test_soak(self) -> None:
        self.round(SECONDS / 2)
        before, done, lost = self.empty(), 0, []
        # The core's pool of buffers keeps as many as were ever in use at once, up to
        # 2 MiB, and slabs fill up unevenly: that settles. A leak of SLACK a round does not.
        while not lost or lost[-1] >= SLACK * self.cores:
            self.assertLess(len(lost), ROUNDS, f"bytes fewer after each round: {lost}")
            done += self.round(SECONDS)
            after = self.empty()
            lost.append(self.lost(before, after))
            before = after
        print(f"{done} operations, {after['bytes_written']} bytes written, bytes fewer: {lost}")
        self.assertGreater(done, 100)
        self.assertEqual(after["bytes"], "0")
        self.assertEqual(after["evictions"], "0")
        self.assertIsNone(self.server.poll(), "the server has died")


class HostedTest(Soak, Hosted, unittest.TestCase):
    machine_of_its_own = False


class AllCoresTest(Soak, AllCores, unittest.TestCase):
    machine_of_its_own = True


class ImageTest(Soak, Image, unittest.TestCase):
    machine_of_its_own = True


if __name__ == "__main__":
    unittest.main()
