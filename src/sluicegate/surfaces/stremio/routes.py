"""Routes of the Stremio add-on: manifest, catalog, meta, streams, a redirecting play address, and its pages."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import parse_qs
from uuid import UUID

from litestar import Request, Response, Router, get, post, route
from litestar.di import NamedDependency, Provide
from litestar.enums import HttpMethod
from litestar.openapi import ResponseSpec
from litestar.params import PathParameter, SkipValidation

from sluicegate.core.errors import InvalidInput, NotFound, Unauthenticated
from sluicegate.core.keys import Key, KeyKind
from sluicegate.core.ports import KeyVerifier
from sluicegate.services.link_keys import LinkKeyService
from sluicegate.services.playback import Viewer
from sluicegate.services.stremio import StremioService
from sluicegate.surfaces.stremio.cors import BASE
from sluicegate.surfaces.stremio.errors import EXCEPTION_HANDLERS
from sluicegate.surfaces.stremio.pages import PAGE_HEADERS, POSTER, STYLE, configure_page, install_page
from sluicegate.surfaces.stremio.paths import own_ids, read_path, wanted
from sluicegate.surfaces.stremio.rendering import CATALOG, OTHER, Links, manifest, meta, preview, stream
from sluicegate.surfaces.stremio.schemas import CatalogBody, ErrorBody, Manifest, MetaBody, StreamsBody
from sluicegate.web.limits import FailedAttempts
from sluicegate.web.routing import SurfaceRouter

__all__ = ["StremioServices", "router"]

_FORM_MAX: Final = 4 * 1024
_BRIEF: Final = {"cache-control": "private, max-age=30"}
"""A job that is ready should show within a moment; players ask in bursts."""
_STILL: Final = {"cache-control": "public, max-age=86400"}
_HTML: Final = "text/html"
_NOT_ADMITTED: Final = "This add-on address is not valid any more."

_Request = Request[Any, Any, Any]
_KeyText = Annotated[str, PathParameter(description="A key ts_… (or a library key tu_…).", max_length=200)]
_Name = Annotated[str, PathParameter(description="The file's name, for players that go by the extension.")]
_Id = Annotated[str, PathParameter(schema_extra={"format": "uuid"})]
_Rest = Annotated[
    str, PathParameter(description="Type, id and extras as the add-on protocol writes them, '.json' last.")
]


@dataclass(frozen=True, slots=True)
class StremioServices:
    """What these routes call; ``base_url`` is asked each time, as a port may be known late."""

    stremio: StremioService
    keys: KeyVerifier
    link_keys: LinkKeyService
    base_url: Callable[[], str]
    attempts: FailedAttempts | None


_Services = NamedDependency[SkipValidation[StremioServices]]
_Caller = NamedDependency[SkipValidation[Key]]
_Links = NamedDependency[SkipValidation[Links]]


def router(services: StremioServices) -> Router:
    """The add-on; serve it through ``with_cors``."""
    private = SurfaceRouter(
        path="/{key:str}",
        route_handlers=[show_manifest, catalog, show_meta, streams, play, configure_named],
        dependencies={"caller": Provide(_caller), "links": Provide(_links, sync_to_thread=False)},
    )
    return SurfaceRouter(
        path=BASE,
        route_handlers=[private, configure, install, style, poster],
        dependencies={"services": Provide(lambda: services, sync_to_thread=False)},
        exception_handlers=EXCEPTION_HANDLERS,
        request_max_body_size=_FORM_MAX,
        tags=["stremio"],
    )


async def _caller(request: _Request, services: _Services, key: _KeyText) -> Key:
    """The key in the path: made for the add-on, or a library key as in the contract."""
    kind = KeyKind.LIBRARY if key.startswith(KeyKind.LIBRARY.prefix) else KeyKind.STREMIO
    return await _verified(request, services, key, kind)


def _links(services: _Services, key: _KeyText) -> Links:
    return Links(services.base_url().rstrip("/") + BASE, key)


def _refusals(*statuses: int) -> dict[int, ResponseSpec]:
    return {
        status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.")
        for status in (400, 401, 429, *statuses)
    }


@get("/manifest.json", summary="What the add-on offers", responses=_refusals())
async def show_manifest(caller: _Caller) -> Response[Manifest]:
    """The same for every key."""
    del caller
    return Response(manifest(), headers=_BRIEF)


@get("/catalog/{rest:path}", summary="The library, page by page", responses=_refusals(404))
async def catalog(
    request: _Request, caller: _Caller, services: _Services, links: _Links, rest: _Rest
) -> Response[CatalogBody]:
    """``other/library.json``, with ``skip`` and ``search``; another catalog is empty."""
    del rest
    asked = read_path(request.scope["raw_path"], "catalog")
    if (asked.type, asked.id) != (OTHER, CATALOG):
        return Response(CatalogBody([]), headers=_BRIEF)
    found = await services.stremio.catalog(caller.user_id, search=asked.extra.get("search", ""), skip=asked.skip)
    return Response(CatalogBody([preview(entry, release, links) for entry, release in found]), headers=_BRIEF)


@get("/meta/{rest:path}", summary="One job with its files", responses=_refusals(404))
async def show_meta(
    request: _Request, caller: _Caller, services: _Services, links: _Links, rest: _Rest
) -> Response[MetaBody]:
    """For our own ids; null for what is not there, or somebody else's."""
    del rest
    asked = read_path(request.scope["raw_path"], "meta")
    ids = own_ids(asked.id)
    try:
        if ids is None:
            return Response(MetaBody(None), headers=_BRIEF)
        entry, release, files = await services.stremio.entry(caller.user_id, ids[0])
    except NotFound:
        return Response(MetaBody(None), headers=_BRIEF)
    return Response(MetaBody(meta(entry, release, files, links)), headers=_BRIEF)


