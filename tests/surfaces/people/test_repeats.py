"""``Idempotency-Key`` on every POST of every surface: once in effect, the same answer again, whatever happens."""

import asyncio
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from tests.surfaces.people.conftest import Product, running_product
from tests.surfaces.serving import serving

from sluicegate.core.addons import AddonState
from sluicegate.core.errors import AlreadyExists
from sluicegate.core.keys import KeyKind
from sluicegate.db.connector import Connector
from sluicegate.services import gateway_limits, repeats
from sluicegate.services.repeats import Owner
from sluicegate.wiring.web import make_app

PAGE = "https://example.com/video"


def key() -> dict[str, str]:
    return {"idempotency-key": uuid4().hex}


async def test_a_repeated_media_job_is_made_once(product: Product):
    _, client = await product.user(KeyKind.MEDIA)
    headers = key()
    answers = [await client.post("/jobs", json={"url": PAGE}, headers=headers) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert ["idempotency-replayed" in answer.headers for answer in answers] == [False, True, True]
    assert (await client.get("/jobs")).json()["total"] == 1
    await client.post("/jobs", json={"url": PAGE}, headers=key())
    assert (await client.get("/jobs")).json()["total"] == 2


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/gateway/keys", {"label": "one"}),
        ("/v1/gateway/policies", {"verdict": "deny", "subject": "addon", "value": "some-addon"}),
        ("/v1/gateway/addons", {"slug": "SLUG", "name": "An add-on", "contact": "a@b.example", "proof": "x"}),
        ("/v1/api-key/rotate", None),
        ("/v1/torrents", {"magnet": "cd" * 20}),
        ("/v1/integrations", {"kind": "torbox", "token": "sandbox-repeat"}),
    ],
)
async def test_posts_of_every_kind_answer_the_same_again(product: Product, path: str, body: dict[str, str] | None):
    _, client = await product.user()
    if path == "/v1/api-key/rotate":  # the key that asks would end with it
        user = await product.installation.users.create(f"rotor-{uuid4().hex[:6]}")
        token = product.installation.people.tokens.issue(user.id).reveal()
        client = await product.client({"authorization": f"Bearer {token}"})
    if body and body.get("slug"):
        body = body | {"slug": f"addon-{uuid4().hex[:8]}"}
    headers = key()
    first = await client.post(path, json=body, headers=headers)
    again = await client.post(path, json=body, headers=headers)
    assert first.status_code < 300, first.text
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["content-type"] == first.headers["content-type"]
    assert again.headers["idempotency-replayed"] == "true"


async def test_another_request_under_the_same_key_is_422(product: Product):
    _, client = await product.user()
    headers = key()
    assert (await client.post("/v1/torrents", json={"magnet": "ce" * 20}, headers=headers)).status_code < 300
    for other in ({"magnet": "cf" * 20}, {"magnet": "ce" * 20, "x": 1}):
        answer = await client.post("/v1/torrents", json=other, headers=headers)
        assert answer.status_code == 422
        assert set(answer.json()) == {"error"}
    answer = await client.post("/v1/torrents?x=1", json={"magnet": "ce" * 20}, headers=headers)
    assert answer.status_code == 422


async def test_keys_are_one_user_s_own_and_of_one_path(product: Product):
    (_, ann), (_, ben) = await product.user(), await product.user()
    headers = key()
    first = (await ann.post("/v1/torrents", json={"magnet": "d0" * 20}, headers=headers)).json()
    second = (await ben.post("/v1/torrents", json={"magnet": "d0" * 20}, headers=headers)).json()
    assert first["id"] != second["id"]
    other = await ann.post("/v1/gateway/keys", json={"label": "x"}, headers=headers)
    assert other.status_code < 300


async def test_a_form_may_be_sent_again_with_another_boundary(product: Product):
    _, client = await product.user()
    headers = key()
    answers = [
        await client.post("/v1/torrents", files={"magnet": (None, "d1" * 20)}, headers=headers) for _ in range(2)
    ]
    assert answers[0].status_code < 300, answers[0].text
    assert answers[0].content == answers[1].content
    assert "idempotency-replayed" in answers[1].headers


