"""Pictures as SVG, drawn in the colours of the page; nothing but text, so that no library is needed to make them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 12, 28, 34
COLOURS = ("var(--ours)", "var(--naive)", "var(--good)", "var(--other)", "#b5568f", "#8f7d2b", "#7a6bd1", "#c44e52")


@dataclass(frozen=True)
class Axis:
    """From numbers to places, evenly or by powers of ten."""

    low: float
    high: float
    logarithmic: bool = False

    def share(self, number: float) -> float:
        """0 at the low end, 1 at the high one."""
        if self.logarithmic:
            number = max(number, self.low)
            return math.log(number / self.low) / math.log(self.high / self.low)
        return (number - self.low) / (self.high - self.low)

    def marks(self) -> list[float]:
        """Round numbers along it."""
        if self.logarithmic:
            first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
            steps = (1, 2, 5) if last - first <= 3 else (1,)
            all_ = [step * 10.0**power for power in range(first, last + 1) for step in steps]
            return [mark for mark in all_ if self.low <= mark <= self.high * (1 + 1e-9)]
        rough = (self.high - self.low) / 5
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * by for by in (1, 2, 5, 10) if power * by >= rough * (1 - 1e-9))
        return [step * at for at in range(math.ceil(self.low / step), int(self.high / step + 1e-9) + 1)]


def even(numbers: Sequence[float]) -> Axis:
    """From 0 to a little above the largest of them."""
    return Axis(0.0, max([*numbers, 1e-9]) * 1.05)


def powers(numbers: Sequence[float]) -> Axis:
    """Around all of them, which are above 0."""
    low, high = min(numbers, default=1e-3), max(numbers, default=1.0)
    return Axis(low / 1.1, max(high, low * 2) * 1.1, logarithmic=True)


class Picture:
    """Lines and bars over two axes; texts are escaped here."""

    def __init__(self, title: str, across: Axis, up: Axis, across_name: str, seconds: bool = False) -> None:
        """`seconds`: what goes up is a time, and is marked as ms or s."""
        self._across, self._up = across, up
        self._title = title
        self._parts: list[str] = []
        self._legend: list[tuple[str, str]] = []
        for mark in up.marks():
            y = self._y(mark)
            self._parts.append(f"<path d='M{_LEFT} {y:.1f}H{WIDTH - _RIGHT}' stroke='var(--grid)'/>")
            self._text(_LEFT - 6, y + 4, duration(mark) if seconds else f"{mark:,.10g}", "end")
        for mark in across.marks():
            self._text(self._x(mark), HEIGHT - _BOTTOM + 16, f"{mark:,.10g}", "middle")
        self._text(WIDTH - _RIGHT, HEIGHT - 4, across_name, "end")

    def line(self, name: str, points: Sequence[tuple[float, float | None]]) -> None:
        """A line that breaks where a value is missing."""
        path, pen = [], "M"
        for x, y in points:
            if y is None:
                pen = "M"
                continue
            path.append(f"{pen}{self._x(x):.1f} {self._y(y):.1f}")
            pen = "L"
        colour = self._named(name)
        if len(path) == 1:
            path.append("h0.1")
        self._parts.append(
            f"<path d='{''.join(path)}' fill='none' stroke='{colour}' stroke-width='2' stroke-linecap='round'/>"
        )

    def bars(self, name: str, spans: Sequence[tuple[float, float, float, float]]) -> None:
        """Each from left to right, from bottom to top."""
        colour = self._named(name)
        for left, right, bottom, top in spans:
            x, y = self._x(left), self._y(top)
            wide, tall = max(self._x(right) - x - 0.5, 0.5), self._y(bottom) - y
            self._parts.append(
                f"<rect x='{x:.1f}' y='{y:.1f}' width='{wide:.1f}' height='{tall:.1f}' fill='{colour}'/>"
            )

    def svg(self) -> str:
        place, legend = _LEFT, []
        for name, colour in self._legend:
            legend.append(f"<rect x='{place}' y='8' width='10' height='10' fill='{colour}'/>")
            legend.append(f"<text x='{place + 14}' y='17' font-size='12' fill='currentColor'>{escape(name)}</text>")
            place += 30 + 7 * len(name)
        return (
            f"<svg role='img' aria-label='{escape(self._title, quote=True)}' class='broad' width='{WIDTH}' "
            f"height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' font-family='system-ui, sans-serif'>"
            f"{''.join(self._parts)}{''.join(legend)}</svg>"
        )

    def _named(self, name: str) -> str:
        colour = COLOURS[len(self._legend) % len(COLOURS)]
        self._legend.append((name, colour))
        return colour

    def _text(self, x: float, y: float, text: str, anchor: str) -> None:
        place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}'"
        self._parts.append(f"<text {place} font-size='12' fill='var(--soft)'>{escape(text)}</text>")

    def _x(self, number: float) -> float:
        return _LEFT + self._across.share(number) * (WIDTH - _LEFT - _RIGHT)

    def _y(self, number: float) -> float:
        return HEIGHT - _BOTTOM - self._up.share(number) * (HEIGHT - _TOP - _BOTTOM)


def duration(seconds: float | None) -> str:
    """As people write it."""
    if seconds is None:
        return "never"
    if seconds < 1e-3:
        return f"{1e6 * seconds:,.3g} µs"
    return f"{1e3 * seconds:,.3g} ms" if seconds < 1 else f"{seconds:,.3g} s"
