"""Everything that is sealed in the database, seen by whoever seals it anew."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

__all__ = ["SealedRepository", "SealedValue"]


@dataclass(frozen=True, slots=True)
class SealedValue:
    """One sealed value and what it is bound to.

    Attributes:
        place: the primary key of its row.
        owner: whose it is, as the vault knows it.
        kind: what it is, as the vault knows it.
        sealed: the value.
    """

    place: tuple[Any, ...]
    owner: str
    kind: str
    sealed: bytes = field(repr=False)


class SealedRepository(Protocol):
    """All sealed columns of all tables; columns are named ``table.column``."""

    def columns(self) -> Sequence[str]:
        """Every sealed column."""
        ...

    async def page(self, column: str, *, header: bytes, after: tuple[Any, ...] | None, limit: int) -> list[SealedValue]:
        """Values that do not begin with ``header``, in the order of their rows, behind the row ``after``."""
        ...

    async def replace(self, column: str, value: SealedValue, sealed: bytes) -> bool:
        """Puts ``sealed`` in the place of ``value``; False when somebody has changed or removed it meanwhile."""
        ...

    async def now(self) -> datetime:
        """The database's time."""
        ...

    async def open_since_before(self, moment: datetime) -> int:
        """How many other transactions of this database were begun before ``moment`` and are not over."""
        ...
