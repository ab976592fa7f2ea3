"""The operator's pages: only for operators, users, add-on review, the audit, background work."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest
from tests.faults.server import Server
from tests.house import database
from tests.surfaces.dashboard.conftest import HOSTILE, Person, signed_in, without_token

_USERS, _ADDONS, _AUDIT = "/app/admin/users", "/app/admin/addons", "/app/admin/audit"
_LINK = re.compile(r'<code id="link">([^<]+)</code>')
_NOBODY = UUID(int=7)
_CALL_COLUMNS = (
    "request_id", "created_at", "addon", "addon_proven", "user_id", "key_id", "caller_ip", "operation", "method",
    "path", "providers", "http_status", "error_code", "duration_ms", "upstream_ms",
)  # fmt: skip


async def _id_of(house: Server, name: str) -> UUID:
    async with database(house) as connection:
        return await connection.fetchval("SELECT id FROM users WHERE name = $1", name)


def _value(text: str, field: str) -> str:
    return re.search(rf'<input id="{field}"[^>]*value="([^"]*)"', text)[1]


async def _new_addon(person: Person) -> str:
    slug = f"addon-{uuid4().hex[:8]}"
    fields = {"slug": slug, "name": f"Name {HOSTILE}", "contact": "dev@host.example", "proof": "a repository"}
    text = (await person.client.post("/app/gateway/addons", data={"form_token": person.token, **fields})).text
    assert slug in text
    return slug


async def test_only_operators_see_the_pages_and_the_link_to_them(ada: Person, operator: Person, house: Server):
    """Every path below /app/admin is closed to everybody else, whether what it names exists or not."""
    mine = await _id_of(house, ada.name)
    slug = await _new_addon(ada)
    seen = ("/app/admin", _USERS, f"{_USERS}/{mine}", _ADDONS, f"{_ADDONS}/{slug}", _AUDIT, f"{_AUDIT}/export")
    sent = (
        _USERS, f"{_USERS}/{mine}/invite", f"{_USERS}/{mine}/limits", f"{_USERS}/{mine}/remove",
        f"{_ADDONS}/{slug}/decide",
    )  # fmt: skip
    for path in seen:
        refused = await ada.see(path, 403)
        assert 'href="/app/admin"' not in refused
        await operator.see(path)
    for path in sent:
        await ada.send(path, 403, name="x", confirm=ada.name, state="approved")
        await without_token(operator, path)
    assert 'href="/app/admin"' not in await ada.see("/app")
    assert 'href="/app/admin"' in await operator.see("/app")
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as stranger:
        for path in seen:
            assert (await stranger.get(path)).headers["location"].startswith("/app/sign-in")


async def test_the_overview_says_what_runs_and_whether_all_is_well(operator: Person):
    text = await operator.see("/app/admin")
    for words in ("free disk", "ffmpeg", "database", "<code>sweep</code>", "Torrent and download engines"):
        assert words in text
    assert '<span class="tag good">run</span>' in text
    assert re.search(r"<dt>Workers</dt><dd>[1-9]\d* there", text)
    assert re.search(r"<dt>Last look for forgotten jobs</dt><dd>\d+ s ago", text)
    assert "style=" not in text


async def test_somebody_is_invited_limited_and_removed(operator: Person, house: Server):
    name = f"guest-{uuid4().hex[:6]} <i>"
    text = (await operator.send(_USERS, 200, name=name)).text
    link = _LINK.search(text)[1]
    assert "<i>" not in text
    assert _LINK.search(await operator.see(_USERS)) is None
    user_id = await _id_of(house, name)
    place = f"{_USERS}/{user_id}"
    assert "no password yet" in await operator.see(place)
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as guest:
        token = parse_qs(urlsplit(link).query)["token"][0]
        came = await guest.post("/app/welcome", data={"token": token, "name": name, "password": "long enough words"})
        assert came.status_code == 303
        assert (await guest.get("/app/admin")).status_code == 403
        fields = {"storage_gib": "2,5", "concurrent": "2", "max_resolution": "1080", "max_duration": "7200"}
        await operator.done(f"{place}/limits", **fields, max_gib="")
        shown = await operator.see(place)
        assert [_value(shown, one) for one in ("storage_gib", "concurrent", "max_duration", "max_gib")] == [
            "2.5", "2", "7200", "",
        ]  # fmt: skip
        assert "2.5 GiB" in (await guest.get("/app/usage")).text
        again = _LINK.search((await operator.send(f"{place}/invite", 200, admin="on")).text)[1]
        assert again != link
        assert (await guest.get("/app")).status_code == 200, "a link alone ends nothing"
        for wrong in ("", "somebody else", HOSTILE, "x" * 500):
            refused = (await operator.send(f"{place}/remove", 422, confirm=wrong)).text
            assert 'id="confirm-problem"' in refused
            assert "<script>alert" not in refused
        assert (await operator.done(f"{place}/remove", confirm=name)) == _USERS
        await operator.see(place, 404)
        assert (await guest.get("/app")).headers["location"].startswith("/app/sign-in")


async def test_an_invitation_resets_a_lost_second_factor(operator: Person, house: Server):
    async with signed_in(house) as person:
        user_id = await _id_of(house, person.name)
        async with database(house) as connection:
            await connection.execute("UPDATE logins SET sealed_totp = '\\x00' WHERE user_id = $1", user_id)
        place = f"{_USERS}/{user_id}"
        assert "<dt>Second factor</dt><dd>on</dd>" in await operator.see(place)
        link = _LINK.search((await operator.send(f"{place}/invite", 200)).text)[1]
        token = parse_qs(urlsplit(link).query)["token"][0]
        async with httpx.AsyncClient(base_url=house.url, timeout=60) as browser:
            fields = {"token": token, "name": person.name, "password": "quite another sentence"}
            assert (await browser.post("/app/welcome", data=fields)).status_code == 303
        assert "<dt>Second factor</dt><dd>off</dd>" in await operator.see(place)
        assert (await person.client.get("/app")).status_code == 303, "every older session has ended"


async def test_operators_cannot_remove_themselves(operator: Person, house: Server):
    place = f"{_USERS}/{await _id_of(house, operator.name)}"
    text = (await operator.send(f"{place}/remove", 422, confirm=operator.name)).text
    assert "You cannot remove yourself" in text
    await operator.see(place)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "x" * 5000, "a\nb", "a\0b"])
async def test_names_that_will_not_do_are_refused(operator: Person, name):
    text = (await operator.send(_USERS, 422, name=name, admin="on")).text
    assert 'id="name-problem"' in text
    assert re.search(r'id="admin-on"[^>]*checked', text), "what was chosen stays"


async def test_a_taken_name_is_refused_and_a_hostile_one_is_text(operator: Person, ada: Person):
    await operator.refused(_USERS, "name", name=ada.name)
    hostile = f"{HOSTILE} {uuid4().hex[:6]}"
    text = (await operator.send(_USERS, 200, name=hostile)).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("storage_gib", "0"), ("storage_gib", "lots"), ("storage_gib", "nan"), ("storage_gib", "1e30"),
        ("concurrent", "-1"), ("concurrent", "2.5"), ("concurrent", "9" * 39), ("concurrent", HOSTILE[:35]),
        ("max_duration", "0"), ("max_duration", "forever"), ("max_gib", "inf"), ("max_gib", "x" * 400),
        ("max_resolution", "8000"), ("max_resolution", HOSTILE),
    ],
)  # fmt: skip
async def test_wrong_limits_are_refused_beside_their_field(operator: Person, ada: Person, house: Server, field, wrong):
    place = f"{_USERS}/{await _id_of(house, ada.name)}"
    fields = {"storage_gib": "4", "concurrent": "5", "max_duration": "600", "max_gib": "", field: wrong}
    text = (await operator.send(f"{place}/limits", 422, **fields)).text
    assert f'id="{field}-problem"' in text
    assert "<script>alert" not in text
    for other in {"storage_gib", "concurrent", "max_duration"} - {field}:
        assert _value(text, other) == fields[other]


async def test_nobody_and_nothing_are_not_found(operator: Person):
    for path in (f"{_USERS}/{_NOBODY}", f"{_USERS}/x", f"{_ADDONS}/no-such", f"{_ADDONS}/UPPER%20CASE"):
        await operator.see(path, 404)
    for path in (f"{_USERS}/{_NOBODY}/invite", f"{_USERS}/{_NOBODY}/remove", f"{_USERS}/{_NOBODY}/limits"):
        await operator.send(path, 404, confirm="x")
    await operator.send(f"{_ADDONS}/no-such/decide", 404, state="approved")


async def test_an_add_on_is_reviewed(operator: Person, ada: Person):
    slug = await _new_addon(ada)
    assert f'href="{_ADDONS}/{slug}"' in await operator.see(_ADDONS) or "Older" in await operator.see(_ADDONS)
    place = f"{_ADDONS}/{slug}"
    text = await operator.see(place)
    assert "<script>alert" not in text
    assert ada.name in text
    for state in ("rejected", "revoked"):
        await operator.refused(f"{place}/decide", "reason", state=state, reason=" ")
    for wrong in ("", "submitted", "no such", HOSTILE):
        refused = (await operator.send(f"{place}/decide", 422, state=wrong, reason="because <i>")).text
        assert 'id="state-problem"' in refused
        assert _value(refused, "reason") == "because &lt;i&gt;"
    await operator.refused(f"{place}/decide", "reason", state="rejected", reason="x" * 501)
    await operator.done(f"{place}/decide", state="under_review", reason="")
    await operator.done(f"{place}/decide", state="approved", reason="")
    assert "approved" in await operator.see(place)
    refused = (await operator.send(f"{place}/decide", 422, state="under_review", reason="")).text
    assert "cannot become" in refused
    await operator.done(f"{place}/decide", state="revoked", reason=HOSTILE)
    text = await operator.see(place)
    assert "revoked" in text
    assert "<img src=x" not in text


async def test_the_audit_shows_refused_calls_page_by_page_and_as_a_file(operator: Person, ada: Person, house: Server):
    addon, user_id = f"audited-{uuid4().hex[:8]}", await _id_of(house, ada.name)
    calls = []
    for number in range(60):
        code = "rg.invalid_developer" if number % 3 == 0 else None
        asked = ("192.0.2.7", "jobs.list", "POST", f"/canonical/{number}/{HOSTILE}", ["torbox"])
        calls.append((
            uuid4(), datetime.now(UTC), addon, False, None if code else user_id, None, *asked,
            401 if code else 200, code, 12.5, 10.0,
        ))  # fmt: skip
    async with database(house) as connection:
        await connection.copy_records_to_table("gateway_request_audits", records=calls, columns=_CALL_COLUMNS)
    text = await operator.see(f"{_AUDIT}?addon={addon}")
    assert "<script>alert" not in text
    assert text.count("/canonical/") == 50
    assert f">{ada.name}</a>" in text
    older = re.search(r'href="([^"]+)">Older', text)[1].replace("&amp;", "&")
    rest = await operator.see(older)
    assert rest.count("/canonical/") == 10
    refused = await operator.see(f"{_AUDIT}?addon={addon}&refused=1")
    assert refused.count("rg.invalid_developer") == 20
    answer = await operator.client.get(f"{_AUDIT}/export?addon={addon}&refused=1&days=90")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert "attachment" in answer.headers["content-disposition"]
    lines = [json.loads(line) for line in answer.text.splitlines()]
    assert {line["error_code"] for line in lines} == {"rg.invalid_developer"}
    assert len(lines) == 20
    for wrong in ("before=yesterday", "before_id=x", f"addon={'x' * 65}"):
        await operator.see(f"{_AUDIT}?{wrong}", 400)
    await operator.see(f"{_AUDIT}/export?days=0", 400)
