"""Routers that are mounted as they are, and applications that are made by their first request."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

import aiohttp
import pytest
from litestar import Litestar, Request, delete, get, post, route
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath
from tests.surfaces.serving import serving

from sluicegate.web.asgi import Application, Receive, Scope, Send
from sluicegate.web.late import LateApplication
from sluicegate.web.routing import SurfaceRouter


@get("/films/{film:str}", sync_to_thread=False)
def show(film: FromPath[str]) -> str:
    return film


@delete("/films/{film:str}", sync_to_thread=False)
def remove(film: FromPath[str]) -> None:
    assert film


@post("/films", sync_to_thread=False)
def add() -> str:
    return "added"


@route("/own", http_method=["OPTIONS"], sync_to_thread=False)
def own() -> str:
    return "own"


def closed(request: Request[Any, Any, Any], _: object) -> None:
    if "key" not in request.headers:
        raise NotAuthorizedException


def application() -> Litestar:
    """A router below a router, as the dashboard has; the same handlers every time."""
    inner = SurfaceRouter("/", route_handlers=[show, remove], guards=[closed])
    return Litestar([SurfaceRouter("/v1", route_handlers=[add, own, inner])], openapi_config=None)


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    first, second = application(), application()
    assert [one.path for one in first.routes] == [one.path for one in second.routes]
    async with serving(first) as url:
        yield url


@pytest.mark.parametrize(("path", "methods"), [("/v1/films", "OPTIONS, POST"), ("/v1/films/a", "DELETE, GET, OPTIONS")])
async def test_options_tells_every_method_of_a_path(url: str, path: str, methods: str):
    async with aiohttp.ClientSession(headers={"key": "a"}) as session, session.options(url + path) as answer:
        assert (answer.status, answer.headers["allow"], await answer.read()) == (204, methods, b"")


async def test_a_route_may_answer_options_itself(url: str):
    async with aiohttp.ClientSession() as session, session.options(url + "/v1/own") as answer:
        assert await answer.text() == "own"


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "DELETE"])
async def test_the_guard_of_a_router_stands_before_all_that_is_in_it(url: str, method: str):
    async with aiohttp.ClientSession() as session:
        async with session.request(method, url + "/v1/films/a") as answer:
            assert answer.status == 401
        async with session.post(url + "/v1/films") as answer:
            assert (answer.status, await answer.text()) == (201, "added")


def behind_a_framework(late: LateApplication) -> Application:
    """As in the product: the server's start and end are heard by somebody else."""
    other = Litestar([], openapi_config=None)

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        await (late if scope["type"] == "http" else cast("Application", other))(scope, receive, send)

    return dispatch


async def test_many_first_requests_make_an_application_once():
    made: list[Litestar] = []

    def make() -> Application:
        made.append(application())
        return cast("Application", made[-1])

    app = behind_a_framework(LateApplication(make))
    async with serving(app) as url, aiohttp.ClientSession(headers={"key": "a"}) as session:
        assert made == []

        async def shown(name: str) -> str:
            async with session.get(f"{url}/v1/films/{name}") as answer:
                return await answer.text()

        assert await asyncio.gather(*map(shown, "abcdefgh")) == list("abcdefgh")
        assert len(made) == 1


async def test_an_application_that_could_not_be_made_is_made_by_the_next_request():
    tries = iter([RuntimeError("not yet"), application()])

    def make() -> Application:
        if isinstance(found := next(tries), Exception):
            raise found
        return cast("Application", found)

    app = behind_a_framework(LateApplication(make))
    async with serving(app) as url, aiohttp.ClientSession(headers={"key": "a"}) as session:
        for status in (500, 200, 200):
            async with session.get(f"{url}/v1/films/x") as answer:
                assert answer.status == status
