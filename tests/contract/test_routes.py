"""Every route is described, and no route that belongs to somebody answers without a key (checklist T23)."""

import re
from collections.abc import AsyncIterator

import aiohttp
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from tests.faults.server import Server

from sluicegate.settings import Settings
from sluicegate.surfaces.ops.metrics import Metrics
from sluicegate.wiring import web
from sluicegate.wiring.dashboard import dashboard_router
from sluicegate.wiring.installation import open_installation

PUBLIC = {"/healthz", "/readyz", "/metrics", "/stremio/configure", "/stremio/style.css", "/stremio/poster.svg"}
FOR_STRANGERS = {
    "/app/sign-in",
    "/app/sign-in/passkey",
    "/app/sign-in/passkey/options",
    "/app/welcome",
    "/app/register",
    "/app/register/confirm",
    "/app/static/{version}/{name}",
    "/proxy-keys",
    "/provider-vault",
}
"""Pages that somebody who is not signed in needs, their looks, and addresses that only lead to a page."""
PAGES = ("/app", "/stremio")
"""Below these are no APIs: nothing of them is in a document."""
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}
Operation = tuple[str, str]


@pytest.fixture(scope="module")
async def operations(house: Server) -> set[Operation]:
    """Method and path of every route of every surface, from the router itself."""
    async with open_installation(Settings.load(data_dir=house.data)) as installation:
        app = Litestar([*web._surfaces(installation, Metrics()), dashboard_router(installation)], openapi_config=None)
        routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    return {
        (method, re.sub(r"\{(\w+):\w+\}", r"{\1}", route.path).rstrip("/") or "/")
        for route in routes
        for method in set(route.methods) & METHODS
    }


@pytest.fixture(scope="module")
async def stranger() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def test_every_route_is_in_its_surface_s_document(
    house: Server, operations: set[Operation], stranger: aiohttp.ClientSession
):
    described: set[Operation] = set()
    for document in web.DOCUMENTS:
        async with stranger.get(f"{house.url}/docs/{document.slug}/openapi.json") as answer:
            assert answer.status == 200
            paths = (await answer.json())["paths"]
        described |= {(method.upper(), path.rstrip("/")) for path, item in paths.items() for method in item}
    assert {(method, path) for method, path in operations if not path.startswith(PAGES)} <= described
    assert ("POST", "/v1/torrents") in operations
    assert ("GET", "/jobs/{job_id}") in operations


WRONG: list[dict[str, str]] = [
    {},
    {"Authorization": "Bearer tu_00000000_" + "0" * 32, "x-api-key": "sk_" + "0" * 40},
    {"Authorization": "Bearer ", "x-api-key": ""},
    {"Authorization": "Basic YWRtaW46YWRtaW4=", "x-api-key": "' OR 1=1 --"},
    {"Authorization": "Bearer " + "x" * 10_000, "x-api-key": "y" * 10_000},
]


@pytest.mark.parametrize("headers", WRONG, ids=["none", "unknown", "empty", "foreign", "huge"])
async def test_without_a_valid_key_nothing_answers(
    house: Server, operations: set[Operation], stranger: aiohttp.ClientSession, headers: dict[str, str]
):
    for method, path in sorted(operations):
        if path in PUBLIC | FOR_STRANGERS:
            continue
        url = house.url + re.sub(r"\{\w+\}", "00000000-0000-4000-8000-000000000000", path)
        body = {} if method == "POST" else None
        async with stranger.request(method, url, headers=headers, json=body, allow_redirects=False) as answer:
            if path.startswith("/app"):
                # To the sign-in, with nothing in the answer; a page that follows changes is told to stop by 204.
                assert answer.status in {204, 303, 401, 403}, f"{method} {path}"
                assert answer.status != 303 or answer.headers["location"].startswith("/app/sign-in"), path
                assert len(await answer.read()) < 200, path
                continue
            assert answer.status in {401, 429}, f"{method} {path}"
            assert (await answer.json()).keys() == {"error"}


async def test_a_key_of_one_kind_opens_no_other_surface(house: Server, stranger: aiohttp.ClientSession):
    library, media = await house.key("library"), await house.key("media")
    async with stranger.get(f"{house.url}/v1/torrents", headers={"Authorization": f"Bearer {media}"}) as answer:
        assert answer.status == 401
    async with stranger.get(f"{house.url}/jobs", headers={"x-api-key": library}) as answer:
        assert answer.status == 401


async def test_the_public_routes_are_these_and_no_more(house: Server, operations: set[Operation]):
    assert {path for _, path in operations if path in PUBLIC} == PUBLIC
    async with aiohttp.ClientSession() as session:
        for path in ("/", "/admin", "/debug/pprof", "/schema", "/static/../master.key", "/.env"):
            async with session.get(house.url + path, allow_redirects=False) as answer:
                assert answer.status in {401, 404}, path
