"""units.py V8 DIRECTORY SYSTEM: writes V8's translation units for Linux or EbbRT to
DIRECTORY, and units.cmake, which lists them by part."""

import pathlib
import sys

import gn_sources
import jumbo

GENERATED = "torque-generated"
# What torque writes beside a pair of files for each of its own.
DEFINITIONS = ("class-verifiers.cc", "factory.cc", "objects-printer.cc")
INITIALIZERS = ("exported-macros-assembler.cc",)


def parts(root: pathlib.Path, system: str) -> dict[str, list[str]]:
    """The files of each part."""
    gn = root / "BUILD.gn"
    settings = gn_sources.SETTINGS | {"is_posix": True, "is_linux": system == "Linux"}

    def sources(target: str) -> list[str]:
        return [file for file in gn_sources.lists(gn, target, settings)["sources"]
                if file.endswith(".cc") and "$" not in file]

    file_lists = gn_sources.lists(gn, settings=settings)
    torque = [file.removesuffix(".tq") for file in file_lists["torque_files"]]
    found = {
        "libbase": sources("v8_libbase"),
        "torque": [*sources("torque_base"), "src/torque/torque.cc"],
        "bytecodes": sources("bytecode_builtins_list_generator"),
        "libplatform": sources("v8_libplatform"),
        "base": [
            *sources("v8_base_without_compiler"), *sources("v8_bigint"), *sources("v8_heap_base"),
            *sources("cppgc_base"),
            *(f"{GENERATED}/{name}-tq.cc" for name in torque),
            *(f"{GENERATED}/{name}" for name in DEFINITIONS),
        ],
        "compiler": [file for file in file_lists["v8_compiler_sources"] if file.endswith(".cc")],
        "initializers": [
            *sources("v8_initializers"), *sources("v8_init"),
            *(f"{GENERATED}/{name}-tq-csa.cc" for name in torque),
            *(f"{GENERATED}/{name}" for name in INITIALIZERS),
        ],
        "mksnapshot": sources("mksnapshot"),
        "snapshot": sources("v8_snapshot"),
    }
    if system == "EbbRT":
        found["libbase"].remove("src/base/platform/platform-posix-time.cc")
    else:  # no more than what generates
        found = {part: found[part] for part in ("libbase", "torque", "bytecodes")}
    return found


def main() -> None:
    root, directory = map(pathlib.Path, sys.argv[1:3])
    lines = []
    for part, files in parts(root, sys.argv[3]).items():
        units = jumbo.write(root, files, directory, part)
        lines.append(f"set(v8_{part} {' '.join(map(str, units))})")
    torque = gn_sources.lists(root / "BUILD.gn")["torque_files"]
    lines.append(f"set(v8_torque_files {' '.join(torque)})")
    (directory / "units.cmake").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
