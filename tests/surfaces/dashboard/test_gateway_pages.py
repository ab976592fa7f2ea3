"""The gateway's pages, used as a browser without scripts uses them."""

import html
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import pytest
from tests.faults.server import Server
from tests.house import database
from tests.surfaces.dashboard.conftest import HOSTILE, Person, without_token

_KEY = re.compile(r"pk_[a-z0-9]{8}_[a-z0-9]{32}")
_SECRET = re.compile(r"as_[a-z0-9]{40}")
_CALL_COLUMNS = (
    *("request_id", "created_at", "addon", "addon_proven", "user_id", "key_id", "caller_ip", "operation", "method"),
    *("path", "providers", "http_status", "error_code", "duration_ms", "upstream_ms"),
)
_ANSWER_COLUMNS = ("request_id", "position", "provider", "status", "error_code", "upstream_code", "duration_ms")


def _rows(text: str) -> list[str]:
    return re.findall(r"<tr>(?:(?!</tr>).)*</tr>", text, re.DOTALL)


def _row(text: str, words: str) -> str:
    """The one row of a table that has ``words``."""
    (row,) = [row for row in _rows(text) if words in row]
    return row


def _action(text: str, ending: str) -> str:
    """Where the form posts to whose address ends so."""
    return re.search(rf'action="(/app/gateway/[^"]*{ending})"', text)[1]


async def test_a_key_is_shown_once_replaced_and_revoked(ada: Person, eve: Person):
    label = f"tv {uuid4().hex[:6]} {HOSTILE[:20]}"
    text = (await ada.send("/app/gateway/keys", 200, label=label)).text
    (secret,) = set(_KEY.findall(text))
    assert "<script>alert" not in text
    shown = html.escape(label)
    page = await ada.see("/app/gateway")
    assert not _KEY.search(page)
    row = _row(page, shown)
    assert "valid" in row
    rotate, revoke = _action(row, "/rotate"), _action(row, "/revoke")
    for path in (rotate, revoke):
        await eve.send(path, 404)
        await without_token(ada, path)
        answer = await ada.client.get(path)
        assert answer.status_code in {303, 404, 405}
    for wrong in ("soon", "-1", "1000", HOSTILE[:20]):
        refused = (await ada.send(rotate, 422, hours=wrong)).text
        assert "Hours that the old key works on" in refused
        assert f'value="{html.escape(wrong)}"' in refused
        assert not _KEY.search(refused)
    (second,) = set(_KEY.findall((await ada.send(rotate, 200, hours="2")).text))
    assert second != secret
    page = await ada.see("/app/gateway")
    old, new = (_row(page, f"pk_{key[3:11]}<") for key in (secret, second))
    assert "ends" in old
    assert "valid" in new
    await ada.send(rotate, 200, hours="0")
    await ada.done(_action(new, "/revoke"))
    assert "ended" in _row(await ada.see("/app/gateway"), f"pk_{second[3:11]}<")
    await ada.send(revoke, 404)  # it has ended by now
    assert shown not in await eve.see("/app/gateway")


@pytest.mark.parametrize("label", ["x" * 101, "bell \a", "nul \0"])
async def test_a_label_that_cannot_be_kept_is_refused_beside_its_field(ada: Person, label: str):
    text = (await ada.send("/app/gateway/keys", 422, label=label)).text
    assert 'id="label-problem"' in text
    assert not _KEY.search(text)


