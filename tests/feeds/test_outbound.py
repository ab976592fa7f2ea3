"""The outbound feed: rule by rule what Sonarr, Radarr and generic readers demand (library sheet, section 9.2)."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import feedparser
import httpx
import pytest
from defusedxml import ElementTree
from tests.feeds.conftest import GIB, World

from sluicegate.core.keys import KeyKind

TORZNAB = "{http://torznab.com/schemas/2015/feed}attr"
ARR_ACCEPT = {"accept": "application/rss+xml, text/rss+xml, application/xml, text/xml"}


async def get(world: World, token: str, query: str = "", **headers: str) -> httpx.Response:
    """As the programs ask: no credential but the token in the address."""
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.get(f"{world.url}/v1/feed.rss?token={token}{query}", headers=ARR_ACCEPT | headers)


@pytest.fixture
async def library(world: World):
    """A user's library with a film, an episode, and things that are no releases; and the token of its feed."""
    user, client = await world.user()
    await world.ready(user, "Film.2024.1080p.WEB-GRP", size=5 * GIB)
    await world.ready(user, "Show.S01E02.2160p & <more> \u0007", size=3 * GIB)
    await world.ready(user, "tiny", size=(2 << 20) - 1)
    await world.ready(user, "a link", kind="web")
    await world.ready(user, "", "unnamed.mkv")
    return user, await world.key(user, KeyKind.FEED), client


def items(body: bytes):
    return ElementTree.fromstring(body).findall("channel/item")


async def test_the_type_is_rss_and_never_html(world, library):
    answer = await get(world, library[1])
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/rss+xml; charset=utf-8")


async def test_every_item_has_a_title_a_date_and_a_magnet(world, library):
    found = items((await get(world, library[1])).content)
    assert len(found) == 3
    for one in found:
        assert one.findtext("title")
        assert abs(parsedate_to_datetime(one.findtext("pubDate")) - datetime.now(UTC)).total_seconds() < 600
        assert one.findtext("link").startswith("magnet:?xt=urn:btih:")


async def test_guids_are_there_unique_and_the_same_on_each_read(world, library):
    first, second = [[one.findtext("guid") for one in items((await get(world, library[1])).content)] for _ in range(2)]
    assert first == second
    assert len(set(first)) == len(first) == 3
    assert items((await get(world, library[1])).content)[0].find("guid").get("isPermaLink") == "false"


async def test_the_enclosure_has_url_length_and_the_exact_type(world, library):
    for one in items((await get(world, library[1])).content):
        (enclosure,) = one.findall("enclosure")
        assert enclosure.get("type") == "application/x-bittorrent"
        assert enclosure.get("url") == one.findtext("link")
        assert int(enclosure.get("length")) >= 2 << 20


async def test_items_under_two_mebibytes_and_links_are_left_out(world, library):
    """One of them would make the programs refuse the whole feed."""
    titles = [one.findtext("title") for one in items((await get(world, library[1])).content)]
    assert "tiny" not in titles
    assert "a link" not in titles


async def test_seeders_stand_in_the_description(world, library):
    for one in items((await get(world, library[1])).content):
        assert re.search(r"Seeders: \d+", one.findtext("description"))


async def test_the_ezrss_namespace_is_not_declared(world, library):
    assert b"xmlns.ezrss.it" not in (await get(world, library[1])).content


async def test_torznab_attributes(world, library):
    found = {
        one.findtext("title"): {attr.get("name"): attr.get("value") for attr in one.findall(TORZNAB)}
        for one in items((await get(world, library[1])).content)
    }
    film = found["Film.2024.1080p.WEB-GRP"]
    assert (film["category"], film["size"]) == ("2000", str(5 * GIB))
    assert re.fullmatch(r"[0-9a-f]{40}", film["infohash"])
    assert film["magneturl"].startswith(f"magnet:?xt=urn:btih:{film['infohash']}")
    assert next(attributes for title, attributes in found.items() if "S01E02" in title)["category"] == "5000"


async def test_names_with_markup_and_control_characters_are_only_text(world, library):
    """Checklist T52: a name is data."""
    title = next(
        one.findtext("title")
        for one in items((await get(world, library[1])).content)
        if "more" in one.findtext("title")
    )
    assert title == "Show.S01E02.2160p & <more> \ufffd"


