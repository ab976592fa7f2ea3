"""Bytes behind links: whole, in ranges, by HEAD, until they expire; never for a forged link."""

import asyncio
import hashlib
from urllib.parse import urlsplit

import psutil
import pytest
from tests.sandbox.caller import Caller, magnet

from sluicegate.sandbox.octets import BLOCK, sha256_of, spans

HASH = "a1" * 20
TOKEN = "sandbox-joe"
SIZE = 5 * BLOCK + 777
NAME = 'we ird/na"me ü%41.bin'


async def link_of(sandbox: Caller, size: int = SIZE) -> str:
    await sandbox.define(HASH, cached_on=["smokedebrid"], files=[{"path": NAME, "size": size}])
    made = await sandbox.call("POST", "/smokedebrid/v1/transfers", token=TOKEN, data={"magnet": magnet(HASH)})
    path = f"/smokedebrid/v1/transfers/{made.json['transfer']['id']}/files/0/link"
    return (await sandbox.call("POST", path, token=TOKEN)).json["url"]


async def test_the_whole_file(sandbox: Caller):
    reply = await sandbox.call("GET", await link_of(sandbox))
    assert (reply.status, reply.headers["content-length"]) == (200, str(SIZE))
    assert reply.headers["accept-ranges"] == "bytes"
    digest = (await sandbox.control("GET", f"/content/{HASH}"))["files"][0]["sha256"]
    assert hashlib.sha256(reply.body).hexdigest() == digest == sha256_of(HASH, NAME, SIZE)


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1-", 1, SIZE),
        (f"bytes={BLOCK - 1}-{BLOCK}", BLOCK - 1, BLOCK + 1),
        (f"bytes={4 * BLOCK}-{4 * BLOCK + 9}", 4 * BLOCK, 4 * BLOCK + 10),
        ("bytes=-5", SIZE - 5, SIZE),
        (f"bytes=-{SIZE * 2}", 0, SIZE),
        (f"bytes=10-{SIZE * 2}", 10, SIZE),
        (f"bytes={SIZE - 1}-", SIZE - 1, SIZE),
    ],
)
async def test_ranges(sandbox: Caller, wanted: str, start: int, stop: int):
    link = await link_of(sandbox)
    whole = (await sandbox.call("GET", link)).body
    part = await sandbox.call("GET", link, headers={"Range": wanted})
    assert part.status == 206
    assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/{SIZE}"
    assert part.body == whole[start:stop]


@pytest.mark.parametrize("wanted", [f"bytes={SIZE}-", "bytes=-0"])
async def test_ranges_that_cannot_be_met(sandbox: Caller, wanted: str):
    reply = await sandbox.call("GET", await link_of(sandbox), headers={"Range": wanted})
    assert (reply.status, reply.headers["content-range"], reply.body) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize("wanted", ["bytes=0-1,5-6", "rows=1-2", "bytes=9-3", "bytes=a-b", "bytes=-"])
async def test_other_ranges_give_the_whole_file(sandbox: Caller, wanted: str):
    reply = await sandbox.call("GET", await link_of(sandbox), headers={"Range": wanted})
    assert (reply.status, len(reply.body)) == (200, SIZE)


async def test_if_range(sandbox: Caller):
    link = await link_of(sandbox)
    etag = (await sandbox.call("HEAD", link)).headers["etag"]
    same = await sandbox.call("GET", link, headers={"Range": "bytes=0-0", "If-Range": etag})
    other = await sandbox.call("GET", link, headers={"Range": "bytes=0-0", "If-Range": '"x"'})
    assert (same.status, other.status) == (206, 200)


async def test_head_equals_get(sandbox: Caller):
    link = await link_of(sandbox)
    for headers in ({}, {"Range": "bytes=5-9"}):
        head, get = await sandbox.call("HEAD", link, headers=headers), await sandbox.call("GET", link, headers=headers)
        assert head.body == b""
        assert head.status == get.status
        assert head.headers.items() - get.headers.items() <= {("date", head.headers["date"])}


async def test_an_empty_file(sandbox: Caller):
    reply = await sandbox.call("GET", await link_of(sandbox, 0))
    assert (reply.status, reply.body) == (200, b"")


async def test_links_expire_on_world_time(sandbox: Caller):
    link = await link_of(sandbox)
    await sandbox.advance(6 * 3600 - 60)
    assert (await sandbox.call("GET", link)).status == 200
    await sandbox.advance(61)
    assert (await sandbox.call("GET", link)).status == 404


async def test_a_changed_link_opens_nothing(sandbox: Caller):
    link = await link_of(sandbox)
    head, _, name = link.rpartition("/")
    assert (await sandbox.call("GET", f"{head}/other-name.bin")).status == 200, "the name is decoration"
    for place in range(len(sandbox.url) + len("/files/smokedebrid/"), len(head)):
        if link[place] == "-":
            continue
        changed = link[:place] + ("0" if link[place] != "0" else "1") + link[place + 1 :]
        assert (await sandbox.call("GET", changed)).status == 404, place
    assert (await sandbox.call("GET", link.replace("/smokedebrid/", "/torbox/"))).status == 404
    assert name


async def test_only_reading(sandbox: Caller):
    reply = await sandbox.call("POST", await link_of(sandbox))
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")


async def test_no_two_blocks_are_alike():
    data = b"".join(spans(HASH, "a", 0, 64 * BLOCK))
    assert len({data[at : at + BLOCK] for at in range(0, len(data), BLOCK)}) == 64


async def test_stalled_readers_hold_little_memory_and_no_others(sandbox: Caller):
    """Back-pressure: a 1 GiB file is not pumped into clients that do not read, and leaving ends the pumping."""
    link = await link_of(sandbox, 1 << 30)
    address = urlsplit(link)
    before = psutil.Process().memory_info().rss
    writers = []
    for _ in range(4):
        reader, writer = await asyncio.open_connection(address.hostname, address.port, limit=1024)
        writer.write(f"GET {address.path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        await reader.readuntil(b"\r\n\r\n")
        writers.append(writer)
    await asyncio.sleep(0.5)
    assert psutil.Process().memory_info().rss - before < 64 << 20
    assert (await sandbox.call("GET", "/smokedebrid/v1/account", token=TOKEN)).status == 200
    for writer in writers:
        writer.transport.abort()
    for _ in range(200):
        statuses = [call["status"] for call in await sandbox.calls("files")]
        if all(statuses):
            break
        await asyncio.sleep(0.02)
    assert statuses == [200] * 4
