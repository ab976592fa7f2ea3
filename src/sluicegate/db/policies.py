"""Access policies in the database."""

from uuid import UUID

from sqlalchemy import RowMapping, delete, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.policies import Rule, Subject, Verdict
from sluicegate.db.gateway_schema import policies
from sluicegate.db.rows import columns_of, first, many, one

__all__ = ["Policies"]


class Policies:
    """Implements ``core.policies.PolicyRepository``."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, rule: Rule) -> Rule:
        """See the port."""
        statement = insert(policies).values(columns_of(rule)).on_conflict_do_nothing().returning(policies.c.id)
        if await first(self._connection, statement) is not None:
            return rule
        same = select(policies).where(
            policies.c.user_id == rule.user_id,
            policies.c.key_id.is_not_distinct_from(rule.key_id),
            policies.c.verdict == str(rule.verdict),
            policies.c.subject == str(rule.subject),
            policies.c.value == rule.value,
        )
        return _rule(await one(self._connection, same, "rule"))

    async def of_user(self, user_id: UUID) -> list[Rule]:
        """See the port."""
        statement = select(policies).where(policies.c.user_id == user_id).order_by(policies.c.created_at, policies.c.id)
        return [_rule(row) for row in await many(self._connection, statement)]

    async def remove(self, user_id: UUID | None, rule_id: UUID) -> bool:
        """See the port."""
        statement = delete(policies).where(policies.c.id == rule_id).returning(policies.c.id)
        if user_id is not None:
            statement = statement.where(policies.c.user_id == user_id)
        return await first(self._connection, statement) is not None


def _rule(row: RowMapping) -> Rule:
    return Rule(**{**row, "verdict": Verdict(row["verdict"]), "subject": Subject(row["subject"])})
