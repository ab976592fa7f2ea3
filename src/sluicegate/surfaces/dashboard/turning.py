"""Turning pages of a list that is ordered by time: links name the row at the edge, not how many rows come before."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Generic, Protocol, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from sluicegate.core.places import ListPlace

__all__ = ["Turned", "place_of", "turned"]


class _Dated(Protocol):
    @property
    def id(self) -> UUID: ...
    @property
    def created_at(self) -> datetime: ...


_Row = TypeVar("_Row", bound=_Dated)


@dataclass(frozen=True, slots=True)
class Turned(Generic[_Row]):
    """One page.

    Attributes:
        rows: what it shows.
        newer, older: queries of the addresses of the pages beside it; empty when there is none.
    """

    rows: Sequence[_Row]
    newer: str
    older: str


def place_of(before: datetime | None, after: datetime | None, row: UUID | None) -> ListPlace | None:
    """What the address says; None for the first page, also when it says only half. Times without a zone are of UTC."""
    at = after or before
    if at is None or row is None:
        return None
    return ListPlace(at if at.tzinfo else at.replace(tzinfo=UTC), row, newer=after is not None)


def turned(rows: Sequence[_Row], limit: int, place: ListPlace | None) -> "Turned[_Row]":
    """The page out of ``limit + 1`` rows, one of which only tells that there are more."""
    more = len(rows) > limit
    upwards = place is not None and place.newer
    shown = rows[-limit:] if upwards else rows[:limit]
    if not shown:
        return Turned(shown, "", "")
    is_more_above = more if upwards else place is not None
    is_more_below = True if upwards else more
    return Turned(
        shown,
        _query("after", shown[0]) if is_more_above else "",
        _query("before", shown[-1]) if is_more_below else "",
    )


def _query(word: str, row: _Dated) -> str:
    return urlencode({word: row.created_at.isoformat(), "row": row.id})
