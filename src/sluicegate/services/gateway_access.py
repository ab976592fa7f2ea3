"""Who calls the gateway: add-ons by their secret, users by their proxy key, both remembered for a few seconds.

What is remembered is dropped the moment the database says that it has changed, so that revoking takes effect at once;
the few seconds are the limit should a notice be lost. Refusals are never remembered.
"""

import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar
from uuid import UUID

from sluicegate.core.accounts import Account, AccountState, Credential
from sluicegate.core.addons import SECRET_LENGTH_MAX, Addon, AddonState, looks_like_slug
from sluicegate.core.errors import NotFound, Unauthenticated
from sluicegate.core.gateway import GatewayRefused, ProblemCode
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.policies import Rule
from sluicegate.core.ports import Clock, KeyVerifier, UnitOfWorkFactory, Vault

__all__ = ["AccessNotices", "AccessService", "Caller"]

T = TypeVar("T")

_FRESH_SECONDS: Final = 5.0
_ENTRIES_MAX: Final = 4_096
_NOBODY: Final = bytes(32)
_BEST_FIRST: Final = (AccountState.OK, AccountState.UNTESTED, AccountState.PAUSED)


class AccessNotices(Protocol):
    """Says when something that decides about access has changed, in whatever process."""

    async def watch(self, changed: Callable[[], None]) -> None:
        """Calls ``changed`` after every change from now on."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """The user behind a proxy key, as far as a call needs it.

    Attributes:
        rules: the user's access policies.
        accounts: the account to use, by provider; its token is opened.
    """

    key: Key
    rules: tuple[Rule, ...]
    accounts: Mapping[str, tuple[Account, Credential]] = field(repr=False)


class AccessService:
    """Proves add-ons and callers."""

    def __init__(self, transactions: UnitOfWorkFactory, vault: Vault, keys: KeyVerifier, clock: Clock) -> None:
        self._transactions = transactions
        self._vault = vault
        self._keys = keys
        self._clock = clock
        self._addons: _Recent[Addon] = _Recent()
        self._callers: _Recent[Caller] = _Recent()

    async def follow(self, notices: AccessNotices) -> None:
        """Forgets what is remembered whenever it may have changed."""
        await notices.watch(self.forget)

    def forget(self) -> None:
        """Everything is looked up anew."""
        self._addons.clear()
        self._callers.clear()

    async def addon(self, slug: str, secret: str) -> Addon:
        """The approved add-on with this identifier and secret.

        Raises:
            GatewayRefused: ``rg.invalid_developer``, the same for every cause.
        """
        addon = None
        if looks_like_slug(slug) and 0 < len(secret) <= SECRET_LENGTH_MAX:
            print_ = self._vault.fingerprint(secret)
            addon = await self._addons.get(print_ + slug.encode(), lambda: self._prove(slug, print_))
        if addon is None:
            raise GatewayRefused(
                ProblemCode.INVALID_DEVELOPER, "The add-on's identifier and secret do not belong to an approved add-on."
            )
        return addon

    async def caller(self, proxy_key: str) -> Caller:
        """The user behind a proxy key.

        Raises:
            GatewayRefused: ``rg.invalid_proxy_key``.
        """
        try:
            caller = await self._callers.get(self._vault.fingerprint(proxy_key), lambda: self._look_up(proxy_key))
        except (Unauthenticated, NotFound):
            caller = None
        if caller is None or (caller.key.revoked_at is not None and caller.key.revoked_at <= self._clock.now()):
            raise GatewayRefused(ProblemCode.INVALID_PROXY_KEY, "This proxy key is not valid.")
        return caller

    async def _prove(self, slug: str, fingerprint: bytes) -> Addon | None:
        """Every cause takes the same steps: one look-up and one comparison at least."""
        now = self._clock.now()
        async with self._transactions() as tx:
            try:
                addon = await tx.addons.by_slug(slug)
            except NotFound:
                addon = None
            secrets = await tx.addons.secrets(addon.id if addon else UUID(int=0), now)
        proven = [hmac.compare_digest(ours, fingerprint) for ours in ([print_ for _, print_ in secrets] or [_NOBODY])]
        return addon if addon is not None and any(proven) and addon.state is AddonState.APPROVED else None

    async def _look_up(self, proxy_key: str) -> Caller:
        key = await self._keys.verify(proxy_key, KeyKind.PROXY)
        async with self._transactions() as tx:
            rules = await tx.policies.of_user(key.user_id)
            accounts = _chosen(await tx.accounts.page(key.user_id))
            opened = {
                provider: (account, await tx.accounts.credential(account.id)) for provider, account in accounts.items()
            }
        return Caller(key, tuple(rules), opened)


def _chosen(accounts: list[Account]) -> dict[str, Account]:
    """For each provider the account in the best state, the oldest among equals; disabled ones do not exist here."""
    usable = [account for account in accounts if account.state in _BEST_FIRST]
    usable.sort(key=lambda account: _BEST_FIRST.index(account.state), reverse=True)
    best: dict[str, Account] = {}
    for account in usable:
        if account.provider not in best or best[account.provider].state is not account.state:
            best[account.provider] = account
    return best


class _Recent(Generic[T]):
    """Values that were looked up a moment ago, by a key that is no secret itself."""

    def __init__(self) -> None:
        self._entries: OrderedDict[bytes, tuple[float, T]] = OrderedDict()
        self._looking: set[bytes] = set()
        self._generation = 0

    async def get(self, key: bytes, look_up: Callable[[], Awaitable[T | None]]) -> T | None:
        """The remembered value, or a new one; None is not remembered.

        While one caller looks a known value up again the others are given what is remembered, for as long again at
        most: a busy add-on must not send a crowd to the database every few seconds.
        """
        at, value = self._entries.get(key, (0.0, None))
        age = time.monotonic() - at
        if value is not None and (age < _FRESH_SECONDS or (key in self._looking and age < 2 * _FRESH_SECONDS)):
            return value
        generation = self._generation
        self._looking.add(key)
        try:
            found = await look_up()
        finally:
            self._looking.discard(key)
        if found is None:
            self._entries.pop(key, None)
        # What was looked up while a change was told may be older than the change.
        if found is not None and generation == self._generation:
            self._entries[key] = (time.monotonic(), found)
            self._entries.move_to_end(key)
            if len(self._entries) > _ENTRIES_MAX:
                self._entries.popitem(last=False)
        return found

    def clear(self) -> None:
        """Forgets all."""
        self._generation += 1
        self._entries.clear()
