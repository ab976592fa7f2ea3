"""The nine operations, their envelope and their payloads; deadlines; what is audited."""

import asyncio
import re
import time
from urllib.parse import quote
from uuid import UUID

import msgspec
import pytest

from sluicegate.core.errors import (
    ConnectionFailed,
    CredentialsRejected,
    ProtocolError,
    SlotsFull,
    TransferMissing,
    UpstreamTimeout,
)
from sluicegate.core.gateway import PROVIDERS
from sluicegate.core.provider import Capability, Provider
from sluicegate.core.transfers import TransferState
from sluicegate.providers.memory.world import Content
from sluicegate.surfaces.gateway.application import BASE
from sluicegate.surfaces.gateway.bodies import CreateRequest, UnlockRequest
from sluicegate.surfaces.gateway.operations import OPERATIONS

HASH = "ab" * 20
MAGNET = f"magnet:?xt=urn:btih:{HASH.upper()}&dn=Film"
JOBS = "/canonical/jobs"


async def value(stage, method: str, path: str, slug: str = "torbox", **more):
    response = await stage.ask(method, path, slug, tokens=more.pop("token", "t"), **more)
    assert response.status_code == 200, response.text
    (name,) = response.json()["data"]
    assert name == slug
    return response.json()["data"][slug].get("data") or response.json()["data"][slug]


async def test_the_envelope_names_every_requested_provider_in_order(stage):
    stage.twins.worlds["alldebrid"].fail("account", CredentialsRejected("No.", provider="alldebrid"))
    slugs = ["real_debrid", "torrin", "alldebrid", "torbox"]
    response = await stage.ask("GET", "/canonical/account", ", ".join(slugs), tokens="a,b,c,d")
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json"
    assert response.headers["cache-control"] == "no-store"
    body = response.json()
    assert list(body["data"]) == body["meta"]["providers"] == slugs
    assert body["meta"]["schema"] == "relaygate.account.session.v1"
    assert body["meta"]["summary"] == {"succeeded": 2, "failed": 2}
    assert body["data"]["torrin"] == {"error": body["data"]["torrin"]["error"]}
    assert body["data"]["torrin"]["error"]["code"] == "rg.provider_adapter_missing"
    assert body["data"]["alldebrid"]["error"]["code"] == "rg.upstream_error"
    assert body["data"]["torbox"]["meta"] == {
        "request_id": body["meta"]["request_id"],
        "provider": "torbox",
        "schema": "relaygate.account.session.v1",
    }
    timing = response.headers["server-timing"]
    assert all(f"{name};dur=" in timing for name in ("own", "turns", "upstream", "total", *slugs))


async def test_from_a_magnet_to_a_playing_file(stage):
    files = {"Film/a.mkv": b"x" * 10, "Film/b.nfo": b"y"}
    script = (TransferState.DOWNLOADING, TransferState.PROCESSING, TransferState.READY)
    stage.twins.worlds["torbox"].define(HASH, Content("Film", files, script=script))
    job = await value(stage, "POST", JOBS, json={"kind": "torrent", "magnet": MAGNET})
    assert job["job_id"] == job["id"]
    assert isinstance(job["id"], str)
    assert (job["hash"], job["kind"]) == (HASH, "torrent")
    path = f"{JOBS}/{quote(job['id'], safe='')}"
    seen = []
    while not seen or seen[-1] != "completed":
        # What the known client sends with every GET: the four characters of JSON's null.
        now = await value(
            stage, "GET", f"{path}?kind=torrent", content=b"null", headers={"content-type": "application/json"}
        )
        seen.append(now["status"])
    assert seen[-2:] == ["processing", "completed"]
    listed = await value(stage, "GET", f"{path}/files?kind=torrent")
    assert [(f["id"], f["name"], f["path"], f["size"]) for f in listed["files"]] == [
        ("0", "a.mkv", "Film/a.mkv", 10),
        ("1", "b.nfo", "Film/b.nfo", 1),
    ]
    for body in ({"content": b""}, {"json": {}}, {"json": {"client_ip": "203.0.113.7"}}, {"content": b"null"}):
        played = await value(stage, "POST", f"{path}/files/0/playback?kind=torrent", **body)
        assert played["locations"][0]["url"].startswith("https://")
    jobs = await value(stage, "GET", f"{JOBS}?kind=torrent")
    assert [item["id"] for item in jobs["items"]] == [job["id"]]
    assert (await value(stage, "GET", f"{JOBS}?kind=usenet")) == {"items": []}
    gone = await value(stage, "POST", f"{path}/cancel?kind=torrent")
    assert gone == {"job_id": job["id"], "kind": "torrent", "status": "canceled", "operation": "delete"}
    assert (await value(stage, "GET", f"{path}?kind=torrent"))["error"]["code"] == "rg.resource_not_found"


