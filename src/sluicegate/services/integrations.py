"""Integrations: a user's accounts and stream proxies under the names of the library contract (its sheet, section 7).

The contract knows one integration of each kind. Here a user may have several accounts at one provider, told apart by
their labels: then a label says which one is meant.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol
from uuid import UUID

from sluicegate.core.accounts import Account, AccountState
from sluicegate.core.errors import Conflict, InvalidInput, NotFound, Retry, UpstreamError
from sluicegate.core.ports import Clock, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret
from sluicegate.core.stream_proxies import ProxyCheck, ProxyCredential, ProxyKind, StreamProxy, stream_proxy_kind
from sluicegate.services.accounts import AccountService, NewAccount

__all__ = ["KINDS", "Integration", "IntegrationRequest", "IntegrationService", "ProxyProbe"]

STORES: Final = ("realdebrid", "alldebrid", "premiumize", "torbox", "debridlink", "torrin")
KINDS: Final = (*STORES, *ProxyKind)
"""The kinds of the contract."""

_SELF_HOSTED: Final = frozenset({"torrin", *ProxyKind})
_LABEL_MAX: Final = 60
_TOKEN_MAX: Final = 4096
_URL_MAX: Final = 2000
_WORDS: Final = {AccountState.OK: "ok", AccountState.UNTESTED: "untested"}


@dataclass(frozen=True, slots=True)
class Integration:
    """A connected backend or proxy, without its secret.

    Attributes:
        status: ``ok``, ``error`` or ``untested``.
        last_error: why it cannot be used, in words, None when it can.
        token_hint: the secret's last characters.
    """

    kind: str
    label: str
    status: str
    last_checked_at: datetime | None
    last_error: str | None
    base_url: str | None
    token_hint: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class IntegrationRequest:
    """What connects a backend or a proxy; ``label`` and ``base_url`` may be missing."""

    kind: str
    token: Secret
    label: str | None = None
    base_url: str | None = None


class ProxyProbe(Protocol):
    """Tries a proxy's credential at the proxy itself."""

    async def __call__(self, credential: ProxyCredential) -> None:
        """Raises CredentialsRejected, another UpstreamError, or ForbiddenAddress."""
        ...


