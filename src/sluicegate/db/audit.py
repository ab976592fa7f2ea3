"""The gateway's audit in the database: appended in batches, never changed, deleted when it is old."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import TIMESTAMP, ColumnElement, RowMapping, Table, cast, delete, func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.audit import AddonPoint, AuditedCall, AuditedProvider, ProviderPoint, UsagePoint
from sluicegate.db.daily_schema import gateway_days, gateway_provider_days
from sluicegate.db.gateway_schema import audits, provider_audits
from sluicegate.db.rows import many, page_bounds

__all__ = ["Audits"]

_CALL_FIELDS: Final = tuple(field.name for field in fields(AuditedCall) if field.name != "answers")
_ANSWER_FIELDS: Final = tuple(field.name for field in fields(AuditedProvider))
_USAGE_MAX: Final = 5_000
_encode: Final = msgspec.json.Encoder().encode

# All calls as one text, which the database takes apart: the driver looks at each element of an array several times over
# before it sends it, and every call is a row.
_ADD_CALLS: Final = text(
    """
    INSERT INTO gateway_request_audits (
        request_id, created_at, addon, addon_proven, user_id, key_id, caller_ip, operation, method, path, providers,
        http_status, error_code, duration_ms, upstream_ms)
    SELECT new.request_id, new.created_at, new.addon, new.addon_proven, users.id, new.key_id, new.caller_ip,
        new.operation, new.method, new.path, new.providers, new.http_status, new.error_code, new.duration_ms,
        new.upstream_ms
    FROM json_to_recordset(CAST(CAST(:calls AS text) AS json))
        AS new (request_id uuid, created_at timestamptz, addon text, addon_proven boolean, user_id uuid, key_id uuid,
            caller_ip text, operation text, method text, path text, providers text[], http_status smallint,
            error_code text, duration_ms float8, upstream_ms float8)
    LEFT JOIN users ON users.id = new.user_id
    ON CONFLICT DO NOTHING
    """
)
"""A call of a user who has been deleted since is kept without the user, and holds up no other call."""

_ADD_ANSWERS: Final = text(
    """
    INSERT INTO gateway_provider_audits (
        request_id, position, provider, status, error_code, upstream_code, duration_ms)
    SELECT call.request_id, answer.place - 1, answer.provider, answer.status, answer.error_code, answer.upstream_code,
        answer.duration_ms
    FROM json_to_recordset(CAST(CAST(:calls AS text) AS json)) AS call (request_id uuid, answers json),
        ROWS FROM (json_to_recordset(call.answers) AS (
            provider text, status smallint, error_code text, upstream_code text, duration_ms float8
        )) WITH ORDINALITY AS answer (provider, status, error_code, upstream_code, duration_ms, place)
    ON CONFLICT DO NOTHING
    """
)


class Audits:
    """Implements ``core.audit.AuditRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, calls: Sequence[AuditedCall]) -> None:
        """See the port."""
        told = {"calls": _encode(calls).decode()}
        await self._connection.execute(_ADD_CALLS, told)
        if any(call.answers for call in calls):
            await self._connection.execute(_ADD_ANSWERS, told)

    async def page(
        self,
        user_id: UUID | None,
        *,
        limit: int,
        before: datetime | None = None,
        before_id: UUID | None = None,
        addon: str | None = None,
        refused: bool = False,
    ) -> list[AuditedCall]:
        """See the port."""
        limit, _ = page_bounds(limit, 0)
        statement = select(audits)
        if user_id is not None:
            statement = statement.where(audits.c.user_id == user_id)
        if refused:
            statement = statement.where(audits.c.error_code.is_not(None))
        if before is not None and before_id is not None:
            statement = statement.where(tuple_(audits.c.created_at, audits.c.request_id) < (before, before_id))
        elif before is not None:
            statement = statement.where(audits.c.created_at < before)
        if addon is not None:
            statement = statement.where(audits.c.addon == addon)
        statement = statement.order_by(audits.c.created_at.desc(), audits.c.request_id.desc()).limit(limit)
        rows = await many(self._connection, statement)
        answers = await self._answers([row["request_id"] for row in rows])
        return [_call(row, answers[row["request_id"]]) for row in rows]

    async def addon_usage(self, user_id: UUID, *, since: date) -> list[AddonPoint]:
        """See the port."""
        sums = gateway_days.c
        calls, refused, spent = (func.sum(column) for column in (sums.calls, sums.refused, sums.spent_ms))
        statement = (
            select(sums.day, sums.addon, calls, refused, spent / calls)
            .where(sums.user_id == user_id, sums.day >= since)
            .group_by(sums.day, sums.addon)
            .order_by(sums.day.desc(), sums.addon)
            .limit(_USAGE_MAX)
        )
        found = [
            AddonPoint(day, addon, int(called), int(bad), mean)
            for day, addon, called, bad, mean in await self._connection.execute(statement)
        ]
        return found[::-1]

    async def usage(self, user_id: UUID, *, since: date) -> list[UsagePoint]:
        """See the port."""
        sums = gateway_days.c
        statement = (
            select(*_day_sums(gateway_days), sums.addon, sums.operation, sums.refused)
            .where(sums.user_id == user_id, sums.day >= since)
            .order_by(sums.day.desc(), sums.addon, sums.operation)
            .limit(_USAGE_MAX)
        )
        return [UsagePoint(**row) for row in reversed(await many(self._connection, statement))]

    async def provider_usage(self, user_id: UUID, *, since: date) -> list[ProviderPoint]:
        """See the port."""
        sums = gateway_provider_days.c
        statement = (
            select(*_day_sums(gateway_provider_days), sums.provider, sums.failed)
            .where(sums.user_id == user_id, sums.day >= since)
            .order_by(sums.day.desc(), sums.provider)
            .limit(_USAGE_MAX)
        )
        return [ProviderPoint(**row) for row in reversed(await many(self._connection, statement))]

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


def _day_sums(table: Table) -> tuple[ColumnElement[Any], ...]:
    """What both tables of sums have: the day as a time, calls, and what one of them took."""
    day = func.timezone("UTC", cast(table.c.day, TIMESTAMP)).label("day")
    return day, table.c.calls, (table.c.spent_ms / table.c.calls).label("mean_ms")


def _call(row: RowMapping, answers: Sequence[AuditedProvider]) -> AuditedCall:
    values = {name: row[name] for name in _CALL_FIELDS}
    return AuditedCall(**values | {"providers": tuple(row["providers"]), "answers": tuple(answers)})