async def test_a_job_is_paused_where_the_provider_can_and_refused_where_it_cannot(stage):
    job = await value(stage, "POST", JOBS, json={"kind": "torrent", "magnet": MAGNET})
    path = f"{JOBS}/{quote(job['id'], safe='')}/cancel?kind=torrent"
    answer = await value(stage, "POST", path, json={"operation": "pause", "torrent_id": 1})
    assert answer == {"job_id": job["id"], "kind": "torrent", "status": "paused", "operation": "pause"}
    answer = await value(stage, "POST", path, json={"operation": "reannounce"})
    assert (answer["status"], answer["operation"]) == (None, "reannounce")
    assert [call.subject for call in stage.twins.worlds["torbox"].calls if call.operation == "control"] == [
        job["id"]
    ] * 2
    for operation in ("explode", "stop_seeding"):
        answer = await value(stage, "POST", path, json={"operation": operation})
        assert (answer["error"]["code"], answer["error"]["status"]) == ("rg.feature_unsupported", 501)
    missing = await value(stage, "POST", f"{JOBS}/none/cancel?kind=torrent", json={"operation": "resume"})
    assert missing["error"]["code"] == "rg.resource_not_found"


async def test_a_selection_is_made_for_the_caller(stage):
    script = (TransferState.SELECTING, TransferState.READY)
    stage.twins.worlds["realdebrid"].define(HASH, Content(script=script))
    job = await value(stage, "POST", JOBS, "real_debrid", json={"kind": "torrent", "magnet": HASH})
    assert job["status"] == "completed"


@pytest.mark.parametrize(("kind", "sent"), [("usenet", "url"), ("web_fetch", "link")])
async def test_the_other_kinds(stage, kind, sent):
    job = await value(stage, "POST", JOBS, json={"kind": kind, sent: "https://files.example/a.nzb", "more": [1]})
    assert (job["kind"], job["hash"]) == (kind, None)


def test_names_and_passwords_reach_what_is_handed_in():
    def source(**body):
        return msgspec.convert(body, CreateRequest).source()

    url = "https://files.example/show.nzb"
    assert source(kind="torrent", magnet=HASH, name="Film").name == "Film"
    assert source(kind="torrent", magnet=MAGNET).name == "Film"
    nzb = source(kind="usenet", url=url, password="open sesame")
    assert (nzb.name, nzb.url, nzb.password) == ("show.nzb", url, "open sesame")
    web = source(kind="web_fetch", link=url, name="holiday", password="open sesame")
    assert (web.url, web.name, web.password) == (url, "holiday", "open sesame")
    assert msgspec.convert({"url": url, "password": "open sesame"}, UnlockRequest).link().password == "open sesame"
    assert "open sesame" not in repr(nzb) + repr(web)


