"""The links of a file: made by whoever holds it, kept in the link cache, and by another holder when one fails."""

from collections import OrderedDict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sluicegate.core.accounts import AccountState
from sluicegate.core.errors import CredentialsRejected, FileGone, NotFound, NotReady, UpstreamError
from sluicegate.core.links import Link
from sluicegate.core.pacing import Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWorkFactory
from sluicegate.services.holders import Held, Holder, Holders
from sluicegate.services.link_cache import LinkCache, LinkKey
from sluicegate.services.remote_bytes import Origin

__all__ = ["AccountOrigin", "FileOrigins", "Resolver"]

_STANDS_IN_SECONDS: Final = 300.0
"""How long an account that stood in is asked first; then the one that the job was placed at gets its chance again."""
_STANDINS_MAX: Final = 4_096


class Resolver:
    """Makes links, for direct answers and for the byte server."""

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        links: LinkCache,
        holders: Holders,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._links = links
        self._holders = holders
        self._clock = clock
        self._standins: OrderedDict[UUID, tuple[float, Holder]] = OrderedDict()

    def origins(self, held: Held, *, viewer_address: str | None = None) -> "FileOrigins":
        """The accounts to read a file from."""
        return FileOrigins(self, held, viewer_address)

    async def first_link(
        self, held: Held, *, viewer_address: str | None = None, lasting: timedelta = timedelta()
    ) -> tuple[Holder, Link]:
        """A link by the first holder that can make one, which works for ``lasting`` if its provider's links do.

        Raises:
            NotReady: nobody holds the file any more.
            UpstreamError: what the account said that should have it, when no other has it.
        """
        origins = self.origins(held, viewer_address=viewer_address)
        origin: AccountOrigin | None = await origins.best()
        failed: list[AccountOrigin] = []
        first: UpstreamError | None = None
        while origin is not None:
            try:
                return origin.holder, await origin.link(lasting=lasting)
            except UpstreamError as error:
                first = first or error
                failed.append(origin)
                origin = await origins.other(failed)
        raise first or NotReady("Nobody holds this file any more.")

    def key(self, user_id: UUID, holder: Holder, viewer_address: str | None) -> LinkKey:
        """What a holder's link for this user and viewer is known by."""
        addressed = self._providers.kind(holder.account.provider).addressed_links
        return LinkKey(user_id, holder.account.id, holder.locator, viewer_address if addressed else None)

    async def link(self, holder: Holder, key: LinkKey, *, lasting: timedelta) -> Link:
        """A link by one holder, from the cache or made now. Raises UpstreamError."""
        if holder.account.state is AccountState.DISABLED:
            raise CredentialsRejected(
                f"The account '{holder.account.label}' is switched off.",
                provider=holder.account.provider,
                action="Switch it on, or submit the source again.",
            )
        return await self._links.get(key, lambda: self._make(holder, key), lasting=lasting)

    def expire(self, key: LinkKey, link: Link) -> None:
        """Drops a dead link from the cache."""
        self._links.forget(key, link)

    async def best(self, held: Held) -> Holder:
        """Whom to ask first. Raises NotReady when nobody holds the file."""
        until, standin = self._standins.get(held.file.id, (0.0, None))
        if standin is not None and until > self._clock.monotonic():
            return standin
        first = held.primary or await self.other(held, frozenset())
        if first is None:
            raise NotReady("Nobody holds this file any more.", action="Submit the source again.")
        return first

    async def anybody(self, held: Held) -> bool:
        """Whether any account holds the file."""
        try:
            await self.best(held)
        except NotReady:
            return False
        return True

    async def other(self, held: Held, failed: Collection[UUID]) -> Holder | None:
        """A holder whose account is not among ``failed``; the next readings begin with it."""
        candidates = [*([held.primary] if held.primary else []), *await self._holders.others(held)]
        found = next((holder for holder in candidates if holder.account.id not in failed), None)
        if found is not None:
            self._standins[held.file.id] = (self._clock.monotonic() + _STANDS_IN_SECONDS, found)
            self._standins.move_to_end(held.file.id)
            while len(self._standins) > _STANDINS_MAX:
                self._standins.popitem(last=False)
        return found

    async def _make(self, holder: Holder, key: LinkKey) -> Link:
        provider_name = holder.account.provider
        try:
            async with self._transactions() as tx:
                credential = await tx.accounts.credential(key.account_id)
        except NotFound as error:
            raise FileGone("The account that had this file was removed.", provider=provider_name) from error
        async with self._providers.open(provider_name, credential, priority=Priority.PLAY) as provider:
            return await provider.link(key.locator, viewer_address=key.address)


@dataclass(frozen=True, slots=True)
class AccountOrigin:
    """Implements ``services.remote_bytes.Origin``."""

    resolver: Resolver
    holder: Holder
    key: LinkKey

    async def link(self, *, lasting: timedelta = timedelta()) -> Link:
        """See the port."""
        return await self.resolver.link(self.holder, self.key, lasting=lasting)

    def expire(self, link: Link) -> None:
        """See the port."""
        self.resolver.expire(self.key, link)


@dataclass(frozen=True, slots=True)
class FileOrigins:
    """Implements ``services.remote_bytes.Origins`` for one file."""

    resolver: Resolver
    held: Held
    viewer_address: str | None

    async def best(self) -> AccountOrigin:
        """See the port. Raises NotReady."""
        return self._origin(await self.resolver.best(self.held))

    async def other(self, failed: Collection[Origin]) -> AccountOrigin | None:
        """See the port."""
        gone = {origin.holder.account.id for origin in failed if isinstance(origin, AccountOrigin)}
        holder = await self.resolver.other(self.held, gone)
        return None if holder is None else self._origin(holder)

    def _origin(self, holder: Holder) -> AccountOrigin:
        key = self.resolver.key(self.held.job.user_id, holder, self.viewer_address)
        return AccountOrigin(self.resolver, holder, key)