@get("/stream/{rest:path}", summary="Ways to play a title", responses=_refusals(404))
async def streams(
    request: _Request, caller: _Caller, services: _Services, links: _Links, rest: _Rest
) -> Response[StreamsBody]:
    """Best first, for ``tt…`` ids and our own; an empty list when the library has nothing."""
    del rest
    asked = read_path(request.scope["raw_path"], "stream")
    title, ids = wanted(asked), own_ids(asked.id)
    if title is not None:
        found = await services.stremio.streams(caller.user_id, title)
    elif ids is not None:
        try:
            _, _, files = await services.stremio.entry(caller.user_id, ids[0])
        except NotFound:
            files = []
        found = [item for item in files if ids[1] in {None, item.file.id}]
    else:
        found = []
    return Response(StreamsBody([stream(item, links) for item in found]), headers=_BRIEF)


@route(
    "/play/{job_id:str}/{file_id:str}/{name:str}",
    http_method=[HttpMethod.GET, HttpMethod.HEAD],
    summary="Go to where a file plays",
    responses=_refusals(404, 409, 422, 502),
    status_code=302,
)
async def play(
    request: _Request, caller: _Caller, services: _Services, job_id: _Id, file_id: _Id, name: _Name
) -> Response[None]:
    """A link made for this moment: stream lists are cached by players, so they hold this address instead."""
    del name
    viewer = Viewer(request.client.host if request.client else None, caller.id)
    url = await services.stremio.play(caller.user_id, _uuid(job_id), _uuid(file_id), viewer)
    return Response(None, status_code=302, headers={"location": url, "cache-control": "no-store"})


@get("/configure", summary="The page that makes install links", media_type=_HTML)
async def configure() -> Response[str]:
    """For people without a link yet."""
    return Response(configure_page(BASE, named=False), headers=PAGE_HEADERS, media_type=_HTML)


@get("/configure", summary="The same, from an installed add-on", media_type=_HTML, responses=_refusals())
async def configure_named(caller: _Caller) -> Response[str]:
    """Stremio opens it from an installed add-on's settings."""
    del caller
    return Response(configure_page(BASE, named=True), headers=PAGE_HEADERS, media_type=_HTML)


@post("/install", summary="Make an install link", media_type=_HTML, responses=_refusals(413), status_code=200)
async def install(request: _Request, services: _Services) -> Response[str]:
    """The form proves itself by a library key, so no cookie could be misused; the link gets a key of its own."""
    form = await _form(request)
    owner = await _verified(request, services, form.get("key", "").strip(), KeyKind.LIBRARY)
    _, url = await services.link_keys.create(owner.user_id, str(KeyKind.STREMIO), form.get("label", "") or "Stremio")
    return Response(install_page(BASE, url), headers=PAGE_HEADERS, media_type=_HTML)


@get("/style.css", summary="The pages' style", media_type="text/css")
async def style() -> Response[str]:
    """A file of its own, so that pages need no inline style."""
    return Response(STYLE, headers=_STILL, media_type="text/css")


@get("/poster.svg", summary="The picture of every entry", media_type="image/svg+xml")
async def poster() -> Response[str]:
    """One for all."""
    return Response(POSTER, headers=_STILL, media_type="image/svg+xml")


async def _verified(request: _Request, services: StremioServices, text: str, kind: KeyKind) -> Key:
    """A library key here is a key, never a web token: those are too powerful and too short-lived for an address."""
    try:
        return await services.keys.verify(text if text.startswith(kind.prefix) else "", kind)
    except Unauthenticated:
        peer = request.client.host if request.client else ""
        if services.attempts is not None:
            services.attempts.check(peer)
            services.attempts.failed(peer)
        raise Unauthenticated(_NOT_ADMITTED, action="Make a new one on the add-on's configure page.") from None


async def _form(request: _Request) -> dict[str, str]:
    raw = await request.body()
    try:
        fields = parse_qs(raw.decode("ascii"), max_num_fields=10)
    except ValueError:
        raise InvalidInput("The form cannot be read.") from None
    return {name: values[0] for name, values in fields.items()}


def _uuid(text: str) -> UUID:
    """An id from the path; one that cannot be ours is as unknown as any other."""
    try:
        if len(text) == 36:
            return UUID(text)
    except ValueError:
        pass
    raise NotFound