async def test_an_addon_is_registered_and_its_secret_shown_once(ada: Person, eve: Person):
    slug = f"demo-{uuid4().hex[:8]}"
    fields = {"slug": slug, "name": f"Demo {HOSTILE}", "contact": HOSTILE, "proof": HOSTILE}
    text = (await ada.send("/app/gateway/addons", 200, **fields)).text
    (secret,) = set(_SECRET.findall(text))
    assert "<script>alert" not in text
    page = await ada.see("/app/gateway/addons")
    assert not _SECRET.search(page)
    row = _row(page, slug)
    assert "submitted" in row
    assert html.escape(HOSTILE[:20]) in row
    await ada.refused("/app/gateway/addons", "slug", slug=slug, name="again")
    await eve.refused("/app/gateway/addons", "slug", slug=slug, name="mine now")
    rotate = _action(row, "/rotate")
    await eve.send(rotate, 404)
    await without_token(ada, rotate)
    await without_token(ada, "/app/gateway/addons")
    assert "must be between" in (await ada.send(rotate, 422, hours="721")).text
    (second,) = set(_SECRET.findall((await ada.send(rotate, 200, hours="1")).text))
    assert second != secret
    assert slug not in await eve.see("/app/gateway/addons")
    await ada.send("/app/gateway/addons/no-such-add-on/rotate", 404)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("slug", ""),
        ("slug", "Has Spaces"),
        ("slug", HOSTILE),
        ("slug", "x" * 65),
        ("name", "x" * 501),
        ("contact", "line\nline"),
        ("proof", "bell \a"),
    ],
)
async def test_an_application_that_is_wrong_says_so_beside_the_field(ada: Person, field: str, value: str):
    fields = {"slug": f"fine-{uuid4().hex[:8]}", "name": "Fine", field: value}
    text = await ada.refused("/app/gateway/addons", field, **fields)
    assert not _SECRET.search(text)


async def test_rules_decide_and_a_dry_run_names_the_one_that_does(ada: Person, eve: Person):
    bad = f"bad-{uuid4().hex[:8]}"
    path = "/app/gateway/rules"
    await ada.done(path, verdict="deny", subject="addon", value=bad)
    await ada.done(path, verdict="allow", subject="address", value="192.0.2.0/24")
    check = f"{path}/check"
    denied = (await ada.send(check, 200, addon=bad, address="192.0.2.7")).text
    assert "This rule decides: deny add-on" in denied
    assert "rg.addon_access_denied" in denied
    assert f'value="{bad}"' in denied
    assert "Yes." in (await ada.send(check, 200, addon="good", address="192.0.2.7")).text
    assert "rg.ip_not_allowlisted" in (await ada.send(check, 200, addon="good", address="198.51.100.1")).text
    assert "No rule restricts this key." in (await eve.send(check, 200, addon=bad, address="192.0.2.7")).text
    remove = _action(_row(await ada.see(path), bad), "/remove")
    await eve.send(remove, 404)
    for place in (remove, path, check):
        await without_token(ada, place)
    assert bad in await ada.see(path)
    await ada.done(remove)
    assert "Yes." in (await ada.send(check, 200, addon=bad, address="192.0.2.7")).text
    await ada.done(_action(_row(await ada.see(path), "192.0.2.0/24"), "/remove"))


async def test_a_rule_can_be_about_one_key_and_not_about_another_persons(ada: Person, eve: Person):
    label, slug = f"key-{uuid4().hex[:8]}", f"only-{uuid4().hex[:8]}"
    await ada.send("/app/gateway/keys", 200, label=label)
    found = re.search(rf'<option value="([0-9a-f-]{{36}})">{label}', await ada.see("/app/gateway/rules"))
    fields = {"verdict": "deny", "subject": "addon", "value": slug, "rule_key": found[1]}
    await eve.send("/app/gateway/rules", 404, **fields)
    await ada.done("/app/gateway/rules", **fields)
    assert label in _row(await ada.see("/app/gateway/rules"), slug)
    with_it = {"addon": slug, "address": "192.0.2.7", "check_key": found[1]}
    assert "This rule decides" in (await ada.send("/app/gateway/rules/check", 200, **with_it)).text
    assert "Yes." in (await ada.send("/app/gateway/rules/check", 200, **(with_it | {"check_key": ""}))).text


