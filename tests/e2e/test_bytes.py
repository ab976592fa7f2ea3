"""The byte server on a real stored file, asked as players ask."""

import asyncio
from dataclasses import dataclass

import aiohttp
import pytest
from tests.e2e.client import finished, submit
from tests.faults.server import Server
from tests.media.site import Site

BODY = bytes(range(256)) * 4_000
SIZE = len(BODY)


@dataclass(frozen=True)
class Served:
    """A ready file: its signed URL and the validator of its content."""

    url: str
    etag: str


@pytest.fixture(scope="module")
async def served(house: Server) -> Served:
    with Site.running() as site:
        _, job = await submit(house, {"url": site.put("/film.mkv", BODY)})
        job = await finished(house, job["id"])
    _, link = await house.call("GET", f"/v1/torrents/{job['id']}/files/{job['files'][0]['id']}/stream")
    async with aiohttp.ClientSession() as session, session.head(link["url"]) as answer:
        return Served(link["url"], answer.headers["ETag"])


async def ask(served: Served, method: str = "GET", **headers: str) -> tuple[int, bytes, dict[str, str]]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.request(method, served.url, headers=named) as answer,
    ):
        return answer.status, await answer.read(), {name.lower(): value for name, value in answer.headers.items()}


async def test_the_whole_file_and_its_headers(served: Served):
    status, body, headers = await ask(served)
    assert (status, body) == (200, BODY)
    assert headers["accept-ranges"] == "bytes"
    assert headers["content-length"] == str(SIZE)
    assert headers["x-content-type-options"] == "nosniff"
    assert 'filename="film.mkv"' in headers["content-disposition"]


async def test_head_says_what_get_says_without_a_body(served: Served):
    _, _, get = await ask(served)
    status, body, head = await ask(served, "HEAD")
    assert (status, body) == (200, b"")
    for volatile in ("date", "server"):
        get.pop(volatile, None)
        head.pop(volatile, None)
    assert head == get


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=1000000-", 1_000_000, SIZE),
        ("bytes=-500", SIZE - 500, SIZE),
        ("bytes=-99999999", 0, SIZE),
        ("bytes=1023999-99999999", SIZE - 1, SIZE),
    ],
)
async def test_ranges(served: Served, asked: str, start: int, stop: int):
    status, body, headers = await ask(served, Range=asked)
    assert (status, body) == (206, BODY[start:stop])
    assert headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert headers["content-length"] == str(stop - start)
    # Ranges are defined for GET only (RFC 9110, section 14.2).
    status, body, head = await ask(served, "HEAD", Range=asked)
    assert (status, body, head["content-length"]) == (200, b"", str(SIZE))


@pytest.mark.parametrize("asked", [f"bytes={SIZE}-", "bytes=-0"])
async def test_a_range_beyond_the_end_cannot_be_satisfied(served: Served, asked: str):
    status, _, headers = await ask(served, Range=asked)
    assert (status, headers["content-range"]) == (416, f"bytes */{SIZE}")


async def test_if_range_gives_the_part_of_the_known_file_or_the_whole_new_one(served: Served):
    status, body, _ = await ask(served, Range="bytes=5-9", If_Range=served.etag)
    assert (status, body) == (206, BODY[5:10])
    status, body, _ = await ask(served, Range="bytes=5-9", If_Range='"another"')
    assert (status, body) == (200, BODY)


async def test_a_known_file_is_not_sent_again(served: Served):
    status, body, _ = await ask(served, If_None_Match=served.etag)
    assert (status, body) == (304, b"")


async def test_other_methods_and_forged_links_are_refused(served: Served):
    status, _, headers = await ask(served, "POST")
    assert (status, headers["allow"]) == (405, "GET, HEAD")
    token = served.url.split("/")[4]
    place = len(token) // 2
    forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
    status, body, _ = await ask(Served(served.url.replace(token, forged), ""))
    assert status == 403
    assert b"error" in body
