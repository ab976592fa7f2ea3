"""Faults of the wire, seen from a raw socket."""

import asyncio
import time
from urllib.parse import urlsplit

import pytest
from tests.sandbox.caller import Caller, magnet

HASH = "a1" * 20
TOKEN = "sandbox-joe"
ACCOUNT = "/smokedebrid/v1/account"
SIZE = 1_000_000


async def account(sandbox: Caller):
    return await sandbox.call("GET", ACCOUNT, token=TOKEN)


async def file_link(sandbox: Caller) -> str:
    await sandbox.define(HASH, cached_on=["smokedebrid"], files=[{"path": "a.bin", "size": SIZE}])
    made = await sandbox.call("POST", "/smokedebrid/v1/transfers", token=TOKEN, data={"magnet": magnet(HASH)})
    path = f"/smokedebrid/v1/transfers/{made.json['transfer']['id']}/files/0/link"
    return (await sandbox.call("POST", path, token=TOKEN)).json["url"]


async def raw(url: str) -> tuple[bytes, BaseException | None]:
    """Everything that came, and what ended it."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    got = b""
    try:
        writer.write(f"GET {address.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n".encode())
        while piece := await asyncio.wait_for(reader.read(65536), 20):
            got += piece
    except ConnectionResetError as error:
        return got, error
    finally:
        writer.close()
    return got, None


async def test_reset_is_a_tcp_reset_before_any_byte(sandbox: Caller):
    await sandbox.fault("smokedebrid", "reset")
    got, error = await raw(sandbox.url + ACCOUNT)
    assert (got, type(error)) == (b"", ConnectionResetError)
    assert (await sandbox.calls("smokedebrid"))[0]["status"] == 0
    assert (await account(sandbox)).status == 200


async def test_a_reset_call_has_not_acted_and_a_cut_one_has(sandbox: Caller):
    path, data = "/smokedebrid/v1/transfers", {"magnet": magnet(HASH)}
    truth = f"/transfers?provider=smokedebrid&token={TOKEN}"
    await sandbox.fault("smokedebrid", "reset", call="POST /v1/transfers")
    with pytest.raises((ConnectionError, IndexError, ValueError)):
        await sandbox.call("POST", path, token=TOKEN, data=data)
    assert (await sandbox.control("GET", truth))["items"] == []
    await sandbox.fault("smokedebrid", "cut", call="POST /v1/transfers")
    with pytest.raises(EOFError):
        await sandbox.call("POST", path, token=TOKEN, data=data)
    assert len((await sandbox.control("GET", truth))["items"]) == 1


async def test_cut_promises_more_than_it_sends(sandbox: Caller):
    await sandbox.fault("smokedebrid", "cut")
    got, error = await raw(sandbox.url + ACCOUNT)
    head, _, body = got.partition(b"\r\n\r\n")
    promised = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    assert error is None
    assert 0 < len(body) == promised // 2


async def test_cut_of_an_answer_without_a_body(sandbox: Caller):
    made = await sandbox.call("POST", "/smokedebrid/v1/transfers", token=TOKEN, data={"magnet": magnet(HASH)})
    await sandbox.fault("smokedebrid", "cut")
    with pytest.raises(EOFError):
        await sandbox.call("DELETE", f"/smokedebrid/v1/transfers/{made.json['transfer']['id']}", token=TOKEN)


async def test_doubled_is_the_real_answer_twice(sandbox: Caller):
    plain = await account(sandbox)
    await sandbox.fault("smokedebrid", "doubled")
    assert (await account(sandbox)).body == plain.body * 2


@pytest.mark.parametrize(("told", "status"), [({}, 200), ({"status": 503}, 503)])
async def test_html(sandbox: Caller, told: dict, status: int):
    await sandbox.fault("smokedebrid", "html", **told)
    reply = await account(sandbox)
    assert (reply.status, reply.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert reply.body.startswith(b"<!DOCTYPE html>")


async def test_slow_answers_late_and_rightly(sandbox: Caller):
    await sandbox.fault("smokedebrid", "slow", seconds=0.4)
    start = time.monotonic()
    assert (await account(sandbox)).status == 200
    assert time.monotonic() - start >= 0.4


async def test_hang_says_nothing_and_gives_up_after_its_seconds(sandbox: Caller):
    await sandbox.fault("smokedebrid", "hang", seconds=0.4)
    start = time.monotonic()
    got, _ = await raw(sandbox.url + ACCOUNT)
    assert got == b""
    assert time.monotonic() - start >= 0.4


async def test_a_client_that_leaves_a_hang_frees_it(sandbox: Caller):
    await sandbox.fault("smokedebrid", "hang", seconds=60)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(account(sandbox), 0.2)
    for _ in range(100):
        calls = await sandbox.calls("smokedebrid")
        if calls and not (await sandbox.control("GET", "/faults"))["items"]:
            break
        await asyncio.sleep(0.02)
    assert (await account(sandbox)).status == 200


async def test_status_replaces_the_documented_one(sandbox: Caller):
    await sandbox.fault("smokedebrid", "server_error", status=521)
    assert (await account(sandbox)).status == 521


async def test_the_star_does_not_touch_bytes_except_to_expire_them(sandbox: Caller):
    link = await file_link(sandbox)
    await sandbox.fault("smokedebrid", "gone")
    assert (await sandbox.call("GET", link)).status == 200
    assert (await account(sandbox)).status == 410
    await sandbox.fault("smokedebrid", "expired_link")
    assert (await sandbox.call("GET", link)).status == 404
    assert (await sandbox.call("GET", link)).status == 200
    await sandbox.fault("smokedebrid", "expired_link")
    assert (await account(sandbox)).status == 410
    assert (await account(sandbox)).status == 200


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("rate_limited", 429),
        ("server_error", 503),
        ("quota", 509),
        ("slots_full", 429),
        ("bad_token", 403),
        ("gone", 410),
        ("html", 200),
    ],
)
async def test_faults_of_file_servers(sandbox: Caller, fault: str, status: int):
    link = await file_link(sandbox)
    await sandbox.fault("smokedebrid", fault, call="/files/*", seconds=5)
    reply = await sandbox.call("GET", link)
    assert reply.status == status
    assert len(reply.body) < 1000
    assert reply.headers.get("retry-after") == ("5" if fault == "rate_limited" else None)


@pytest.mark.parametrize("fault", ["cut", "reset", "hang"])
async def test_bytes_that_break_off_half_way(sandbox: Caller, fault: str):
    link = await file_link(sandbox)
    await sandbox.fault("smokedebrid", fault, call="/files/*", seconds=0.3)
    got, error = await raw(link)
    body = got.partition(b"\r\n\r\n")[2]
    assert len(body) <= SIZE // 2
    if fault == "cut":
        assert (len(body), error) == (SIZE // 2, None)
    assert len((await sandbox.call("GET", link)).body) == SIZE


async def test_slow_bytes_begin_late(sandbox: Caller):
    link = await file_link(sandbox)
    await sandbox.fault("smokedebrid", "slow", call="/files/smokedebrid/*", seconds=0.3)
    start = time.monotonic()
    assert len((await sandbox.call("GET", link)).body) == SIZE
    assert time.monotonic() - start >= 0.3


async def test_head_suffers_too(sandbox: Caller):
    link = await file_link(sandbox)
    await sandbox.fault("smokedebrid", "reset", call="/files/*")
    with pytest.raises((ConnectionError, IndexError, ValueError)):
        await sandbox.call("HEAD", link)
    assert (await sandbox.call("HEAD", link)).status == 200
