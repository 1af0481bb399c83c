"""targets.py NODE DIRECTORY: asks node's own configure and gyp what its libraries are
made of on a system called ebbrt, and writes that for CMake to DIRECTORY/targets.cmake;
the source in NODE becomes configured."""

import ast
import pathlib
import re
import shlex
import subprocess
import sys

# Brotli isn't in Debian's tarball, and libuv is a platform of ours.
CONFIGURE = (
    "--dest-os=linux", "--dest-cpu=x64", "--without-intl", "--without-inspector",
    "--without-npm", "--without-corepack", "--without-dtrace", "--shared-libuv",
    "--shared-brotli",
)
GYP = (
    "--no-parallel", "--depth=.", "-I", "common.gypi", "-I", "config.gypi", "-f", "gypd",
    "-DOS=ebbrt", "-Dconfiguring_node=1", "-Dbuild_type=Release", "-Dcomponent=static_library",
    "-Dlibrary=static_library", "node.gyp",
)
WANTED = {
    "node": ("libnode",),
    "deps/ada/ada": None,
    "deps/base64/base64": ("base64", "base64_ssse3", "base64_sse41", "base64_sse42", "base64_avx",
                           "base64_avx2", "base64_avx512"),
    "deps/cares/cares": None,
    "deps/histogram/histogram": None,
    "deps/llhttp/llhttp": None,
    "deps/nghttp2/nghttp2": None,
    "deps/openssl/openssl": ("openssl",),
    "deps/simdutf/simdutf": None,
    "deps/uvwasi/uvwasi": None,
    "deps/zlib/zlib": ("zlib", "zlib_adler32_simd", "zlib_crc32_simd", "zlib_inflate_chunk_simd"),
}
# QUIC's libraries aren't among them, and warnings are node's own affair.
DROPPED = ("NODE_OPENSSL_HAS_QUIC", "V8_DEPRECATION_WARNINGS", "V8_IMMINENT_DEPRECATION_WARNINGS",
           "V8_DEPRECATION_WARNINGS=1")
COMPILED = (".c", ".cc", ".cpp", ".s", ".S")


def _configure(root: pathlib.Path) -> None:
    subprocess.run([sys.executable, "configure.py", *CONFIGURE], cwd=root, check=True)
    subprocess.run([sys.executable, "tools/gyp/gyp_main.py", *GYP], cwd=root, check=True)
    # What process.config tells.
    config = root / "config.gypi"
    config.write_text(re.sub(r"('node_shared_(?:brotli|libuv)': )'true'", r"\1'false'",
                             config.read_text()))


def _define(text: str) -> bool:
    return text not in DROPPED and not text.startswith("MODULESDIR=")


def _target(root: pathlib.Path, folder: pathlib.Path, target: dict) -> str:
    """The call that makes it."""
    settings = target["configurations"]["Release"]

    def below(paths: list[str]) -> list[str]:
        return [str((root / folder / path).resolve()) for path in paths if "<(" not in path]

    flags = [flag for flags in settings.get("cflags", ()) for flag in shlex.split(flags)]
    lists = {
        "SOURCES": below(file for file in dict.fromkeys(target["sources"])
                         if file.endswith(COMPILED) and "<(" not in file),
        "DEFINITIONS": [define for define in settings.get("defines", ()) if _define(define)],
        "INCLUDES": below(settings.get("include_dirs", ())),
        # What the instructions may be; the rest is for us to say.
        "OPTIONS": [flag for flag in flags if flag.startswith("-m") and flag != "-m64"],
    }
    words = "".join(f"\n  {name} " + " ".join(f"[[{item}]]" for item in items)
                    for name, items in lists.items() if items)
    return f"node_library({target['target_name']}{words})\n"


def main() -> None:
    root, directory = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    _configure(root)
    calls = []
    for file, names in WANTED.items():
        described = ast.literal_eval((root / f"{file}.gypd").read_text())
        found = {target["target_name"]: target for target in described["targets"]}
        for name in names or (pathlib.Path(file).name,):
            calls.append(_target(root, pathlib.Path(file).parent, found[name]))
        if "libnode" in found:
            # The words that write node_javascript.cc, of which these aren't below lib/.
            words = found["libnode"]["actions"][0]["action"]
            scripts = [word for word in words if word.startswith("deps/")]
            calls.append(f"set(node_scripts {' '.join(scripts)})\n")
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "targets.cmake").write_text("\n".join(calls))


if __name__ == "__main__":
    main()
