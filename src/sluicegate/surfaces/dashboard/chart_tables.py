"""A chart and the table of the same figures, which is what a screen reader walks through.

Days on which nothing happened share a row: ninety rows of zeros tell nobody anything, and take long to be read out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from markupsafe import Markup

from sluicegate.core.account_calls import CallDay
from sluicegate.surfaces.dashboard.charts import Series, bars, lines

__all__ = ["ChartTable", "calls_by_day", "over_days", "over_months"]

_ALIKE_MIN: Final = 3
"""Rows without any figure that are worth one row in their place."""


@dataclass(frozen=True, slots=True)
class ChartTable:
    """A picture and the table of its figures, the newest row first.

    Attributes:
        name: unique on the page, of letters and dashes; ids are made of it.
        first: head of the column with the days or months.
        rows: a day or month, or the first and the last one of those without any figure, and the figures.
    """

    name: str
    title: str
    picture: Markup
    first: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]


def over_days(
    name: str, title: str, unit: str, days: Sequence[date], series: Sequence[Series], *, also: Sequence[Series] = ()
) -> ChartTable:
    """Lines over days; ``also`` stands in the table alone."""
    picture = lines(name, title, [f"{day:%m-%d}" for day in days], series, unit=unit)
    return _with_table(name, title, picture, "Day", [str(day) for day in days], [*series, *also])


def over_months(name: str, title: str, unit: str, labels: Sequence[str], series: Sequence[Series]) -> ChartTable:
    """Bars over months."""
    picture = bars(name, title, labels, series, unit=unit)
    return _with_table(name, title, picture, "Month", labels, series)


def calls_by_day(name: str, title: str, days: Sequence[CallDay]) -> ChartTable:
    """What became of the calls of one or more accounts."""
    answered, unwell = [day.answered for day in days], [day.unwell for day in days]
    details = (
        Series("at limit", [day.limited for day in days]),
        Series("refused", [day.refused for day in days]),
        Series("failed", [day.failed for day in days]),
        Series("kept back here", [day.held for day in days]),
    )
    drawn = (Series("answered", answered), Series("with an error", unwell))
    return over_days(name, title, "calls", [day.day for day in days], drawn, also=details)


def _with_table(
    name: str, title: str, picture: Markup, first: str, labels: Sequence[str], series: Sequence[Series]
) -> ChartTable:
    return ChartTable(name, title, picture, first, [one.name for one in series], _rows(labels, series)[::-1])


def _rows(labels: Sequence[str], series: Sequence[Series]) -> list[tuple[str, Sequence[str]]]:
    """The oldest first."""
    rows = [(label, [f"{one.values[place]:,}" for one in series]) for place, label in enumerate(labels)]
    shown: list[tuple[str, Sequence[str]]] = []
    for anything, group in groupby(range(len(labels)), lambda place: any(one.values[place] for one in series)):
        places = list(group)
        if not anything and len(places) >= _ALIKE_MIN:
            shown.append((f"{labels[places[0]]} to {labels[places[-1]]}", rows[places[0]][1]))
        else:
            shown += [rows[place] for place in places]
    return shown
