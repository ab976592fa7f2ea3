"""Rungs of the cascade: who could be asked to place a source."""

from dataclasses import dataclass
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.cascade import Group
from sluicegate.core.errors import Retry, SluicegateError
from sluicegate.core.jobs import Job
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import Magnet, Nzb, Source, TorrentFile, WebLink
from sluicegate.core.transfers import Submission

__all__ = ["Rung", "hand_in", "rung_of", "submission_capability", "words_of"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One candidate: a provider through one account, or a local provider without one.

    Attributes:
        cached: whether it has the content at once, as far as known.
        pool: the account is the operator's shared one; neither its name nor its troubles are the user's business.
    """

    provider: str
    account: Account | None = None
    cached: bool | None = None
    pool: bool = False
    group: Group = Group.OWN

    @property
    def account_id(self) -> UUID | None:
        """Id of the account, None for a local provider."""
        return self.account.id if self.account else None

    @property
    def label(self) -> str:
        """Stable name in traces: unique per user, readable by a person."""
        if self.account is None:
            return self.provider
        if self.pool:
            return f"pool: {self.provider} ({self.account.id.hex[:4]})"
        return f"{self.provider} ({self.account.label})"


def rung_of(job: Job, account: Account | None) -> Rung:
    """The rung that a placed job is on; an account of somebody else can only be one of the pool."""
    return Rung(job.provider, account, pool=account is not None and account.user_id != job.user_id)


def words_of(rung: Rung, error: SluicegateError) -> str:
    """An error of a rung for the user: what only the operator can do about a shared account is left out."""
    if rung.pool:
        later = "It is tried again by itself." if error.retry is Retry.LATER else "Its operator has to look after it."
        return f"{rung.label}: {error.detail} {later}"
    return f"{rung.label}: {error.detail} {error.action}"


def submission_capability(source: Source) -> Capability:
    """The capability that a provider needs to take this source."""
    match source:
        case Magnet():
            return Capability.MAGNET
        case TorrentFile():
            return Capability.TORRENT_FILE
        case WebLink():
            return Capability.WEB
        case Nzb():
            return Capability.NZB


async def hand_in(provider: Provider, source: Source) -> Submission:
    """Submits ``source`` through the operation that fits it."""
    match source:
        case Magnet():
            return await provider.submit_magnet(source)
        case TorrentFile():
            return await provider.submit_torrent_file(source)
        case WebLink():
            return await provider.submit_web(source)
        case Nzb():
            return await provider.submit_nzb(source)
