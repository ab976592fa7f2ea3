"""Charts as SVG made here: no script, no inline style, colours by classes of the sheet, a title and words for readers.

A chart shows the shape of the figures; the page sets a table of the same figures beside it, which is what a screen
reader walks through. Series differ by colour and by dash or pattern of their legend, never by colour alone.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup, escape

__all__ = ["SERIES_MAX", "Series", "bars", "lines", "strip"]

SERIES_MAX: Final = 3
"""As many classes as the sheet has."""

_CLASSES: Final = ("one", "two", "three")
_DASHES: Final = ("", "7 4", "2 4")
_WIDTH: Final = 480
_HEIGHT: Final = 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 30, 26
_TICKS: Final = 4
_LABELS_MAX: Final = 6
_LABEL_LENGTH: Final = 14
_POINTS_MAX: Final = 400
_STRIP_WIDTH: Final = 360
_STRIP_UP, _STRIP_DOWN = 32, 16
_THOUSAND: Final = 1_000
_ROUNDING: Final = 1 - 1e-9


@dataclass(frozen=True, slots=True)
class Series:
    """Figures of one name, one for each label of the chart; none is negative, NaN or infinite."""

    name: str
    values: Sequence[float]


def bars(name: str, title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = "") -> Markup:
    """A bar for every label and series, side by side.

    Args:
        name: unique on the page, of letters and dashes; ids are made of it.
        title: what is shown.
        labels: below the bars; at most 400.
        series: at most three.
        unit: of the figures, for the description.

    Raises:
        ValueError: the figures do not fit the labels, or are too many.
    """
    top = _checked(labels, series)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels))
    width = step * 0.8 / max(1, len(series))
    parts = []
    for place, one in enumerate(series):
        for number, value in enumerate(one.values):
            x = _LEFT + number * step + step * 0.1 + place * width
            y = _y(value, top)
            height = _HEIGHT - _BOTTOM - y
            if height > 0:
                parts.append(
                    f'<rect class="{_CLASSES[place]}" x="{x:.1f}" y="{y:.1f}" width="{max(1.0, width - 1):.1f}" '
                    f'height="{height:.1f}"/>'
                )
    places = [_LEFT + (number + 0.5) * step for number in range(len(labels))]
    return _framed(name, title, labels, places, series, top, unit, "".join(parts))


def lines(name: str, title: str, labels: Sequence[str], series: Sequence[Series], *, unit: str = "") -> Markup:
    """A line through every series; arguments and errors as for ``bars``."""
    top = _checked(labels, series)
    step = (_WIDTH - _LEFT - _RIGHT) / max(1, len(labels) - 1)
    places = [_LEFT + number * step for number in range(len(labels))]
    parts = []
    for place, one in enumerate(series):
        points = " ".join(f"{x:.1f},{_y(value, top):.1f}" for x, value in zip(places, one.values, strict=True))
        parts.append(f'<polyline class="{_CLASSES[place]} line" points="{points}"{_dash(place)}/>')
        if len(labels) == 1:
            parts.append(f'<circle class="{_CLASSES[place]}" cx="{_LEFT}" cy="{_y(one.values[0], top):.1f}" r="3"/>')
    return _framed(name, title, labels, places, series, top, unit, "".join(parts))


def strip(pairs: Sequence[tuple[float, float]]) -> Markup:
    """A small picture beside a sentence that says the same: what went well stands up, what did not hangs down.

    Args:
        pairs: both figures of each day; at most 400.
    """
    shown = pairs[:_POINTS_MAX]
    most = max([1.0, *(max(pair) for pair in shown)])
    step = _STRIP_WIDTH / max(1, len(shown))
    up, down = [], []
    for number, (well, unwell) in enumerate(shown):
        up.append(_bar(number * step, step * 0.8, -well / most * _STRIP_UP))
        down.append(_bar(number * step, step * 0.8, min(unwell / most * _STRIP_UP, _STRIP_DOWN)))
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" aria-hidden="true">'
        '<path class="{}" d="{}"/><path class="{}" d="{}"/></svg>'
    ).format(_STRIP_WIDTH, _STRIP_UP + _STRIP_DOWN, _CLASSES[0], "".join(up), _CLASSES[1], "".join(down))


def _bar(x: float, width: float, height: float) -> str:
    """A bar from the middle line up (a height below zero) or down; what is not nothing can be seen."""
    if not height:
        return ""
    height = math.copysign(max(1.5, abs(height)), height)
    return f"M{x:.0f} {_STRIP_UP}h{width:.0f}v{height:.1f}h-{width:.0f}z"


def _checked(labels: Sequence[str], series: Sequence[Series]) -> float:
    """The top of the scale. Raises ValueError."""
    if len(series) > SERIES_MAX or len(labels) > _POINTS_MAX:
        raise ValueError(f"a chart has at most {SERIES_MAX} series of {_POINTS_MAX} figures")
    figures = [value for one in series for value in one.values]
    if any(len(one.values) != len(labels) for one in series):
        raise ValueError("a series has one figure for each label")
    if not all(math.isfinite(value) and value >= 0 for value in figures):
        raise ValueError("figures are finite and not negative")
    return _rounded_up(max(figures, default=0.0))


def _rounded_up(most: float) -> float:
    """The next figure above that divides nicely by the number of ticks."""
    if most <= 0:
        return float(_TICKS)
    step = most / _TICKS
    scale = 10.0 ** math.floor(math.log10(step))
    if most >= _TICKS:
        scale = max(1.0, scale)
    return next(factor for factor in (1, 2, 3, 4, 5, 10) if factor * scale >= step * _ROUNDING) * scale * _TICKS


def _y(value: float, top: float) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)


def _framed(
    name: str,
    title: str,
    labels: Sequence[str],
    places: Sequence[float],
    series: Sequence[Series],
    top: float,
    unit: str,
    content: str,
) -> Markup:
    """The whole picture around ``content``.

    Parts are put together as plain text, since a chart has hundreds: they are made of figures, and ``_cut`` escapes
    what is not.
    """
    inside = Markup("".join([*_scale(top), *_below(labels, places), *_legend(series), content]))  # noqa: S704 - see above
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-title {name}-words">'
        '<title id="{name}-title">{title}</title><desc id="{name}-words">{words}</desc>{inside}</svg>'
    ).format(
        width=_WIDTH,
        height=_HEIGHT,
        name=name,
        title=title,
        words=_words(labels, series, unit),
        inside=inside,
    )


def _words(labels: Sequence[str], series: Sequence[Series], unit: str) -> str:
    """What the picture shows, in short; the table says the rest."""
    if not labels or not series:
        return "There is nothing to show yet."
    told = []
    for one in series:
        most = max(range(len(labels)), key=lambda number: one.values[number])
        amount = f"{_figure(sum(one.values))} {unit}".strip()
        told.append(f"{one.name}: {amount} in all, most at {labels[most]} with {_figure(one.values[most])}")
    return f"From {labels[0]} to {labels[-1]}. {'; '.join(told)}. The table has every figure."


def _scale(top: float) -> Iterator[str]:
    for tick in range(_TICKS + 1):
        value = top * tick / _TICKS
        y = _y(value, top)
        yield f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{_figure(value)}</text>'


def _below(labels: Sequence[str], places: Sequence[float]) -> Iterator[str]:
    """As many labels as can be read."""
    every = max(1, math.ceil(len(labels) / _LABELS_MAX))
    for number in range(0, len(labels), every):
        edges = {places[number] < _LEFT + 1: "start", places[number] > _WIDTH - _RIGHT - 1: "end"}
        anchor = edges.get(True, "middle")
        label = _cut(labels[number])
        yield f'<text x="{places[number]:.1f}" y="{_HEIGHT - 8}" text-anchor="{anchor}">{label}</text>'


def _legend(series: Sequence[Series]) -> Iterator[str]:
    x = float(_LEFT)
    for place, one in enumerate(series):
        line = f'x1="{x:.0f}" x2="{x + 22:.0f}" y1="12" y2="12"{_dash(place)}'
        yield f'<line class="{_CLASSES[place]} line" {line}/>'
        yield f'<text x="{x + 28:.0f}" y="16">{_cut(one.name)}</text>'
        x += (_WIDTH - _LEFT) / max(1, len(series))


def _dash(place: int) -> str:
    return f' stroke-dasharray="{_DASHES[place]}"' if _DASHES[place] else ""


def _cut(text: str) -> Markup:
    return escape(text if len(text) <= _LABEL_LENGTH else f"{text[: _LABEL_LENGTH - 1]}…")


def _figure(value: float) -> str:
    """``950``, ``1.2k``, ``3M``: short enough for an axis."""
    for divisor, suffix in ((_THOUSAND**3, "G"), (_THOUSAND**2, "M"), (_THOUSAND, "k")):
        if value >= divisor:
            return f"{value / divisor:.3g}{suffix}"
    return f"{value:.3g}"