@pytest.mark.parametrize("text", ["", "x" * 256, "\u00e9"])
async def test_a_key_that_is_none_is_400(product: Product, text: str):
    _, client = await product.user()
    headers = {"idempotency-key": text.encode("latin-1")}
    answer = await client.post("/v1/torrents", json={"magnet": "d2" * 20}, headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert set(answer.json()) == {"error"}


async def test_a_stranger_gets_the_usual_refusal_and_leaves_nothing(product: Product):
    client = await product.client({"authorization": "Bearer tu_nothing"})
    answer = await client.post("/v1/torrents", json={"magnet": "d3" * 20}, headers=key())
    assert answer.status_code == 401


async def test_many_at_once_take_effect_once(product: Product):
    _, client = await product.user(KeyKind.MEDIA)
    headers = key()
    answers = await asyncio.gather(*(client.post("/jobs", json={"url": PAGE}, headers=headers) for _ in range(12)))
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert len({answer.content for answer in answers if answer.status_code == 200}) == 1
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 409)
    assert (await client.get("/jobs")).json()["total"] == 1


async def test_two_processes_share_keys(product: Product):
    """Another application on the same database, as a second server process would be."""
    user_id, client = await product.user(KeyKind.MEDIA)
    async with serving(make_app(product.installation)) as url:
        elsewhere = await product.client({"x-api-key": client.headers["x-api-key"]})
        elsewhere.base_url = httpx.URL(url)
        headers = key()
        answers = await asyncio.gather(
            *(one.post("/jobs", json={"url": PAGE}, headers=headers) for one in (client, elsewhere) * 4)
        )
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert (await client.get("/jobs")).json()["total"] == 1
    assert user_id


async def test_a_refusal_for_a_reason_of_the_request_is_kept_and_a_passing_one_is_not(product: Product):
    _, client = await product.user()
    headers = key()
    first = await client.post("/v1/torrents", json={"magnet": "nonsense"}, headers=headers)
    again = await client.post("/v1/torrents", json={"magnet": "nonsense"}, headers=headers)
    assert (first.status_code, again.status_code) == (400, 400)
    assert "idempotency-replayed" in again.headers

    await product.control("faults", {"provider": "torbox", "call": "*", "fault": "server_error", "times": 20})
    headers, body = key(), {"kind": "torbox", "token": "sandbox-passing"}
    assert (await client.post("/v1/integrations", json=body, headers=headers)).status_code == 502
    await product.control("faults", {"provider": "torbox", "call": "*", "fault": "server_error", "times": 0})
    assert (await client.post("/v1/integrations", json=body, headers=headers)).status_code == 201


