"""The trace and the simulation over the wire: every decision in words, and nothing done."""

from uuid import uuid4

import pytest

from sluicegate.core.errors import UpstreamServerError
from sluicegate.providers.memory import Content

FIELDS = {"at", "rung", "verdict", "rule", "words", "latency_ms"}
_numbers = iter(range(1, 1000))


def new_hash() -> str:
    return f"7ace{next(_numbers):036x}"


async def placed(world):
    user_id, client = await world.user()
    info_hash = new_hash()
    world.memory.define(info_hash, Content(cached=True))
    job = (await client.post("/v1/torrents", json={"magnet": info_hash})).json()
    await world.place(user_id)
    return client, job["id"]


async def test_the_trace_tells_each_decision(world):
    client, job_id = await placed(world)
    answer = await client.get(f"/v1/torrents/{job_id}/trace")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"items", "limit", "offset"}
    assert all(set(item) == FIELDS for item in body["items"])
    told = [(item["rung"], item["verdict"], item["rule"]) for item in body["items"]]
    assert told == [
        ("own copies", "skipped", "not-shared"),
        ("torbox (home)", "has-it", "availability"),
        ("torbox (home)", "accepted", "cached-first"),
    ]
    assert body["items"][0]["latency_ms"] is None
    assert body["items"][2]["latency_ms"] >= 0


async def test_the_trace_is_paged(world):
    client, job_id = await placed(world)
    whole = (await client.get(f"/v1/torrents/{job_id}/trace")).json()["items"]
    pages = [
        (await client.get(f"/v1/torrents/{job_id}/trace", params={"limit": 1, "offset": offset})).json()
        for offset in range(4)
    ]
    assert [page["items"] for page in pages] == [[item] for item in whole] + [[]]
    assert (await client.get(f"/v1/torrents/{job_id}/trace", params={"limit": 10**6})).json()["limit"] == 500
    assert (await client.get(f"/v1/torrents/{job_id}/trace", params={"limit": 0})).json()["limit"] == 1
    for wrong in ({"offset": -1}, {"offset": "x"}, {"limit": "many"}):
        answer = await client.get(f"/v1/torrents/{job_id}/trace", params=wrong)
        assert answer.status_code == 400
        assert set(answer.json()) == {"error"}


async def test_a_foreign_or_unknown_trace_is_not_found(world):
    """T25."""
    _, job_id = await placed(world)
    _, other = await world.user()
    for wanted in (job_id, str(uuid4()), "x"):
        answer = await other.get(f"/v1/torrents/{wanted}/trace")
        assert (answer.status_code, set(answer.json())) == (404, {"error"})


async def test_nobody_gets_an_explanation_without_a_key(world):
    """T23."""
    client, job_id = await placed(world)
    for method, path in (("GET", f"/v1/torrents/{job_id}/trace"), ("POST", "/v1/torrents/simulate")):
        answer = await client.request(method, path, headers={"authorization": ""}, json={"magnet": new_hash()})
        assert answer.status_code == 401


async def test_a_simulation_tells_who_would_be_asked_and_does_nothing(world):
    _, client = await world.user()
    info_hash = new_hash()
    world.memory.define(info_hash, Content(files={"a": b"123"}, cached=True))
    answer = await client.post("/v1/torrents/simulate", json={"magnet": info_hash})
    assert answer.status_code == 200
    body = answer.json()
    assert {name: body[name] for name in ("info_hash", "outcome", "rung", "size_bytes", "job")} == {
        "info_hash": info_hash, "outcome": "cached", "rung": "torbox (home)", "size_bytes": 3, "job": None,
    }  # fmt: skip
    assert [step["verdict"] for step in body["steps"]] == ["has-it", "would-try"]
    assert [call.operation for call in world.memory.calls] == ["availability"]
    assert (await client.get("/v1/torrents")).json()["items"] == []


async def test_a_simulation_of_what_is_there_shows_the_job(world):
    client, job_id = await placed(world)
    info_hash = (await client.get(f"/v1/torrents/{job_id}")).json()["info_hash"]
    body = (await client.post("/v1/torrents/simulate", json={"magnet": info_hash})).json()
    assert (body["outcome"], body["job"]["id"], body["steps"]) == ("existing", job_id, [])


async def test_a_provider_in_trouble_makes_a_simulation_unknown_not_wrong(world):
    _, client = await world.user()
    world.memory.fail("availability", UpstreamServerError("It rests."))
    body = (await client.post("/v1/torrents/simulate", json={"magnet": new_hash()})).json()
    assert (body["outcome"], body["steps"][0]["verdict"]) == ("download", "unknown")
    assert "It rests." in body["steps"][0]["words"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"magnet": "magnet:?xt=urn:btih:zz"}', 400),
        (b'{"magnet": "' + b"0" * 40 + b'"}', 400),
        (b'{"magnet": "' + b"a" * 40 + b'", "url": "https://x.example/"}', 400),
        (b'{"magnet": 5}', 400),
        (b'{"magnet": "' + b"a" * 300_000 + b'"}', 413),
    ],
)
async def test_what_cannot_be_submitted_cannot_be_simulated(world, body, status):
    _, client = await world.user()
    headers = {"content-type": "application/json"}
    answer = await client.post("/v1/torrents/simulate", content=body, headers=headers)
    assert (answer.status_code, set(answer.json())) == (status, {"error"})
