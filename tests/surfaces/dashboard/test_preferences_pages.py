"""The preferences page: placing, playing, the stream proxy, keys and tokens, used as a browser without scripts does."""

import asyncio
import json
import re
from uuid import uuid4

import httpx
import pytest
from tests.faults.server import Server
from tests.house import database
from tests.net.wire import answer, listen
from tests.surfaces.dashboard.conftest import HOSTILE, Person, signed_in, without_token

_PATH = "/app/preferences"
_SECRETS = re.compile(r"(?:tu_[a-z0-9]{8}_|sk_[a-z0-9]{8})[a-z0-9]{32}")


def _value(text: str, field: str) -> str:
    return re.search(rf'<input id="{field}"[^>]*value="([^"]*)"', text)[1]


def _ticked(text: str, field: str) -> bool:
    return "checked" in re.search(rf'<input type="checkbox" id="{field}-on"[^>]*>', text)[0]


def _chosen(text: str, field: str) -> str:
    part = text.split(f'<select id="{field}"')[1].split("</select>", maxsplit=1)[0]
    found = re.search(r'value="([^"]*)" selected', part)
    return found[1] if found else ""


async def _api(house: Server, token: str, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:
        return await client.get(path, headers={"authorization": f"Bearer {token}"})


async def test_placing_is_kept_and_shown_again(ada: Person, eve: Person):
    fields = {"prefer": "TorBox, realdebrid", "max_size": "12,5", "min_seeds": "3", "only_cached": "on"}
    assert await ada.done(f"{_PATH}/placing", **fields) == _PATH
    text = await ada.see(_PATH)
    shown = [_value(text, field) for field in ("prefer", "max_size", "min_seeds")]
    assert shown == ["torbox, realdebrid", "12.5", "3"]
    assert _ticked(text, "only_cached")
    assert _value(await eve.see(_PATH), "prefer") == ""
    await ada.done(f"{_PATH}/placing", prefer="", max_size="", min_seeds="")
    text = await ada.see(_PATH)
    assert [_value(text, field) for field in ("prefer", "max_size", "min_seeds")] == ["", "", ""]
    assert not _ticked(text, "only_cached")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("prefer", "nobody"), ("prefer", "torbox torbox"), ("prefer", HOSTILE), ("prefer", "torbox " * 200),
        ("max_size", "-1"), ("max_size", "much"), ("max_size", "nan"), ("max_size", "1e400"),
        ("max_size", HOSTILE[:30]),
        ("min_seeds", "1.5"), ("min_seeds", "-1"), ("min_seeds", "9" * 39), ("min_seeds", "\u0000"),
    ],
)  # fmt: skip
async def test_wrong_placing_is_refused_beside_its_field(ada: Person, field, wrong):
    fields = {"prefer": "torbox", "max_size": "7.25", "min_seeds": "2", "only_cached": "on", field: wrong}
    answered = await ada.client.post(f"{_PATH}/placing", data={"form_token": ada.token, **fields})
    text = answered.text
    assert answered.status_code == 422, text[-300:]
    assert f'id="{field}-problem"' in text
    assert "<script>alert" not in text
    for other in {"prefer", "max_size", "min_seeds"} - {field}:
        assert _value(text, other) == fields[other], "what was typed stays"
    assert _ticked(text, "only_cached")


async def test_playing_is_kept_and_seen_by_the_api(ada: Person, house: Server):
    fields = {"playback": "proxied", "preferred_quality": "4k", "proxy_kind": "mediaflow", "hide_uncached": "on"}
    await ada.done(f"{_PATH}/playing", **fields, bind_address="on")
    text = await ada.see(_PATH)
    assert [_chosen(text, field) for field in ("playback", "preferred_quality", "proxy_kind")] == [
        "proxied", "4k", "mediaflow",
    ]  # fmt: skip
    assert [_ticked(text, one) for one in ("hide_uncached", "use_proxy", "bind_address")] == [True, False, True]
    token = (await ada.send("/app/token", 200)).json()["token"]
    told = (await _api(house, token, "/v1/preferences")).json()
    assert told["preferred_quality"] == "4k"
    assert told["hide_uncached"] is True
    await ada.done(f"{_PATH}/playing", playback="", preferred_quality="any", proxy_kind="")
    assert _chosen(await ada.see(_PATH), "playback") == ""


