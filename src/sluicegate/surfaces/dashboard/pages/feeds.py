"""Feeds: subscriptions and what was made of their items; links of one's own for feed readers and for Stremio."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter, SkipValidation
from litestar.response import Redirect

from sluicegate.core.errors import ForbiddenAddress, NotFound, SluicegateError
from sluicegate.core.feeds import INTERVAL_DEFAULT, INTERVAL_MAX, INTERVAL_MIN, PollReport, Quality, Verdict
from sluicegate.core.keys import KeyKind
from sluicegate.services.feeds import FeedChange
from sluicegate.surfaces.dashboard.forms import Form, sentence
from sluicegate.surfaces.dashboard.frame import Frame, go
from sluicegate.surfaces.dashboard.returning import returning
from sluicegate.surfaces.dashboard.services import DashboardServices
from sluicegate.surfaces.dashboard.sessions import session_of

__all__ = ["HANDLERS"]

_Request = Request[Any, Any, Any]
_Services = NamedDependency[SkipValidation[DashboardServices]]
_Offset = Annotated[int, QueryParameter(ge=0, le=10_000_000)]
_PATH: Final = "/app/feeds"
_PAGE: Final = 25
_ITEMS: Final = 50
_LINKS: Final = 50
_MINUTE: Final = 60
_FIELDS: Final = {"poll_interval_seconds": "minutes"}
_FRAME: Final = Frame(
    "feeds",
    {
        "added": "You follow this feed. It is read within seconds; what it lists from before is left alone.",
        "changed": "The feed is changed.",
        "removed": "You no longer follow the feed; jobs that it made stay.",
        "revoked": "The link is revoked: it is refused from this moment.",
    },
)
TONES: Final = {
    Verdict.SUBMITTED: "good",
    Verdict.REFUSED: "bad",
    Verdict.RETRY: "warn",
}
_QUALITIES: Final = ((Quality.ANY, "Any"), (Quality.FULL_HD, "1080p"), (Quality.ULTRA_HD, "4K"))
_KINDS: Final = ((KeyKind.FEED, "A feed reader"), (KeyKind.STREMIO, "Stremio"))


@dataclass(frozen=True, slots=True)
class _Made:
    """A link with a key in it, shown this once; ``install`` opens Stremio."""

    kind: KeyKind
    url: str = field(repr=False)
    install: str = field(default="", repr=False)


@get("/feeds")
async def page(request: _Request, services: _Services, offset: _Offset = 0) -> Response[str]:
    """Subscriptions, and links of one's own."""
    return await _page(request, services, Form(), offset=offset)


@post("/feeds")
async def add(request: _Request, services: _Services) -> Response[str] | Redirect:
    """Follows a feed."""
    form = await Form.of(request)
    change = _change(form, needed=True)
    if not form.errors:
        try:
            feed = await services.feeds.add(session_of(request).user_id, change)
        except SluicegateError as error:
            _refuse(form, error)
        else:
            return go(f"{_PATH}/{feed.id}", "added")
    return await _page(request, services, form)


@get("/feeds/{feed_id:uuid}")
async def show(request: _Request, services: _Services, feed_id: FromPath[UUID], offset: _Offset = 0) -> Response[str]:
    """One feed and what was made of its items."""
    return await _feed_page(request, services, feed_id, Form(), offset=offset)


@post("/feeds/{feed_id:uuid}")
async def change(request: _Request, services: _Services, feed_id: FromPath[UUID]) -> Response[str] | Redirect:
    """Changes it; an address that is left empty stays."""
    form = await Form.of(request)
    wanted = _change(form, needed=False)
    if not form.errors:
        try:
            await services.feeds.update(session_of(request).user_id, feed_id, wanted)
        except NotFound:
            raise
        except SluicegateError as error:
            _refuse(form, error)
        else:
            return go(f"{_PATH}/{feed_id}", "changed")
    return await _feed_page(request, services, feed_id, form)


@post("/feeds/{feed_id:uuid}/poll")
async def poll(request: _Request, services: _Services, feed_id: FromPath[UUID]) -> Response[str]:
    """Reads it now, and shows what that brought."""
    try:
        report = await services.poller.poll(feed_id, user_id=session_of(request).user_id)
    except NotFound:
        raise
    except SluicegateError as error:
        return await _feed_page(request, services, feed_id, Form(errors={"": sentence(error)}))
    return await _feed_page(request, services, feed_id, Form(), report=report)


