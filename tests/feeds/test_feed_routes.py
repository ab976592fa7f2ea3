"""Endpoints 14 to 18: adding, changing, listing, polling and removing feeds, and what was made of their items."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.feeds.samples import item, serves

FIELDS = {
    "id", "name", "url", "filter_regex", "filter_quality", "poll_interval_seconds", "enabled", "last_polled_at",
    "last_error", "created_at", "next_poll_at", "failures", "updated_at",
}  # fmt: skip


async def test_a_feed_is_added_listed_changed_polled_and_removed(world):
    _, client = await world.user()
    body = {
        "name": "1337x — TV",
        "url": world.remote.url("/feed"),
        "filter_regex": "S0[1-9]E[0-9]{2}",
        "filter_quality": "1080p",
        "poll_interval_seconds": 600,
    }
    made = await client.post("/v1/rss-feeds", json=body)
    assert (made.status_code, made.json().keys()) == (201, FIELDS)
    assert body.items() <= made.json().items()
    path = f"/v1/rss-feeds/{made.json()['id']}"
    assert (await client.get("/v1/rss-feeds")).json() == {"items": [made.json()], "limit": 25, "offset": 0}
    changed = (await client.patch(path, json={"filter_quality": None, "name": "TV"})).json()
    assert (changed["filter_quality"], changed["name"], changed["filter_regex"]) == ("any", "TV", body["filter_regex"])
    serves(world, item("Show.S01E01"), item("Film"))
    polled = await client.post(f"{path}/poll")
    assert polled.status_code == 200
    assert polled.json() == {
        "fetched": 2, "matched": 1, "submitted": 1, "skipped": 1, "error": None, "deferred": 0, "unchanged": False,
    }  # fmt: skip
    seen = (await client.get(f"{path}/items")).json()["items"]
    assert {one["title"]: one["verdict"] for one in seen} == {"Show.S01E01": "submitted", "Film": "filtered"}
    assert {one["title"]: bool(one["reason"]) for one in seen} == {"Show.S01E01": False, "Film": True}
    assert (await client.delete(path)).status_code == 204
    assert (await client.get("/v1/rss-feeds")).json()["items"] == []
    assert [(await client.delete(path)).status_code, (await client.post(f"{path}/poll")).status_code] == [404, 404]


async def test_aliases_answer_alike(world):
    user, client = await world.user()
    feed = await world.feed(user)
    serves(world)
    assert (await client.get("/v1/rss")).json() == (await client.get("/v1/rss-feeds")).json()
    for name in ("poll", "fetch", "refresh"):
        for base in ("rss", "rss-feeds"):
            assert (await client.post(f"/v1/{base}/{feed.id}/{name}")).status_code == 200


async def test_defaults_are_those_of_the_contract(world):
    _, client = await world.user()
    made = (await client.post("/v1/rss-feeds", json={"name": "a", "url": world.remote.url("/feed")})).json()
    assert (made["poll_interval_seconds"], made["filter_quality"], made["filter_regex"]) == (900, "any", None)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"filter_regex": "(?=1080p)"}, 400, "filter_regex"),
        ({"filter_regex": "(?<!x)1080p"}, 400, "filter_regex"),
        ({"filter_regex": r"(a)\1"}, 400, "filter_regex"),
        ({"filter_regex": "("}, 400, "filter_regex"),
        ({"filter_regex": "x" * 1_001}, 400, "filter_regex"),
        ({"filter_regex": "((a{1,999}){1,999}){1,999}"}, 400, "filter_regex"),
        ({"filter_quality": "720p"}, 400, "filter_quality"),
        ({"poll_interval_seconds": 299}, 400, "poll_interval_seconds"),
        ({"poll_interval_seconds": -1}, 400, "poll_interval_seconds"),
        ({"poll_interval_seconds": 10**30}, 400, ""),
        ({"name": ""}, 400, "name"),
        ({"name": "x" * 201}, 400, "name"),
        ({"url": "ftp://site.example/feed"}, 400, "url"),
        ({"url": "file:///etc/passwd"}, 400, "url"),
        ({"url": "http://user:pass@site.example/"}, 400, "url"),
        ({"url": "http://169.254.169.254/"}, 422, "refused"),
        ({"url": "http://10.0.0.1/"}, 422, "refused"),
        ({"url": "http://[::1]:80/"}, 422, "refused"),
        ({"surprise": 1}, 400, "surprise"),
    ],
)
async def test_what_does_not_fit_is_refused_by_name(world, change, status, field):
    """Checklist T12 for expressions and the egress guard for addresses, on adding and on changing alike."""
    user, client = await world.user()
    feed = await world.feed(user)
    whole = {"name": "a", "url": world.remote.url("/x")} | change
    for answered in (
        await client.post("/v1/rss-feeds", json=whole),
        await client.patch(f"/v1/rss-feeds/{feed.id}", json=change),
    ):
        assert answered.status_code == status, answered.text
        assert field in answered.json()["error"]
    assert len((await client.get("/v1/rss-feeds")).json()["items"]) == 1


async def test_an_expression_that_explodes_elsewhere_is_quick_here(world):
    """Checklist T12: ``(a+)+$`` against a long title."""
    _, client = await world.user()
    made = await client.post(
        "/v1/rss-feeds", json={"name": "a", "url": world.remote.url("/feed"), "filter_regex": "^(a+)+$|(a|a)*b"}
    )
    serves(world, item("a" * 400 + "!"), item("a" * 400))
    polled = (await client.post(f"/v1/rss-feeds/{made.json()['id']}/poll")).json()
    assert (polled["matched"], polled["error"]) == (1, None)


async def test_a_foreign_feed_is_as_unknown_as_any_other(world):
    """Checklist T25."""
    user, _ = await world.user()
    feed = await world.feed(user)
    _, other = await world.user()
    unknown = str(feed.id)[:-4] + "0000"
    for method, tail in (("PATCH", ""), ("DELETE", ""), ("POST", "/poll"), ("GET", "/items")):
        body = {"json": {"name": "b"}} if method == "PATCH" else {}
        answers = [
            await other.request(method, f"/v1/rss-feeds/{one}{tail}", **body) for one in (feed.id, unknown, "no-id")
        ]
        assert {answered.status_code for answered in answers} == {404}
        assert len({answered.text for answered in answers}) == 1
    assert (await other.get("/v1/rss-feeds")).json()["items"] == []
    assert (await world.read(feed.id)).name == "test"


async def test_a_feed_that_cannot_be_read_is_told_to_people(world):
    user, client = await world.user()
    feed = await world.feed(user)
    polled = (await client.post(f"/v1/rss-feeds/{feed.id}/poll")).json()
    assert (polled["fetched"], polled["submitted"]) == (0, 0)
    assert "404" in polled["error"]
    (listed,) = (await client.get("/v1/rss-feeds")).json()["items"]
    assert (listed["last_error"], listed["failures"]) == (polled["error"], 1)
    due = datetime.fromisoformat(listed["next_poll_at"])
    assert due > datetime.now(UTC) + timedelta(seconds=800)


async def test_a_page_of_feeds_is_bounded(world):
    user, client = await world.user()
    for _ in range(3):
        await world.feed(user)
    page = (await client.get("/v1/rss-feeds?limit=2&offset=1")).json()
    assert (len(page["items"]), page["limit"], page["offset"]) == (2, 2, 1)
    assert (await client.get("/v1/rss-feeds?limit=9999")).json()["limit"] == 100
    assert (await client.get("/v1/rss-feeds?offset=-1")).status_code == 400
    assert (await client.get("/v1/rss-feeds?limit=x")).status_code == 400
