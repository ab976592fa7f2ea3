"""What PostgreSQL's own types look like is asked once in a process, and not by every connection.

asyncpg knows the simple types and asks for the others, arrays among them, with a question that costs a fresh
connection as much processor time as opening it, three times over.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import asyncpg

__all__ = ["Connection"]

_FIXED: Final = 10_000
"""Below this, object ids are written into PostgreSQL's source: the same in every database and version."""


@dataclass(frozen=True, slots=True)
class _NoStatement:
    """Stands for the question that was not asked; asyncpg wants to know whether it was an unnamed one."""

    name: str = "known"


_known: dict[frozenset[int], Sequence[Any]] = {}
"""asyncpg's answers by what it asked for; as many as there are combinations of types in our statements."""


class Connection(asyncpg.Connection):  # type: ignore[misc]  # asyncpg has no types
    """An asyncpg connection that remembers what others of its process were told."""

    async def _introspect_types(self, typeoids: Iterable[int], timeout: float | None) -> tuple[Sequence[Any], Any]:
        asked = frozenset(typeoids)
        if asked in _known:
            return _known[asked], _NoStatement()
        answer, statement = await super()._introspect_types(asked, timeout)
        if max(asked) < _FIXED:
            _known[asked] = answer
        return answer, statement
