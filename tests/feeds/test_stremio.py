"""The Stremio add-on: which files play a title, the catalog, the play address, keys in the path, and its pages."""

import re
from html.parser import HTMLParser

import httpx
import pytest
from tests.feeds.conftest import GIB
from tests.net.wire import answer, hang

from sluicegate.core.keys import KeyKind
from sluicegate.services.preferences import PreferenceService


@pytest.fixture
async def addon(world):
    """A user, the add-on's base with the user's key, and a client without any credential."""
    user, _ = await world.user()
    key = await world.key(user, KeyKind.STREMIO)
    client = httpx.AsyncClient(base_url=f"{world.url}/stremio/{key}", timeout=60)
    return user, await world.clients.enter_async_context(client)


def knows(world, imdb_id: str, name: str, year: int | str, kind: str = "movie") -> None:
    """Makes the title source tell a title."""
    body = f'{{"meta":{{"id":"{imdb_id}","name":"{name}","releaseInfo":"{year}"}}}}'.encode()
    world.remote.scripts[f"/titles/meta/{kind}/{imdb_id}.json"] = answer(body)


async def names(client, path: str) -> list[str]:
    found = await client.get(f"/stream/{path}.json")
    assert found.status_code == 200, found.text
    return [stream["behaviorHints"]["filename"] for stream in found.json()["streams"]]


async def test_films_are_found_by_title_and_year_best_first(world, addon):
    user, client = addon
    knows(world, "tt0000101", "The Amélie & Son: It's a Test!", 2001)
    await world.ready(user, "Amelie.and.Son.Its.a.Test.2001.720p.WEB", "a720.mkv", size=GIB)
    await world.ready(user, "The.Amelie.And.Son.Its.A.Test.2001.2160p.BluRay", "a2160.mkv", size=9 * GIB)
    await world.ready(user, "Amelie.and.Son.Its.a.Test.1080p.WEB", "a1080.mkv", size=2 * GIB)
    await world.ready(user, "Amelie.and.Son.Its.a.Test.1977.1080p", "remake.mkv")
    await world.ready(user, "Amelie.and.Son.Its.a.Test.2.2001.1080p", "sequel.mkv")
    assert await names(client, "movie/tt0000101") == ["a2160.mkv", "a1080.mkv", "a720.mkv"]
    assert await names(client, "movie/tt0000102") == [], "an id that nobody knows"


async def test_episodes_are_found_alone_and_in_packs(world, addon):
    user, client = addon
    knows(world, "tt0000201", "Some Show", "2015-2019", "series")
    await world.ready(user, "Some.Show.S01E02.720p", "Some.Show.S01E02.720p.mkv")
    pack = [f"Some Show S02/Some.Show.S02E{n:02}.1080p.mkv" for n in range(1, 5)]
    await world.ready(user, "Some.Show.S02.1080p.WEB", *pack)
    await world.ready(user, "Some.Show.S03.Complete", "01 - Begin E01.mkv", "extras/notes.txt")
    await world.ready(user, "Some.Other.Show.S01E02.1080p", "Some.Other.Show.S01E02.mkv")
    assert await names(client, "series/tt0000201:1:2") == ["Some.Show.S01E02.720p.mkv"]
    assert await names(client, "series/tt0000201:2:3") == ["Some.Show.S02E03.1080p.mkv"]
    assert await names(client, "series/tt0000201:2:9") == []
    assert await names(client, "series/tt0000201:3:1") == ["01 - Begin E01.mkv"]
    assert await names(client, "series/tt0000201%3A1%3A2") == ["Some.Show.S01E02.720p.mkv"]


async def test_samples_extras_and_other_files_do_not_play(world, addon):
    user, client = addon
    knows(world, "tt0000301", "Clean Film", 2020)
    sample = "Clean.Film.2020.1080p/Sample/clean.film.sample.mkv"
    await world.ready(
        user, "Clean.Film.2020.1080p", "Clean.Film.2020.1080p.mkv", sample, "info.nfo", size=3 * (200 << 20)
    )
    assert await names(client, "movie/tt0000301") == ["Clean.Film.2020.1080p.mkv"]


