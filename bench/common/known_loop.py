"""The image whose instructions are known: built by the host's own assembler."""

import pathlib
import re
import subprocess

from common import places

SOURCE = places.ROOT / "bench" / "images" / "known_loop.S"


def image() -> pathlib.Path:
    """The image, built if it isn't there or older than its source."""
    made = places.OUTPUT / "known_loop.elf"
    if not places.newer(made, SOURCE):
        made.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                *"gcc -nostdlib -static -no-pie -Wl,-z,noseparate-code".split(),
                *"-Wl,--build-id=none -Wl,-e,entry".split(),
                "-Wl,--section-start=.note.pvh=0x100000",
                *"-Wl,-Ttext=0x100100 -Wl,-Tbss=0x101000 -o".split(),
                made,
                SOURCE,
            ],
            check=True,
        )
    return made


def instructions() -> int:
    """How many lie between known_loop_begin and known_loop_end."""
    turns = re.search(r"#define TURNS (\d+)", SOURCE.read_text())
    return 2 * int(turns[1]) + 6
