"""Creating a transfer exactly once: the intent is written first, and what is in doubt is looked for before it is made.

An intent is closed only when it is certain that nothing was made, or when the job's row knows what was. When both the
answer to a create and the look after it are lost, the intent stays open: the next try looks before it creates, and a
job that has gone elsewhere meanwhile leaves it to ``services.leftovers``.
"""

from sluicegate.core.crash_points import CrashPoint, crash_point
from sluicegate.core.errors import InvalidInput, ProtocolError, UpstreamError, UpstreamUnavailable
from sluicegate.core.jobs import Job
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Providers, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import Source
from sluicegate.core.transfers import Submission
from sluicegate.services.cascade_attempt import never_reached, refuses_the_content
from sluicegate.services.listing import find_by_hash
from sluicegate.services.rungs import Rung, hand_in

__all__ = ["Creation"]


class Creation:
    """Hands sources in."""

    def __init__(self, transactions: UnitOfWorkFactory, providers: Providers) -> None:
        self._transactions = transactions
        self._providers = providers

    async def create(self, job: Job, source: Source, rung: Rung) -> Submission:
        """One transfer of the job's source at the rung; its intent is open when this returns.

        Raises:
            UpstreamError, InvalidInput: the rung did not take it, or did not say so.
        """
        async with self._transactions() as tx:
            in_doubt = await tx.intents.open(job.id, rung.provider, rung.account_id)
        crash_point(CrashPoint.INTENDED)
        async with await self._open(rung) as provider:
            if in_doubt and provider.can(Capability.LIST):
                found = await find_by_hash(provider, job.info_hash)
                if found is not None:
                    return Submission(found.id, existing=True, transfer=found)
            try:
                return await hand_in(provider, source)
            except (UpstreamUnavailable, ProtocolError):
                # It may have been created before the answer was lost; asking elsewhere would make it twice.
                if (lost := await self._look(provider, job)) is None:
                    raise
                return lost
            except (UpstreamError, InvalidInput) as error:
                if never_reached(error) or refuses_the_content(error):
                    async with self._transactions() as tx:
                        await tx.intents.close(job.id, rung.provider, rung.account_id)
                raise

    async def _look(self, provider: Provider, job: Job) -> Submission | None:
        """The transfer that a create without an answer has made, if the provider shows one."""
        try:
            found = await find_by_hash(provider, job.info_hash) if provider.can(Capability.LIST) else None
        except UpstreamError:
            return None  # the intent stays open: the next try looks before it creates
        return Submission(found.id, existing=True, transfer=found) if found else None

    async def _open(self, rung: Rung) -> Provider:
        if rung.account is None:
            return self._providers.open(rung.provider, None)
        async with self._transactions() as tx:
            credential = await tx.accounts.credential(rung.account.id)
        return self._providers.open(rung.provider, credential, priority=Priority.BACKGROUND)