@pytest.mark.parametrize(
    ("path", "field", "fields"),
    [
        ("", "value", {"verdict": "deny", "subject": "addon", "value": ""}),
        ("", "value", {"verdict": "deny", "subject": "addon", "value": HOSTILE}),
        ("", "value", {"verdict": "deny", "subject": "address", "value": "999.0.0.1"}),
        ("", "value", {"verdict": "deny", "subject": "address", "value": "x" * 101}),
        ("", "verdict", {"verdict": "maybe", "subject": "addon", "value": "x"}),
        ("", "subject", {"verdict": "deny", "subject": "<b>", "value": "x"}),
        ("", "rule_key", {"verdict": "deny", "subject": "addon", "value": "x", "rule_key": "not-an-id"}),
        ("/check", "addon", {"addon": "", "address": "192.0.2.7"}),
        ("/check", "addon", {"addon": HOSTILE[:60], "address": "192.0.2.7"}),
        ("/check", "address", {"addon": "x", "address": "here"}),
        ("/check", "address", {"addon": "x", "address": HOSTILE}),
        ("/check", "check_key", {"addon": "x", "address": "::1", "check_key": "<b>"}),
    ],
)
async def test_a_rule_that_is_wrong_says_so_beside_the_field(ada: Person, path: str, field: str, fields: dict):
    await ada.refused(f"/app/gateway/rules{path}", field, **fields)


async def test_requests_are_paged_drawn_and_told_as_text(newcomer: Person, eve: Person, house: Server):
    async with database(house) as connection:
        user_id = await connection.fetchval("SELECT id FROM users WHERE name = $1", newcomer.name)
        await _keep_calls(connection, user_id, 60)
    text = await newcomer.see("/app/gateway/requests")
    assert text.count('<svg class="chart"') == 2
    assert 'role="img" aria-labelledby="by-addon-title by-addon-words"' in text
    assert "<script>alert" not in text
    assert "style=" not in text
    (others,) = [row for row in _rows(text) if "torbox</td>" in row]
    assert '<td class="figure">60</td><td class="figure">6</td>' in others
    first = re.findall(r"POST (/canonical/\d+)<", text)
    assert len(first) == 25
    seen, pages = list(first), 1
    while older := re.search(r'href="(/app/gateway/requests\?before=[^"]+)"', text):
        text = await newcomer.see(html.unescape(older[1]))
        assert "<svg" not in text
        seen += re.findall(r"POST (/canonical/\d+)<", text)
        pages += 1
    assert (pages, len(seen), len(set(seen))) == (3, 60, 60)
    only = await newcomer.see("/app/gateway/requests?addon=one")
    assert len(re.findall(r"POST /canonical/\d+<", only)) == 20
    assert "/canonical/" not in await eve.see("/app/gateway/requests")
    for wrong in ("before=yesterday", "before_id=x", f"addon={'x' * 65}"):
        await newcomer.see(f"/app/gateway/requests?{wrong}", 400)


async def _keep_calls(connection: asyncpg.Connection, user_id: UUID, count: int) -> None:
    """Calls of three add-ons, one of them with a name that would run."""
    now, calls, answers = datetime.now(UTC), [], []
    for number in range(count):
        request, at = uuid4(), now - timedelta(minutes=number * 30)
        addon = ("one", "two", HOSTILE)[number % 3]
        asked = ("192.0.2.7", "jobs.list", "POST", f"/canonical/{number}", ["torbox"])
        calls.append((request, at, addon, False, user_id, None, *asked, 200, None, 12.5, 10.0))
        failed = number % 10 == 0
        answer = (502, "rg.upstream_error") if failed else (200, None)
        answers.append((request, 0, "torbox", *answer, HOSTILE, 10.0))
    await connection.copy_records_to_table("gateway_request_audits", records=calls, columns=_CALL_COLUMNS)
    await connection.copy_records_to_table("gateway_provider_audits", records=answers, columns=_ANSWER_COLUMNS)