async def test_cache_check_has_three_values_in_request_order_and_lower_case(stage):
    world = stage.twins.worlds["torbox"]
    world.define(HASH, Content("Film", cached=True))
    world.define("cd" * 20, Content(cached=False))
    hashes = [HASH.upper(), "ef" * 20, "cd" * 20, HASH]
    first = await value(stage, "POST", "/canonical/torrents/cache-check", json={"hashes": hashes})
    assert [(item["info_hash"], item["cached"]) for item in first["items"]] == [
        (HASH, True),
        ("ef" * 20, None),
        ("cd" * 20, False),
        (HASH, True),
    ]
    # What was learnt is not asked again, whoever asks; what nobody could tell is.
    again = await value(stage, "POST", "/canonical/torrents/cache-check", json={"hashes": hashes}, token="other")
    assert [item["cached"] for item in again["items"]] == [True, None, False, True]
    assert [call.subject for call in world.calls] == [",".join([HASH, "ef" * 20, "cd" * 20]), "ef" * 20]


async def test_what_was_learnt_outlives_the_process(stage):
    await stage.gateway.learned.flush()
    from sluicegate.core.availability import Availability
    from sluicegate.core.clock import SystemClock
    from sluicegate.services.gateway_learned import LearnedAvailability

    learned = stage.gateway.learned
    learned.learn("torbox", [Availability("12" * 20, cached=True, name="Kept")])
    await learned.flush()
    other = LearnedAvailability(stage.database.transactions, SystemClock())
    async with stage.twins.kinds["torbox"](stage.twins.worlds["torbox"]) as provider:
        (answer,) = await other.check(provider, ["12" * 20], list_files=False)
    assert (answer.cached, answer.name, answer.origin) == (True, "Kept", "learned")
    assert not stage.twins.worlds["torbox"].calls


async def test_a_fault_while_asking_is_an_error_and_never_a_miss(stage):
    stage.twins.worlds["torbox"].fail("availability", ConnectionFailed("Gone.", provider="torbox"))
    answer = await value(stage, "POST", "/canonical/torrents/cache-check", json={"hashes": ["77" * 20]})
    assert answer["error"]["code"] == "rg.upstream_unreachable"


async def test_files_are_told_where_they_are_asked_for(stage):
    stage.twins.worlds["torbox"].define("9a" * 20, Content("Show", {"Show/a.mkv": b"xyz"}, cached=True))
    path, asked = "/canonical/torrents/cache-check", {"hashes": ["9a" * 20], "list_files": True}
    (item,) = (await value(stage, "POST", path, json=asked))["items"]
    assert all(set(file) == {"id", "name", "path", "size"} for file in item["files"])
    (item,) = (await value(stage, "POST", path, json=asked | {"list_files": False}))["items"]
    assert item["files"] is None


async def test_no_member_is_left_out(stage):
    """Absent values are null, so that a client need not know which provider tells what."""
    job = {"job_id", "id", "kind", "name", "status", "upstream_status", "progress", "size", "hash", "url", "created_at",
           "updated_at", "error"}  # fmt: skip
    location = {"url", "type", "filename", "size", "expires_at"}
    stage.twins.worlds["torbox"].define(HASH, Content("Film", {"a.mkv": b"x"}))
    made = await value(stage, "POST", JOBS, json={"kind": "torrent", "magnet": MAGNET})
    path = f"{JOBS}/{quote(made['id'], safe='')}"
    assert set(made) == job
    assert set(await value(stage, "GET", f"{path}?kind=torrent")) == job
    assert [set(item) for item in (await value(stage, "GET", f"{JOBS}?kind=torrent"))["items"]] == [job]
    files = await value(stage, "GET", f"{path}/files?kind=torrent")
    assert [set(file) for file in files["files"]] == [{"id", "name", "path", "size", "mime_type", "selected"}]
    played = await value(stage, "POST", f"{path}/files/0/playback?kind=torrent")
    assert set(played) == {"job_id", "file_id", "locations"}
    unlocked = await value(
        stage, "POST", "/canonical/hoster/links/unlock", "alldebrid", json={"url": "https://x.example"}
    )
    assert set(unlocked) == {"filename", "size", "host", "locations"}
    assert [set(each) for each in played["locations"] + unlocked["locations"]] == [location, location]
    account = await value(stage, "GET", "/canonical/account")
    assert {"provider", "user_id", "username", "email", "plan", "is_premium", "premium_expires_at", "points",
            "traffic"} <= set(account)  # fmt: skip
    assert account["username"] is account["email"] is None


