"""The management API, ``/v1/gateway``: vault, proxy keys, policies, add-ons and history; each user sees the own only.

It takes library keys (``tu_…``): a proxy key that an add-on holds must never change what it may do. Add-ons are
approved on the command line, by whoever runs the installation.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Router, delete, get, post, put
from litestar.di import NamedDependency, Provide
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, JSONBody, QueryParameter, SkipValidation
from litestar.response import Stream

from sluicegate.core.errors import InvalidInput, NotFound
from sluicegate.core.gateway import PROVIDERS
from sluicegate.core.keys import Key
from sluicegate.core.secrets import Secret
from sluicegate.services.accounts import AccountService, NewAccount
from sluicegate.services.gateway import Gateway
from sluicegate.surfaces.gateway import management_schemas as shapes
from sluicegate.surfaces.gateway.management_errors import EXCEPTION_HANDLERS
from sluicegate.web.auth import caller_of
from sluicegate.web.routing import SurfaceRouter

__all__ = ["ManagementServices", "router"]

_HISTORY_MAX: Final = 500
_BODY_MAX: Final = 64 * 1024
_REFUSED: Final = {
    status: ResponseSpec(shapes.ErrorBody, generate_examples=False, description="Refused.")
    for status in (400, 401, 404, 409, 413, 422, 429, 502)
}

_Request = Request[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class ManagementServices:
    """What the management API calls."""

    gateway: Gateway
    accounts: AccountService


_Services = NamedDependency[SkipValidation[ManagementServices]]
_Caller = NamedDependency[SkipValidation[Key]]
_Limit = Annotated[int, QueryParameter(ge=1, le=_HISTORY_MAX, description="Calls of a page.")]
_Before = Annotated[datetime | None, QueryParameter(description="Only calls made before.")]


def router(services: ManagementServices) -> Router:
    """The API below ``/v1/gateway``, for library keys."""
    handlers = [keys, create_key, rotate_key, revoke_key, rules, add_rule, remove_rule, check_rules]
    handlers += [vault, add_token, replace_token, remove_token, history, export, usage, addons, apply, rotate_secret]
    return SurfaceRouter(
        path="/v1/gateway",
        route_handlers=handlers,
        dependencies={
            "services": Provide(lambda: services, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
        },
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_BODY_MAX,
        security=[{"library_key": []}],
        tags=["gateway management"],
    )


@get("/keys", summary="Own proxy keys", responses=_REFUSED)
async def keys(caller: _Caller, services: _Services) -> list[shapes.KeyBody]:
    """Newest first, ended ones included."""
    return [shapes.key_body(key) for key in await services.gateway.keys.page(caller.user_id)]


@post("/keys", summary="Make a proxy key", responses=_REFUSED)
async def create_key(caller: _Caller, services: _Services, data: JSONBody[shapes.KeyRequest]) -> shapes.NewKeyBody:
    """The secret is in this answer only."""
    key, secret = await services.gateway.keys.create(caller.user_id, data.label)
    return shapes.NewKeyBody(shapes.key_body(key), secret.reveal())


@post("/keys/{key_id:uuid}/rotate", summary="Replace a proxy key", responses=_REFUSED)
async def rotate_key(
    caller: _Caller, services: _Services, key_id: FromPath[UUID], data: JSONBody[shapes.RotateRequest]
) -> shapes.NewKeyBody:
    """A new key under the same label and policies; the old one works on for the overlap."""
    overlap = timedelta(hours=data.overlap_hours)
    key, secret = await services.gateway.keys.rotate(caller.user_id, key_id, overlap=overlap)
    return shapes.NewKeyBody(shapes.key_body(key), secret.reveal())


@delete("/keys/{key_id:uuid}", summary="Revoke a proxy key", responses=_REFUSED)
async def revoke_key(caller: _Caller, services: _Services, key_id: FromPath[UUID]) -> None:
    """It is refused from this moment."""
    await services.gateway.keys.revoke(caller.user_id, key_id)


@get("/policies", summary="Own access rules", responses=_REFUSED)
async def rules(caller: _Caller, services: _Services) -> list[shapes.RuleBody]:
    """Oldest first."""
    return [shapes.rule_body(rule) for rule in await services.gateway.policies.of_user(caller.user_id)]


@post("/policies", summary="Allow or deny an add-on or network", responses=_REFUSED)
async def add_rule(caller: _Caller, services: _Services, data: JSONBody[shapes.RuleRequest]) -> shapes.RuleBody:
    """Adding the same rule twice yields one."""
    rule = await services.gateway.policies.add(
        caller.user_id, data.verdict, data.subject, data.value, key_id=data.key_id
    )
    return shapes.rule_body(rule)


@delete("/policies/{rule_id:uuid}", summary="Remove a rule", responses=_REFUSED)
async def remove_rule(caller: _Caller, services: _Services, rule_id: FromPath[UUID]) -> None:
    """The rule no longer counts."""
    await services.gateway.policies.remove(caller.user_id, rule_id)


@get("/policies/check", summary="Would this call get in?", responses=_REFUSED)
async def check_rules(
    caller: _Caller,
    services: _Services,
    addon: Annotated[str, QueryParameter(max_length=64, description="The add-on that would call.")],
    address: Annotated[str, QueryParameter(max_length=64, description="The address it would call from.")],
    key_id: Annotated[UUID | None, QueryParameter(description="The key it would use.")] = None,
) -> shapes.JudgementBody:
    """A dry run of the caller's rules: the verdict, and the rule that decides."""
    judgement = await services.gateway.policies.dry_run(caller.user_id, key_id=key_id, addon=addon, address=address)
    return shapes.judgement_body(judgement)