async def test_names_that_spell_out_the_id_need_nobody_and_teach_their_title(world, addon):
    """Without any source of titles: what names say is enough, and it is learnt from."""
    user, client = addon
    world.remote.scripts["/titles/meta/movie/tt1375666.json"] = answer(b"", status="503 Down")
    await world.ready(user, "Deep Dream (2010) {imdb-tt1375666} [1080p]", "film.mkv")
    await world.ready(user, "Deep.Dream.2010.2160p.UHD-GRP", "uhd.mkv")
    await world.ready(user, "Deep.Dream.1984.480p", "old.mkv")
    assert await names(client, "movie/tt1375666") == ["uhd.mkv", "film.mkv"]


async def test_a_title_is_asked_for_once(world, addon):
    user, client = addon
    knows(world, "tt0000401", "Once", 2007)
    await world.ready(user, "Once.2007.1080p", "once.mkv")
    for _ in range(3):
        assert await names(client, "movie/tt0000401") == ["once.mkv"]
    assert [request.path for request in world.remote.received] == ["/titles/meta/movie/tt0000401.json"]


@pytest.mark.parametrize(
    "script",
    [
        answer(b"<html>"),
        answer(b"[]"),
        answer(b'{"meta":null}'),
        answer(b'{"meta":{"name":7}}'),
        answer(b"x" * (5 << 20)),
    ],
)
async def test_a_broken_title_source_is_no_error(world, addon, script):
    _, client = addon
    world.remote.scripts["/titles/meta/movie/tt0000501.json"] = script
    assert await names(client, "movie/tt0000501") == []


async def test_a_silent_title_source_is_left_alone_for_a_while(world, addon):
    _, client = addon
    world.remote.scripts["/titles/meta/movie/tt0000601.json"] = hang
    assert await names(client, "movie/tt0000601") == []
    assert await names(client, "movie/tt0000602") == []
    assert len(world.remote.received) == 1


async def test_the_catalog_is_the_whole_library_in_pages(world, addon):
    user, client = addon
    for number in range(103):
        await world.ready(user, f"Film {number:03}")
    first = (await client.get("/catalog/other/library.json")).json()["metas"]
    rest = (await client.get("/catalog/other/library/skip=100.json")).json()["metas"]
    assert (len(first), len(rest)) == (100, 3)
    assert len({one["id"] for one in first + rest}) == 103
    assert first[0]["name"] == "Film 102", "newest first"
    found = (await client.get("/catalog/other/library/search=film%20007.json")).json()["metas"]
    assert [one["name"] for one in found] == ["Film 007"]
    both = (await client.get("/catalog/other/library/search=FILM&skip=100.json")).json()["metas"]
    assert len(both) == 3
    assert (await client.get("/catalog/other/library/search=%25.json")).json() == {"metas": []}
    assert (await client.get("/catalog/movie/top.json")).json() == {"metas": []}


async def test_names_are_searched_as_text_and_never_as_patterns(world, addon):
    user, client = addon
    await world.ready(user, "100% Film_one")
    await world.ready(user, "Other")
    for search in ("%25", "_", "'", "%5C", "%00", "film%2Fone", "%F0%9F%8E%AC", "a" * 1_000):
        answered = await client.get(f"/catalog/other/library/search={search}.json")
        assert answered.status_code == 200
        assert "Other" not in answered.text


async def test_meta_shows_files_and_is_empty_for_what_is_not_mine(world, addon):
    user, client = addon
    job = await world.ready(user, "Show.S01", "Show.S01E02.mkv", "Show.S01E01.mkv", "cover.jpg")
    meta = (await client.get(f"/meta/other/sluicegate:{job.id}.json")).json()["meta"]
    assert [(video["season"], video["episode"]) for video in meta["videos"]] == [(1, 1), (1, 2)]
    assert "defaultVideoId" not in meta["behaviorHints"]
    one = meta["videos"][1]["id"]
    assert await names(client, f"other/{one}") == ["Show.S01E02.mkv"]
    assert len(await names(client, f"other/sluicegate:{job.id}")) == 2
    stranger, _ = await world.user()
    foreign = await world.ready(stranger, "Foreign")
    for text in (f"sluicegate:{foreign.id}", "sluicegate:nothing", "sluicegate:", "tt0000001", "other"):
        assert (await client.get(f"/meta/other/{text}.json")).json() == {"meta": None}
        assert (await client.get(f"/stream/other/{text}.json")).json() == {"streams": []}