@pytest.mark.parametrize("field", ["playback", "preferred_quality", "proxy_kind"])
@pytest.mark.parametrize("wrong", ["8k", HOSTILE, "x" * 5000])
async def test_wrong_playing_is_refused_beside_its_field(ada: Person, field, wrong):
    fields = {"playback": "direct", "preferred_quality": "any", "proxy_kind": "", "use_proxy": "on", field: wrong}
    text = await ada.refused(f"{_PATH}/playing", field, **fields)
    assert _ticked(text, "use_proxy")


async def test_a_stream_proxy_is_tried_connected_and_removed(ada: Person, eve: Person):
    async with listen() as remote:
        ok = answer(json.dumps({"ip": "192.0.2.1"}).encode())
        remote.scripts["/proxy/ip"] = answer(b"{}", status="403 Forbidden")
        fields = {"kind": "mediaflow", "base_url": remote.url("").rstrip("/"), "proxy_token": "open sesame 1"}
        text = await ada.refused(f"{_PATH}/proxies", "base_url", **fields)
        assert "open sesame" not in text, "a secret is not sent back"
        remote.scripts["/proxy/ip"] = ok
        await ada.done(f"{_PATH}/proxies", **fields)
        text = await ada.see(_PATH)
        assert remote.url("").rstrip("/") in text
        assert "open sesame" not in text
        assert remote.url("").rstrip("/") not in await eve.see(_PATH)
        for action in ("test", "remove"):
            await eve.send(f"{_PATH}/proxies/mediaflow/{action}", 404)
            await ada.send(f"{_PATH}/proxies/stremthru-proxy/{action}", 404)
            await ada.send(f"{_PATH}/proxies/torbox/{action}", 404)
            await without_token(ada, f"{_PATH}/proxies/mediaflow/{action}")
        await ada.done(f"{_PATH}/proxies/mediaflow/test")
        remote.scripts["/proxy/ip"] = answer(b"{}", status="401 No")
        assert "does not accept this secret" in (await ada.send(f"{_PATH}/proxies/mediaflow/test", 422)).text
        await ada.done(f"{_PATH}/proxies/mediaflow/remove")
        assert remote.url("").rstrip("/") not in await ada.see(_PATH)
        await ada.send(f"{_PATH}/proxies/mediaflow/remove", 404)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("kind", {"kind": "torbox"}), ("kind", {"kind": ""}), ("kind", {"kind": HOSTILE}),
        ("base_url", {"base_url": ""}), ("base_url", {"base_url": "not an address"}),
        ("base_url", {"base_url": "http://10.0.0.1"}), ("base_url", {"base_url": "file:///etc/passwd"}),
        ("base_url", {"base_url": "https://" + "x" * 3000}), ("base_url", {"base_url": HOSTILE}),
        ("proxy_token", {"proxy_token": ""}), ("proxy_token", {"proxy_token": "x" * 5000}),
    ],
)  # fmt: skip
async def test_wrong_proxies_are_refused_beside_their_field(ada: Person, field, fields):
    """T: addresses inside are not asked, whoever names them."""
    given = {"kind": "mediaflow", "base_url": "https://proxy.invalid", "proxy_token": "secret words", **fields}
    typed = {name: value for name, value in given.items() if len(value) < 1000}
    text = (await ada.send(f"{_PATH}/proxies", 422, **given)).text
    assert f'id="{field}-problem"' in text
    assert "<script>alert" not in text
    assert "secret words" not in text
    if field != "base_url":
        assert _value(text, "base_url") == typed["base_url"]


