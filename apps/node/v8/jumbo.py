"""Source files in few translation units: each includes many files of one folder.

V8's headers are most of what a compiler reads of each of its files; read once for many
files they cost a fifth.
"""

import pathlib
import re
from collections.abc import Iterable

LINES, FILES = 16_000, 40  # of a unit, at most
ALONE = (
    "src/ast/prettyprinter.cc",
    "src/base/sanitizer/lsan-virtual-address-space.cc",
    "src/compiler/bytecode-analysis.cc",
    "src/regexp/experimental/experimental-compiler.cc",
)
# Names that another file of the folder has, too, for itself.
RENAMED = {
    "src/torque/csa-generator.cc": ("GetBitFieldSpecialization",),
    "src/heap/cppgc/marker.cc": ("kDefaultDeadlineCheckInterval",),
    "src/heap/scavenger.cc": ("CreateSharedOldAllocator",),
    "src/snapshot/embedded/platform-embedded-file-writer-aix.cc": ("DirectiveAsString",),
    "src/snapshot/embedded/platform-embedded-file-writer-mac.cc": ("DirectiveAsString",),
    "src/runtime/runtime-test.cc": ("PrintIndentation",),
    "src/wasm/wasm-external-refs.cc": ("kSuccess",),
}


def _groups(files: Iterable[pathlib.PurePath], lines) -> list[list[pathlib.PurePath]]:
    """Of one folder each, and not larger than a unit may be."""
    groups: list[list[pathlib.PurePath]] = []
    folder, size = None, 0
    for file in sorted(files, key=lambda file: (str(file.parent), file.name)):
        count = lines(file)
        alone = str(file) in ALONE
        if alone or file.parent != folder or size + count > LINES or len(groups[-1]) == FILES:
            groups.append([])
            folder, size = None if alone else file.parent, 0
        groups[-1].append(file)
        size += count
    return groups


def _include(root: pathlib.Path, file: pathlib.PurePath) -> list[str]:
    """The file's own macros and some of its names are gone after it."""
    names = [(name, f"{name}_{re.sub(r'[^A-Za-z0-9]', '_', file.stem)}")
             for name in RENAMED.get(str(file), ())]
    path = root / file
    text = path.read_text() if path.exists() else ""
    macros = set(re.findall(r"^\s*#\s*define\s+(\w+)", text, re.MULTILINE))
    return [
        *(f"#define {name} {other}" for name, other in names),
        f'#include "{file}"',
        *(f"#undef {name}" for name, _ in names),
        *(f"#undef {name}" for name in sorted(macros)),
    ]


def write(root: pathlib.Path, files: Iterable[str], directory: pathlib.Path, name: str) -> list[pathlib.Path]:
    """Writes the units that include `files`, below `root` or to be generated, and
    gives their paths. One that stays the same keeps its time."""
    directory.mkdir(parents=True, exist_ok=True)

    def lines(file: pathlib.PurePath) -> int:
        path = root / file
        return path.read_text().count("\n") if path.exists() else LINES // FILES

    units = []
    for number, group in enumerate(_groups(map(pathlib.PurePosixPath, files), lines)):
        text = "\n".join(line for file in group for line in _include(root, file)) + "\n"
        unit = directory / f"{name}-{number:02}.cc"
        if not unit.exists() or unit.read_text() != text:
            unit.write_text(text)
        units.append(unit)
    return units