@get("/vault", summary="Own vault entries", responses=_REFUSED)
async def vault(caller: _Caller, services: _Services) -> list[shapes.VaultBody]:
    """Without their tokens."""
    return [shapes.vault_body(account) for account in await services.accounts.page(caller.user_id)]


@post("/vault", summary="Store a provider's token", responses=_REFUSED)
async def add_token(caller: _Caller, services: _Services, data: JSONBody[shapes.VaultRequest]) -> shapes.VaultBody:
    """The token is tried at the provider first, and kept encrypted."""
    if data.provider not in PROVIDERS:
        raise InvalidInput(f"There is no such provider; there are: {', '.join(PROVIDERS)}.", field="provider")
    new = NewAccount(PROVIDERS[data.provider], Secret(data.token), data.label, data.base_url)
    return shapes.vault_body(await services.accounts.add(caller.user_id, new))


@put("/vault/{entry_id:uuid}", summary="Replace a token", responses=_REFUSED)
async def replace_token(
    caller: _Caller, services: _Services, entry_id: FromPath[UUID], data: JSONBody[shapes.VaultTokenRequest]
) -> shapes.VaultBody:
    """The new token is tried at the provider first."""
    await _own_account(services, caller, entry_id)
    return shapes.vault_body(await services.accounts.rotate(entry_id, Secret(data.token)))


@delete("/vault/{entry_id:uuid}", summary="Forget a token", responses=_REFUSED)
async def remove_token(caller: _Caller, services: _Services, entry_id: FromPath[UUID]) -> None:
    """The entry and its token are deleted."""
    await _own_account(services, caller, entry_id)
    await services.accounts.remove(entry_id)


@get("/history", summary="Own calls, newest first", responses=_REFUSED)
async def history(
    caller: _Caller,
    services: _Services,
    limit: _Limit = 50,
    before: _Before = None,
    before_id: Annotated[UUID | None, QueryParameter(description="With 'before', from the page before.")] = None,
    addon: Annotated[str | None, QueryParameter(max_length=64, description="Only calls of this add-on.")] = None,
) -> shapes.HistoryBody:
    """What add-ons have done with the caller's keys."""
    calls = await services.gateway.audit.history(
        caller.user_id, limit=limit, before=before, before_id=before_id, addon=addon
    )
    shown = [shapes.call_body(call) for call in calls]
    if len(calls) < limit:
        return shapes.HistoryBody(shown, None, None)
    return shapes.HistoryBody(shown, calls[-1].created_at, calls[-1].request_id)


@get("/history/export", summary="All own calls as JSON lines", responses=_REFUSED, media_type="application/x-ndjson")
async def export(caller: _Caller, services: _Services) -> Stream:
    """Newest first, one call per line; read from the database as the client takes it."""
    return Stream(_lines(services.gateway, caller.user_id), media_type="application/x-ndjson")


@get("/usage", summary="Sums for charts", responses=_REFUSED)
async def usage(
    caller: _Caller,
    services: _Services,
    days: Annotated[int, QueryParameter(ge=1, le=366, description="How far back.")] = 30,
) -> list[shapes.UsageBody]:
    """Calls by day, add-on and operation."""
    points = await services.gateway.audit.usage(caller.user_id, days=days)
    return [shapes.UsageBody(p.day, p.addon, p.operation, p.calls, p.refused, round(p.mean_ms, 2)) for p in points]


@get("/addons", summary="Own add-ons", responses=_REFUSED)
async def addons(caller: _Caller, services: _Services) -> list[shapes.AddonBody]:
    """Where their applications are."""
    return [shapes.addon_body(addon) for addon in await services.gateway.addons.page(user_id=caller.user_id)]


@post("/addons", summary="Register an add-on", responses=_REFUSED)
async def apply(caller: _Caller, services: _Services, data: JSONBody[shapes.AddonRequest]) -> shapes.NewAddonBody:
    """The secret is in this answer only, and works once an operator has approved the add-on."""
    addon, secret = await services.gateway.addons.apply(
        data.slug, name=data.name, contact=data.contact, proof=data.proof, user_id=caller.user_id
    )
    return shapes.NewAddonBody(shapes.addon_body(addon), secret.reveal())


@post("/addons/{slug:str}/secrets", summary="Replace a developer secret", responses=_REFUSED)
async def rotate_secret(
    caller: _Caller, services: _Services, slug: FromPath[str], data: JSONBody[shapes.RotateRequest]
) -> shapes.SecretBody:
    """A new secret; older ones work on for the overlap."""
    overlap = timedelta(hours=data.overlap_hours)
    secret = await services.gateway.addons.rotate(slug, overlap=overlap, user_id=caller.user_id)
    return shapes.SecretBody(secret.reveal())


async def _own_account(services: ManagementServices, caller: Key, entry_id: UUID) -> None:
    """Raises NotFound for an entry of somebody else, too."""
    if (await services.accounts.get(entry_id)).user_id != caller.user_id:
        raise NotFound("There is no such account.")


async def _lines(gateway: Gateway, user_id: UUID) -> AsyncIterator[bytes]:
    before: datetime | None = None
    before_id: UUID | None = None
    while True:
        calls = await gateway.audit.history(user_id, limit=_HISTORY_MAX, before=before, before_id=before_id)
        for call in calls:
            yield msgspec.json.encode(shapes.call_body(call)) + b"\n"
        if len(calls) < _HISTORY_MAX:
            return
        before, before_id = calls[-1].created_at, calls[-1].request_id
