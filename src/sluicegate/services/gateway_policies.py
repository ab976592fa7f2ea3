"""Access policies of users: adding, listing, removing, and asking which rule would decide."""

from uuid import UUID, uuid4

from sluicegate.core.errors import LimitReached, NotFound
from sluicegate.core.policies import Judgement, Rule, Subject, Verdict, judge, normalised
from sluicegate.core.ports import Clock, UnitOfWorkFactory

__all__ = ["PolicyService"]

_RULES_MAX = 1_000


class PolicyService:
    """Use cases around policies; every call is about one user's own rules."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def add(
        self, user_id: UUID, verdict: Verdict, subject: Subject, value: str, *, key_id: UUID | None = None
    ) -> Rule:
        """Adds a rule; adding it twice yields one.

        Args:
            user_id: whose rule it is.
            verdict: allow or deny.
            subject: what it is about.
            value: an add-on's identifier, an address or a network.
            key_id: the one key that it is about, or None for all.

        Raises:
            InvalidInput: the value is none. NotFound: the key is not this user's. LimitReached: too many rules.
        """
        value = normalised(subject, value)
        rule = Rule(uuid4(), user_id, key_id, verdict, subject, value, self._clock.now())
        async with self._transactions() as tx:
            if key_id is not None and all(
                key.id != key_id for key in await tx.keys.page(user_id, limit=1000, offset=0)
            ):
                raise NotFound("There is no such key.")
            if len(await tx.policies.of_user(user_id)) >= _RULES_MAX:
                raise LimitReached(f"A user has at most {_RULES_MAX:,} rules.")
            return await tx.policies.add(rule)

    async def of_user(self, user_id: UUID) -> list[Rule]:
        """All rules of a user, oldest first."""
        async with self._transactions() as tx:
            return await tx.policies.of_user(user_id)

    async def remove(self, user_id: UUID | None, rule_id: UUID) -> None:
        """Removes a rule of this user; None is the operator, for anybody's. Raises NotFound."""
        async with self._transactions() as tx:
            if not await tx.policies.remove(user_id, rule_id):
                raise NotFound("There is no such rule.")

    async def dry_run(self, user_id: UUID, *, key_id: UUID | None, addon: str, address: str | None) -> Judgement:
        """Whether this add-on would get in from this address, and which rule decides."""
        return judge(await self.of_user(user_id), key_id=key_id, addon=addon, address=address)
