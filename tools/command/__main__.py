"""Makes the package `command` importable from wherever it lies, and runs it."""

import pathlib
import sys

sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent)

from command.cli import main  # noqa: E402

sys.exit(main(sys.argv[1:]))