async def test_feedparser_reads_it_without_complaint(world, library):
    parsed = feedparser.parse((await get(world, library[1])).content)
    assert not parsed.bozo
    assert (parsed.version, len(parsed.entries)) == ("rss20", 3)
    for entry in parsed.entries:
        assert entry.published_parsed
        assert entry.enclosures[0].type == "application/x-bittorrent"
        assert entry.id


async def test_our_own_reader_takes_it_as_well(world, library):
    from sluicegate.core.feed_documents import read_feed

    entries = read_feed((await get(world, library[1])).content).entries
    assert all(entry.found_magnet and entry.published_at and entry.size for entry in entries)


async def test_newest_first_and_paged(world, library):
    user, token, _ = library
    for number in range(105):
        await world.ready(user, f"Film {number}")
    whole = items((await get(world, token)).content)
    second = items((await get(world, token, "&limit=10&offset=10")).content)
    assert len(whole) == 100, "a hundred at most"
    assert [one.findtext("guid") for one in second] == [one.findtext("guid") for one in whole][10:20]
    assert len(items((await get(world, token, "&limit=9999")).content)) == 100
    for query in ("&limit=x", "&offset=-1", "&offset=99999999999"):
        assert (await get(world, token, query)).status_code == 400


async def test_an_unchanged_library_is_not_sent_again(world, library):
    user, token, _ = library
    first = await get(world, token)
    again = await get(world, token, **{"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    await world.ready(user, "Something new")
    assert (await get(world, token, **{"if-none-match": first.headers["etag"]})).status_code == 200


async def test_head_is_get_without_the_body(world, library):
    async with httpx.AsyncClient() as client:
        url = f"{world.url}/v1/feed.rss?token={library[1]}"
        head, whole = await client.head(url), await client.get(url)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", whole.headers["etag"])


async def test_an_empty_library_is_an_empty_feed(world):
    user, _ = await world.user()
    answer = await get(world, await world.key(user, KeyKind.FEED))
    assert (answer.status_code, items(answer.content)) == (200, [])


async def test_only_the_token_in_the_address_counts_and_it_opens_nothing_else(world, library):
    """Checklist T36: scoped, revocable, separate from API keys."""
    user, token, client = library
    async with httpx.AsyncClient(base_url=world.url) as stranger:
        for query in ("", "?token=", "?token=tf_00000000_" + "0" * 32, f"?token={token}&token={token}", "?token=%00"):
            answer = await stranger.get(f"/v1/feed.rss{query}")
            assert answer.status_code == 401
            assert answer.json().keys() == {"error"}
        assert (await stranger.get("/v1/feed.rss", headers={"authorization": f"Bearer {token}"})).status_code == 401
        assert (await stranger.get("/v1/rss-feeds", headers={"authorization": f"Bearer {token}"})).status_code == 401
        assert (await stranger.get(f"/stremio/{token}/manifest.json")).status_code == 401
    assert (await get(world, await world.key(user, KeyKind.LIBRARY))).status_code == 200, "the contract's own form"
    assert (await get(world, await world.key(user, KeyKind.STREMIO))).status_code == 401
    assert (await client.get("/v1/feed.rss")).status_code == 401, "a header is not looked at"


async def test_a_revoked_token_ends_at_once_and_others_go_on(world, library):
    """Checklist T27."""
    _, _, client = library
    urls = [
        (await client.post("/v1/link-keys", json={"kind": "feed", "label": f"reader {n}"})).json() for n in range(2)
    ]
    async with httpx.AsyncClient() as reader:
        assert [(await reader.get(one["url"])).status_code for one in urls] == [200, 200]
        assert (await client.delete(f"/v1/link-keys/{urls[0]['id']}")).status_code == 204
        assert [(await reader.get(one["url"])).status_code for one in urls] == [401, 200]
    listed = (await client.get("/v1/link-keys")).json()["items"]
    assert {one["label"]: one["revoked_at"] is None for one in listed} == {
        "reader 0": False,
        "reader 1": True,
        "": True,
    }
    assert "url" not in listed[0], "shown once"
    assert (await client.post("/v1/link-keys", json={"kind": "library"})).status_code == 400


async def test_a_key_of_somebody_else_is_as_unknown_as_any(world, library):
    """Checklist T25."""
    _, _, client = library
    mine = (await client.post("/v1/link-keys", json={"kind": "feed"})).json()
    _, other = await world.user()
    theirs, unknown = [await other.delete(f"/v1/link-keys/{one}") for one in (mine["id"], mine["id"][:-4] + "0000")]
    assert (theirs.status_code, theirs.json()) == (unknown.status_code, unknown.json())
    assert theirs.status_code == 404
