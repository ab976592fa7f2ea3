"""The pages of feeds and of links of one's own, used as a browser without scripts uses them."""

import asyncio
import html
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest
from tests.feeds.samples import item, rss
from tests.media.site import Site
from tests.surfaces.dashboard.conftest import HOSTILE, Person, without_token

_LINK = re.compile(r'<code id="secret">([^<]+)</code>')
_ADDRESS = "http://192.0.2.1/feed.xml"


async def _follow(person: Person, url: str, **fields: object) -> tuple[str, str]:
    """A subscription: its page, and its name."""
    name = f"feed {uuid4().hex[:8]}"
    return await person.done("/app/feeds", name=name, url=url, **fields), name


async def _poll(person: Person, path: str) -> str:
    """What reading it now brings; the worker may be reading it at this very moment."""
    async with asyncio.timeout(60):
        while (answer := await person.client.post(f"{path}/poll", data={"form_token": person.token})).is_client_error:
            assert "being polled right now" in answer.text
            await asyncio.sleep(0.2)
    return answer.text


def _facts(text: str) -> dict[str, int]:
    """The counts of a poll."""
    return {name: int(figure) for name, figure in re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", text)}


def _row(text: str, words: str) -> str:
    """The one row of a table that has ``words``."""
    rows = re.findall(r"<tr>(?:(?!</tr>).)*</tr>", text, re.DOTALL)
    (row,) = [row for row in rows if words in row]
    return row


@pytest.mark.timeout(180)
async def test_a_feed_is_followed_read_now_with_counts_and_says_why_items_were_refused(ada: Person, site: Site):
    url = site.put("/feed.xml", rss())
    path, name = await _follow(ada, url, filter_regex="(?i)^show", filter_quality="1080p", minutes="30")
    assert name in await ada.see("/app/feeds")
    page = await ada.see(path)
    assert 'value="(?i)^show"' in page
    assert '<option value="1080p" selected>' in page
    assert 'value="30"' in page
    await _poll(ada, path)
    at = datetime.now(UTC) + timedelta(minutes=1)
    wanted, other, hostile = (f"{word}.{uuid4().hex[:8]}.{end}" for word, end in
                              (("Show", "1080p"), ("Show", "720p"), (f"Film {HOSTILE}", "1080p")))  # fmt: skip
    site.put("/feed.xml", rss(*(item(html.escape(title), at=at) for title in (wanted, other, hostile))))
    text = await _poll(ada, path)
    told = _facts(text)
    assert [told[name] for name in ("Items", "New and wanted", "Jobs made", "New, no job")] == [3, 1, 1, 2]
    assert "<script>alert" not in text
    assert 'href="/app/library/' in _row(text, wanted)
    assert "The title does not say 1080p." in _row(text, other)
    assert "The title does not match filter_regex." in _row(text, html.escape(hostile)[:40])
    assert _facts(await _poll(ada, path))["New and wanted"] == 0  # each is decided on once
    job = re.search(r"/app/library/[0-9a-f-]{36}", text)[0]
    await ada.done(f"{job}/cancel")


async def test_a_feed_that_cannot_be_read_says_so(ada: Person, site: Site):
    path, _ = await _follow(ada, site.put("/none.xml", b"no", status=404))
    assert "There is nothing at this address" in await _poll(ada, path)
    assert "fails" in await ada.see(path)


async def test_a_feed_is_changed_switched_off_and_left_with_its_address_unseen(ada: Person, eve: Person, site: Site):
    secret = f"passkey-{uuid4().hex}"
    path, name = await _follow(ada, site.put("/feed.xml", rss()) + f"?key={secret}")
    new = f"{name} {HOSTILE}"
    await ada.done(path, name=new, url="", filter_regex="", filter_quality="any", minutes="45")
    text = await ada.see(path)
    assert html.escape(new)[:30] in text
    assert "<script>alert" not in text
    assert ">off<" in text
    assert secret not in text + await ada.see("/app/feeds")
    for act in ("", "/poll", "/remove"):
        await eve.send(path + act, 404, name="mine", url="")
        await without_token(ada, path + act)
    await eve.see(path, 404)
    assert name not in await eve.see("/app/feeds")
    answer = await ada.client.get(f"{path}/poll")
    assert (answer.status_code, answer.headers["location"]) == (303, path)
    assert (await ada.client.get(f"{path}/remove")).status_code in {404, 405}
    await ada.see(path)
    await ada.done(f"{path}/remove")
    await ada.see(path, 404)


_WRONG = [
    ("name", {"name": ""}),
    ("name", {"name": "x" * 201}),
    ("filter_regex", {"filter_regex": "(unclosed"}),
    ("filter_regex", {"filter_regex": "x" * 1001}),
    ("filter_regex", {"filter_regex": f"[{HOSTILE}"}),
    ("filter_quality", {"filter_quality": "8k"}),
    ("minutes", {"minutes": "1"}),
    ("minutes", {"minutes": "often"}),
    ("minutes", {"minutes": "1e9"}),
    ("url", {"url": "not a link"}),
    ("url", {"url": "file:///etc/passwd"}),
    ("url", {"url": HOSTILE}),
    ("url", {"url": "http://h/" + "a" * 5000}),
    ("url", {"url": "http://169.254.169.254/feed"}),
]


@pytest.mark.parametrize(("field", "fields"), [*_WRONG, ("url", {"url": ""})])
async def test_a_feed_that_is_wrong_says_so_beside_the_field_and_keeps_what_was_typed(ada: Person, field, fields):
    text = await ada.refused("/app/feeds", field, **{"name": "kept name", "url": _ADDRESS, **fields})
    assert field == "name" or 'value="kept name"' in text


@pytest.mark.parametrize(("field", "fields"), _WRONG)
async def test_a_change_that_is_wrong_changes_nothing(followed: str, ada: Person, field: str, fields: dict):
    text = await ada.refused(followed, field, **{"name": "another name", "url": "", **fields})
    assert 'aria-labelledby="items-title"' in text
    assert "another name" not in await ada.see(followed)


@pytest.fixture(scope="module")
async def followed(ada: Person) -> AsyncIterator[str]:
    """The page of a feed that nothing answers for."""
    path, _ = await _follow(ada, "http://127.0.0.1:9/feed.xml")
    yield path
    await ada.done(f"{path}/remove")


@pytest.mark.parametrize(("kind", "prefix"), [("feed", "tf_"), ("stremio", "ts_")])
async def test_a_link_opens_its_one_thing_is_shown_once_and_ends_when_revoked(
    ada: Person, eve: Person, kind: str, prefix: str
):
    label = f"tv {uuid4().hex[:6]} {HOSTILE[:20]}"
    text = (await ada.send("/app/feeds/links", 200, kind=kind, label=label)).text
    link = html.unescape(_LINK.search(text)[1])
    assert prefix in link
    assert (f'href="stremio://{link.partition("://")[2]}"' in text) == (kind == "stremio")
    assert "<script>alert" not in text
    async with httpx.AsyncClient(timeout=60) as reader:
        assert (await reader.get(link)).status_code == 200
        page = await ada.see("/app/feeds")
        assert not _LINK.search(page)
        assert link.rpartition(prefix)[2][9:30] not in page
        revoke = re.search(r'action="([^"]+/revoke)"', _row(page, html.escape(label)))[1]
        await eve.send(revoke, 404)
        await without_token(ada, revoke)
        assert (await ada.client.get(revoke)).status_code in {404, 405}
        assert (await reader.get(link)).status_code == 200
        await ada.done(revoke)
        async with asyncio.timeout(60):
            while (await reader.get(link)).status_code != 401:
                await asyncio.sleep(0.1)
    assert "revoked" in _row(await ada.see("/app/feeds"), html.escape(label))
    assert html.escape(label) not in await eve.see("/app/feeds")


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("kind", {"kind": ""}),
        ("kind", {"kind": "library"}),
        ("kind", {"kind": HOSTILE}),
        ("label", {"kind": "feed", "label": "x" * 101}),
        ("label", {"kind": "feed", "label": "nul \0"}),
    ],
)
async def test_a_link_that_is_wrong_says_so_and_makes_none(ada: Person, field: str, fields: dict):
    answer = await ada.send("/app/feeds/links", 422, **fields)
    assert f'id="{field}-problem"' in answer.text
    assert not _LINK.search(answer.text)
    assert "<script>alert" not in answer.text
    await without_token(ada, "/app/feeds/links")
    await without_token(ada, "/app/feeds")