async def test_one_id_stands_in_the_whole_answer(stage):
    response = await stage.ask("GET", f"{JOBS}/none?kind=torrent", "torbox, torrin", tokens="a,b")
    body = response.json()
    request_id = str(UUID(body["meta"]["request_id"]))
    assert {body["data"][slug]["error"]["instance"] for slug in body["data"]} == {request_id}
    assert response.headers["x-request-id"] == request_id


@pytest.mark.parametrize("asked", ["true", "True", "1", ""])
async def test_what_the_provider_said_is_told_for_the_documented_word_alone(stage, asked):
    stage.twins.worlds["alldebrid"].fail("account", CredentialsRejected("No.", provider="alldebrid"))
    headers = {"x-relaygate-include-provider-response": asked}
    response = await stage.ask("GET", "/canonical/account", "torbox, alldebrid", tokens="a,b", headers=headers)
    data = response.json()["data"]
    assert set(data["torbox"]) == {"data", "meta"} | ({"debug"} if asked == "true" else set())
    assert set(data["alldebrid"]) == {"error"}


async def test_what_a_provider_cannot_is_told_in_the_contracts_words(stage, monkeypatch):
    """TorBox has no hoster links, Real-Debrid no queue for links and no Usenet."""
    monkeypatch.setitem(stage.twins.kinds, "torbox", _without(stage.twins.kinds["torbox"], Capability.UNLOCK))
    lacking = (Capability.WEB, Capability.NZB, Capability.UNLOCK)
    monkeypatch.setitem(stage.twins.kinds, "realdebrid", _without(stage.twins.kinds["realdebrid"], *lacking))
    url = {"url": "https://files.example/a.nzb"}
    details = {}
    for name, path, slug, body in (
        ("unlock", "/canonical/hoster/links/unlock", "torbox", url),
        ("usenet", JOBS, "real_debrid", url | {"kind": "usenet"}),
        ("web", JOBS, "real_debrid", url | {"kind": "web_fetch"}),
    ):
        error = (await value(stage, "POST", path, slug, json=body))["error"]
        assert (error["code"], error["status"]) == ("rg.feature_unsupported", 501)
        details[name] = error["detail"]
    assert details == {
        "unlock": "hoster.links.unlock is not available for torbox. Create a job of the kind web_fetch instead.",
        "usenet": "real_debrid takes no jobs of the kind usenet.",
        "web": "real_debrid takes no jobs of the kind web_fetch.",
    }
    assert not stage.twins.worlds["realdebrid"].calls


def _without(kind: type[Provider], *lacking: Capability) -> type[Provider]:
    can = classmethod(lambda cls, capability: capability not in lacking)
    return type(kind.__name__, (kind,), {"can": can})


async def test_hoster_links(stage):
    url = "https://hoster.example/f"
    answer = await value(stage, "POST", "/canonical/hoster/links/unlock", "alldebrid", json={"url": url})
    assert answer["locations"][0]["url"]
    assert answer["host"] == "hoster.example"
    refused = await value(stage, "POST", "/canonical/hoster/links/unlock", "smokedebrid", json={"url": url})
    assert (refused["error"]["code"], refused["error"]["status"]) == ("rg.feature_unsupported", 501)


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        (UpstreamTimeout("Late."), "rg.upstream_unreachable", 504),
        (ConnectionFailed("Gone."), "rg.upstream_unreachable", 502),
        (ProtocolError("HTML."), "rg.upstream_non_json", 502),
        (SlotsFull("Full."), "rg.upstream_error", 409),
        (TransferMissing("Gone."), "rg.resource_not_found", 404),
        (ValueError("a bug"), "rg.internal_error", 500),
    ],
)
async def test_errors_of_a_provider_stay_its_own(stage, error, code, status):
    stage.twins.worlds["torbox"].fail("account", error)
    response = await stage.ask("GET", "/canonical/account", "torbox, premiumize", tokens="a,b")
    assert response.status_code == 200
    problem = response.json()["data"]["torbox"]["error"]
    assert (problem["code"], problem["status"]) == (code, status)
    assert "a bug" not in response.text
    assert "data" in response.json()["data"]["premiumize"]