class IntegrationService:
    """Use cases around integrations; every call is bound to one user.

    Args:
        transactions: the database.
        accounts: keeps the accounts at providers.
        vault: seals the secrets of proxies.
        probe: tries a proxy.
        check_address: raises ForbiddenAddress or InvalidInput for a URL that may not be used from here.
        clock: dates what is written.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        accounts: AccountService,
        vault: Vault,
        probe: ProxyProbe,
        check_address: Callable[[str], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._accounts = accounts
        self._vault = vault
        self._probe = probe
        self._check_address = check_address
        self._clock = clock

    async def page(self, user_id: UUID) -> list[Integration]:
        """All integrations of a user, oldest first."""
        async with self._transactions() as tx:
            accounts = await tx.accounts.page(user_id)
            proxies = await tx.stream_proxies.page(user_id)
        found = [_of_account(account) for account in accounts] + [_of_proxy(proxy) for proxy in proxies]
        return sorted(found, key=lambda integration: (integration.created_at, integration.kind))

    async def connect(self, user_id: UUID, request: IntegrationRequest) -> tuple[Integration, bool]:
        """Connects, or replaces the secret of what is connected: the integration, and whether it is new.

        A token is tried at the provider before it is kept.

        Raises:
            InvalidInput, ForbiddenAddress: kind, token, label or address cannot be used.
            Conflict: several accounts of this kind, and the label names none of them.
            UpstreamError: the provider refused the token or did not answer; nothing has changed.
        """
        if request.kind not in KINDS:
            raise InvalidInput(f"There is no such kind; there are: {', '.join(KINDS)}.", field="kind")
        if request.base_url is not None:
            await self._check_base_url(request.kind, request.base_url)
        if request.kind in list(ProxyKind):
            return await self._connect_proxy(user_id, request)
        account = await self._account(user_id, request.kind, request.label)
        new = NewAccount(request.kind, request.token, request.label or "main", request.base_url)
        if account is None:
            return _of_account(await self._accounts.add(user_id, new)), True
        label = request.label or account.label
        new = NewAccount(request.kind, request.token, label, request.base_url)
        return _of_account(await self._accounts.reconnect(account.id, new)), False

    async def test(self, user_id: UUID, kind: str, label: str | None = None) -> str | None:
        """Tries the secret: None when it is acknowledged, else what is wrong with it, in words.

        Raises:
            NotFound: not connected. Conflict: several, and the label names none of them.
            UpstreamError: the provider cannot be reached or cannot tell.
        """
        if kind in list(ProxyKind):
            return await self._test_proxy(user_id, ProxyKind(kind))
        account = await self._connected(user_id, kind, label)
        checked = await self._accounts.check(account.id)
        return None if checked.state is not AccountState.PAUSED else checked.reason

    async def disconnect(self, user_id: UUID, kind: str, label: str | None = None) -> None:
        """Forgets an integration and its secret; jobs stay, and so does everything at the provider.

        Raises:
            NotFound: not connected. Conflict: several, and the label names none of them.
        """
        if kind in list(ProxyKind):
            async with self._transactions() as tx:
                if not await tx.stream_proxies.remove(user_id, ProxyKind(kind)):
                    raise _not_connected(kind)
            return
        account = await self._connected(user_id, kind, label)
        await self._accounts.remove(account.id)

    async def _connected(self, user_id: UUID, kind: str, label: str | None) -> Account:
        account = await self._account(user_id, kind, label)
        if account is None:
            raise _not_connected(kind)
        return account

    async def _account(self, user_id: UUID, kind: str, label: str | None) -> Account | None:
        """The account that is meant: the labelled one, or the only one."""
        async with self._transactions() as tx:
            found = [account for account in await tx.accounts.page(user_id) if account.provider == kind]
        labelled = [account for account in found if account.label == label]
        if labelled or len(found) <= 1:
            return next(iter(labelled or found), None)
        labels = ", ".join(f"'{account.label}'" for account in found)
        raise Conflict(f"There are several accounts of this kind: {labels}.", action="Name one with 'label'.")

    async def _connect_proxy(self, user_id: UUID, request: IntegrationRequest) -> tuple[Integration, bool]:
        kind, label, base_url = ProxyKind(request.kind), (request.label or "").strip(), request.base_url
        if base_url is None:
            raise InvalidInput("This kind needs the address of your proxy.", field="config.base_url")
        _check_text(request.token, label)
        base_url = base_url.strip().rstrip("/")
        await self._probe(ProxyCredential(kind, base_url, request.token))
        now = self._clock.now()
        proxy = StreamProxy(user_id, kind, label, base_url, request.token.hint, ProxyCheck.OK, now, now, checked_at=now)
        bound = stream_proxy_kind(kind, base_url)
        sealed = self._vault.seal(request.token.reveal(), owner=str(user_id), kind=bound)
        async with self._transactions() as tx:
            made = await tx.stream_proxies.put(proxy, sealed_token=sealed)
            return _of_proxy(await tx.stream_proxies.get(user_id, kind)), made

    async def _test_proxy(self, user_id: UUID, kind: ProxyKind) -> str | None:
        async with self._transactions() as tx:
            credential = await tx.stream_proxies.credential(user_id, kind)
        if credential is None:
            raise _not_connected(kind)
        reason = None
        try:
            await self._probe(credential)
        except UpstreamError as error:
            if error.retry is not Retry.AFTER_CHANGE:
                raise
            reason = f"{error.detail} {error.action}"
        state = ProxyCheck.OK if reason is None else ProxyCheck.ERROR
        async with self._transactions() as tx:
            at = self._clock.now()
            await tx.stream_proxies.checked(user_id, kind, state=state, reason=reason or "", at=at)
        return reason

    async def _check_base_url(self, kind: str, base_url: str) -> None:
        """Who gives an address decides where the secret goes, so only kinds that people host themselves take one."""
        if kind not in _SELF_HOSTED:
            raise InvalidInput(f"'{kind}' has one address for everybody.", field="config.base_url")
        if len(base_url) > _URL_MAX:
            raise InvalidInput(f"An address has at most {_URL_MAX} characters.", field="config.base_url")
        await self._check_address(base_url)


def _check_text(token: Secret, label: str) -> None:
    text = token.reveal()
    if not text or len(text) > _TOKEN_MAX or not text.isascii() or not text.isprintable():
        raise InvalidInput("This is not a token: it is empty, too long, or has special characters.", field="token")
    if len(label) > _LABEL_MAX or (label and not label.isprintable()):
        raise InvalidInput(f"A label has at most {_LABEL_MAX} printable characters.", field="label")


def _not_connected(kind: str) -> NotFound:
    return NotFound("This kind is not connected.", action=f"Connect it with POST /v1/integrations ({kind[:30]}).")


def _of_account(account: Account) -> Integration:
    status = _WORDS.get(account.state, "error")
    error = account.reason if status == "error" else None
    return Integration(
        account.provider, account.label, status, account.checked_at, error, account.base_url, account.token_hint,
        account.created_at, account.checked_at or account.created_at,
    )  # fmt: skip


def _of_proxy(proxy: StreamProxy) -> Integration:
    return Integration(
        proxy.kind.value, proxy.label, proxy.state.value, proxy.checked_at, proxy.reason or None, proxy.base_url,
        proxy.token_hint, proxy.created_at, proxy.updated_at,
    )  # fmt: skip
