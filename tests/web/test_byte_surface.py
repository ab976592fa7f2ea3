"""The byte server as mounted in the framework: links, refusals, withdrawal."""

import asyncio
import contextlib
import json
import logging
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from litestar import Litestar
from tests.web.serving import Running, Source, content, read_all, running, until

from sluicegate.core.byte_source import ByteSource
from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import FileGone, NotFound, NotReady, RateLimited, SluicegateError, Unauthenticated
from sluicegate.surfaces.bytes.open_streams import OpenStreams
from sluicegate.surfaces.bytes.routes import router
from sluicegate.web.signing import ByteLinks, Grant, TokenSigner

USER, JOB, FILE = uuid4(), uuid4(), uuid4()
SIZE = 1_000_003


class Shelf:
    """Playback over one file of one user."""

    def __init__(self) -> None:
        self.source: ByteSource = Source(SIZE, name="my film.mkv")
        self.error: BaseException | None = None
        self.asked: list[tuple[UUID, str, UUID, str]] = []
        self.revoked: set[UUID] = set()

    async def open(self, user_id: UUID, job_kind: str, job_id: UUID, file_id: str) -> ByteSource:
        self.asked.append((user_id, job_kind, job_id, file_id))
        if self.error is not None:
            raise self.error
        if (user_id, job_id, file_id) != (USER, JOB, str(FILE)):
            raise NotFound
        return self.source

    async def check(self, key_id: UUID) -> None:
        if key_id in self.revoked:
            raise Unauthenticated


class Site:
    def __init__(self) -> None:
        self.shelf = Shelf()
        self.signer = TokenSigner([os.urandom(32)], SystemClock())
        self.links = ByteLinks(self.signer, lambda: "", SystemClock())
        self.streams = OpenStreams(per_user=3)
        surface = router(self.shelf, self.signer, streams=self.streams, keys=self.shelf)
        self.app = Litestar([surface], logging_config=None, openapi_config=None)
        self.server: Running

    def link(self, **changes: object) -> str:
        asked = {
            "user_id": USER,
            "job_kind": "job",
            "job_id": JOB,
            "file_id": str(FILE),
            "name": "my film.mkv",
            "expires_in": 60,
        }
        return self.links.sign(**{**asked, **changes})  # type: ignore[arg-type]


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    with running(site.app) as server:  # type: ignore[arg-type]
        site.server = server
        yield site


def test_a_link_plays(site: Site) -> None:
    response, body = site.server.get(site.link())
    assert (response.status, body) == (200, content(0, SIZE))
    assert response.headers["Content-Disposition"] == 'inline; filename="my film.mkv"'
    response, body = site.server.get(site.link(), headers={"Range": "bytes=7-99"})
    assert (response.status, body) == (206, content(7, 100))
    response, body = site.server.get(site.link(), method="HEAD")
    assert (response.status, body, response.headers["Content-Length"]) == (200, b"", str(SIZE))
    assert site.shelf.asked[0] == (USER, "job", JOB, str(FILE))


def test_the_kernel_path_works_through_the_framework(site: Site, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content(0, SIZE))
    site.shelf.source = Source(SIZE, local_path=path)
    for wanted in (slice(0, SIZE), slice(5, 70_000), slice(100, 900_000)):
        response, body = site.server.get(site.link(), headers={"Range": f"bytes={wanted.start}-{wanted.stop - 1}"})
        assert (response.status, body) == (206, content(wanted.start, wanted.stop))


def test_the_name_in_the_path_is_decoration(site: Site) -> None:
    token = site.link().split("/")[2]
    for path in (
        f"/bytes/{token}",
        f"/bytes/{token}/",
        f"/bytes/{token}/x.mkv",
        f"/bytes/{token}/a/b/https://evil.example/",
    ):
        response, body = site.server.get(path)
        assert (response.status, len(body)) == (200, SIZE)
        assert "Location" not in response.headers


def test_a_download_can_be_asked_for(site: Site) -> None:
    for query in ("?download", "?download=1", "?x=1&download"):
        response, _ = site.server.get(site.link() + query, method="HEAD")
        assert response.headers["Content-Disposition"].startswith("attachment")
    response, _ = site.server.get(site.link() + "?downloads=" + "&a" * 1000, method="HEAD")
    assert response.headers["Content-Disposition"].startswith("inline")


@pytest.mark.parametrize(
    "path",
    [
        "/bytes",
        "/bytes/",
        "/bytes//",
        "/bytes/x",
        "/bytes/../etc/passwd",
        "/bytes/%2e%2e/x",
        "/bytes/http://example.com/",
        "/bytes/" + "A" * 96,
    ],
)
def test_without_a_valid_token_there_is_nothing(site: Site, path: str) -> None:
    response, body = site.server.get(path)
    assert response.status in {403, 404}
    assert site.shelf.asked == []
    assert b"passwd" not in body


def test_every_altered_token_is_refused_alike(site: Site) -> None:
    _, route, token, name = site.link().split("/")
    answers = set()
    for place in range(0, len(token), 5):
        altered = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        response, body = site.server.get(f"/{route}/{altered}/{name}")
        answers.add((response.status, body))
    response, body = site.server.get(site.link(expires_in=-1))
    answers.add((response.status, body))
    response, body = site.server.get(
        "/bytes/" + TokenSigner([os.urandom(32)], SystemClock()).sign(Grant(USER, "job", JOB, str(FILE), 2**32 - 1))
    )
    answers.add((response.status, body))
    assert len(answers) == 1
    status, body = answers.pop()
    assert status == 403
    assert json.loads(body)["error"]
    assert site.shelf.asked == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"])
