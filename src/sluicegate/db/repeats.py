"""Requests with an ``Idempotency-Key`` in the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.repeats import Attempt, KeptAnswer
from sluicegate.db.people_schema import repeats
from sluicegate.db.rows import columns_of, first, one

__all__ = ["Repeats", "mark_effective"]


async def mark_effective(connection: AsyncConnection, attempt_id: UUID) -> None:
    """Notes, inside the transaction of the effect, that a request has had one; one that only read has none."""
    wrote = text("pg_current_xact_id_if_assigned() IS NOT NULL")
    chosen = update(repeats).where(repeats.c.id == attempt_id, repeats.c.effective.is_(False), wrote)
    await connection.execute(chosen.values(effective=True))


class Repeats:
    """Implements ``core.repeats.RepeatRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def begin(self, attempt: Attempt) -> tuple[Attempt, bool]:
        """See the port. Of several callers at once the unique index lets one pass; the others read its row."""
        statement = insert(repeats).values(columns_of(attempt, without=("answer",)))
        if await first(self._connection, statement.on_conflict_do_nothing().returning(repeats.c.id)) is not None:
            return attempt, True
        same = select(repeats).where(
            repeats.c.owner == attempt.owner, repeats.c.key == attempt.key, repeats.c.route == attempt.route
        )
        return _attempt(await one(self._connection, same, "request")), False

    async def find(self, attempt_id: UUID) -> Attempt | None:
        """See the port."""
        row = await first(self._connection, select(repeats).where(repeats.c.id == attempt_id))
        return None if row is None else _attempt(row)

    async def take_over(self, attempt_id: UUID, *, now: datetime, until: datetime) -> bool:
        """See the port."""
        chosen = update(repeats).where(
            repeats.c.id == attempt_id, repeats.c.status.is_(None), repeats.c.held_until < now
        )
        return await first(self._connection, chosen.values(held_until=until).returning(repeats.c.id)) is not None

    async def hold(self, attempt_id: UUID, until: datetime) -> None:
        """See the port."""
        chosen = update(repeats).where(repeats.c.id == attempt_id, repeats.c.status.is_(None))
        await self._connection.execute(chosen.values(held_until=until))

    async def answer(self, attempt_id: UUID, answer: KeptAnswer) -> None:
        """See the port."""
        chosen = update(repeats).where(repeats.c.id == attempt_id)
        await self._connection.execute(chosen.values(status=answer.status, sealed=answer.sealed))

    async def forget(self, attempt_id: UUID) -> None:
        """See the port."""
        await self._connection.execute(delete(repeats).where(repeats.c.id == attempt_id))

    async def forget_before(self, before: datetime) -> int:
        """See the port."""
        gone = delete(repeats).where(repeats.c.created_at < before).returning(repeats.c.id).cte("gone")
        row = await first(self._connection, select(func.count().label("count")).select_from(gone))
        return int(row["count"]) if row else 0


def _attempt(row: RowMapping) -> Attempt:
    values = {name: value for name, value in row.items() if name not in {"status", "sealed"}}
    answer = None if row["status"] is None else KeptAnswer(row["status"], bytes(row["sealed"]))
    return Attempt(**values, answer=answer)
