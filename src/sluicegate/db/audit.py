"""The gateway's audit in the database: appended in batches, never changed, deleted when it is old."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import RowMapping, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.audit import AuditedCall, AuditedProvider, UsagePoint
from sluicegate.db.gateway_schema import audits, provider_audits
from sluicegate.db.rows import columns_of, many, page_bounds

__all__ = ["Audits"]

_CALL_FIELDS: Final = tuple(field.name for field in fields(AuditedCall) if field.name != "answers")
_ANSWER_FIELDS: Final = tuple(field.name for field in fields(AuditedProvider))
_USAGE_MAX: Final = 5_000


class Audits:
    """Implements ``core.audit.AuditRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, calls: Sequence[AuditedCall]) -> None:
        """See the port."""
        rows = [columns_of(call, without=("answers",)) | {"providers": list(call.providers)} for call in calls]
        await self._connection.execute(insert(audits).on_conflict_do_nothing(), rows)
        children = [
            columns_of(answer) | {"request_id": call.request_id, "position": position}
            for call in calls
            for position, answer in enumerate(call.answers)
        ]
        if children:
            await self._connection.execute(insert(provider_audits).on_conflict_do_nothing(), children)

    async def page(
        self, user_id: UUID, *, limit: int, before: datetime | None = None, addon: str | None = None
    ) -> list[AuditedCall]:
        """See the port."""
        limit, _ = page_bounds(limit, 0)
        statement = select(audits).where(audits.c.user_id == user_id)
        if before is not None:
            statement = statement.where(audits.c.created_at < before)
        if addon is not None:
            statement = statement.where(audits.c.addon == addon)
        statement = statement.order_by(audits.c.created_at.desc(), audits.c.request_id).limit(limit)
        rows = await many(self._connection, statement)
        answers = await self._answers([row["request_id"] for row in rows])
        return [_call(row, answers[row["request_id"]]) for row in rows]

    async def usage(self, user_id: UUID, *, since: datetime) -> list[UsagePoint]:
        """See the port."""
        day = func.date_trunc("day", audits.c.created_at, "UTC").label("day")
        statement = (
            select(
                day,
                audits.c.addon,
                audits.c.operation,
                func.count().label("calls"),
                func.count(audits.c.error_code).label("refused"),
                func.avg(audits.c.duration_ms).label("mean_ms"),
            )
            .where(audits.c.user_id == user_id, audits.c.created_at >= since)
            .group_by(day, audits.c.addon, audits.c.operation)
            .order_by(day, audits.c.addon, audits.c.operation)
            .limit(_USAGE_MAX)
        )
        return [UsagePoint(**row) for row in await many(self._connection, statement)]

    async def forget(self, before: datetime) -> int:
        """See the port."""
        result = await self._connection.execute(delete(audits).where(audits.c.created_at < before))
        return result.rowcount

    async def _answers(self, requests: Sequence[UUID]) -> dict[UUID, list[AuditedProvider]]:
        found: dict[UUID, list[AuditedProvider]] = defaultdict(list)
        statement = (
            select(provider_audits)
            .where(provider_audits.c.request_id.in_(requests))
            .order_by(provider_audits.c.request_id, provider_audits.c.position)
        )
        for row in await many(self._connection, statement) if requests else ():
            found[row["request_id"]].append(AuditedProvider(**{name: row[name] for name in _ANSWER_FIELDS}))
        return found


def _call(row: RowMapping, answers: Sequence[AuditedProvider]) -> AuditedCall:
    values = {name: row[name] for name in _CALL_FIELDS}
    return AuditedCall(**values | {"providers": tuple(row["providers"]), "answers": tuple(answers)})
