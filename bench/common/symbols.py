"""An image's symbols, sections and code, as the target's own tools tell them."""

import bisect
import pathlib
import re
import subprocess

from common import places


# Code that the image has made while it ran, as V8 does.
MADE = "code made at run time"
# The symbol behind an image's own code and data (src/native/ebbrt.ld).
_END = "image_end"


def tool(name: str) -> str:
    """The target's nm, objdump, size, strip: those that built the images; the
    host's when nothing is built yet (both read the same format)."""
    cache = places.NATIVE / "CMakeCache.txt"
    if cache.exists():
        match = re.search(
            rf"^CMAKE_{name.upper()}:FILEPATH=(.+)$",
            cache.read_text(),
            re.MULTILINE,
        )
        if match and pathlib.Path(match[1]).exists():
            return match[1]
    return name


def _output(words: list) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


class Symbols:
    """The functions and variables of an image."""

    def __init__(self, image: pathlib.Path) -> None:
        self._image = image
        self._by_name: dict[str, int] = {}
        functions = []
        for line in _output([tool("readelf"), "-sW", image]).splitlines():
            fields = line.split()
            if len(fields) < 8 or not re.fullmatch(r"\d+:", fields[0]):
                continue
            _, value, _, kind, binding, _, section, name = fields[:8]
            if not section.isdigit() and section != "ABS":
                continue
            address = int(value, 16)
            self._by_name.setdefault(name, address)
            # Local labels of assembly are no functions.
            if kind in ("FUNC", "IFUNC") or (kind, binding) == ("NOTYPE", "GLOBAL"):
                functions.append((address, name))
        functions.sort()
        self._addresses = [address for address, _ in functions]
        self._names = [name for _, name in functions]

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def address(self, name: str) -> int:
        """The address of a symbol by its linker name."""
        if name not in self._by_name:
            raise places.Unusable(f"{self._image} has no symbol {name}")
        return self._by_name[name]

    def find(self, pattern: str) -> int:
        """The address of the one symbol whose linker name matches fully."""
        found = [n for n in self._by_name if re.fullmatch(pattern, n)]
        if len(found) != 1:
            raise places.Unusable(
                f"{self._image}: {len(found)} symbols match {pattern}: {found}"
            )
        return self._by_name[found[0]]

    def function_at(self, address: int) -> str:
        """The linker name of the function that holds the address; MADE behind all of
        the image's."""
        index = bisect.bisect_right(self._addresses, address) - 1
        name = self._names[index] if index >= 0 else "firmware"
        return MADE if name == _END else name


def demangle(names: list[str]) -> list[str]:
    """The C++ names, in the same order."""
    if not names:
        return []
    return subprocess.run(
        ["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True
    ).stdout.splitlines()


def disassemble(image: pathlib.Path, symbol: str) -> list[str]:
    """A function's instructions, one a line, without addresses' bytes."""
    text = _output(
        [
            tool("objdump"),
            "-d",
            "--no-show-raw-insn",
            f"--disassemble={symbol}",
            image,
        ]
    )
    return re.findall(r"^ *[0-9a-f]+:\t(.+?)\s*$", text, re.MULTILINE)


def sections(image: pathlib.Path) -> dict[str, int]:
    """Bytes of each section that is loaded, or reserved (.bss)."""
    result = {}
    for line in _output([tool("readelf"), "-SW", image]).splitlines():
        match = re.match(
            r"\s*\[ *\d+\] (\S+)\s+(\w+)\s+[0-9a-f]+ [0-9a-f]+ ([0-9a-f]+) "
            r"[0-9a-f]+ +(\w*A\w*) ",
            line,
        )
        if match:
            result[match[1]] = int(match[3], 16)
    return result


def stripped_size(image: pathlib.Path) -> int:
    """Bytes of the image's file without its symbol table and debug data."""
    places.OUTPUT.mkdir(parents=True, exist_ok=True)
    stripped = places.OUTPUT / (image.name + ".stripped")
    _output([tool("strip"), "--strip-all", "-o", stripped, image])
    size = stripped.stat().st_size
    stripped.unlink()
    return size
