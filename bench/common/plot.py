"""A table's picture, as SVG: bars for what has names, lines for what has sizes.

Written here because it is little: no plotting library is needed on the machine.
"""

import dataclasses
import enum
import math
from xml.sax.saxutils import escape


class Kind(enum.StrEnum):
    BARS = "bars"  # one row of the table below the other
    STACKS = "stacks"  # as bars, but a row's series lie end to end
    LINES = "lines"  # the x column is numbers


@dataclasses.dataclass(frozen=True)
class Plot:
    """What of a table is drawn. Cells that are None are left out."""

    kind: Kind
    x: list[str]  # columns; with bars their cells are joined to a name
    series: list[str]  # columns of numbers
    y_label: str
    x_label: str = ""
    log_x: bool = False  # powers of two
    log_y: bool = False  # powers of ten
    errors: list[str] = dataclasses.field(default_factory=list)  # of BARS: each series' +-


# Distinguishable without seeing all colours (Okabe and Ito's set, less yellow).
_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#444444")
_FONT = 12
_CHARACTER = 0.56 * _FONT  # about the mean width of one
_WIDTH, _HEIGHT, _BAR = 860, 420, 16


def svg(plot: Plot, title: str, columns: list[str], rows: list[list]) -> str:
    """The picture's text. Raises ValueError if the table lacks a column."""
    names = [[row[columns.index(c)] for c in plot.x] for row in rows]
    series = {c: [row[columns.index(c)] for row in rows] for c in plot.series}
    if plot.kind is Kind.LINES:
        canvas = _lines(plot, [name[0] for name in names], series)
    else:
        errors = [[row[columns.index(c)] for row in rows] for c in plot.errors]
        canvas = _bars(plot, [", ".join(map(str, name)) for name in names], series, errors)
    return canvas.finish(title)


class _Canvas:
    """Elements of a picture, and where its plotting area is."""

    def __init__(self, width: float, height: float, left: float, top: float) -> None:
        self._elements: list[str] = []
        self.left, self.top = left, top
        self.right, self.bottom = left + width, top + height

    def text(self, x: float, y: float, words: str, anchor="middle", more="") -> None:
        self._elements.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>'
            f"{escape(words)}</text>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str) -> None:
        self._elements.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
            f'stroke="{color}"/>'
        )

    def box(self, x: float, y: float, width: float, height: float, color: str) -> None:
        self._elements.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" fill="{color}"/>'
        )

    def path(self, points: list[tuple[float, float]], color: str) -> None:
        places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self._elements.append(
            f'<polyline points="{places}" fill="none" stroke="{color}" '
            'stroke-width="2"/>'
        )
        for x, y in points:
            self._elements.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>'
            )

    def legend(self, names: list[str], y: float) -> None:
        """One line of names; none when there is nothing to tell apart."""
        x = self.left
        for name, color in zip(names, _cycle(len(names))):
            if len(names) == 1:
                return
            self.box(x, y - 9, 10, 10, color)
            self.text(x + 15, y, name, "start")
            x += 35 + _CHARACTER * len(name)

    def finish(self, title: str) -> str:
        width, height = self.right + 30, self.bottom + 50
        head = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" '
            f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'font-family="sans-serif" font-size="{_FONT}">\n'
            f"<title>{escape(title)}</title>\n"
            f'<rect width="{width:.0f}" height="{height:.0f}" fill="#ffffff"/>\n'
            f'<text x="12" y="22" font-size="14" font-weight="bold">'
            f"{escape(title)}</text>\n"
        )
        return head + "\n".join(self._elements) + "\n</svg>\n"


def _cycle(count: int) -> list[str]:
    return [_COLORS[i % len(_COLORS)] for i in range(count)]


class _Axis:
    """Maps values to places, and names some round ones."""

    def __init__(self, values: list[float], base: int, begin: float, end: float):
        """`base` of the logarithm; 0 for a linear axis, which begins at zero."""
        self._base, self._begin, self._end = base, begin, end
        if base:
            values = [v for v in values if v > 0] or [1]
            self._low = math.floor(math.log(min(values), base) + 1e-9)
            self._high = math.ceil(math.log(max(values), base) - 1e-9)
            self._high = max(self._high, self._low + 1)
        else:
            self._low = 0.0
            self._step = _round_step(max([*values, 0]) or 1)
            self._high = self._step * math.ceil(max([*values, 0]) / self._step - 1e-9)
            self._high = self._high or self._step

    def at(self, value: float) -> float:
        if self._base:
            value = math.log(value, self._base) if value > 0 else self._low
        share = (value - self._low) / (self._high - self._low)
        return self._begin + share * (self._end - self._begin)

    def ticks(self) -> list[tuple[float, str]]:
        """Places and their names."""
        if self._base:
            apart = max(1, round((self._high - self._low) / 8))
            values = [self._base**e for e in range(self._low, self._high + 1, apart)]
        else:
            count = round(self._high / self._step)
            values = [self._step * i for i in range(count + 1)]
        return [(self.at(v), _short(v, 1024 if self._base == 2 else 1000)) for v in values]


