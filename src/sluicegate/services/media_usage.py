"""What a user's media jobs may use up: quota, reservations, limits, and the figures about them."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sluicegate.core.errors import QuotaExceeded
from sluicegate.core.media import MediaFacts
from sluicegate.core.media_jobs import MediaJob, MediaOptions
from sluicegate.core.media_usage import GIB, DayFigures, MediaFigures, MediaUsage
from sluicegate.core.ports import Clock, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.users import UserLimits

__all__ = [
    "MediaUsageService",
    "StorageQuotaExceeded",
    "UsageReport",
    "capped",
    "check_facts",
    "check_quota",
    "reserve",
]

_DAYS = 7


class StorageQuotaExceeded(QuotaExceeded):
    """The user's storage quota is used up.

    Attributes:
        limit, used: bytes.
    """

    code = "storage_quota_exceeded"

    def __init__(self, limit: int, used: int) -> None:
        self.limit = limit
        self.used = used
        super().__init__("Storage quota exceeded")

    @property
    def message(self) -> str:
        """The contract's sentence (sheet, section 10.2)."""
        limit = f"{self.limit / GIB:.2f}".rstrip("0").rstrip(".")
        return f"This API key has a {limit} GB limit and has used {self.used / GIB:.2f} GB"


@dataclass(frozen=True, slots=True)
class UsageReport:
    """A user's counters and the limits that the operator has set."""

    client_name: str
    usage: MediaUsage
    limits: UserLimits


class MediaUsageService:
    """Reads a user's figures."""

    def __init__(self, transactions: UnitOfWorkFactory, clock: Clock) -> None:
        self._transactions = transactions
        self._clock = clock

    async def report(self, user_id: UUID) -> UsageReport:
        """Counters and limits."""
        async with self._transactions() as tx:
            user = await tx.users.get(user_id)
            return UsageReport(user.name, await tx.media_usage.get(user_id), await tx.limits.get(user_id))

    async def figures(self, user_id: UUID) -> tuple[UsageReport, MediaFigures]:
        """For the dashboard."""
        now = self._clock.now().astimezone(UTC)
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        report = await self.report(user_id)
        async with self._transactions() as tx:
            return report, await tx.media_usage.figures(user_id, midnight=midnight, day_ago=now - timedelta(days=1))

    async def days(self, user_id: UUID) -> list[DayFigures]:
        """The last seven days, today included; days without jobs are zeros."""
        today = self._clock.now().astimezone(UTC).date()
        first = today - timedelta(days=_DAYS - 1)
        async with self._transactions() as tx:
            found = await tx.media_usage.days(user_id, since=datetime(first.year, first.month, first.day, tzinfo=UTC))
        by_day: dict[date, DayFigures] = {figures.day: figures for figures in found}
        days = (first + timedelta(days=number) for number in range(_DAYS))
        return [by_day.get(day, DayFigures(day)) for day in days]


async def check_quota(tx: UnitOfWork, user_id: UUID) -> None:
    """Refuses new jobs of a user without room.

    Raises:
        StorageQuotaExceeded: what is stored and held reaches the limit.
    """
    limits = await tx.limits.get(user_id)
    if limits.storage_bytes is None:
        return
    usage = await tx.media_usage.get(user_id)
    if usage.effective_bytes >= limits.storage_bytes:
        raise StorageQuotaExceeded(limits.storage_bytes, usage.effective_bytes)


async def reserve(tx: UnitOfWork, job: MediaJob, size: int) -> MediaJob:
    """Holds ``size`` bytes of the quota for a job until it is over; with a limit, one unit of work at a time does so.

    Raises:
        StorageQuotaExceeded: it does not fit beside what is stored and held already.
    """
    limits = await tx.limits.get(job.user_id)
    if limits.storage_bytes is not None:
        usage = await tx.media_usage.get(job.user_id, lock=True)
        others = usage.effective_bytes - job.reserved_bytes
        if others + size > limits.storage_bytes:
            raise StorageQuotaExceeded(limits.storage_bytes, others)
    return replace(job, reserved_bytes=size)


def capped(options: MediaOptions, limits: UserLimits) -> MediaOptions:
    """The options as the user's limits allow them: a smaller picture, a shorter recording."""
    wanted, most = options.max_resolution, limits.max_resolution
    if most is not None and most.isdecimal() and (not wanted.isdecimal() or int(wanted) > int(most)):
        wanted = most
    duration = options.max_duration
    if limits.max_duration is not None:
        duration = min(duration or limits.max_duration, limits.max_duration)
    return replace(options, max_resolution=wanted, max_duration=duration)


def check_facts(facts: MediaFacts, options: MediaOptions, limits: UserLimits) -> None:
    """Refuses media that is longer or larger than the user may fetch.

    Raises:
        QuotaExceeded: which limit, in words.
    """
    end = min(options.clip_end, facts.duration or options.clip_end) if options.clip_end is not None else facts.duration
    length = None if end is None else end - (options.clip_start or 0.0)
    if limits.max_duration is not None and length is not None and length > limits.max_duration:
        raise QuotaExceeded(
            f"The media is {length:.0f} seconds long; this key may fetch {limits.max_duration} at most."
        )
    size = facts.direct.size if facts.direct is not None else facts.filesize_approx
    if limits.max_bytes is not None and size is not None and size > limits.max_bytes:
        raise QuotaExceeded(f"The media has {size:,} bytes; this key may fetch {limits.max_bytes:,} at most.")
