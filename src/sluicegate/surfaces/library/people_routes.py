"""Routes of a person's own settings: endpoints 8 to 13 and 20 to 23 of the library sheet, with their aliases."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from litestar import Request, Response, Router, delete, get, patch, post, route
from litestar.di import NamedDependency
from litestar.enums import HttpMethod
from litestar.openapi import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter, SkipValidation

from sluicegate.core.entitlements import Entitlements
from sluicegate.core.keys import Key, TokenKey
from sluicegate.core.secrets import Secret
from sluicegate.services.integrations import IntegrationRequest, IntegrationService
from sluicegate.services.keys import KeyService
from sluicegate.services.preferences import PreferenceService
from sluicegate.services.usage import UsageService
from sluicegate.services.users import UserService
from sluicegate.surfaces.library.parts import library_router, refusals
from sluicegate.surfaces.library.people_schemas import (
    IntegrationBody,
    IntegrationListBody,
    IntegrationRequestBody,
    KeyBody,
    MeBody,
    PreferencesBody,
    TestBody,
    UsageBody,
    integration_body,
    key_body,
    me_body,
    preferences_body,
    usage_body,
)

__all__ = ["PeopleServices", "router"]

_BODY_MAX: Final = 64 * 1024
_SECRET: Final = {"cache-control": "no-store"}

_Request = Request[Any, Any, Any]
_Kind = Annotated[str, PathParameter(description="Kind of the integration.", max_length=40)]
_Label = Annotated[str | None, QueryParameter(description="Which one, when there are several.", max_length=60)]


@dataclass(frozen=True, slots=True)
class PeopleServices:
    """What these routes call; ``callers`` verifies keys and tokens."""

    users: UserService
    keys: KeyService
    integrations: IntegrationService
    preferences: PreferenceService
    plans: Entitlements
    usage: UsageService


_Services = NamedDependency[SkipValidation[PeopleServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: PeopleServices) -> Router:
    """The routes below ``/v1``, for library keys and tokens."""
    handlers = [integrations, connect, probe, disconnect, show_key, rotate_key, me, usage, preferences, change]
    return library_router("/v1", handlers, services, body_max=_BODY_MAX)


@get("/integrations", summary="Connected backends and proxies", responses=refusals())
async def integrations(caller: _Caller, services: _Services) -> IntegrationListBody:
    """Oldest first, without their secrets."""
    return IntegrationListBody([integration_body(one) for one in await services.integrations.page(caller.user_id)])


@route(
    "/integrations",
    http_method=[HttpMethod.POST, HttpMethod.PUT],
    summary="Connect a backend or a proxy, or replace its secret",
    responses={201: ResponseSpec(IntegrationBody, description="Connected.", generate_examples=False)}
    | refusals(400, 409, 413, 422, 502),
    status_code=200,
)
async def connect(
    caller: _Caller, services: _Services, data: JSONBody[IntegrationRequestBody]
) -> Response[IntegrationBody]:
    """The secret is tried first, and kept encrypted; a kind that is connected already is updated."""
    request = IntegrationRequest(
        data.kind, Secret(data.token), data.label, data.config.base_url if data.config else None
    )
    integration, made = await services.integrations.connect(caller.user_id, request)
    return Response(integration_body(integration), status_code=201 if made else 200)


@post("/integrations/{kind:str}/test", summary="Try the secret", responses=refusals(404, 409, 502), status_code=200)
async def probe(caller: _Caller, services: _Services, kind: _Kind, label: _Label = None) -> TestBody:
    """``ok`` once the provider acknowledges the secret; a refusal is told in words."""
    error = await services.integrations.test(caller.user_id, kind, label)
    return TestBody(ok=error is None, error=error)


@delete("/integrations/{kind:str}", summary="Disconnect", responses=refusals(404, 409))
async def disconnect(caller: _Caller, services: _Services, kind: _Kind, label: _Label = None) -> None:
    """Forgets the secret; jobs stay, and so does everything at the provider."""
    await services.integrations.disconnect(caller.user_id, kind, label)


@get(["/api-key", "/api-keys"], summary="The own key; the first call makes it", responses=refusals())
async def show_key(caller: _Caller, services: _Services) -> Response[KeyBody]:
    """The current key with its plaintext, as the contract wants it."""
    return Response(key_body(*await services.keys.current(caller.user_id)), headers=_SECRET)


@post(["/api-key/rotate", "/api-keys/rotate"], summary="Replace the key", responses=refusals(), status_code=200)
async def rotate_key(caller: _Caller, services: _Services) -> Response[KeyBody]:
    """Ends the key that is sent (with a token: the newest one) and makes another, in one step."""
    used = None if isinstance(caller, TokenKey) else caller
    return Response(key_body(*await services.keys.rotate(caller.user_id, used)), headers=_SECRET)


@get(["/me", "/plan", "/entitlements"], summary="Who am I, and what does my plan include?", responses=refusals(404))
async def me(caller: _Caller, services: _Services) -> MeBody:
    """The caller and the plan."""
    user = await services.users.get(caller.user_id)
    return me_body(caller, user.name, await services.plans.of(caller.user_id))


@get("/usage", summary="Counters of the current month", responses=refusals())
async def usage(caller: _Caller, services: _Services) -> UsageBody:
    """What the caller has used."""
    return usage_body(await services.usage.of(caller.user_id))


@get("/preferences", summary="Streaming preferences", responses=refusals())
async def preferences(caller: _Caller, services: _Services) -> PreferencesBody:
    """All of them; what was never chosen has its default."""
    return preferences_body(await services.preferences.get(caller.user_id))


@patch("/preferences", summary="Change preferences", responses=refusals(400, 413))
async def change(caller: _Caller, services: _Services, data: JSONBody[dict[str, Any]]) -> PreferencesBody:
    """Changes what is named; null brings a default back, an unknown name is refused."""
    return preferences_body(await services.preferences.change(caller.user_id, data))
