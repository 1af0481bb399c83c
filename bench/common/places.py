"""Where the builds are, and a way to say that something is missing."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("EBBRT_BUILD", ROOT / "build"))
HOSTED = BUILD / "hosted"
NATIVE = BUILD / "native"
OUTPUT = BUILD / "bench"


class Unusable(Exception):
    """A benchmark can't run; the text names what is wrong and the remedy."""


def built(path: pathlib.Path) -> pathlib.Path:
    """The path of something that `./ebbrt build` makes."""
    if not path.exists():
        raise Unusable(f"{path} is not built; run ./ebbrt build")
    return path


def image(name: str) -> pathlib.Path:
    """An image of the benchmarks, by its name; with its symbols."""
    return built(NATIVE / "bench" / f"{name}.elf")


def newer(product: pathlib.Path, *sources: pathlib.Path) -> bool:
    """Whether `product` is there and newer than each of its sources."""
    if not product.exists():
        return False
    made = product.stat().st_mtime
    return all(source.stat().st_mtime <= made for source in sources)