def test_other_methods_are_not_allowed(site: Site, method: str) -> None:
    response, _ = site.server.get(site.link(), method=method)
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert site.shelf.asked == []


def test_a_bound_link_works_from_its_address_alone(site: Site) -> None:
    assert site.server.get(site.link(address="127.0.0.1"))[0].status == 200
    assert site.server.get(site.link(address="127.0.0.2"))[0].status == 403
    forged = {"X-Forwarded-For": "127.0.0.2", "Forwarded": "for=127.0.0.2", "X-Real-IP": "127.0.0.2"}
    assert site.server.get(site.link(address="127.0.0.2"), headers=forged)[0].status == 403


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (NotFound(), 404),
        (NotReady(), 409),
        (FileGone(), 410),
        (RateLimited(retry_after=7.2), 429),
        (RuntimeError("a secret detail"), 500),
    ],
)
def test_refusals_of_the_service(site: Site, error: Exception, status: int, caplog: pytest.LogCaptureFixture) -> None:
    site.shelf.error = error
    link = site.link()
    with caplog.at_level(logging.DEBUG):
        response, body = site.server.get(link)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json"
    assert response.headers["Cache-Control"] == "no-store"
    assert b"secret" not in body
    if isinstance(error, SluicegateError):
        assert json.loads(body) == {"error": f"{error.detail} {error.action}"}
    if status == 429:
        assert response.headers["Retry-After"] == "8"
    assert link.split("/")[2] not in caplog.text
    head, body = site.server.get(link, method="HEAD")
    assert (head.status, body) == (status, b"")
    assert head.headers["Content-Length"] == response.headers["Content-Length"]


def test_another_users_token_reaches_only_that_users_files(site: Site) -> None:
    stranger = uuid4()
    assert site.server.get(site.link(user_id=stranger))[0].status == 404
    assert site.shelf.asked[0][0] == stranger


def test_a_link_of_a_key_dies_with_the_key(site: Site) -> None:
    key = uuid4()
    link = site.link(key_id=key)
    assert site.server.get(link, method="HEAD")[0].status == 200
    site.shelf.revoked.add(key)
    assert site.server.get(link, method="HEAD")[0].status == 403
    assert site.server.get(site.link(key_id=uuid4()), method="HEAD")[0].status == 200


@pytest.mark.parametrize("how", ["user", "key", "job"])
def test_an_open_stream_can_be_ended(site: Site, how: str) -> None:
    source = Source(10**12)
    site.shelf.source = source
    key = uuid4()
    with site.server.connect() as connection:
        connection.sendall(f"GET {site.link(key_id=key)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: source.read > 0)
        assert site.streams.end_user(uuid4()) == 0
        end = {
            "user": lambda: site.streams.end_user(USER),
            "key": lambda: site.streams.end_key(USER, key),
            "job": lambda: site.streams.end_job(USER, JOB),
        }[how]
        ended: list[int] = []
        asyncio.run_coroutine_threadsafe(_call(end, ended), loop_of(site)).result(5)
        assert ended == [1]
        until(lambda: source.closed == 1, 2)
        with contextlib.suppress(ConnectionError):
            assert 0 < len(read_all(connection)) < 10**12
    site.shelf.source = Source(SIZE)
    assert site.server.get(site.link())[0].status == 200


async def _call(end, ended: list[int]) -> None:
    ended.append(end())


def loop_of(site: Site) -> asyncio.AbstractEventLoop:
    return next(iter(site.server.server.server_state.connections)).loop


def test_a_user_has_so_many_streams_and_no_more(site: Site) -> None:
    source = Source(10**12)
    site.shelf.source = source
    link = site.link()
    connections = [site.server.connect() for _ in range(3)]
    try:
        for connection in connections:
            connection.sendall(f"GET {link} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        until(lambda: len(source.opened) == 3)
        response, _ = site.server.get(link)
        assert (response.status, response.headers["Retry-After"]) == (429, "5")
    finally:
        for connection in connections:
            connection.close()
    until(lambda: source.closed == 3)
    until(lambda: site.server.get(link, method="HEAD")[0].status == 200)


def test_a_client_that_goes_frees_the_source_through_the_framework(site: Site) -> None:
    source = Source(10**12)
    site.shelf.source = source
    connection = site.server.connect()
    connection.sendall(f"GET {site.link()} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    until(lambda: source.read > 0)
    connection.close()
    left = time.monotonic()
    until(lambda: source.closed == 1, 5)
    assert source.closed_at - left < 1


def test_expiry_is_a_moment(site: Site) -> None:
    now = int(datetime.now(UTC).timestamp())
    token = site.signer.sign(Grant(USER, "job", JOB, str(FILE), now + 1))
    assert site.server.get(f"/bytes/{token}", method="HEAD")[0].status in {200, 403}
    time.sleep(1.1)
    assert site.server.get(f"/bytes/{token}", method="HEAD")[0].status == 403
