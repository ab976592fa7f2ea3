"""Preferences: where things are fetched, how they play, the own stream proxy, keys and tokens for the API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from uuid import UUID

from litestar import MediaType, Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.cascade import CascadePreferences
from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.core.keys import KeyKind
from sluicegate.core.names import display_text
from sluicegate.core.playback import PlaybackMode
from sluicegate.core.secrets import Secret
from sluicegate.core.stream_proxies import ProxyKind
from sluicegate.services.integrations import IntegrationRequest
from sluicegate.services.preferences import QUALITIES
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.rendering import page_headers
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_PATH: Final = "/app/preferences"
_GIB: Final = 1 << 30
_SIZE_MAX_GIB: Final = float(1 << 30)
_SEEDS_MAX: Final = 1_000_000
_PAGE: Final = 25
_LABEL_MAX: Final = 100
_TOKEN_SECONDS: Final = 900
_KEY_KINDS: Final = {KeyKind.LIBRARY: "Library (tu_…)", KeyKind.MEDIA: "Media jobs (sk_…)"}
_PROXIES: Final = {ProxyKind.MEDIAFLOW: "MediaFlow", ProxyKind.STREMTHRU: "StremThru"}
_PLAYBACKS: Final = {
    "": "As each player needs it",
    PlaybackMode.DIRECT: "Straight from the provider",
    PlaybackMode.PROXIED: "Through this server",
}
_TICKS: Final = ("hide_uncached", "use_proxy", "plain_proxy_links", "bind_address")
_PROXY_FIELDS: Final = {"config.base_url": "base_url", "base_url": "base_url", "token": "proxy_token", "kind": "kind"}
_FRAME: Final = Frame(
    "preferences",
    {
        "kept": "Your preferences are kept.",
        "connected": "The proxy answered and is connected.",
        "tried": "The proxy answered.",
        "removed": "The proxy is removed; its password is forgotten here.",
        "revoked": "The key is revoked: it opens nothing from now on.",
    },
)


@dataclass(frozen=True, slots=True)
class _Made:
    """A secret that is shown this once."""

    what: str
    secret: str = field(repr=False)
    note: str = ""


@get("/preferences")
async def page(
    request: _Request, services: _Services, offset: Annotated[int, QueryParameter(ge=0, le=1_000_000)] = 0
) -> Response[str]:
    """The page."""
    return await _page(request, services, Form(), offset=offset)


@post("/preferences/placing")
async def placing(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Keeps where things are fetched."""
    form = await Form.of(request)
    names = form.text("prefer", most=500).replace(",", " ").split()
    size = form.number("max_size", float, least=0.001, most=_SIZE_MAX_GIB)
    seeds = form.number("min_seeds", int, least=0, most=_SEEDS_MAX)
    chosen = CascadePreferences(
        prefer=tuple(name.lower() for name in names),
        only_cached=form.flag("only_cached"),
        max_size=None if size is None else round(size * _GIB),
        min_seeds=seeds,
    )
    if not form.errors:
        try:
            await services.cascade_preferences.set(session_of(request).user_id, chosen)
        except SluicegateError as error:
            form.refused(error)
        else:
            return go(_PATH, "kept")
    return await _page(request, services, form, sent="placing")