async def test_streams_say_what_players_need(world, addon):
    user, client = addon
    job = await world.ready(user, "Film.2020.1080p.WEB-DL", "Film.2020.1080p.WEB-DL.mp4", size=GIB)
    (stream,) = (await client.get(f"/stream/other/sluicegate:{job.id}.json")).json()["streams"]
    hints = stream["behaviorHints"]
    assert hints["notWebReady"] is True, "it is not served over https here"
    assert (hints["filename"], hints["videoSize"]) == ("Film.2020.1080p.WEB-DL.mp4", GIB)
    assert hints["bingeGroup"] == "sluicegate-1080p-WEB-DL"
    assert stream["name"] == "Sluicegate\n1080p WEB-DL"
    assert stream["title"] == stream["description"]
    assert "1.0 GiB" in stream["description"]


async def test_the_play_address_leads_to_this_server_for_head_and_get_alike(world, addon):
    user, client = addon
    job = await world.ready(user, "Film.2020", "Film.2020.mkv")
    (stream,) = (await client.get(f"/stream/other/sluicegate:{job.id}.json")).json()["streams"]
    for method in ("HEAD", "GET"):
        played = await client.request(method, stream["url"])
        assert (played.status_code, played.headers["cache-control"]) == (302, "no-store")
        assert played.headers["location"].startswith(f"{world.url}/bytes/")
    stranger, _ = await world.user()
    theirs = await world.key(stranger, KeyKind.STREMIO)
    mine = re.search(r"/ts_[^/]+/", stream["url"])[0]
    foreign = await client.get(stream["url"].replace(mine, f"/{theirs}/"))
    unknown = await client.get(
        stream["url"].replace(mine, f"/{theirs}/").replace(str(job.id), str(job.id)[:-4] + "0000")
    )
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())
    assert foreign.status_code == 404


async def test_every_answer_may_be_read_from_every_origin(world, addon):
    _, client = addon
    paths = ("/manifest.json", "/catalog/other/library.json", "/stream/movie/tt1.json", "/nothing", "/play/a/b/c")
    for path in paths:
        answered = await client.get(path, headers={"origin": "https://app.strem.io"})
        assert answered.headers.get_list("access-control-allow-origin") == ["*"], path
        before = await client.options(path, headers={"access-control-request-method": "GET"})
        assert (before.status_code, before.headers["access-control-allow-origin"]) == (204, "*")
    async with httpx.AsyncClient(base_url=world.url) as stranger:
        refused = await stranger.get("/stremio/ts_00000000_" + "0" * 32 + "/manifest.json")
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "*")
        assert "access-control-allow-origin" not in (await stranger.get("/v1/rss-feeds")).headers, (
            "nothing else is open"
        )


async def test_a_key_opens_the_add_on_alone_and_ends_at_once(world, addon):
    """Checklist T27 and T36."""
    user, client = addon
    key = str(client.base_url).rstrip("/").rpartition("/")[2]
    async with httpx.AsyncClient(base_url=world.url) as stranger:
        assert (await stranger.get("/v1/rss-feeds", headers={"authorization": f"Bearer {key}"})).status_code == 401
        assert (await stranger.get(f"/v1/feed.rss?token={key}")).status_code == 401
        library = await world.key(user, KeyKind.LIBRARY)
        assert (await stranger.get(f"/stremio/{library}/manifest.json")).status_code == 200, "the contract's own form"
    job = await world.ready(user, "Film", "film.mkv")
    (stream,) = (await client.get(f"/stream/other/sluicegate:{job.id}.json")).json()["streams"]
    (kept,) = [one for one in await world.keys.page(user) if one.kind is KeyKind.STREMIO]
    await world.keys.revoke(kept.id)
    for path in (
        "/manifest.json",
        "/catalog/other/library.json",
        "/stream/movie/tt1.json",
        "/configure",
        stream["url"],
    ):
        answered = await client.get(path)
        assert (answered.status_code, answered.json().keys()) == (401, {"error"})
        assert key not in answered.text


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