@pytest.mark.parametrize(("kind", "start"), [("library", "tu_"), ("media", "sk_")])
async def test_a_key_is_shown_once_works_and_is_revoked(ada: Person, eve: Person, house: Server, kind, start):
    label = f"tv {uuid4().hex[:6]} <b>"
    text = (await ada.send(f"{_PATH}/keys", 200, key_kind=kind, key_label=label)).text
    (secret,) = set(_SECRETS.findall(text))
    assert secret.startswith(start)
    assert "<b>" not in text
    page = await ada.see(_PATH)
    assert not _SECRETS.search(page)
    revoke = re.search(rf'{re.escape(secret[:11])}…</code>.*?action="({_PATH}/keys/[^"]+/revoke)"', page, re.DOTALL)[1]

    async def works() -> bool:
        async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:
            path, headers = ("/v1/me", {"authorization": f"Bearer {secret}"}) if kind == "library" else (
                "/jobs", {"x-api-key": secret}
            )  # fmt: skip
            return (await client.get(path, headers=headers)).status_code == 200

    assert await works()
    await eve.send(revoke, 404)
    await without_token(ada, revoke)
    assert await works()
    await ada.done(revoke)
    assert not await works()
    await ada.send(revoke, 404)
    await ada.send(f"{_PATH}/keys/{uuid4()}/revoke", 404)


async def test_a_key_of_another_kind_is_not_revoked_here(ada: Person, house: Server):
    made = await ada.send("/app/gateway/keys", 200, label="for a gateway")
    prefix = re.search(r"pk_([a-z0-9]{8})_", made.text)[1]
    async with database(house) as connection:
        key_id = await connection.fetchval("SELECT id FROM keys WHERE prefix = $1", prefix)
    await ada.send(f"{_PATH}/keys/{key_id}/revoke", 404)


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("key_kind", {"key_kind": ""}), ("key_kind", {"key_kind": "proxy"}), ("key_kind", {"key_kind": HOSTILE}),
        ("key_label", {"key_label": "x" * 101}), ("key_label", {"key_label": "a\0b"}),
    ],
)  # fmt: skip
async def test_wrong_keys_are_refused_beside_their_field(ada: Person, field, fields):
    text = (await ada.send(f"{_PATH}/keys", 422, **{"key_kind": "library", "key_label": "mine", **fields})).text
    assert f'id="{field}-problem"' in text
    assert not _SECRETS.search(text)
    assert "<script>alert" not in text


async def test_hostile_labels_are_text(ada: Person):
    text = (await ada.send(f"{_PATH}/keys", 200, key_kind="library", key_label=HOSTILE)).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;" in text


async def test_a_token_opens_the_api_and_ends_at_once_with_its_session(house: Server):
    """T: a token made by a session is good for minutes, and for no request after its session has ended."""
    async with signed_in(house) as person:
        await without_token(person, "/app/token")
        told = await person.send("/app/token", 200)
        assert told.headers["cache-control"] == "no-store"
        body = told.json()
        assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
        shown = (await person.send(f"{_PATH}/token", 200)).text
        second = re.search(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", shown)[0]
        for token in (body["token"], second):
            mine = await _api(house, token, "/v1/me")
            assert mine.status_code == 200
        assert body["token"] not in await person.see(_PATH)
        noticed = asyncio.Event()
        async with database(house) as connection, asyncio.timeout(60):
            await connection.add_listener("sluicegate_access", lambda *_: noticed.set())
            signed_out = await person.client.post("/app/sign-out", data={"form_token": person.token})
            assert signed_out.status_code == 303
            await noticed.wait()  # every process forgets then whom it has verified
            for token in (body["token"], second):
                while (await _api(house, token, "/v1/me")).status_code != 401:
                    await asyncio.sleep(0.05)


async def test_keys_are_paged(eve: Person, house: Server):
    async with database(house) as connection:
        user_id = await connection.fetchval("SELECT id FROM users WHERE name = $1", eve.name)
        for _ in range(27):
            await connection.execute(
                "INSERT INTO keys (id, user_id, kind, prefix, label, fingerprint, created_at) "
                "VALUES ($1, $2, 'library', $3, '', $4, now())",
                uuid4(), user_id, uuid4().hex[:8], uuid4().bytes,
            )  # fmt: skip
    first, second = await eve.see(_PATH), await eve.see(f"{_PATH}?offset=25")
    assert first.count("/revoke") == 25
    assert second.count("/revoke") == 2
    for wrong in ("offset=-1", "offset=x", f"offset={'9' * 50}"):
        await eve.see(f"{_PATH}?{wrong}", 400)
