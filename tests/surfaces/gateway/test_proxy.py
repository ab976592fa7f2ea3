"""The raw proxy against a real upstream on a socket: what is sent on, what is kept back, where it can lead."""

import asyncio
import socket

import pytest
from tests.surfaces.serving import serving

from sluicegate.surfaces.gateway.application import BASE


class Upstream:
    """Answers everything, and remembers what came."""

    def __init__(self) -> None:
        self.calls = []
        self.status, self.body, self.headers = 200, b'{"ok":true}', []

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            return
        body = (await receive()).get("body", b"")
        self.calls.append((scope["method"], scope["raw_path"].decode(), scope["query_string"].decode(), scope, body))
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture
async def upstream(stage):
    upstream = Upstream()
    async with serving(upstream) as url:
        stage.upstream = url + "/v1/api"
        yield upstream


async def test_a_call_goes_through_with_the_users_token_and_nothing_else(stage, upstream):
    _, key = await stage.user("torbox")
    headers = {"cookie": "a=b", "x-forwarded-for": "1.2.3.4", "origin": "https://x", "accept-language": "de"}
    response = await stage.ask(
        "POST", "/proxy/v1/api/torrents/mylist?bypass_cache=true&token=mine&API_KEY=x", "torbox",
        key=key, json={"a": 1}, headers=headers,
    )  # fmt: skip
    assert (response.status_code, response.json()) == (200, {"ok": True})
    ((method, path, query, scope, body),) = upstream.calls
    assert (method, path, query, body) == ("POST", "/v1/api/torrents/mylist", "bypass_cache=true", b'{"a":1}')
    sent = {name.decode(): value.decode() for name, value in scope["headers"]}
    assert sent["authorization"].startswith("Bearer token-torbox-")
    assert sent["accept-language"] == "de"
    assert not {"cookie", "x-forwarded-for", "origin"} & set(sent)
    assert not [name for name in sent if name.startswith("x-relaygate")]


async def test_the_token_goes_into_the_query_where_torbox_wants_it_and_never_comes_back(stage, upstream):
    _, key = await stage.user("torbox")
    token = f"token-torbox-{(await stage.users.page(limit=1000))[-1].name}"
    upstream.body = b'{"data":"https://cdn/f?token=%s"}' % b"x"
    response = await stage.ask("GET", "/proxy/v1/api/torrents/requestdl?token=PUTME&torrent_id=1", "torbox", key=key)
    assert response.status_code == 200
    query = upstream.calls[0][2]
    sent = query.partition("token=")[2]
    assert query.startswith("torrent_id=1&token=token-torbox-")
    upstream.body = b'{"data":"https://cdn/f?token=%s"}' % sent.encode()
    response = await stage.ask("GET", "/proxy/v1/api/torrents/requestdl?torrent_id=1", "torbox", key=key)
    assert response.json() == {"data": "https://cdn/f?token=[REDACTED]"}
    assert token


async def test_a_long_query_goes_on_as_it_came(stage, upstream):
    query = "&".join(f"ids[]={number}" for number in range(150))
    response = await stage.ask("GET", f"/proxy/v1/api/torrents/mylist?{query}&deadline_ms=9000", "torbox", tokens="a")
    assert response.status_code == 200
    assert upstream.calls[0][2] == query.replace("[]", "%5B%5D")


async def test_json_passes_with_its_status_and_anything_else_is_a_problem(stage, upstream):
    _, key = await stage.user("torbox")
    upstream.status, upstream.body, upstream.headers = 418, b'{"error":1}', [(b"set-cookie", b"a=b")]
    response = await stage.ask("GET", "/proxy/v1/x", "torbox", key=key)
    assert (response.status_code, response.json()) == (418, {"error": 1})
    assert "set-cookie" not in response.headers
    upstream.status, upstream.body = 302, b"<html>"
    upstream.headers = [(b"location", b"http://127.0.0.1:1/")]
    response = await stage.ask("GET", "/proxy/v1/x", "torbox", key=key)
    assert (response.status_code, response.json()["code"]) == (502, "rg.upstream_non_json")
    upstream.status, upstream.body, upstream.headers = 204, b"", []
    assert (await stage.ask("DELETE", "/proxy/v1/x", "torbox", key=key)).status_code == 204
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    stage.upstream = f"http://127.0.0.1:{port}"
    _, key = await stage.user("torbox")
    response = await stage.ask("GET", "/proxy/v1/x", "torbox", key=key)
    assert (response.status_code, response.json()["code"]) == (502, "rg.upstream_unreachable")


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/x", "/../x", "/a/../x", "/a/%2e%2e/x", "/a/%2E./x", "/a%2fb", "/a\\b", "/a%5cb", "/a@b",
        "/@evil", "/a%40b", "/a//b", "/http://evil/", "/a%00b", "/a%0d%0ab", "/a%252e", "/a;/../b", "/", "/.", "/a:b",
    ],
)  # fmt: skip
async def test_no_path_leads_elsewhere(stage, upstream, path):
    _, key = await stage.user("torbox")
    answer = await _spoken(stage, f"{BASE}/proxy{path}", key)
    assert answer.startswith("HTTP/1.1 400 ")
    assert "rg.validation_error" in answer
    assert not upstream.calls
    (row,) = [row for row in await stage.audited() if str(row["request_id"]) in answer]
    assert (row["http_status"], row["error_code"], row["operation"]) == (400, "rg.validation_error", "proxy")


