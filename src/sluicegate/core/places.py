"""Where a list goes on that is ordered by time, the newest first."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

__all__ = ["ListPlace"]


@dataclass(frozen=True, slots=True)
class ListPlace:
    """Beside which row a page begins: a page far back costs no more than the first, and new rows shift nothing.

    Attributes:
        at, id: of that row, which itself is not on the page.
        newer: the page has the rows just above it instead of those just below.
    """

    at: datetime
    id: UUID
    newer: bool = False
