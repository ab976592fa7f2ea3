"""People who are signed in to the shared installation, and speak to its pages as a browser without scripts does."""

import html
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.faults.server import Server
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
"""Text that would run if a page took it for anything but text."""

_TOKEN = re.compile(r'name="form_token" value="(\w+)"')


@dataclass
class Person:
    """Somebody with a session.

    Attributes:
        name: unique in the installation.
        client: keeps the session's cookie and follows no redirects.
        token: what the forms of the session carry.
        password: how they sign in.
    """

    name: str
    client: httpx.AsyncClient
    token: str
    password: str = ""

    async def see(self, path: str, status: int = 200) -> str:
        """A page's text."""
        answer = await self.client.get(path)
        assert answer.status_code == status, (path, answer.status_code, answer.text[-600:])
        return answer.text

    async def send(self, path: str, status: int = 303, /, **fields: object) -> httpx.Response:
        """Sends a form; by default it must lead to another page."""
        answer = await self.client.post(path, data={"form_token": self.token, **fields})
        assert answer.status_code == status, (path, answer.status_code, _problems(answer.text))
        if status == 303:
            assert answer.headers["location"].startswith("/app")
        return answer

    async def done(self, path: str, /, **fields: object) -> str:
        """Sends a form and follows to the page that it leads to; that page's path."""
        place = (await self.send(path, **fields)).headers["location"]
        await self.see(place)
        return urlsplit(str(place)).path

    async def refused(self, path: str, field: str, /, **fields: object) -> str:
        """Sends a form that must be answered with a sentence beside ``field`` and with what was typed."""
        text = (await self.send(path, 422, **fields)).text
        assert f'id="{field}-problem"' in text, _problems(text)
        typed = fields.get(field)
        if isinstance(typed, str) and typed.strip() and f'<select id="{field}"' not in text:
            assert html.escape(typed, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        return text


@asynccontextmanager
async def signed_in(house: Server, *, admin: bool = False) -> AsyncIterator[Person]:
    """Somebody new, let in by an invitation."""
    link = await house.invitation(admin=admin)
    token, name = parse_qs(urlsplit(link).query)["token"][0], f"person-{uuid4().hex[:8]}"
    async with httpx.AsyncClient(base_url=house.url, timeout=90) as client:
        form = {"token": token, "name": name, "password": f"long enough {uuid4().hex}"}
        answer = await client.post("/app/welcome", data=form)
        assert answer.status_code == 303, answer.text[-600:]
        page = await client.get("/app")
        found = _TOKEN.search(page.text)
        assert found is not None
        yield Person(name, client, found[1], form["password"])


@pytest.fixture(scope="package")
async def ada(house: Server) -> AsyncIterator[Person]:
    """Somebody."""
    async with signed_in(house) as person:
        yield person


@pytest.fixture(scope="package")
async def eve(house: Server) -> AsyncIterator[Person]:
    """Somebody else, to whom nothing of Ada's exists."""
    async with signed_in(house) as person:
        yield person


@pytest.fixture
async def newcomer(house: Server) -> AsyncIterator[Person]:
    """Somebody who has done nothing yet, for tests of what is counted."""
    async with signed_in(house) as person:
        yield person


@pytest.fixture(scope="package")
async def operator(house: Server) -> AsyncIterator[Person]:
    """Somebody who runs the installation."""
    async with signed_in(house, admin=True) as person:
        yield person


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site on the loopback."""
    with Site.running() as here:
        yield here


@pytest.fixture(scope="package")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of picture and sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    ffmpeg(*picture("320x180", 2), *tone(2), *X264, "-c:a", "aac", "-movflags", "+faststart", path)
    return path


async def without_token(person: Person, path: str) -> None:
    """A form that no page of ours has sent is refused before anything is looked at."""
    for fields in ({}, {"form_token": "0" * len(person.token)}):
        answer = await person.client.post(path, data=fields)
        assert answer.status_code == 403, (path, answer.status_code)
    foreign = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = await person.client.post(path, data={"form_token": person.token}, headers=foreign)
    assert answer.status_code == 403, (path, answer.status_code)


def _problems(text: str) -> list[str]:
    return re.findall(r'<span class="problem"[^>]*>.*?</span>|<p class="flash error".*?</p>', text)