async def test_a_hanging_provider_delays_nobody_beyond_the_deadline(stage):
    stage.twins.worlds["torbox"].delay("account", 60)
    began = time.monotonic()
    response = await stage.ask("GET", "/canonical/account?deadline_ms=700", "torbox, premiumize", tokens="a,b")
    assert time.monotonic() - began < 10
    data = response.json()["data"]
    assert (data["torbox"]["error"]["code"], data["torbox"]["error"]["status"]) == ("rg.upstream_unreachable", 504)
    assert "data" in data["premiumize"]
    await asyncio.sleep(0.1)
    assert not stage.gateway.fanout._ending


async def test_when_all_hang_there_are_still_all_answers(stage):
    """T50: as many parts as providers were asked, each with its own error."""
    slugs = ["torbox", "premiumize", "alldebrid", "real_debrid", "debrid_link", "smokedebrid"]
    for slug in slugs:
        stage.twins.worlds[PROVIDERS[slug]].delay("account", 60)
    path = "/canonical/account?deadline_ms=300"
    response = await stage.ask("GET", path, ", ".join(slugs), tokens=",".join(slugs))
    assert response.status_code == 200
    assert list(response.json()["data"]) == slugs
    assert {part["error"]["code"] for part in response.json()["data"].values()} == {"rg.upstream_unreachable"}
    assert response.json()["meta"]["summary"] == {"succeeded": 0, "failed": len(slugs)}
    rows = {str(row["request_id"]): row for row in await stage.audited()}
    assert rows[response.headers["x-request-id"]]["http_status"] == 200


@pytest.mark.parametrize(
    ("method", "path", "more", "status"),
    [
        ("GET", JOBS, {}, 400),
        ("GET", JOBS + "?kind=torrents", {}, 400),
        ("GET", JOBS + "?kind=torrent&kind=usenet", {}, 400),
        ("GET", JOBS + "?kind=torrent&limit=0", {}, 400),
        ("GET", JOBS + "?kind=torrent&deadline_ms=x", {}, 400),
        ("GET", JOBS + "?kind=%ff", {}, 400),
        ("POST", JOBS, {"content": b""}, 400),
        ("POST", JOBS, {"content": b"{"}, 400),
        ("POST", JOBS, {"content": b'{"kind":"torrent"}{"kind":"torrent"}'}, 400),
        ("POST", JOBS, {"content": b"[" * 100_000}, 400),
        ("POST", JOBS, {"content": b"\xff\xfe"}, 400),
        ("POST", JOBS, {"json": {"kind": "torrent"}}, 400),
        ("POST", JOBS + "?kind=torrent", {"json": {"magnet": MAGNET}}, 400),
        ("POST", JOBS, {"json": {"kind": "torrents", "magnet": MAGNET}}, 400),
        ("POST", JOBS, {"json": [{"kind": "torrent", "magnet": MAGNET}]}, 400),
        ("POST", JOBS, {"content": b"null", "headers": {"content-type": "application/json"}}, 400),
        ("POST", JOBS, {"content": b'{"kind":"torrent"}', "headers": {"content-type": "text/plain"}}, 415),
        ("POST", JOBS, {"json": {"kind": "torrent", "magnet": "http://x"}}, 400),
        ("POST", JOBS, {"json": {"kind": "usenet", "url": "file:///etc/passwd"}}, 400),
        ("POST", JOBS, {"content": b"a=b", "headers": {"content-type": "application/x-www-form-urlencoded"}}, 415),
        ("POST", JOBS, {"content": b" " * 300_000}, 413),
        ("POST", "/canonical/torrents/cache-check", {"json": {"hashes": []}}, 400),
        ("POST", "/canonical/torrents/cache-check", {"json": {"hashes": ["zz"]}}, 400),
        ("POST", "/canonical/torrents/cache-check", {"json": {"hashes": ["ab" * 20, "00" * 20]}}, 400),
        ("POST", JOBS, {"json": {"kind": "usenet", "url": "https://x.example/a", "password": "x" * 501}}, 400),
        ("POST", "/canonical/torrents/cache-check", {"json": {"hashes": ["ab" * 20] * 1001}}, 400),
        ("POST", "/canonical/torrents/cache-check", {"json": {"hashes": ["ab" * 20], "list_files": "yes"}}, 400),
        ("DELETE", JOBS, {}, 405),
        ("POST", "/canonical/account", {}, 405),
        ("GET", "/canonical/nothing", {}, 404),
        ("GET", "/", {}, 404),
    ],
)
async def test_bad_requests_are_problems_and_are_audited(stage, method, path, more, status):
    response = await stage.ask(method, path, "torbox", tokens="a-secret-token", **more)
    assert (response.status_code, response.json()["status"]) == (status, status), response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["code"] == ("rg.resource_not_found" if status == 404 else "rg.validation_error")
    rows = {str(row["request_id"]): row for row in await stage.audited()}
    row = rows[response.headers["x-request-id"]]
    assert (row["http_status"], row["error_code"]) == (status, response.json()["code"])
    assert row["caller_ip"] == "127.0.0.1"
    assert "a-secret-token" not in str(row)