def _round_step(greatest: float) -> float:
    """1, 2 or 5 times a power of ten: about six of them make `greatest`."""
    raw = greatest / 6
    power = 10 ** math.floor(math.log10(raw))
    return next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)


def _short(value: float, thousand: int) -> str:
    """As 20 k, or 64 Ki where a thousand is 1,024."""
    binary = "i" if thousand == 1024 else ""
    for power, letter in (3, "G"), (2, "M"), (1, "k"):
        if value >= thousand**power and (not binary or value % thousand**power == 0):
            return f"{value / thousand**power:g} {letter.upper() if binary else letter}{binary}"
    return f"{value:g}"


def _exact(value: float) -> str:
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def _bars(plot: Plot, names: list[str], series: dict[str, list],
          errors: list[list]) -> _Canvas:
    stacked = plot.kind is Kind.STACKS
    slots = 1 if stacked else len(series)
    pitch = slots * _BAR + 8
    left = 24 + _CHARACTER * max(map(len, [*names, ""]))
    canvas = _Canvas(_WIDTH - 220, pitch * len(names) + 4, left, 60)
    columns = list(series.values())
    if stacked:
        reach = [sum(v or 0 for v in row) for row in zip(*columns)]
    else:
        reach = [v for column in columns for v in column if v is not None]
        reach += [v + e for column, by in zip(columns, errors) for v, e in zip(column, by)
                  if v is not None and e is not None]
    axis = _Axis(reach, 10 if plot.log_y else 0, canvas.left, canvas.right - 90)
    for x, label in axis.ticks():
        canvas.line(x, canvas.top, x, canvas.bottom, "#dddddd")
        canvas.text(x, canvas.bottom + 16, label)
    canvas.text((canvas.left + canvas.right) / 2, canvas.bottom + 38, plot.y_label)
    canvas.legend(list(series), 46)
    for row, name in enumerate(names):
        top = canvas.top + row * pitch + 6
        canvas.text(canvas.left - 8, top + slots * _BAR / 2 + 4, name, "end")
        begun = 0
        for slot, (column, color) in enumerate(zip(columns, _cycle(len(columns)))):
            value = column[row]
            if value is None:
                continue
            y = top if stacked else top + slot * _BAR
            begin = axis.at(begun) if begun or not plot.log_y else canvas.left
            end = axis.at(begun + value)
            canvas.box(begin, y, max(end - begin, 1), _BAR - 2, color)
            if error := errors[slot][row] if errors else None:
                low, end = axis.at(max(value - error, 0)), axis.at(value + error)
                middle = y + _BAR / 2 - 1
                canvas.line(low, middle, end, middle, "#000000")
                for x in low, end:
                    canvas.line(x, middle - 4, x, middle + 4, "#000000")
            if not stacked:
                canvas.text(end + 5, y + 11, _exact(value), "start")
            begun = begun + value if stacked else 0
        if stacked:
            canvas.text(axis.at(begun) + 5, top + 11, _exact(begun), "start")
    return canvas


def _lines(plot: Plot, xs: list[float], series: dict[str, list]) -> _Canvas:
    canvas = _Canvas(_WIDTH - 130, _HEIGHT, 80, 60)
    values = [v for column in series.values() for v in column if v is not None]
    across = _Axis(xs, 2 if plot.log_x else 0, canvas.left, canvas.right)
    upward = _Axis(values, 10 if plot.log_y else 0, canvas.bottom, canvas.top)
    for x, label in across.ticks():
        canvas.line(x, canvas.top, x, canvas.bottom, "#dddddd")
        canvas.text(x, canvas.bottom + 16, label)
    for y, label in upward.ticks():
        canvas.line(canvas.left, y, canvas.right, y, "#dddddd")
        canvas.text(canvas.left - 8, y + 4, label, "end")
    middle = (canvas.top + canvas.bottom) / 2
    canvas.text((canvas.left + canvas.right) / 2, canvas.bottom + 38, plot.x_label)
    turn = f' transform="rotate(-90 16 {middle:.1f})"'
    canvas.text(16, middle, plot.y_label, more=turn)
    canvas.legend(list(series), 46)
    for column, color in zip(series.values(), _cycle(len(series))):
        points = [(x, y) for x, y in zip(xs, column) if y is not None]
        canvas.path([(across.at(x), upward.at(y)) for x, y in points], color)
    return canvas
