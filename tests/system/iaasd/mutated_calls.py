#!/usr/bin/python3
"""Sends a daemon what a client once sent, with mistakes in it.

    mutated_calls.py SOCKET RECORDING SEED COUNT

RECORDING holds the bytes of one connection from its client on. Each of COUNT
connections gets them with the frames cut, doubled, dropped or exchanged, or with some
words of them replaced, by a generator that starts at SEED. The answers are read to
their end: a daemon that neither answers nor closes is a failure, as is one that can't
be connected to."""

import random
import socket
import struct
import sys

ANSWER_TIMEOUT = 30.0
WORD = 8
INTERESTING = (0, 1, 2, 0x7FFFFFFF, 0xFFFFFFFF, 0x100000000, (1 << 63) - 1, (1 << 64) - 1)


def frames(stream: bytes) -> list[bytes]:
    """The messages of a stream: a table of segments' sizes, then these."""
    found = []
    while stream:
        count = struct.unpack_from("<I", stream)[0] + 1
        sizes = struct.unpack_from(f"<{count}I", stream, 4)
        size = (4 + 4 * count + 7) // WORD * WORD + WORD * sum(sizes)
        found.append(stream[:size])
        stream = stream[size:]
    return found


def spoil_words(frame: bytes, dice: random.Random) -> bytes:
    words = bytearray(frame)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(words) // WORD) * WORD
        kind = dice.randrange(4)
        if kind == 0:
            words[at + dice.randrange(WORD)] ^= 1 << dice.randrange(8)
        elif kind == 1:
            struct.pack_into("<Q", words, at, dice.choice(INTERESTING))
        elif kind == 2:
            words[at:at + WORD] = dice.randbytes(WORD)
        else:
            other = dice.randrange(len(words) // WORD) * WORD
            words[at:at + WORD] = words[other:other + WORD]
    return bytes(words)


def mutated(recorded: list[bytes], dice: random.Random) -> bytes:
    sent = list(recorded)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(sent))
        kind = dice.randrange(8)
        if kind == 0:
            sent[at] = sent[at][:dice.randrange(len(sent[at]))]
        elif kind == 1:
            sent.insert(dice.randrange(len(sent)), sent[at])
        elif kind == 2 and len(sent) > 1:
            del sent[at]
        elif kind == 3:
            other = dice.randrange(len(sent))
            sent[at], sent[other] = sent[other], sent[at]
        elif sent[at]:
            sent[at] = spoil_words(sent[at].ljust(WORD, b"\0"), dice)
    return b"".join(sent)


def main() -> None:
    path, recording, seed, count = sys.argv[1:]
    with open(recording, "rb") as file:
        recorded = frames(file.read())
    dice = random.Random(int(seed))
    closed = 0
    for _ in range(int(count)):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(ANSWER_TIMEOUT)
            client.connect(path)
            try:
                client.sendall(mutated(recorded, dice))
                client.shutdown(socket.SHUT_WR)
                while client.recv(65536):
                    pass
            except (ConnectionResetError, BrokenPipeError):
                pass  # the daemon had seen enough
            closed += 1
    print(closed)


main()
