"""The checks before anything is asked upstream, in the order in which each refusal tells as little as possible."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar
from uuid import UUID

from sluicegate.core.accounts import AccountState, Credential
from sluicegate.core.gateway import PROVIDERS, GatewayRefused, ProblemCode
from sluicegate.core.policies import judge
from sluicegate.core.ports import Vault
from sluicegate.core.secrets import Secret
from sluicegate.services.gateway_access import AccessService, Caller
from sluicegate.services.gateway_fanout import Target
from sluicegate.services.gateway_limits import GatewayLimits
from sluicegate.surfaces.gateway.headers import addon_claim, caller_claim, requested_providers
from sluicegate.web.asgi import Scope
from sluicegate.web.peer import caller_address, came_in_the_clear

__all__ = ["Admission", "Visitor", "visitor_of"]

T = TypeVar("T")

_IN_THE_CLEAR: Final = (
    "This call came in plain HTTP over the internet: its secrets may have been read on the way. Call by https, and "
    "replace them."
)
_VISITOR: Final = "sluicegate.gateway_visitor"
"""Where a scope keeps its visitor."""


@dataclass(slots=True)
class Visitor:
    """What is known about a call so far; filled in step by step, so that a refusal is audited with what came before.

    Attributes:
        addon: the identifier as presented; ``proven`` once its secret was right.
        presented: credentials in the request, to keep them out of whatever is recorded.
        counted: the rate limits have counted it; looked at once more it is judged, and not counted again.
        refused: why it was not let in.
    """

    address: str
    addon: str = ""
    proven: bool = False
    providers: tuple[str, ...] = ()
    user_id: UUID | None = None
    key_id: UUID | None = None
    targets: tuple[Target, ...] = ()
    presented: list[str] = field(default_factory=list, repr=False)
    counted: bool = False
    refused: GatewayRefused | None = None


def visitor_of(scope: Scope) -> Visitor:
    """Who calls: one for each request, however many look at it before it is answered."""
    visitor: Visitor | None = scope.get(_VISITOR)
    if visitor is None:
        client = scope.get("client")
        visitor = scope[_VISITOR] = Visitor(client[0] if client else "")
    return visitor


class Admission:
    """Lets calls in.

    Args:
        access: who may call.
        limits: how often.
        vault: names accounts behind direct tokens.
        plain_http: also calls whose secrets could be read on the way are let in.
    """

    def __init__(self, access: AccessService, limits: GatewayLimits, vault: Vault, *, plain_http: bool = False) -> None:
        self._access = access
        self._limits = limits
        self._vault = vault
        self._plain_http = plain_http

    def count(self, visitor: Visitor) -> None:
        """Counts a call of this address. Raises GatewayRefused (``rg.rate_limited``)."""
        if visitor.refused is not None and visitor.refused.problem is ProblemCode.RATE_LIMITED:
            raise visitor.refused
        _once(visitor, self._limits.address, visitor.address)

    async def admit(self, scope: Scope, visitor: Visitor, *, single: bool = False) -> None:
        """Fills in ``visitor``, whose ``targets`` are complete when no refusal was raised.

        Args:
            scope: the request.
            visitor: what is known so far; filled in.
            single: the route takes exactly one provider.

        Raises:
            GatewayRefused: the first check that fails.
        """
        if visitor.refused is not None:
            raise visitor.refused
        try:
            visitor.targets = tuple(await self._judge(scope, visitor, single=single))
        except GatewayRefused as error:
            visitor.refused = error
            raise
        finally:
            visitor.counted = True

    async def _judge(self, scope: Scope, visitor: Visitor, *, single: bool) -> list[Target]:
        self.count(visitor)
        if not self._plain_http and came_in_the_clear(scope):
            raise GatewayRefused(ProblemCode.TLS_REQUIRED, _IN_THE_CLEAR)
        await self._addon(scope, visitor)
        visitor.providers = requested_providers(scope)
        if single and len(visitor.providers) > 1:
            raise GatewayRefused(ProblemCode.VALIDATION_ERROR, "This route takes exactly one provider.")
        claim = caller_claim(scope, len(visitor.providers))
        visitor.presented += [claim.proxy_key] if claim.proxy_key else claim.tokens
        if claim.proxy_key is None:
            targets = self._direct(visitor.providers, claim.tokens)
            accounts = sorted(target.credential.account_id for target in targets if target.credential)
            _once(visitor, self._limits.key, "direct:" + "+".join(accounts))
            return targets
        caller = await self._counting(visitor, lambda: self._access.caller(claim.proxy_key or ""))
        visitor.user_id, visitor.key_id = caller.key.user_id, caller.key.id
        verdict = judge(caller.rules, key_id=caller.key.id, addon=visitor.addon, address=caller_address(scope))
        if verdict.problem is not None:
            raise GatewayRefused(verdict.problem, verdict.words)
        _once(visitor, self._limits.key, str(caller.key.id))
        return [_from_vault(slug, caller) for slug in visitor.providers]

    async def _addon(self, scope: Scope, visitor: Visitor) -> None:
        claim = addon_claim(scope)
        visitor.addon = claim.slug
        visitor.presented.append(claim.secret)
        await self._counting(visitor, lambda: self._access.addon(claim.slug, claim.secret))
        visitor.proven = True
        _once(visitor, self._limits.addon, claim.slug)

    async def _counting(self, visitor: Visitor, prove: Callable[[], Awaitable[T]]) -> T:
        """Wrong credentials count for the address: whoever guesses is soon told to wait."""
        try:
            return await prove()
        except GatewayRefused:
            _once(visitor, self._limits.stranger, visitor.address)
            raise

    def _direct(self, providers: tuple[str, ...], tokens: tuple[str, ...]) -> list[Target]:
        return [
            Target(slug, PROVIDERS[slug], Credential(self._account_of(slug, token), Secret(token)))
            for slug, token in zip(providers, tokens, strict=True)
        ]

    def _account_of(self, slug: str, token: str) -> str:
        """A name for the account behind a direct token, so that its calls are paced as one account's."""
        return "direct-" + self._vault.fingerprint(f"{slug} {token}").hex()[:32]


def _once(visitor: Visitor, count: Callable[[str], None], what: str) -> None:
    if not visitor.counted:
        count(what)


def _from_vault(slug: str, caller: Caller) -> Target:
    name = PROVIDERS[slug]
    found = caller.accounts.get(name)
    if found is None:
        problem = GatewayRefused(ProblemCode.VAULT_MISSING, "No vault credential for this provider.")
        return Target(slug, name, None, problem)
    account, credential = found
    if account.state is AccountState.PAUSED:
        words = account.reason or "This account is paused: its provider has refused it."
        return Target(slug, name, None, GatewayRefused(ProblemCode.UPSTREAM_ERROR, words, status=403))
    return Target(slug, name, credential)
