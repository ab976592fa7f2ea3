"""What a listing lacks: marked as missing and looked for again, unless too much is gone at once.

A mark ends nothing. A ready job that is missing stays ready, and is as before once its transfer is listed again. An
unfinished one is looked for until the patience is over, and only then, when the provider itself says that it does not
know the transfer, is another way tried. When more of an account vanishes at once than the brake lets pass, nothing is
marked: the provider's listing is more likely to be wrong than everything to be gone, and a person decides.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sluicegate.core.jobs import Job, KeptJob
from sluicegate.core.looks import Look
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.transfers import Transfer
from sluicegate.services.listing import Listing

__all__ = ["Absence", "AbsenceService", "SyncRules", "transfers_by_hash"]

_AT_ONCE: Final = timedelta(hours=1)
"""What was marked within the last hour counts as gone at once with what is gone now."""
_ALWAYS_LET_PASS: Final = 2
"""A person who clears up a small account should not be asked."""


@dataclass(frozen=True, slots=True)
class SyncRules:
    """What the operator has set.

    Attributes:
        patience: seconds for which an unfinished job's missing transfer is looked for before another way is tried.
        brake_count: as many jobs of one account may go missing within an hour.
        brake_share: the largest part of an account's jobs that may.
        kept_every: seconds between two looks at the ready jobs of an account with nothing in flight.
    """

    patience: float = 600.0
    brake_count: int = 50
    brake_share: float = 0.2
    kept_every: float = 3600.0


@dataclass(frozen=True, slots=True)
class Absence:
    """What was concluded.

    Attributes:
        look: what is to be kept about the account; outcome and words are the listing's business.
        overdue: unfinished jobs whose patience is over: the provider is asked about each, then another way is tried.
        moved: ready jobs whose transfer is there under another id.
    """

    look: Look
    overdue: tuple[Job, ...] = ()
    moved: tuple[tuple[KeptJob, Transfer], ...] = ()


class AbsenceService:
    """Compares an account's jobs with its listing."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock, rules: SyncRules) -> None:
        self._transactions = transactions
        self._clock = clock
        self._rules = rules

    async def conclude(self, look: Look, listing: Listing, in_flight: Sequence[Job], *, compare_kept: bool) -> Absence:
        """Marks what a whole listing lacks and takes back the marks of what it has.

        Args:
            look: the account's last look.
            listing: as read just now, after ``in_flight`` was.
            in_flight: the account's unfinished jobs.
            compare_kept: whether the ready ones are compared as well; they are whenever something is missing.
        """
        absent = [job for job in in_flight if job.transfer_id not in listing.transfers]
        if not listing.whole or not (absent or compare_kept):
            return Absence(look)
        now = self._clock.now()
        async with self._transactions() as tx:
            kept = await tx.jobs.kept(look.account_id)
            moved, gone = _sorted_out(kept, listing)
            await tx.jobs.mark_seen([k.id for k in kept if k.missing_since and k.transfer_id in listing.transfers])
            held = self._held(look, [*absent, *gone], len(in_flight) + len(kept), now)
            after = replace(look, kept_at=now, held=held, held_of=len(in_flight) + len(kept) if held else 0)
            if held:
                after = replace(after, held_since=look.held_since or now, missing=_marked([*absent, *gone]))
                await self._say_held(tx, after, absent)
                return Absence(after, moved=moved)
            await self._mark(tx, absent, gone, now)
            if look.confirmed:
                await tx.looks.confirm(look.account_id, 0, None)
        after = replace(after, held_since=None, missing=len(absent) + len(gone))
        return Absence(after, tuple(job for job in absent if self.is_overdue(job)), moved)

    def is_overdue(self, job: Job) -> bool:
        """Whether an unfinished job has been looked for long enough."""
        return job.missing_since is not None and (self._clock.now() - job.missing_since) >= self._patience

    async def mark(self, tx: UnitOfWork, job: Job) -> None:
        """Marks one unfinished job that the provider does not know any more."""
        await self._mark(tx, [job], [], self._clock.now())

    @property
    def _patience(self) -> timedelta:
        return timedelta(seconds=self._rules.patience)

    def _held(self, look: Look, missing: Sequence[Job | KeptJob], known: int, now: datetime) -> int:
        """How many are held back by the brake, 0 when they may be marked."""
        fresh = sum(one.missing_since is None for one in missing)
        recent = sum(one.missing_since is not None and now - one.missing_since < _AT_ONCE for one in missing)
        at_once = fresh + recent
        passes = max(_ALWAYS_LET_PASS, min(self._rules.brake_count, int(known * self._rules.brake_share)))
        confirmed = look.confirmed_until is not None and look.confirmed_until > now and fresh <= look.confirmed
        return 0 if not fresh or at_once <= passes or confirmed else fresh

    async def _mark(self, tx: UnitOfWork, absent: Sequence[Job], gone: Sequence[KeptJob], now: datetime) -> None:
        until = now + self._patience
        await tx.jobs.mark_missing(
            [job.id for job in absent],
            now,
            f"The provider does not list this transfer any more. It is looked for until {until:%H:%M} UTC; "
            "then another way is tried.",
        )
        await tx.jobs.mark_missing(
            [job.id for job in gone],
            now,
            "The provider does not list this transfer any more, and its files may be gone there. "
            "Nothing is removed here: the note goes as soon as it is listed again.",
        )

    async def _say_held(self, tx: UnitOfWork, look: Look, absent: Sequence[Job]) -> None:
        words = (
            f"{look.held} of {look.held_of} items of this account vanished from the provider's listing at once. "
            "Nothing is concluded from that until they are listed again, or you confirm that they are gone."
        )
        told = [replace(job, waiting=words, speed=None) for job in absent if job.waiting != words]
        await tx.jobs.advance([job for job in told if job.missing_since is None])


def _sorted_out(
    kept: Sequence[KeptJob], listing: Listing
) -> tuple[tuple[tuple[KeptJob, Transfer], ...], list[KeptJob]]:
    """Ready jobs that are not listed: those whose content is there under another id, and those that are gone."""
    by_hash = transfers_by_hash(listing.transfers)
    unlisted = [job for job in kept if job.transfer_id not in listing.transfers]
    moved = tuple((job, by_hash[job.info_hash]) for job in unlisted if job.info_hash in by_hash)
    return moved, [job for job in unlisted if job.info_hash not in by_hash]


def transfers_by_hash(transfers: Mapping[str, Transfer]) -> dict[str, Transfer]:
    """The transfers whose hash the provider tells; of several with one hash the first listed."""
    found: dict[str, Transfer] = {}
    for transfer in transfers.values():
        if transfer.info_hash:
            found.setdefault(transfer.info_hash, transfer)
    return found


def _marked(missing: Sequence[Job | KeptJob]) -> int:
    return sum(one.missing_since is not None for one in missing)
