"""One OpenAPI document and one Swagger page for each surface, without a single request to another host."""

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, Final

from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect

from sluicegate.core.errors import InternalError, NotFound
from sluicegate.web.routing import SurfaceRouter

__all__ = ["SurfaceDocument", "docs_router", "shortcut", "surface_document"]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No inline script. Inline style is allowed because Swagger's own markup has style attributes."""

_PAGE_HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "x-frame-options": "DENY",
}
_ASSETS: Final = {
    "swagger.css": ("swagger_style.css", "text/css"),
    "swagger.js": ("swagger_bundle.js", "text/javascript"),
}
"""Served name: file in the package ``offapi``, which carries swagger-ui-dist, and its type."""

_START: Final = """"use strict";
const place = document.getElementById("swagger");
SwaggerUIBundle({
  domNode: place,
  url: place.dataset.document,
  validatorUrl: null,
  persistAuthorization: false,
  presets: [SwaggerUIBundle.presets.apis],
});
"""


@dataclass(frozen=True, slots=True)
class SurfaceDocument:
    """Which part of the application a document describes.

    Attributes:
        slug: its name in URLs.
        title: its heading.
        prefixes: paths that belong to it: each one itself and everything below.
        description: a sentence or two; Markdown.
    """

    slug: str
    title: str
    prefixes: tuple[str, ...]
    description: str = ""

    def covers(self, path: str) -> bool:
        """Whether ``path`` belongs to this surface."""
        return any(path == prefix or path.startswith(prefix.rstrip("/") + "/") for prefix in self.prefixes)


def surface_document(whole: Mapping[str, Any], surface: SurfaceDocument) -> dict[str, Any]:
    """The part of an OpenAPI document that describes one surface, with the components it refers to and no others."""
    paths = {path: item for path, item in whole.get("paths", {}).items() if surface.covers(path)}
    document: dict[str, Any] = {
        "openapi": whole["openapi"],
        "info": {**whole["info"], "title": surface.title, "description": surface.description},
        "paths": paths,
    }
    components = _components(whole.get("components", {}), paths)
    if components:
        document["components"] = components
    return document


def docs_router(surfaces: Sequence[SurfaceDocument]) -> Router:
    """``/docs`` (an index), ``/docs/<slug>`` (a Swagger page) and ``/docs/<slug>/openapi.json``."""
    by_slug = {surface.slug: surface for surface in surfaces}

    def known(slug: str) -> SurfaceDocument:
        if slug not in by_slug:
            raise NotFound("There is no such API description.")
        return by_slug[slug]

    @get("/", media_type=MediaType.HTML, sync_to_thread=False)
    def index() -> Response[str]:
        return Response(_index_page(surfaces), headers=_PAGE_HEADERS, media_type=MediaType.HTML)

    @get("/{slug:str}", media_type=MediaType.HTML, sync_to_thread=False)
    def page(slug: FromPath[str]) -> Response[str]:
        return Response(_swagger_page(known(slug)), headers=_PAGE_HEADERS, media_type=MediaType.HTML)

    @get("/{slug:str}/openapi.json", sync_to_thread=False)
    def document(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[dict[str, Any]]:
        return Response(_document_of(request.app, known(slug)), media_type=MediaType.JSON)

    @get("/assets/{name:str}", sync_to_thread=True)
    def asset(name: FromPath[str]) -> Response[bytes]:
        content, kind = _asset(name)
        headers = {"x-content-type-options": "nosniff", "cache-control": "public, max-age=86400"}
        return Response(content, media_type=f"{kind}; charset=utf-8", headers=headers)

    return SurfaceRouter(path="/docs", route_handlers=[index, page, document, asset], include_in_schema=False)


def shortcut(path: str, slug: str) -> HTTPRouteHandler:
    """``path`` leads to the page of ``slug``: where clients of its contract look for a description."""

    @get(path, include_in_schema=False, sync_to_thread=False)
    def lead() -> Redirect:
        return Redirect(f"/docs/{slug}")

    return lead


def _document_of(app: Litestar, surface: SurfaceDocument) -> dict[str, Any]:
    return surface_document(app.openapi_schema.to_schema(), surface)


def _components(components: Mapping[str, Any], paths: object) -> dict[str, Any]:
    """Whatever ``paths`` refers to, directly or through other components."""
    kept: dict[str, Any] = {}
    waiting = _references(paths)
    while waiting:
        group, _, name = waiting.pop().removeprefix("#/components/").partition("/")
        found = components.get(group, {}).get(name)
        if found is not None and name not in kept.get(group, {}):
            kept.setdefault(group, {})[name] = found
            waiting |= _references(found)
    if schemes := components.get("securitySchemes"):
        kept["securitySchemes"] = schemes
    return kept


def _references(part: object) -> set[str]:
    if isinstance(part, Mapping):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*(_references(value) for value in part.values()))
    if isinstance(part, list):
        return set[str]().union(*(_references(value) for value in part))
    return set()


def _asset(name: str) -> tuple[bytes, str]:
    if name == "start.js":
        return _START.encode("ascii"), "text/javascript"
    if name not in _ASSETS:
        raise NotFound("There is no such file.")
    file, kind = _ASSETS[name]
    return (_package_folder() / file).read_bytes(), kind


def _package_folder() -> Path:
    """Found, not imported: importing the package would read eight megabytes of other viewers into memory."""
    spec = importlib.util.find_spec("offapi")
    if spec is None or not spec.submodule_search_locations:
        raise InternalError("The package with Swagger's files is not installed.", action="Run 'make setup' again.")
    return Path(spec.submodule_search_locations[0])


def _swagger_page(surface: SurfaceDocument) -> str:
    slug, title = escape(surface.slug), escape(surface.title)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<link rel="stylesheet" href="/docs/assets/swagger.css"></head><body>'
        f'<div id="swagger" data-document="/docs/{slug}/openapi.json"></div>'
        '<script src="/docs/assets/swagger.js"></script><script src="/docs/assets/start.js"></script>'
        "</body></html>"
    )


def _index_page(surfaces: Sequence[SurfaceDocument]) -> str:
    items = "".join(
        f'<li><a href="/docs/{escape(surface.slug)}">{escape(surface.title)}</a></li>' for surface in surfaces
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>API descriptions</title></head>'
        f"<body><h1>API descriptions</h1><ul>{items}</ul></body></html>"
    )