@post("/preferences/playing")
async def playing(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Keeps how things play and what lists show."""
    form = await Form.of(request)
    changes: dict[str, Any] = {name: form.flag(name) for name in _TICKS}
    changes |= {name: form.text(name, most=40) or None for name in ("playback", "preferred_quality", "proxy_kind")}
    if not form.errors:
        try:
            await services.preferences.change(session_of(request).user_id, changes)
        except SluicegateError as error:
            form.refused(error)
        else:
            return go(_PATH, "kept")
    return await _page(request, services, form, sent="playing")


@post("/preferences/proxies")
async def connect(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Connects a stream proxy, after it was tried."""
    form = await Form.of(request)
    token = form.secret("proxy_token", most=4000).strip()
    kind, base_url = form.needed("kind", most=40), form.needed("base_url", most=2000)
    if not token:
        form.errors.setdefault("proxy_token", "Please fill this in.")
    if kind and kind not in _PROXIES:
        form.errors["kind"] = f"One of: {', '.join(_PROXIES)}."
    if not form.errors:
        wanted = IntegrationRequest(kind, Secret(token), None, base_url)
        try:
            await services.integrations.connect(session_of(request).user_id, wanted)
        except SluicegateError as error:
            form.errors[_PROXY_FIELDS.get(error.field or "", "base_url")] = sentence(error)
        else:
            return go(_PATH, "connected")
    return await _page(request, services, form, sent="proxy")


@post("/preferences/proxies/{kind:str}/test")
async def try_proxy(request: _Request, services: _Services, kind: FromPath[str]) -> Response[str] | Redirect:
    """Asks the proxy whether the password still works."""
    try:
        refused = await services.integrations.test(session_of(request).user_id, _proxy_kind(kind))
    except NotFound:
        raise
    except SluicegateError as error:
        refused = sentence(error)
    if refused is None:
        return go(_PATH, "tried")
    return await _page(request, services, Form(errors={"": refused}))


@post("/preferences/proxies/{kind:str}/remove")
async def remove_proxy(request: _Request, services: _Services, kind: FromPath[str]) -> Redirect:
    """Forgets the proxy."""
    await services.integrations.disconnect(session_of(request).user_id, _proxy_kind(kind))
    return go(_PATH, "removed")


@post("/preferences/keys")
async def make_key(request: _Request, services: _Services) -> Response[str]:
    """Makes a key; this answer, and no other, holds its secret."""
    form = await Form.of(request)
    kind, label = form.needed("key_kind", most=40), form.text("key_label", most=_LABEL_MAX)
    if kind and kind not in _KEY_KINDS:
        form.errors["key_kind"] = "Choose what the key opens."
    made = None
    if not form.errors:
        _, secret = await services.keys.create(
            session_of(request).user_id, KeyKind(kind), display_text(label, _LABEL_MAX)
        )
        form.values.clear()
        made = _Made("The key is made.", secret.reveal())
    return await _page(request, services, form, sent="key", made=made)


@post("/preferences/keys/{key_id:uuid}/revoke")
async def revoke_key(request: _Request, services: _Services, key_id: FromPath[UUID]) -> Redirect:
    """Ends a key."""
    await services.keys.revoke_own(session_of(request).user_id, key_id, frozenset(_KEY_KINDS))
    return go(_PATH, "revoked")


@post("/preferences/token")
async def show_token(request: _Request, services: _Services) -> Response[str]:
    """Makes a token for a script, and shows it this once."""
    made = _Made(
        "The token is made.",
        _token(request, services),
        f"It works for {_TOKEN_SECONDS // 60} minutes, and ends at once when you sign out here.",
    )
    return await _page(request, services, Form(), made=made)


@post("/token")
async def token(request: _Request, services: _Services) -> Response[dict[str, Any]]:
    """A token for pages and scripts that hold this session: ``{"token", "token_type", "expires_in"}``."""
    answer = {"token": _token(request, services), "token_type": "Bearer", "expires_in": _TOKEN_SECONDS}
    return Response(answer, status_code=200, headers=page_headers(), media_type=MediaType.JSON)


def _token(request: _Request, services: DashboardServices) -> str:
    session = session_of(request)
    return services.issue_token(session.user_id, str(session.id)).reveal()


def _proxy_kind(kind: str) -> str:
    if kind not in _PROXIES:
        raise NotFound("There is no such kind of proxy.")
    return kind


async def _page(
    request: _Request,
    services: DashboardServices,
    form: Form,
    *,
    sent: str = "",
    made: _Made | None = None,
    offset: int = 0,
) -> Response[str]:
    user_id = session_of(request).user_id
    placed = await services.cascade_preferences.get(user_id)
    keys = await services.keys.page(user_id, limit=1000)
    shown = [key for key in keys if key.kind in _KEY_KINDS]
    connected = [one for one in await services.integrations.page(user_id) if one.kind in _PROXIES]
    return _FRAME.page(
        request,
        "preferences.html",
        form=form,
        placed=placed,
        max_size=f"{placed.max_size / _GIB:.3f}".rstrip("0").rstrip(".") if placed.max_size else "",
        only_cached=form.flag("only_cached") if sent == "placing" else placed.only_cached,
        chosen=_chosen(await services.preferences.get(user_id), form if sent == "playing" else None),
        names=_names(services),
        playbacks=list(_PLAYBACKS.items()),
        qualities=[(one, "Any" if one == "any" else one) for one in reversed(QUALITIES)],
        proxy_kinds=list(_PROXIES.items()),
        proxies=connected,
        key_kinds=list(_KEY_KINDS.items()),
        kinds=_KEY_KINDS,
        keys=shown[offset : offset + _PAGE],
        now=datetime.now(UTC),
        made=made,
        offset=offset,
        limit=_PAGE,
        more=len(shown) > offset + _PAGE,
    )


def _chosen(kept: Mapping[str, Any], sent: Form | None) -> Callable[[str], Any]:
    """A preference as it was just sent, or as it is kept."""
    return lambda name: sent.flag(name) if sent is not None and name in _TICKS else kept[name]


def _names(services: DashboardServices) -> list[tuple[str, str]]:
    local = services.providers.local_names()
    return [(name, services.providers.manifest(name).title) for name in services.providers.names() if name not in local]


HANDLERS: Final = (
    page,
    placing,
    playing,
    connect,
    try_proxy,
    remove_proxy,
    make_key,
    revoke_key,
    show_token,
    token,
)