async def test_the_configure_page_has_no_script_and_its_form_makes_a_link(world):
    """Checklist T52."""
    user, owner = await world.user()
    library = owner.headers["authorization"].removeprefix("Bearer ")
    async with httpx.AsyncClient(base_url=world.url) as visitor:
        page = await visitor.get("/stremio/configure")
        policy = page.headers["content-security-policy"]
        assert "script" not in policy
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        tags = _Tags()
        tags.feed(page.text)
        assert {"script", "iframe"} & {tag for tag, _ in tags.found} == set()
        assert [name for _, attrs in tags.found for name in attrs if name.startswith("on") or name == "style"] == []
        assert (await visitor.get("/stremio/style.css")).headers["content-type"].startswith("text/css")
        form = next(attrs for tag, attrs in tags.found if tag == "form")
        made = await visitor.post(form["action"], data={"key": library, "label": "<b>Sofa</b>"})
        url = re.search(r"<code>(http[^<]+/manifest.json)</code>", made.text)[1]
        assert (await visitor.get(url)).status_code == 200
        assert f'href="stremio://{url.partition("://")[2]}"' in made.text
        assert made.headers["cache-control"] == "no-store"
        assert library not in made.text
        wrong = await visitor.post(form["action"], data={"key": "tu_x<script>"}, headers={"accept": "text/html"})
        assert (wrong.status_code, "<script>" in wrong.text) == (401, False)
        assert (await visitor.post(form["action"], content=b"\xff" * 100)).status_code in {400, 401}
        assert (await visitor.post(form["action"], content=b"key=" + b"a" * 10_000)).status_code == 413
    labels = [key.label for key in await world.keys.page(user) if key.kind is KeyKind.STREMIO]
    assert labels == ["<b>Sofa</b>"]


async def test_the_preferred_quality_comes_first_and_what_vanished_can_be_left_out(world, addon):
    user, client = addon
    knows(world, "tt0000955", "Quiet Film", 2011)
    await world.ready(user, "Quiet.Film.2011.720p.WEB", "a720.mkv", size=GIB)
    await world.ready(user, "Quiet.Film.2011.2160p.BluRay", "a2160.mkv", size=9 * GIB)
    gone = await world.ready(user, "Quiet.Film.2011.1080p.WEB", "a1080.mkv", size=2 * GIB, stored=False)
    path, preferences = "movie/tt0000955", PreferenceService(world.transactions)
    assert await names(client, path) == ["a2160.mkv", "a1080.mkv", "a720.mkv"]
    await preferences.change(user, {"preferred_quality": "1080p"})
    assert await names(client, path) == ["a1080.mkv", "a2160.mkv", "a720.mkv"]
    async with world.transactions() as tx:
        assert await tx.jobs.mark_missing([gone.id], world.clock.now(), "Its provider does not list it.") == 1
    assert await names(client, path) == ["a1080.mkv", "a2160.mkv", "a720.mkv"], "nobody asked for it to be hidden"
    await preferences.change(user, {"hide_uncached": True, "preferred_quality": "4k"})
    assert await names(client, path) == ["a2160.mkv", "a720.mkv"]
    shown = (await client.get("/catalog/other/library.json")).json()["metas"]
    assert len(shown) == 2
    async with world.transactions() as tx:
        (file,) = await tx.files.page(gone.id)
        await tx.files.stored(file.id, storage="local", key="kept/a1080.mkv", size=file.size)
    assert await names(client, path) == ["a2160.mkv", "a1080.mkv", "a720.mkv"], "an own copy plays at once"
