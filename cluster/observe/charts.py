"""Small inline SVG drawings for the report: a line chart with axes, and a bar with its interval. Strings in, strings out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 560, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 22, 12, 44
_MOST_POINTS = 600  # more than the chart has columns to show


@dataclass(frozen=True)
class Series:
    """A named line; `style` is its CSS class."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]


def line_chart(series: Sequence[Series], x_title: str, y_title: str) -> str:
    """An SVG of all series on common axes; empty where there is nothing to draw."""
    shown = [Series(s.name, s.style, _thinned(s.points)) for s in series if s.points]
    if not shown:
        return ""
    x_ticks = ticks(min(x for s in shown for x, _ in s.points), max(x for s in shown for x, _ in s.points))
    y_ticks = ticks(min(y for s in shown for _, y in s.points), max(y for s in shown for _, y in s.points))
    frame = _Frame(x_ticks[0], x_ticks[-1], y_ticks[0], y_ticks[-1])
    parts = [_grid(frame, x_ticks, y_ticks), *(_line(frame, s) for s in shown)]
    title = f"{y_title} by {x_title}: {', '.join(s.name for s in shown)}"
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(parts)}'
        f'<text class="axis" x="{WIDTH - _RIGHT}" y="{HEIGHT - 2}" text-anchor="end">{escape(x_title)}</text></svg>'
    )


def bar(value: float, low: float | None, high: float | None, marks: Sequence[tuple[float, str]], most: float) -> str:
    """A bar from 0 to `value` on a scale to `most`, its interval as a whisker and other values as labelled ticks."""
    whisker = ""
    if low is not None and high is not None:
        left, right = _percent(low, most), _percent(high, most)
        whisker = f'<line class="whisker" x1="{left}" x2="{right}" y1="10" y2="10"/>'
    others = "".join(
        f'<line class="mark {escape(style)}" x1="{(at := _percent(other, most))}" x2="{at}" y1="1" y2="19"/>'
        for other, style in marks
    )
    return f'<svg class="bar" height="20" aria-hidden="true"><rect width="{_percent(value, most)}" y="3" height="14"/>{whisker}{others}</svg>'


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round values, a step of 1, 2 or 5 times a power of ten apart, from at most `low` to at least `high`."""
    span = max(high - low, 1e-6 * max(1, abs(low), abs(high)))  # equal values still have an axis
    power = 10 ** math.floor(math.log10(span / about))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power * about >= span)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, max(last, first + 1) + 1)]


@dataclass(frozen=True)
class _Frame:
    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        return round(_LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - _BOTTOM - (value - self.y_low) / (self.y_high - self.y_low) * (HEIGHT - _TOP - _BOTTOM), 1)


def _grid(frame: _Frame, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> str:
    lines = []
    for value in y_ticks:
        y = frame.y(value)
        lines.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        lines.append(f'<text class="axis" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{value:g}</text>')
    for value in x_ticks:
        lines.append(
            f'<text class="axis" x="{frame.x(value)}" y="{HEIGHT - _BOTTOM + 16}" text-anchor="middle">{_short(value)}</text>'
        )
    return "".join(lines)


def _line(frame: _Frame, series: Series) -> str:
    points = " ".join(f"{frame.x(x)},{frame.y(y)}" for x, y in series.points)
    dots = ""
    if len(series.points) <= 40:
        dots = "".join(f'<circle cx="{frame.x(x)}" cy="{frame.y(y)}" r="2.6"/>' for x, y in series.points)
    return f'<g class="{escape(series.style)}"><polyline fill="none" stroke="currentColor" points="{points}"/>{dots}</g>'


def _thinned(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    every = math.ceil(len(points) / _MOST_POINTS)
    return [*points[::every], points[-1]] if every > 1 else list(points)


def _percent(value: float, most: float) -> str:
    return f"{100 * value / most:.2f}%"


def _short(value: float) -> str:
    return f"{value / 1000:g}k" if abs(value) >= 10_000 else f"{value:g}"
