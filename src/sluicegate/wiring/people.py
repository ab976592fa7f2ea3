"""Everything about people, put together: who calls, what they are entitled to, choose and use, and what they repeat."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Final
from uuid import UUID

from sluicegate.core.clock import SystemClock
from sluicegate.core.entitlements import Entitlements, PlanLimits
from sluicegate.core.errors import InternalError, InvalidInput, SluicegateError, Unauthenticated
from sluicegate.core.ports import UnitOfWorkFactory
from sluicegate.core.secrets import Secret
from sluicegate.net.addresses import refusal
from sluicegate.net.egress import Egress
from sluicegate.net.http import Http
from sluicegate.net.revenuecat import RevenueCat
from sluicegate.net.stream_proxy_probe import StreamProxyProbe
from sluicegate.services.accounts import AccountService
from sluicegate.services.gateway_access import AccessNotices
from sluicegate.services.identities import IdentityService
from sluicegate.services.integrations import IntegrationService
from sluicegate.services.keys import KeyService
from sluicegate.services.plans import BilledPlans, PlanRules, UnlimitedPlans
from sluicegate.services.preferences import PreferenceService
from sluicegate.services.repeats import RepeatService
from sluicegate.services.usage import UsageService
from sluicegate.services.usage_history import UsageHistoryService
from sluicegate.services.vault import AesVault
from sluicegate.settings import Settings
from sluicegate.web.limits import FailedAttempts
from sluicegate.web.recent_keys import KeysAndTokens, RecentKeys
from sluicegate.web.tokens import KeyFinder, OtherIssuer, OwnTokens, SharedSecret, TokenReader

__all__ = ["People", "make_people", "make_plans"]

_log: Final = logging.getLogger(__name__)
_TIDY_SECONDS: Final = 600.0
_GIB: Final = 1 << 30
_JWKS_MAX: Final = 256 * 1024
_JWKS_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class People:
    """Parts of an installation.

    Attributes:
        callers: verifies keys and tokens, and remembers them for seconds; every surface asks it.
        attempts: counts wrong keys, over all surfaces; None for no limit.
        tokens: makes tokens for our own pages.
    """

    callers: RecentKeys
    attempts: FailedAttempts | None
    tokens: OwnTokens
    identities: IdentityService
    integrations: IntegrationService
    preferences: PreferenceService
    plans: Entitlements
    usage: UsageService
    usage_history: UsageHistoryService
    repeats: RepeatService
    sessions: "_Sessions"

    @asynccontextmanager
    async def running(self, notices: AccessNotices) -> AsyncIterator[None]:
        """Forgets callers the moment something about keys changes, and writes what is counted, inside the block.

        Raises:
            InternalError: the database is not reachable.
        """
        await notices.watch(self.callers.forget)
        loops = (self.usage.keep_flushing(), self.usage_history.keep_tidy(), self._tidy())
        upkeep = [asyncio.create_task(loop) for loop in loops]
        try:
            yield
        finally:
            for task in upkeep:
                task.cancel()
            await asyncio.wait(upkeep)
            try:
                await self.usage.flush()
            except SluicegateError as error:
                _log.warning("the last figures of usage are lost: %s", error.code)

    async def _tidy(self) -> None:
        while True:
            try:
                await self.repeats.forget_old()
                await self.sessions.forget_ended()
            except SluicegateError as error:
                _log.warning("old repeated requests and sessions stay for now: %s", error.code)
            await asyncio.sleep(_TIDY_SECONDS)


def make_plans(settings: Settings, transactions: UnitOfWorkFactory, http: Http, clock: SystemClock) -> Entitlements:
    """Who knows what users are entitled to.

    Raises:
        InternalError: RevenueCat is to be asked, but there is no key for it.
    """
    if settings.plans == "unlimited":
        return UnlimitedPlans()
    if settings.revenuecat_key is None:
        raise InternalError("Plans come from RevenueCat, but there is no key.", action="Set SLUICEGATE_REVENUECAT_KEY.")
    free = PlanLimits(settings.free_jobs, int(settings.free_torrent_gib * _GIB), settings.free_feeds)
    billing = RevenueCat(http, Secret(settings.revenuecat_key.get_secret_value()), settings.revenuecat_url)
    return BilledPlans(transactions, billing, PlanRules(settings.revenuecat_entitlement, free), clock)


def make_people(
    settings: Settings,
    transactions: UnitOfWorkFactory,
    vault: AesVault,
    clock: SystemClock,
    http: Http,
    egress: Egress,
    keys: KeyService,
    accounts: AccountService,
    plans: Entitlements,
) -> People:
    """Puts the parts together."""
    tokens = OwnTokens([vault.signing_key], clock)
    identities = IdentityService(transactions, clock, create=settings.jwt_create_users)
    sessions = _Sessions(transactions, clock)
    reader = TokenReader(tokens, _issuers(settings, http), identities, transactions, clock, sessions=sessions)
    return People(
        callers=RecentKeys(KeysAndTokens(keys, reader)),
        attempts=FailedAttempts(allowed=settings.wrong_key_rate) if settings.wrong_key_rate else None,
        tokens=tokens,
        identities=identities,
        integrations=IntegrationService(
            transactions, accounts, vault, StreamProxyProbe(http), OwnAddress(egress), clock
        ),
        preferences=PreferenceService(transactions),
        plans=plans,
        usage=UsageService(transactions, clock),
        usage_history=UsageHistoryService(transactions, clock, keep=timedelta(days=settings.usage_days)),
        repeats=RepeatService(transactions, vault, clock),
        sessions=sessions,
    )


@dataclass(frozen=True, slots=True)
class OwnAddress:
    """Checks the address of something that a user hosts: https, or http in a network that the operator has allowed."""

    egress: Egress

    async def __call__(self, url: str) -> None:
        """Raises ForbiddenAddress, InvalidInput (http to a public address), ConnectionFailed (no such name)."""
        target = self.egress.check_url(url)
        addresses = await self.egress.approve(target.host, target.port)
        if target.scheme == "http" and any(refusal(ip_address(one)) is None for one in addresses):
            raise InvalidInput("A secret is not sent in the clear over the internet.", action="Use an https address.")


def _issuers(settings: Settings, http: Http) -> Sequence[OtherIssuer]:
    if settings.jwt_issuer is None:
        return ()
    keys: KeyFinder
    if settings.jwt_secret is not None:
        keys = SharedSecret.of(Secret(settings.jwt_secret.get_secret_value()))
    else:
        from sluicegate.web.jwks import PublishedKeys  # with the library for tokens, see web.tokens

        url = settings.jwt_jwks_url or settings.jwt_issuer.rstrip("/") + "/.well-known/jwks.json"
        keys = PublishedKeys(_Document(http, url))
    return (OtherIssuer(settings.jwt_issuer, settings.jwt_audience, keys),)


@dataclass(frozen=True, slots=True)
class _Sessions:
    """Implements ``web.tokens.SessionStanding``: a token ends with the sign-in it was made for."""

    transactions: UnitOfWorkFactory
    clock: SystemClock

    async def check(self, session: str, user_id: UUID) -> None:
        """See the protocol."""
        async with self.transactions() as tx:
            standing = await tx.sign_in.sessions(user_id, self.clock.now())
        if session not in {str(one.id) for one in standing}:
            raise Unauthenticated("The sign-in of this token has ended.")

    async def forget_ended(self) -> None:
        """Deletes sessions, invitations and registrations whose time is over; they have not worked since."""
        async with self.transactions() as tx:
            await tx.sign_in.forget_ended(self.clock.now())
            await tx.registrations.forget_ended(self.clock.now())


@dataclass(frozen=True, slots=True)
class _Document:
    """Fetches an issuer's keys, through the guard."""

    http: Http
    url: str

    async def __call__(self) -> bytes:
        answer = await self.http.request("GET", self.url, timeout=_JWKS_SECONDS, max_body=_JWKS_MAX, follow=3)
        return answer.body if answer.status == 200 else b""
