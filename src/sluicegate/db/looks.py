"""Looks at accounts in the database."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.accounts import AccountState
from sluicegate.core.looks import Look, Outcome
from sluicegate.db.rows import columns_of, many
from sluicegate.db.schema import JOB_IS_KEPT, accounts, jobs
from sluicegate.db.sync_schema import looks

__all__ = ["Looks"]

_CONFIRMATION = ("confirmed", "confirmed_until")


class Looks:
    """Implements ``core.looks.LookRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def of(self, account_ids: Sequence[UUID]) -> dict[UUID, Look]:
        """See the port."""
        rows = await many(self._connection, select(looks).where(looks.c.account_id.in_(account_ids)))
        return {row["account_id"]: Look(**{**row, "outcome": Outcome(row["outcome"])}) for row in rows}

    async def keep(self, look: Look) -> None:
        """See the port. The account's lock keeps it from being removed between the two statements."""
        values = columns_of(look, without=_CONFIRMATION)
        there = await self._connection.execute(
            select(accounts.c.id).where(accounts.c.id == look.account_id).with_for_update(key_share=True, read=True)
        )
        if there.first() is None:
            return
        statement = insert(looks).values(values)
        changed = {name: value for name, value in values.items() if name != "account_id"}
        await self._connection.execute(statement.on_conflict_do_update(index_elements=["account_id"], set_=changed))

    async def confirm(self, account_id: UUID, count: int, until: datetime | None) -> None:
        """See the port."""
        statement = update(looks).where(looks.c.account_id == account_id)
        await self._connection.execute(statement.values(confirmed=count, confirmed_until=until))

    async def overdue(self, before: datetime, *, limit: int) -> list[tuple[str, UUID]]:
        """See the port."""
        usable = accounts.c.state.in_([str(AccountState.OK), str(AccountState.UNTESTED)])
        kept = exists(select(jobs.c.id).where(jobs.c.account_id == accounts.c.id, JOB_IS_KEPT))
        statement = (
            select(accounts.c.provider, accounts.c.id)
            .outerjoin_from(accounts, looks, looks.c.account_id == accounts.c.id)
            .where(usable, or_(looks.c.kept_at.is_(None), looks.c.kept_at < before), kept)
            .order_by(looks.c.kept_at.asc().nulls_first())
            .limit(limit)
        )
        return [(row["provider"], row["id"]) for row in await many(self._connection, statement)]
