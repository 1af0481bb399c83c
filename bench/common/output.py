"""A benchmark's command line, and its results: printed, and as JSON, CSV and SVG, and
as PNG if librsvg's converter is there."""

import argparse
import csv
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys

from common import machine, places, plot as plots


@dataclasses.dataclass
class Table:
    """Rows of equal shape. Numbers are exact; they are rounded when printed."""

    name: str  # of its file
    title: str
    columns: list[str]
    rows: list[list]
    notes: list[str] = dataclasses.field(default_factory=list)
    plot: plots.Plot | None = None  # drawn beside the CSV file

    def text(self) -> str:
        cells = [self.columns] + [[_show(v) for v in row] for row in self.rows]
        widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
        numeric = [
            all(not isinstance(row[i], str) for row in self.rows)
            for i in range(len(self.columns))
        ]
        lines = [self.title]
        for row in cells:
            padded = [
                cell.rjust(width) if right else cell.ljust(width)
                for cell, width, right in zip(row, widths, numeric)
            ]
            lines.append("  " + "  ".join(padded).rstrip())
        return "\n".join(lines + ["  " + note for note in self.notes])


def _show(value) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.1f}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def arguments(description: str) -> argparse.ArgumentParser:
    """A parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument(
        "--output",
        type=pathlib.Path,
        default=places.OUTPUT,
        metavar="DIRECTORY",
        help="where the results are written (default: %(default)s)",
    )
    parser.add_argument(
        "--short", action="store_true", help="fewer runs: a check, not a result"
    )
    return parser


def publish(name: str, tables: list[Table], directory: pathlib.Path) -> None:
    """Prints the tables and writes NAME.json, one CSV file per table, and a
    picture of those that have a plot. What an earlier run wrote goes first: its
    tables may have had other names."""
    described = machine.description()
    directory.mkdir(parents=True, exist_ok=True)
    for suffix in "csv", "svg", "png":
        for stale in directory.glob(f"{name}-*.{suffix}"):
            stale.unlink()
    for table in tables:
        print(table.text(), end="\n\n")
        with open(directory / f"{name}-{table.name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table.columns)
            writer.writerows(table.rows)
        if table.plot:
            picture = plots.svg(table.plot, table.title, table.columns, table.rows)
            path = directory / f"{name}-{table.name}.svg"
            path.write_text(picture)
            if converter := shutil.which("rsvg-convert"):
                made = path.with_suffix(".png")
                subprocess.run([converter, "-o", made, path], check=True)
    result = {
        "benchmark": name,
        "machine": described,
        "tables": [dataclasses.asdict(table) for table in tables],
    }
    path = directory / f"{name}.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print("; ".join(f"{key}: {value}" for key, value in described.items()))
    print(f"results: {path}")


def main(run) -> None:
    """Calls run() and turns an error that has a remedy into a line and status 1."""
    try:
        run()
    except places.Unusable as error:
        sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {error}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"{error}\n{error.stderr or ''}")