@post("/feeds/{feed_id:uuid}/remove")
async def remove(request: _Request, services: _Services, feed_id: FromPath[UUID]) -> Redirect:
    """Unfollows it."""
    await services.feeds.remove(session_of(request).user_id, feed_id)
    return go(_PATH, "removed")


@post("/feeds/links")
async def make_link(request: _Request, services: _Services) -> Response[str]:
    """Makes a link for one reader or player; this answer, and no other, shows it."""
    form = await Form.of(request)
    kind, label = form.text("kind", most=10), form.text("label", most=100)
    made = None
    if not form.errors:
        try:
            key, url = await services.link_keys.create(session_of(request).user_id, kind, label)
        except SluicegateError as error:
            form.errors["kind" if error.field == "kind" else ""] = (
                "Choose one of the list." if error.field == "kind" else sentence(error)
            )
        else:
            form.values.clear()
            made = _Made(key.kind, url, _install(key.kind, url))
    return await _page(request, services, form, made=made)


@post("/feeds/links/{key_id:uuid}/revoke")
async def revoke_link(request: _Request, services: _Services, key_id: FromPath[UUID]) -> Redirect:
    """Ends a link."""
    await services.link_keys.revoke(session_of(request).user_id, key_id)
    return go(_PATH, "revoked")


def _change(form: Form, *, needed: bool) -> FeedChange:
    """What the form wants; what is wrong is noted in it."""
    minutes = form.number("minutes", float, least=INTERVAL_MIN / _MINUTE, most=INTERVAL_MAX / _MINUTE)
    return FeedChange(
        name=form.needed("name", most=200),
        url=(form.needed("url", most=4096) if needed else form.text("url", most=4096)) or None,
        filter_regex=form.text("filter_regex", most=1000),
        filter_quality=form.text("filter_quality", most=10) or str(Quality.ANY),
        interval=INTERVAL_DEFAULT if minutes is None else round(minutes * _MINUTE),
        enabled=None if needed else form.flag("enabled"),
    )


def _refuse(form: Form, error: SluicegateError) -> None:
    """Notes an error at its field, without the name that the API has for it."""
    field = "url" if isinstance(error, ForbiddenAddress) else error.field or ""
    name = _FIELDS.get(field, field)
    words = sentence(error).removeprefix(f"{error.field}: ") if error.field else sentence(error)
    form.errors[name if name in form.values else ""] = words[:1].upper() + words[1:]


def _install(kind: KeyKind, url: str) -> str:
    """The same address under the scheme that Stremio registers for itself."""
    return f"stremio://{url.partition('://')[2]}" if kind is KeyKind.STREMIO else ""


async def _page(
    request: _Request, services: DashboardServices, form: Form, *, offset: int = 0, made: _Made | None = None
) -> Response[str]:
    user_id = session_of(request).user_id
    feeds = await services.feeds.page(user_id, limit=_PAGE + 1, offset=offset)
    return _FRAME.page(
        request,
        "feeds.html",
        form=form,
        feeds=feeds[:_PAGE],
        hosts={feed.id: urlsplit(feed.url).hostname for feed in feeds},
        links=await services.link_keys.page(user_id, limit=_LINKS, offset=0),
        made=made,
        qualities=_QUALITIES,
        kinds=_KINDS,
        minutes=INTERVAL_DEFAULT // _MINUTE,
        offset=offset,
        limit=_PAGE,
        more=len(feeds) > _PAGE,
    )


async def _feed_page(
    request: _Request,
    services: DashboardServices,
    feed_id: UUID,
    form: Form,
    *,
    offset: int = 0,
    report: PollReport | None = None,
) -> Response[str]:
    user_id = session_of(request).user_id
    feed = await services.feeds.get(user_id, feed_id)
    items = await services.feeds.items(user_id, feed_id, limit=_ITEMS + 1, offset=offset)
    return _FRAME.page(
        request,
        "feed.html",
        form=form,
        feed=feed,
        host=urlsplit(feed.url).hostname,
        items=items[:_ITEMS],
        tones=TONES,
        report=report,
        qualities=_QUALITIES,
        minutes=feed.interval / _MINUTE,
        offset=offset,
        limit=_ITEMS,
        more=len(items) > _ITEMS,
    )


_BACK: Final = returning(1, "/feeds/links", "/feeds/{feed_id:uuid}/poll")
HANDLERS: Final = (page, add, make_link, revoke_link, show, change, poll, remove, _BACK)
