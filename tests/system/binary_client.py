"""A client of memcached's binary protocol, for the tests."""

import dataclasses
import socket
import struct

from harness import Namespace, inside

GET, SET, ADD, REPLACE, DELETE = 0x00, 0x01, 0x02, 0x03, 0x04
INCREMENT, FLUSH, APPEND, STAT, TOUCH, GAT = 0x05, 0x08, 0x0E, 0x10, 0x1C, 0x1D
QUIT, GETQ, NOOP, VERSION, GETK, GETKQ = 0x07, 0x09, 0x0A, 0x0B, 0x0C, 0x0D
SETQ, ADDQ, REPLACEQ, DELETEQ, QUITQ = 0x11, 0x12, 0x13, 0x14, 0x17

OK, NOT_FOUND, EXISTS, TOO_LARGE, INVALID = 0, 1, 2, 3, 4
NOT_STORED, NOT_NUMERIC, UNKNOWN_COMMAND, OUT_OF_MEMORY = 5, 6, 0x81, 0x82

HEADER = struct.Struct("!BBHBBHIIQ")


def request(opcode, key=b"", value=b"", extras=b"", opaque=0, cas=0) -> bytes:
    body = len(extras) + len(key) + len(value)
    header = HEADER.pack(0x80, opcode, len(key), len(extras), 0, 0, body, opaque, cas)
    return header + extras + key + value


def store(opcode, key, value, flags=0, expiration=0, opaque=0, cas=0) -> bytes:
    extras = struct.pack("!II", flags, expiration)
    return request(opcode, key, value, extras, opaque, cas)


@dataclasses.dataclass
class Answer:
    opcode: int
    status: int
    opaque: int
    cas: int
    extras: bytes
    key: bytes
    value: bytes

    @property
    def flags(self) -> int:
        return struct.unpack("!I", self.extras)[0]


def connect_in(namespace: Namespace, address: tuple, timeout: float,
               receive_buffer: int = 0) -> socket.socket:
    """A connection made in a network namespace: a socket stays in the one in
    which its thread was when it was made."""
    with inside(namespace):
        connection = socket.socket()
    if receive_buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    connection.settimeout(timeout)
    try:
        connection.connect(address)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except OSError:
        connection.close()
        raise
    return connection


class Client:
    """One connection."""

    def __init__(self, namespace: Namespace, address: tuple, timeout: float = 30) -> None:
        self.socket = connect_in(namespace, address, timeout)
        self.received = b""

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def take(self, n: int) -> bytes:
        """The next n bytes. EOFError if the server ends before."""
        parts, have = [self.received], len(self.received)
        while have < n:
            data = self.socket.recv(1 << 20)
            if not data:
                raise EOFError("the server has closed the connection")
            parts.append(data)
            have += len(data)
        data = b"".join(parts)
        self.received = data[n:]
        return data[:n]

    def answer(self) -> Answer:
        fields = HEADER.unpack(self.take(HEADER.size))
        magic, opcode, key, extras, kind, status, body, opaque, cas = fields
        if magic != 0x81 or kind != 0 or key + extras > body:
            raise ValueError(f"a broken answer: {fields}")
        data = self.take(body)
        return Answer(
            opcode,
            status,
            opaque,
            cas,
            data[:extras],
            data[extras : extras + key],
            data[extras + key :],
        )

    def ask(self, data: bytes) -> Answer:
        self.send(data)
        return self.answer()

    def statistics(self) -> dict[str, str]:
        self.send(request(STAT))
        found = {}
        while (answer := self.answer()).key:
            found[answer.key.decode()] = answer.value.decode()
        return found

    def is_closed(self) -> bool:
        """Whether the server ends the connection, with nothing more to say."""
        try:
            return self.received == b"" and self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
