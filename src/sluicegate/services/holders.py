"""Who holds a file of a job: the account it was placed at, and the others that could stand in for it.

Only accounts of the job's own user are looked at, and the operator's pool when the job was placed there: one user's
account never serves another user. Another account stands in when it has the same torrent (same hash) with a file of the
same size; links, whose content may change, have no other holders.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import Account
from sluicegate.core.cascade import CascadeRules
from sluicegate.core.errors import InvalidInput, NotFound, SluicegateError
from sluicegate.core.files import JobFile, RemoteFile
from sluicegate.core.jobs import Job
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWork, UnitOfWorkFactory
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.sources import SourceKind
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.services.account_pause import is_usable
from sluicegate.services.listing import find_by_hash
from sluicegate.services.shared_pool import shared_accounts

__all__ = ["Held", "Holder", "Holders"]

_DEADLINE: Final = 10.0
"""Seconds that one account may take to say whether it has the file: a player waits."""
_FOUND_SECONDS: Final = 120.0
_NONE_SECONDS: Final = 10.0
_REMEMBERED_MAX: Final = 1_024


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that holds a file, and its handle there."""

    account: Account
    locator: str


@dataclass(frozen=True, slots=True)
class Held:
    """A file of a ready job.

    Attributes:
        primary: the account that the job was placed at, None when that is gone, not the user's, or none was needed.
        pooled: whether ``primary`` is one of the operator's shared accounts.
    """

    job: Job
    file: JobFile
    primary: Holder | None
    pooled: bool = False


class Holders:
    """Finds the accounts that hold a file.

    Args:
        transactions: the database.
        providers: makes adapters.
        clock: for how long an answer is remembered.
        rules: name the user whose accounts are the operator's shared pool.
        adopt: whether a torrent that an account does not list, but has at once, is added there.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        clock: Clock,
        *,
        rules: CascadeRules | None = None,
        adopt: bool = True,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._clock = clock
        self._rules = rules or CascadeRules()
        self._adopt = adopt
        self._searches: OrderedDict[UUID, tuple[float, asyncio.Task[list[Holder]]]] = OrderedDict()

    async def held(self, tx: UnitOfWork, job: Job, file: JobFile) -> Held:
        """The file with the account that the job was placed at."""
        if job.account_id is None or file.locator is None:
            return Held(job, file, None)
        try:
            account = await tx.accounts.get(job.account_id)
        except NotFound:
            return Held(job, file, None)
        pooled = account.user_id != job.user_id
        if pooled and all(account.id != shared.id for shared in await shared_accounts(tx, job.user_id, self._rules)):
            return Held(job, file, None)
        return Held(job, file, Holder(account, file.locator), pooled)

    async def others(self, held: Held) -> Sequence[Holder]:
        """Other accounts that hold the same file, best first; asked once for all who ask at the same time."""
        if held.job.source_kind is not SourceKind.TORRENT or held.file.size <= 0:
            return ()
        until, search = self._searches.get(held.file.id, (0.0, None))
        if search is None or (search.done() and until < self._clock.monotonic()):
            search = asyncio.create_task(self._search(held))
            self._remember(held.file.id, search)
        # One player that leaves must not end the search that others wait for.
        return await asyncio.shield(search)

    def _remember(self, file_id: UUID, search: asyncio.Task[list[Holder]]) -> None:
        self._searches[file_id] = (0.0, search)
        self._searches.move_to_end(file_id)
        search.add_done_callback(lambda done: self._ended(file_id, done))
        while len(self._searches) > _REMEMBERED_MAX:
            self._searches.popitem(last=False)

    def _ended(self, file_id: UUID, search: asyncio.Task[list[Holder]]) -> None:
        if search.cancelled() or search.exception() is not None:
            self._searches.pop(file_id, None)
        elif file_id in self._searches:
            seconds = _FOUND_SECONDS if search.result() else _NONE_SECONDS
            self._searches[file_id] = (self._clock.monotonic() + seconds, search)

    async def _search(self, held: Held) -> list[Holder]:
        async with self._transactions() as tx:
            accounts = await tx.accounts.page(held.job.user_id)
            prefer = (await tx.cascade_preferences.get(held.job.user_id)).prefer
            accounts.sort(key=lambda account: _rank(account.provider, prefer))
            if held.pooled:
                accounts += await shared_accounts(tx, held.job.user_id, self._rules)
        asked = [account for account in accounts if account.id != held.job.account_id and self._could(account)]
        found = await asyncio.gather(*(self._ask(account, held) for account in asked))
        return [holder for holder in found if holder is not None]

    def _could(self, account: Account) -> bool:
        kind = self._providers.kind(account.provider)
        return is_usable(account) and kind.can(Capability.LINK) and kind.can(Capability.FILES)

    async def _ask(self, account: Account, held: Held) -> Holder | None:
        try:
            async with asyncio.timeout(_DEADLINE):
                async with self._transactions() as tx:
                    credential = await tx.accounts.credential(account.id)
                async with self._providers.open(account.provider, credential, priority=Priority.PLAY) as provider:
                    file = await self._same_file(provider, held)
        except (SluicegateError, TimeoutError):
            return None  # whoever cannot tell in time cannot stand in either
        return Holder(account, file.locator) if file is not None and file.locator is not None else None

    async def _same_file(self, provider: Provider, held: Held) -> RemoteFile | None:
        info_hash = held.job.info_hash
        transfer = await find_by_hash(provider, info_hash) if provider.can(Capability.LIST) else None
        if transfer is None and self._adopt:
            transfer = await _adopted(provider, info_hash)
        if transfer is None or transfer.state is not TransferState.READY:
            return None
        files = transfer.files if transfer.files is not None else await provider.files(transfer.id)
        return _match(held.file, files)


async def _adopted(provider: Provider, info_hash: str) -> Transfer | None:
    """The torrent, added where the provider says that it has it at once; a download is never started for a player."""
    if not (provider.can(Capability.AVAILABILITY) and provider.can(Capability.MAGNET)):
        return None
    (answer,) = await provider.availability([info_hash])
    if not answer.cached:
        return None
    try:
        submission = await provider.submit_magnet(parse_info_hash(info_hash))
    except InvalidInput:
        return None
    if submission.transfer is not None and submission.transfer.state is TransferState.READY:
        return submission.transfer
    return await provider.get(submission.transfer_id) if provider.can(Capability.GET) else None


def _rank(provider: str, prefer: Sequence[str]) -> int:
    return prefer.index(provider) if provider in prefer else len(prefer)


def _match(wanted: JobFile, files: Iterable[RemoteFile]) -> RemoteFile | None:
    """The one file that can only be the same: of its size, and of its path or name where several are of its size."""
    alike = [file for file in files if file.size == wanted.size and file.locator is not None]
    named = [file for file in alike if file.path == wanted.path] or [f for f in alike if f.name == wanted.name]
    found = named or alike
    return found[0] if len(found) == 1 else None