@pytest.mark.parametrize("authority", ["http://evil.example", "https://user@evil.example:1"])
async def test_the_absolute_form_names_nobody_else(stage, upstream, authority):
    """T49: a request line with a whole URL is one to us (RFC 9112, section 3.2.2)."""
    _, key = await stage.user("torbox")
    answer = await _spoken(stage, f"{authority}{BASE}/proxy/v1/api/user/me", key)
    assert answer.startswith("HTTP/1.1 200 ")
    ((_, path, _, scope, _),) = upstream.calls
    assert path == "/v1/api/user/me"
    assert stage.upstream.split("/")[2] in str(scope["headers"])


async def _spoken(stage, target: str, key: str) -> str:
    """The answer to a request line that no client would write."""
    host, port = stage.url.removeprefix("http://").split(":")
    lines = [f"GET {target} HTTP/1.1", f"host: {host}", "connection: close"]
    lines += [f"{name}: {value}" for name, value in stage.headers("torbox", key=key).items()]
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return (await reader.read()).decode()
    finally:
        writer.close()


async def test_exactly_one_provider_and_known_methods(stage, upstream):
    response = await stage.ask("GET", "/proxy/v1/x", "torbox, alldebrid", tokens="a,b")
    assert (response.status_code, response.json()["code"]) == (400, "rg.validation_error")
    response = await stage.ask("OPTIONS", "/proxy/v1/x", "torbox", tokens="a")
    assert response.status_code == 405
    assert "DELETE" in response.headers["allow"]
    _, key = await stage.user()
    response = await stage.ask("GET", "/proxy/v1/x", "torbox", key=key)
    assert (response.status_code, response.json()["code"]) == (404, "rg.vault_missing")
    assert not upstream.calls


async def test_calls_take_their_turn_and_a_refusal_keeps_the_account_away(stage, upstream):
    user, key = await stage.user("torbox")
    upstream.status, upstream.body, upstream.headers = 429, b'{"detail":"slow down"}', [(b"retry-after", b"60")]
    response = await stage.ask("GET", "/proxy/v1/api/user/me", "torbox", key=key)
    assert (response.status_code, response.json()) == (429, {"detail": "slow down"})
    response = await stage.ask("GET", "/proxy/v1/api/user/me", "torbox", key=key)
    assert (response.status_code, response.json()["code"]) == (429, "rg.upstream_error")
    assert len(upstream.calls) == 1
    async with stage.database.transactions() as tx:
        (account,) = await tx.accounts.page(user)
    (limit, *_) = await stage.database.ledger().limits(str(account.id), stage.twins.manifest("torbox").limits)
    assert limit.used == 1


async def test_what_a_call_waits_for_its_turn_is_not_told_as_the_providers_time(stage, upstream):
    user, key = await stage.user("torbox")
    async with stage.database.transactions() as tx:
        (account,) = await tx.accounts.page(user)
    await stage.database.ledger().rest(str(account.id), ["*"], 0.7, "A short rest.")
    response = await stage.ask("GET", "/proxy/v1/api/user/me", "torbox", key=key)
    assert response.status_code == 200
    told = dict(part.split(";dur=") for part in response.headers["server-timing"].split(", "))
    assert float(told["turns"]) > 300
    assert float(told["own"]) + float(told["upstream"]) == pytest.approx(
        float(told["total"]) - float(told["turns"]), abs=0.1
    )


async def test_a_create_counts_against_the_limit_of_creates(stage, upstream):
    user, key = await stage.user("torbox")
    sent = await stage.ask("POST", "/proxy/v1/api/torrents/createtorrent", "torbox", key=key, json={"magnet": "x"})
    assert sent.status_code == 200
    async with stage.database.transactions() as tx:
        (account,) = await tx.accounts.page(user)
    states = await stage.database.ledger().limits(str(account.id), stage.twins.manifest("torbox").limits)
    assert {state.limit.calls: state.used for state in states}["submit_magnet"] == 1