@pytest.mark.parametrize("query", ["=0", "=", "kind=torrent&=0", "&=%20&deadline_ms=9000"])
async def test_a_parameter_without_a_name_is_refused_by_every_operation(stage, query):
    doors = [(route.method, re.sub(r"\{\w+\}", "1", route.path)) for route in OPERATIONS]
    for method, path in [*doors, ("GET", "/proxy/v1/api/user/me")]:
        response = await stage.ask(method, f"{path}?{query}", "torbox", tokens="t")
        assert (response.status_code, response.json()["code"]) == (400, "rg.validation_error"), path
        assert "without a name" in response.json()["detail"]
    assert not stage.twins.worlds["torbox"].calls


async def test_parameters_that_the_contract_leaves_open_are_ignored(stage):
    """The documentation writes ``?kind=…&…`` and does not say what may follow."""
    assert (await value(stage, "GET", f"{JOBS}?kind=torrent&bypass_cache=true&filter=&&")) == {"items": []}


@pytest.mark.parametrize("job", ["a/b", "../..", "a?b", "%", "%2e%2e", "a b", "\u00fc", "'", "x" * 3000, "nope"])
async def test_strange_job_ids_are_unknown_jobs(stage, job):
    for suffix in ("", "/files"):
        answer = await value(stage, "GET", f"{JOBS}/{quote(job, safe='')}{suffix}?kind=torrent")
        assert answer["error"]["code"] == "rg.resource_not_found", job


async def test_each_call_and_provider_is_audited_without_secrets(stage):
    user, key = await stage.user("torbox")
    response = await stage.ask("GET", f"{JOBS}/{key}?kind=torrent&token={key}", "torbox, premiumize", key=key)
    await stage.gateway.audit.flush()
    (call,) = await stage.gateway.audit.history(user, limit=10)
    assert str(call.request_id) == response.headers["x-request-id"]
    assert (call.addon, call.addon_proven, call.operation) == (stage.addon, True, "jobs.get")
    assert call.path == f"{JOBS}/[REDACTED]"
    assert [(a.provider, a.status, a.error_code) for a in call.answers] == [
        ("torbox", 404, "rg.resource_not_found"),
        ("premiumize", 404, "rg.vault_missing"),
    ]
    assert key not in str(await stage.audited())
    (point,) = await stage.gateway.audit.usage(user, days=1)
    assert (point.calls, point.operation) == (1, "jobs.get")
    stranger, _ = await stage.user()
    assert await stage.gateway.audit.history(stranger, limit=10) == []


async def test_the_description_names_every_operation(stage):
    document = (await stage.client.get(BASE + "/openapi.json")).json()
    operations = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(operations) == 9 + 5
    assert "/api/v0.6-beta/canonical/jobs/{job_id}/files/{file_id}/playback" in document["paths"]
