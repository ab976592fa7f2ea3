"""Torrin's jobs, whatever surface they are seen through."""

import hashlib
import secrets
import uuid
from enum import Enum
from typing import Final

from sluicegate.sandbox.accounts import DAY, Account, Plan
from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.dialects.torrin.plans import paused, tariff
from sluicegate.sandbox.transfers import Hold, Kind, Phase, Transfer

__all__ = ["LINK_SECONDS", "Hindered", "Jobs", "Obstacle"]

LINK_SECONDS: Final = DAY
_SEEDING: Final = "seeding-"
_SEEDING_SECONDS: Final = 60.0
_KEPT_SECONDS: Final = 30 * DAY
_PUBLISHING_SHARE: Final = 0.05
_DEDUP_SECONDS: Final = 60.0


class Obstacle(Enum):
    """Why a job is not taken."""

    SLOTS = "slots"
    PAUSED = "paused"
    EXPIRED = "expired"
    BLOCKED = "blocked"
    NO_USENET = "no usenet"
    NO_HOSTERS = "no hosters"


class Hindered(Exception):
    """A job is not taken; each surface says it in its own words."""

    def __init__(self, obstacle: Obstacle) -> None:
        super().__init__(obstacle.value)
        self.obstacle = obstacle


class Jobs:
    """The one table behind all surfaces.

    What any account finished stays in the storage that all share, also after its last job was deleted. A finished job
    is evicted after thirty world days unless the world says that its content is cached here. Jobs of accounts called
    ``sandbox-seeding-<name>`` seed for a minute before they are complete.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._everyone = Account(dialect.name, "-", "everyone", Plan.FREE)

    # Taking jobs

    def take(
        self,
        account: Account,
        source: str,
        kind: Kind,
        origin: str,
        *,
        name: str = "",
        magnet: str = "",
        error: str = "",
    ) -> tuple[Transfer, bool]:
        """The job for a source, and whether it is a new one.

        Raises:
            Hindered: the account may not start it.
        """
        for known in self._world.find(account, source):
            if self.state(known) not in {"failed", "evicted"}:
                return known, False
        cached = self.cached(source)
        self._admit(account, source, kind, origin, cached=cached)
        transfer = self._world.add(
            account,
            source,
            id=self._new_id(),
            kind=kind,
            name=name,
            hold=Hold.QUEUE if error else Hold.NONE,
            extra={
                "origin": origin,
                "magnet": magnet,
                "error": error,
                "created": self._world.clock.now(),
                "seeds": origin == "torrent" and account.name.startswith(_SEEDING),
            },
        )
        if cached and not transfer.cached:
            transfer.cached = transfer.metadata = True
            self._world.save(transfer)
        if not cached:
            self._world.keep_record(
                self._everyone, "started", source, {"at": self._world.clock.now(), "by": account.id}
            )
        return transfer, True

    def _admit(self, account: Account, source: str, kind: Kind, origin: str, *, cached: bool) -> None:
        plan = tariff(account)
        if paused(account):
            raise Hindered(Obstacle.PAUSED)
        if account.plan is Plan.EXPIRED:
            raise Hindered(Obstacle.EXPIRED)
        if self._dialect.name in self._world.content(source).blocked_on:
            raise Hindered(Obstacle.BLOCKED)
        if kind is Kind.USENET and not plan.usenet:
            raise Hindered(Obstacle.NO_USENET)
        if origin == "hoster" and plan.id == "free":
            raise Hindered(Obstacle.NO_HOSTERS)
        if self._dialect.limited and not cached and self.busy(account) >= plan.slots:
            raise Hindered(Obstacle.SLOTS)

    def started_by_another(self, account: Account, source: str) -> bool:
        """Whether somebody else began to fetch it less than a minute ago: the ``dedup`` case."""
        kept = self._world.record(self._everyone, "started", source)
        fresh = kept is not None and self._world.clock.now() < kept["at"] + _DEDUP_SECONDS
        return fresh and kept["by"] != account.id

    def retry(self, account: Account, transfer: Transfer) -> bool:
        """Start a failed or evicted job anew; False for other jobs."""
        if self.state(transfer) not in {"failed", "evicted"}:
            return False
        if self._dialect.limited and self.busy(account) >= tariff(account).slots:
            raise Hindered(Obstacle.SLOTS)
        transfer.cached = False
        transfer.hold = Hold.NONE
        transfer.extra |= {"created": self._world.clock.now(), "error": ""}
        self._world.start(transfer)
        return True

    def remove(self, account: Account, transfer: Transfer) -> bool:
        """Take a job away; False while it has to seed."""
        if self.state(transfer) == "seeding":
            return False
        self._world.remove(account, transfer.id)
        return True

    # Looking at jobs

    def find(self, account: Account, id_: str) -> Transfer | None:
        """One job of the account."""
        return self._world.transfer(account, id_)

    def every(self, account: Account, kind: Kind | None = None) -> list[Transfer]:
        """Newest first, equal times by id."""
        found = self._world.transfers(account, kind)
        return sorted(found, key=lambda transfer: (self.created(transfer), transfer.id), reverse=True)

    def created(self, transfer: Transfer) -> int:
        """Microseconds since 1970."""
        return int(float(transfer.extra["created"]) * 1_000_000)

    def content(self, transfer: Transfer) -> Content:
        """What a job fetches."""
        return self._world.content(transfer.source)

    def busy(self, account: Account) -> int:
        """Occupied slots."""
        seeding = [transfer for transfer in self._world.transfers(account) if self.state(transfer) == "seeding"]
        return len(self._world.active(account)) + len(seeding)

    def state(self, transfer: Transfer) -> str:
        """``pending``, ``downloading``, ``processing`` and ``publishing``; ``seeding``, ``complete``; or a sad end."""
        progress, content = self._world.progress(transfer), self.content(transfer)
        if transfer.extra["error"] or progress.phase is Phase.FAILED:
            return "failed"
        if progress.phase is Phase.PROCESSING:
            late = progress.eta < content.seconds_to_ready * _PUBLISHING_SHARE
            return "publishing" if late else "processing"
        if not progress.ready:
            return "downloading" if progress.phase is Phase.DOWNLOADING else "pending"
        ended_at = progress.ended_at or 0.0
        self._keep_for_all(transfer.source, ended_at)
        age = self._world.clock.now() - ended_at
        if not transfer.cached and transfer.extra["seeds"] and age < _SEEDING_SECONDS:
            return "seeding"
        evicted = age >= _KEPT_SECONDS and self._dialect.name not in content.cached_on
        return "evicted" if evicted else "complete"

    def cached(self, source: str) -> bool:
        """Whether the shared storage has it."""
        if self._dialect.name in self._world.content(source).cached_on:
            return True
        kept = self._world.record(self._everyone, "cached", source)
        return kept is not None and self._world.clock.now() < kept + _KEPT_SECONDS

    def acceleratable(self, source: str) -> bool:
        """Whether another provider has it, so that fetching it will be quick."""
        return bool(self._world.content(source).cached_on)

    def hash_of(self, transfer: Transfer) -> str:
        """What stands in ``info_hash``: for links and NZBs something that only looks like one."""
        if transfer.source.startswith("nzb:"):
            return transfer.source.removeprefix("nzb:")
        if transfer.extra["origin"] == "ytdlp":
            return hashlib.sha1(transfer.source.encode(), usedforsecurity=False).hexdigest()
        return self.content(transfer).id

    def links(self, content: Content) -> list[str]:
        """A signed link for each file, good for a day."""
        return [self._dialect.file_link(content, index, LINK_SECONDS) for index in range(len(content.files))]

    def _keep_for_all(self, source: str, at: float) -> None:
        kept = self._world.record(self._everyone, "cached", source)
        if kept is None or kept < at:
            self._world.keep_record(self._everyone, "cached", source, at)

    def _new_id(self) -> str:
        """A UUIDv7: milliseconds, a running number, random bits."""
        milliseconds, number = int(self._world.clock.now() * 1000), self._world.number("torrin.job")
        value = milliseconds << 80 | 0x7 << 76 | (number & 0xFFF) << 64 | 0b10 << 62 | secrets.randbits(62)
        return str(uuid.UUID(int=value))