async def test_after_a_crash_the_request_runs_again_unless_it_had_taken_effect(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    """The process that ran it is gone: what it wrote decides."""
    monkeypatch.setattr(repeats, "_HOLD", timedelta(seconds=-1))
    service = product.installation.people.repeats
    owner = Owner("crash-test")
    name = uuid4().hex
    attempt, answered = await service.begin(owner, name, "POST /x", "digest", repeatable=False)
    assert answered is None
    again, answered = await service.begin(owner, name, "POST /x", "digest", repeatable=False)
    assert (again.id, answered) == (attempt.id, None)

    async with service.holding(again):
        await product.installation.users.create(f"effect-{uuid4().hex[:8]}")
    with pytest.raises(AlreadyExists):
        await service.begin(owner, name, "POST /x", "digest", repeatable=False)
    again, answered = await service.begin(owner, name, "POST /x", "digest", repeatable=True)
    assert (again.id, answered) == (attempt.id, None)
    await service.keep(again, 201, "the answer")
    _, answered = await service.begin(owner, name, "POST /x", "digest", repeatable=False)
    assert answered == (201, "the answer")


async def test_only_reading_is_no_effect(product: Product):
    service = product.installation.people.repeats
    attempt, _ = await service.begin(Owner("reader"), uuid4().hex, "POST /x", "digest", repeatable=False)
    async with service.holding(attempt):
        await product.installation.users.page()
    async with product.installation.database.transactions() as tx:
        found = await tx.repeats.find(attempt.id)
        assert found is not None
        assert not found.effective
    async with service.holding(attempt):
        await product.installation.users.create(f"effect-{uuid4().hex[:8]}")
    async with product.installation.database.transactions() as tx:
        found = await tx.repeats.find(attempt.id)
        assert found is not None
        assert found.effective


async def test_a_first_one_that_does_not_end_is_409_with_a_time_to_come_back(
    product: Product, monkeypatch: pytest.MonkeyPatch
):
    """Nothing places jobs here, so that a submit waits for as long as it may."""
    _, client = await product.user()
    monkeypatch.setattr(product.installation.people.repeats, "_patience", 0.1)
    headers = key() | {"prefer": ""}
    slow = asyncio.create_task(client.post("/v1/torrents", json={"magnet": "d4" * 20}, headers=headers))
    async with asyncio.timeout(30):
        while (await client.get("/v1/torrents")).json()["items"] == []:
            await asyncio.sleep(0.01)
    waiting = await client.post("/v1/torrents", json={"magnet": "d4" * 20}, headers=headers)
    assert (waiting.status_code, set(waiting.json())) == (409, {"error"})
    assert int(waiting.headers["retry-after"]) >= 1
    first = await slow
    again = await client.post("/v1/torrents", json={"magnet": "d4" * 20}, headers=headers)
    assert (first.status_code, again.content) == (201, first.content)


async def test_answers_lie_sealed_and_are_swept_after_a_day(server: Connector, sandbox: str):
    """T34: an answer may hold a new key, which is readable nowhere in the database."""
    async with running_product(server, sandbox, wrong_key_rate=0) as product:
        _, client = await product.user()
        headers = key()
        secret = (await client.post("/v1/gateway/keys", json={"label": "x"}, headers=headers)).json()["secret"]
        connection = await Connector(url=product.settings.database_url.get_secret_value()).connect()  # type: ignore[union-attr]
        try:
            (row,) = await connection.fetch("SELECT sealed, t::text AS text FROM repeats t")
            assert secret.encode() not in bytes(row["sealed"])
            assert secret not in row["text"]
            assert await product.installation.people.repeats.forget_old() == 0
            await connection.execute("UPDATE repeats SET created_at = now() - interval '25 hours'")
            assert await product.installation.people.repeats.forget_old() == 1
        finally:
            await connection.close()
        assert (await client.post("/v1/gateway/keys", json={"label": "x"}, headers=headers)).json()["secret"] != secret


async def addon_client(product: Product, token: str) -> tuple[str, httpx.AsyncClient]:
    """An approved add-on, and a client that is it and sends a TorBox token of its own."""
    addons, slug = product.installation.gateway.addons, f"addon-{uuid4().hex[:8]}"
    _, secret = await addons.apply(slug, name="A", contact="a@b.example", proof="x")
    await addons.decide(slug, AddonState.APPROVED)
    headers = {
        "x-relaygate-provider": "torbox",
        "x-relaygate-addon-id": slug,
        "x-relaygate-addon-secret": secret.reveal(),
        "x-relaygate-provider-api-key": token,
    }
    return slug, await product.client(headers)


async def test_the_gateway_honours_it_too_for_whoever_may_call(product: Product):
    """A revoked add-on is not given an answer from before either (T51)."""
    gateway = product.installation.gateway
    slug, client = await addon_client(product, "sandbox-gateway")
    body, headers = {"kind": "torrent", "magnet": "magnet:?xt=urn:btih:" + "d5" * 20}, key()
    path = "/api/v0.6-beta/canonical/jobs"
    first = await client.post(path, json=body, headers=headers)
    again = await client.post(path, json=body, headers=headers)
    assert first.status_code == 200, first.text
    assert (again.content, again.headers.get("idempotency-replayed")) == (first.content, "true")
    other = await client.post(path, json=body | {"magnet": "magnet:?xt=urn:btih:" + "d6" * 20}, headers=headers)
    assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
    assert other.json()["instance"] == other.headers["x-request-id"]
    # What was answered without asking anybody is a call all the same (T50).
    calls = {str(call.request_id): call for call in await gateway.audit.log(limit=10, addon=slug)}
    shown = [(calls[each.headers["x-request-id"]].http_status, calls[each.headers["x-request-id"]].error_code)
             for each in (first, again, other)]  # fmt: skip
    assert shown == [(200, None), (200, None), (422, "rg.validation_error")]
    assert {call.operation for call in calls.values()} == {"jobs.create"}
    await gateway.addons.decide(slug, AddonState.REVOKED)
    gateway.access.forget()
    assert (await client.post(path, json=body, headers=headers)).status_code == 401


async def test_a_gateway_call_with_a_key_counts_once_in_the_rate_limits(product: Product, monkeypatch):
    moment = 3e9 + 60.0 * (uuid4().int % 1_000_000)  # a minute that stands still, in which nothing else was counted
    monkeypatch.setattr(gateway_limits, "time", SimpleNamespace(time=lambda: moment))
    gateway = product.installation.gateway
    slug, client = await addon_client(product, "sandbox-counted")
    body = {"kind": "torrent", "magnet": "magnet:?xt=urn:btih:" + "d7" * 20}
    for headers in (key(), key()):
        assert (await client.post("/api/v0.6-beta/canonical/jobs", json=body, headers=headers)).status_code == 200
    await gateway.limits.flush()
    connection = await Connector(url=product.settings.database_url.get_secret_value()).connect()  # type: ignore[union-attr]
    try:
        counted = await connection.fetchval("SELECT count FROM gateway_rates WHERE bucket = $1", f"addon:{slug}")
    finally:
        await connection.close()
    assert counted == 2
