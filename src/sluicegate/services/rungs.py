"""Rungs of the cascade: who could be asked to place a source, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.ports import Providers
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import Magnet, Nzb, Source, TorrentFile, WebLink
from sluicegate.core.transfers import Submission

__all__ = ["Rung", "hand_in", "order_rungs", "submission_capability"]


@dataclass(frozen=True, slots=True)
class Rung:
    """One candidate: a provider through one account, or a local provider without one."""

    provider: str
    account: Account | None = None
    cached: bool | None = None

    @property
    def account_id(self) -> UUID | None:
        """Id of the account, None for a local provider."""
        return self.account.id if self.account else None

    @property
    def label(self) -> str:
        """Stable name in traces: unique per user, readable by a person."""
        return f"{self.provider} ({self.account.label})" if self.account else self.provider


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


def order_rungs(
    source: Source, accounts: Sequence[Account], cached: dict[UUID, bool | None], providers: Providers
) -> list[Rung]:
    """Accounts that have it at once, then accounts that do not deny it, then the others, then the local providers.

    Within each group the user's own order (oldest account first) holds. Paused and disabled accounts are left out;
    the caller says so in the trace.
    """
    needed = submission_capability(source)
    usable = [
        Rung(account.provider, account, cached.get(account.id))
        for account in accounts
        if account.state in {AccountState.OK, AccountState.UNTESTED} and providers.kind(account.provider).can(needed)
    ]
    usable.sort(key=lambda rung: {True: 0, None: 1, False: 2}[rung.cached])
    local = [Rung(name) for name in providers.local_names() if providers.kind(name).can(needed)]
    return usable + local
