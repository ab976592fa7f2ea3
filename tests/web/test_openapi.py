import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

import pytest
from litestar import Litestar, Response, Router, get
from litestar.openapi import OpenAPIConfig
from tests.web.serving import Running, running

from sluicegate.core.errors import NotFound
from sluicegate.web.openapi import SurfaceDocument, docs_router, shortcut, surface_document


@dataclass
class Inner:
    size: int


@dataclass
class Film:
    name: str
    inner: Inner


@dataclass
class Track:
    artist: str


@get("/films")
async def films() -> list[Film]:
    return []


@get("/films-extra")
async def extra() -> list[Track]:
    return []


@get("/tracks")
async def tracks() -> list[Track]:
    return []


SURFACES = (
    SurfaceDocument("films", "Films & <more>", ("/films",), "About films."),
    SurfaceDocument("music", "Music", ("/tracks", "/films-extra")),
)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    app = Litestar(
        [Router("/", route_handlers=[films, tracks, extra]), docs_router(SURFACES), shortcut("/swagger", "films")],
        openapi_config=OpenAPIConfig("All", "1.2.3", path="/openapi"),
        exception_handlers={NotFound: lambda _, __: Response("", status_code=404)},
        logging_config=None,
    )
    with running(app) as server:  # type: ignore[arg-type]
        yield server


def test_each_surface_has_its_own_document(server: Running) -> None:
    films, music = (json.loads(server.get(f"/docs/{slug}/openapi.json")[1]) for slug in ("films", "music"))
    assert set(films["paths"]) == {"/films"}
    assert set(music["paths"]) == {"/tracks", "/films-extra"}
    assert {name.rpartition("_")[2] for name in films["components"]["schemas"]} == {"Film", "Inner"}
    assert {name.rpartition("_")[2] for name in music["components"]["schemas"]} == {"Track"}
    assert films["info"] == {"title": "Films & <more>", "version": "1.2.3", "description": "About films."}


def test_every_reference_of_a_document_can_be_followed(server: Running) -> None:
    for slug in ("films", "music"):
        text = server.get(f"/docs/{slug}/openapi.json")[1].decode()
        document = json.loads(text)
        for reference in re.findall(r'"#/([^"]+)"', text):
            part = document
            for step in reference.split("/"):
                part = part[step]


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._in_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        for name, value in attrs:
            if name in {"src", "href", "data-document"}:
                self.addresses.append(value or "")
            assert not name.startswith("on")

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline.append(data)


@pytest.mark.parametrize("path", ["/docs", "/docs/films", "/docs/music"])
def test_pages_load_from_here_alone(server: Running, path: str) -> None:
    response, body = server.get(path)
    assert response.status == 200
    policy = response.headers["Content-Security-Policy"]
    assert "script-src 'self';" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    links = Links()
    links.feed(body.decode())
    assert links.inline == []
    assert links.addresses
    for address in links.addresses:
        assert address.startswith("/docs/")
        response, content = server.get(address)
        assert response.status == 200, address
        assert content
        assert response.headers["X-Content-Type-Options"] == "nosniff" or address.endswith(".json")
    assert b"<more>" not in body


def test_the_assets_are_swagger_for_openapi_3_1(server: Running) -> None:
    script = server.get("/docs/assets/swagger.js")[1].decode()
    assert "SwaggerUIBundle" in script
    assert "OAS 3.1" in script or "openapi-3-1" in script or "OpenAPI31" in script or "isOAS31" in script


@pytest.mark.parametrize(
    "path", ["/docs/nothing", "/docs/assets/url.json", "/docs/assets/..%2f__init__.py", "/docs/x/openapi.json"]
)
def test_nothing_else_is_served(server: Running, path: str) -> None:
    assert server.get(path)[0].status == 404


def test_prefixes_are_whole_segments() -> None:
    surface = SurfaceDocument("a", "A", ("/jobs",))
    assert surface.covers("/jobs")
    assert surface.covers("/jobs/{id}")
    assert not surface.covers("/jobs-other")


def test_a_document_without_components() -> None:
    whole = {"openapi": "3.1.0", "info": {"title": "x", "version": "1"}, "paths": {"/a": {"get": {}}}}
    assert "components" not in surface_document(whole, SurfaceDocument("a", "A", ("/a",)))


def test_an_address_of_a_contract_leads_to_its_page(server: Running) -> None:
    response, _ = server.get("/swagger")
    assert (response.status, response.headers["Location"]) == (302, "/docs/films")
