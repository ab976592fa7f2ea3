"""Accounts: adding, checking, rotating, switching off and removing a user's credentials at providers.

A token is tried before it is kept, and sealed when it is. What only a person can mend pauses an account and says what
to do; nothing here ever deletes a job or a transfer.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID, uuid4

from sluicegate.core.accounts import Account, AccountFacts, AccountState, Credential, proxy_kind, token_kind
from sluicegate.core.errors import AlreadyExists, InvalidInput, Retry, UpstreamError
from sluicegate.core.jobs import ACTIVE_STATES
from sluicegate.core.manifest import Manifest
from sluicegate.core.pacing import Ledger, Outlook, Priority
from sluicegate.core.ports import Clock, Providers, UnitOfWork, UnitOfWorkFactory, Vault
from sluicegate.core.secrets import Secret
from sluicegate.services.place_again import place_again, place_now
from sluicegate.services.task_kinds import sync_task

__all__ = ["AccountService", "NewAccount"]

_TOKEN_MAX: Final = 4096
_LABEL_MAX: Final = 60
_URL_MAX: Final = 2000
_PAGE: Final = 500
_FREE: Final = "The account has no premium plan."
_FREE_ACTION: Final = (
    "Buy or renew one at the provider and run 'sluicegate accounts check', or use it as it is with "
    "'sluicegate accounts enable'."
)


@dataclass(frozen=True, slots=True)
class NewAccount:
    """What is needed to add an account.

    Attributes:
        label: tells several accounts at one provider apart.
        base_url: for providers that people host themselves.
        proxy: egress proxy for this account's calls, ``http://user:password@host:port``.
    """

    provider: str
    token: Secret
    label: str = "main"
    base_url: str | None = None
    proxy: Secret | None = None


class AccountService:
    """Use cases around accounts.

    Args:
        transactions: opens units of work.
        providers: makes the adapters that tokens are tried with.
        vault: seals tokens and proxies.
        ledger: knows what has been spent.
        clock: dates what is written.
        check_address: raises ForbiddenAddress for a URL that may not be connected to from here.
    """

    def __init__(
        self,
        transactions: UnitOfWorkFactory,
        providers: Providers,
        vault: Vault,
        ledger: Ledger,
        clock: Clock,
        check_address: Callable[[str], Awaitable[None]],
    ) -> None:
        self._transactions = transactions
        self._providers = providers
        self._vault = vault
        self._ledger = ledger
        self._clock = clock
        self._check_address = check_address

    async def add(self, user_id: UUID, new: NewAccount, *, check: bool = True) -> Account:
        """Keeps an account, after its token was tried.

        Returns:
            The account; paused, with the reason, when the provider says that it has no premium plan.

        Raises:
            InvalidInput, ForbiddenAddress: token, label, address or proxy cannot be used.
            NotFound: no such provider. AlreadyExists: the label is taken, or it is an account that is there already.
            UpstreamError: the provider refused the token or did not answer; nothing was kept.
        """
        manifest = self._manifest(new.provider)
        new = await self._checked(new)
        account = Account(
            uuid4(), user_id, new.provider, new.label, AccountState.UNTESTED, self._clock.now(),
            base_url=new.base_url, token_hint=new.token.hint,
        )  # fmt: skip
        if check:
            facts = await self._try(account, Credential(str(account.id), new.token, new.base_url, new.proxy), manifest)
            account = self._told(account, facts)
            await self._refuse_twin(account)
        async with self._transactions() as tx:
            await tx.accounts.add(
                account,
                sealed_token=self._seal(account, new.token, token_kind),
                sealed_proxy=self._seal(account, new.proxy, proxy_kind) if new.proxy else None,
            )
            await self._resume(tx, account)
        return account

    async def page(self, user_id: UUID) -> list[Account]:
        """All accounts of a user, oldest first."""
        async with self._transactions() as tx:
            return await tx.accounts.page(user_id)

    async def get(self, account_id: UUID) -> Account:
        """One account. Raises NotFound."""
        async with self._transactions() as tx:
            return await tx.accounts.get(account_id)

    async def check(self, account_id: UUID) -> Account:
        """Asks the provider about an account and keeps what it says.

        Returns:
            The account: ok again, or paused with the reason. One that is switched off stays so.

        Raises:
            NotFound: no such account.
            UpstreamError: the provider could not tell for now; nothing has changed.
        """
        async with self._transactions() as tx:
            account = await tx.accounts.get(account_id)
            credential = await tx.accounts.credential(account_id)
        manifest = self._manifest(account.provider)
        try:
            after = self._told(account, await self._try(account, credential, manifest))
        except UpstreamError as error:
            if error.retry is not Retry.AFTER_CHANGE:
                raise
            after = self._paused(account, f"{error.detail} {error.action}")
        return await self._keep(after)

    async def rotate(self, account_id: UUID, token: Secret, *, check: bool = True) -> Account:
        """Replaces the token, and lets the jobs that waited for it go on.

        Raises:
            NotFound, InvalidInput: no such account, or not a token.
            UpstreamError: the provider refused the new token or did not answer; the old one stays.
        """
        _check_token(token)
        async with self._transactions() as tx:
            account = await tx.accounts.get(account_id)
            old = await tx.accounts.credential(account_id)
        after = replace(account, state=_unless_off(account, AccountState.UNTESTED), reason="", facts=None)
        if check:
            # What an old token did wrong must not keep the new one from being tried.
            await self._ledger.wake(str(account_id))
            manifest = self._manifest(account.provider)
            after = self._told(after, await self._try(account, replace(old, token=token), manifest))
        async with self._transactions() as tx:
            sealed = self._seal(account, token, token_kind)
            await tx.accounts.rotate(account_id, sealed_token=sealed, token_hint=token.hint)
        await self._ledger.wake(str(account_id))
        return await self._keep(replace(after, token_hint=token.hint))

    async def reconnect(self, account_id: UUID, new: NewAccount) -> Account:
        """Replaces token, label and address in one step, and lets the jobs that waited for it go on.

        Raises:
            NotFound: no such account. InvalidInput, ForbiddenAddress: token, label or address cannot be used.
            UpstreamError: the provider refused the new token or did not answer; nothing has changed.
        """
        new = await self._checked(new)
        async with self._transactions() as tx:
            account = await tx.accounts.get(account_id)
            old = await tx.accounts.credential(account_id)
        state = _unless_off(account, AccountState.UNTESTED)
        account = replace(account, label=new.label, base_url=new.base_url, state=state, reason="", facts=None)
        await self._ledger.wake(str(account_id))
        credential = Credential(str(account_id), new.token, new.base_url, old.proxy)
        account = self._told(account, await self._try(account, credential, self._manifest(account.provider)))
        sealed = self._seal(account, new.token, token_kind)
        async with self._transactions() as tx:
            await tx.accounts.rotate(account_id, sealed_token=sealed, token_hint=new.token.hint)
            await tx.accounts.update(account)
            await self._resume(tx, account)
        return replace(account, token_hint=new.token.hint)

    async def disable(self, account_id: UUID) -> Account:
        """Switches an account off: nothing is asked of it, its jobs wait. Raises NotFound."""
        account = await self.get(account_id)
        return await self._keep(replace(account, state=AccountState.DISABLED, reason="Switched off by its owner."))

    async def enable(self, account_id: UUID) -> Account:
        """Switches an account on, also one that was paused, and lets its jobs go on. Raises NotFound."""
        account = await self.get(account_id)
        await self._ledger.wake(str(account_id))
        return await self._keep(replace(account, state=AccountState.OK, reason=""))

    async def remove(self, account_id: UUID) -> None:
        """Deletes an account and its token. Unfinished jobs of it look for another way; transfers stay at the provider.

        Raises:
            NotFound: no such account.
        """
        async with self._transactions() as tx:
            account = await tx.accounts.get(account_id)
            words = f"The account {account.provider} ({account.label}) was removed."
            for job in await tx.jobs.in_flight(account.provider, account_id):
                await place_again(tx, job, self._clock.now(), verdict="lost", rule="account-removed", words=words)
            await tx.accounts.remove(account_id)

    async def outlook(self, account_id: UUID) -> Outlook:
        """What is left of the account's calls. Raises NotFound."""
        (outlook,) = await self.outlooks([await self.get(account_id)])
        return outlook

    async def outlooks(self, accounts: Sequence[Account]) -> list[Outlook]:
        """What is left of the calls of each of these accounts, in their order."""
        limits = {str(account.id): self._manifest(account.provider).limits for account in accounts}
        return await self._ledger.outlooks(limits) if limits else []

    def _manifest(self, provider: str) -> Manifest:
        if provider in self._providers.local_names():
            raise InvalidInput(
                f"'{provider}' runs here and needs no account.",
                action="Submit something; it is used when no account can take it.",
                field="provider",
            )
        return self._providers.manifest(provider)

    async def _checked(self, new: NewAccount) -> NewAccount:
        _check_token(new.token)
        label = new.label.strip()
        if not label or len(label) > _LABEL_MAX or not label.isprintable():
            raise InvalidInput(f"A label has 1 to {_LABEL_MAX} printable characters.", field="label")
        base_url = new.base_url.strip().rstrip("/") if new.base_url else None
        if base_url is not None:
            if len(base_url) > _URL_MAX or not base_url.lower().startswith(("http://", "https://")):
                raise InvalidInput("The address must be an http or https URL.", field="base_url")
            await self._check_address(base_url)
        if new.proxy is not None:
            await self._check_address(new.proxy.reveal())
        return replace(new, label=label, base_url=base_url)

    async def _try(self, account: Account, credential: Credential, manifest: Manifest) -> AccountFacts:
        """Asks the provider who this is; a refusal also says where a new token is found."""
        try:
            async with self._providers.open(account.provider, credential, priority=Priority.PLAY) as adapter:
                return await adapter.account()
        except UpstreamError as error:
            if error.retry is Retry.AFTER_CHANGE and manifest.token_help:
                error.action = f"{error.action} {manifest.token_help}"
            raise

    async def _refuse_twin(self, account: Account) -> None:
        """One account under two labels would be spent twice over its limits."""
        for other in await self.page(account.user_id):
            same = other.facts is not None and account.facts is not None and other.facts.id == account.facts.id
            if other.provider == account.provider and same and account.facts and account.facts.id:
                raise AlreadyExists(
                    f"This is the account that is here as '{other.label}'.",
                    action=f"To renew its token: sluicegate accounts rotate {other.id}",
                    field="token",
                )

    def _told(self, account: Account, facts: AccountFacts) -> Account:
        account = replace(account, facts=facts, checked_at=self._clock.now())
        if facts.premium is False:
            return self._paused(account, f"{_FREE} {_FREE_ACTION}")
        return replace(account, state=_unless_off(account, AccountState.OK), reason="")

    def _paused(self, account: Account, reason: str) -> Account:
        state = _unless_off(account, AccountState.PAUSED)
        return replace(account, state=state, reason=reason, checked_at=self._clock.now())

    async def _keep(self, account: Account) -> Account:
        async with self._transactions() as tx:
            await tx.accounts.update(account)
            await self._resume(tx, account)
        return account

    async def _resume(self, tx: UnitOfWork, account: Account) -> None:
        """Lets the jobs of an account that can be used go on: those it holds, and those that no provider took yet."""
        if account.state not in {AccountState.OK, AccountState.UNTESTED}:
            return
        await tx.tasks.add(sync_task(account.provider, account.id))
        offset = 0
        while jobs := await tx.jobs.page(account.user_id, limit=_PAGE, offset=offset, states=ACTIVE_STATES):
            for job in jobs:
                if not job.transfer_id:
                    await tx.tasks.add(place_now(job.id))
            offset += len(jobs)

    def _seal(self, account: Account, secret: Secret, kind: Callable[[str, UUID], str]) -> bytes:
        return self._vault.seal(secret.reveal(), owner=str(account.user_id), kind=kind(account.provider, account.id))


def _check_token(token: Secret) -> None:
    text = token.reveal()
    if not text or len(text) > _TOKEN_MAX or not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidInput(
            "This is not a token: it is empty, too long, or has spaces or special characters.",
            action="Copy the token from the provider's site once more, whole and alone.",
            field="token",
        )


def _unless_off(account: Account, state: AccountState) -> AccountState:
    return AccountState.DISABLED if account.state is AccountState.DISABLED else state
