"""First file systems of Linux."""

import gzip
import pathlib
import stat


class Archive:
    """The cpio format that the kernel unpacks ("newc", its documentation's
    driver-api/early-userspace/buffer-format)."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._made: set[str] = set()

    def _entry(self, name: str, mode: int, data: bytes = b"", device=(0, 0)) -> None:
        path = name.encode() + b"\0"
        inode = len(self._made) + 1
        fields = (inode, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        self._bytes += b"070701" + b"".join(b"%08X" % field for field in fields)
        for part in path, data:
            self._bytes += part
            self._bytes += bytes(-len(self._bytes) % 4)
        self._made.add(name)

    def directory(self, name: str) -> None:
        if name in ("", ".") or name in self._made:
            return
        self.directory(str(pathlib.PurePath(name).parent))
        self._entry(name, stat.S_IFDIR | 0o755)

    def file(self, name: str, data: bytes) -> None:
        self.directory(str(pathlib.PurePath(name).parent))
        self._entry(name, stat.S_IFREG | 0o755, data)

    def console(self) -> None:
        """What the kernel opens for init before /dev is mounted."""
        self.directory("dev")
        self._entry("dev/console", stat.S_IFCHR | 0o600, device=(5, 1))

    def link(self, name: str, target: str) -> None:
        self.directory(str(pathlib.PurePath(name).parent))
        self._entry(name, stat.S_IFLNK | 0o777, target.encode())

    def plain(self) -> bytes:
        """All of it; ends it."""
        self._entry("TRAILER!!!", 0)
        return bytes(self._bytes)

    def packed(self) -> bytes:
        return gzip.compress(self.plain(), 9, mtime=0)


def joined(*archives: bytes) -> bytes:
    """One file system of several archives, packed or plain, unpacked in this order.
    A plain one must begin at a multiple of four."""
    return b"".join(archive + bytes(-len(archive) % 4) for archive in archives)
