"""What a poll makes of a feed: every item once, nothing from before, and trouble is told and waited out."""

import asyncio
import gzip
from datetime import UTC, datetime, timedelta

import pytest
from tests.core.torrents import torrent, v1_info
from tests.feeds.samples import item, rss, serves
from tests.net.wire import answer, hang, redirect

from sluicegate.core.errors import NotFound, NotReady
from sluicegate.core.feeds import SeenItem
from sluicegate.core.jobs import JobState
from sluicegate.services.feeds import FeedChange

OLD = datetime.now(UTC) - timedelta(days=3)


async def decisions(world, feed) -> dict[str, SeenItem]:
    async with world.transactions() as tx:
        return {seen.title: seen for seen in await tx.feeds.seen_page(feed.id, limit=1000, offset=0)}


async def test_new_items_become_jobs_once(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    serves(world, item("Show.S01E01.1080p"), item("Show.S01E02.1080p"))
    first = await world.parts.poller.poll(feed.id)
    again = await world.parts.poller.poll(feed.id)
    jobs = await world.jobs(user)
    assert (first.fetched, first.matched, first.submitted, first.skipped, first.error) == (2, 2, 2, 0, None)
    assert (again.fetched, again.matched, again.submitted) == (2, 0, 0)
    assert {job.name for job in jobs} == {"Show.S01E01.1080p", "Show.S01E02.1080p"}
    assert {job.cached_in for job in jobs} == {"rss"}, "the mark of the contract for jobs of feeds"


async def test_a_new_feed_brings_no_backlog_and_items_without_dates_are_backlog(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    undated = "<item><title>Undated</title><guid>u</guid><link>magnet:?xt=urn:btih:" + "ab" * 20 + "</link></item>"
    far = datetime.now(UTC) + timedelta(days=400)
    serves(world, *(item(f"Old {n}", at=OLD) for n in range(50)), undated, item("Far", at=far), item("New"))
    report = await world.parts.poller.poll(feed.id)
    assert (report.submitted, report.skipped) == (1, 52)
    assert [job.name for job in await world.jobs(user)] == ["New"]
    seen = await decisions(world, feed)
    assert seen["Old 7"].verdict == seen["Undated"].verdict == seen["Far"].verdict == "backlog"
    # From then on an item counts as new by its guid alone, whatever its date is.
    serves(world, item("Late", at=OLD), undated)
    assert (await world.parts.poller.poll(feed.id)).submitted == 1


async def test_filters_pass_only_what_matches_both_and_a_looser_filter_brings_nothing_old(world):
    user, _ = await world.user()
    feed = await world.feed(user, filter_regex="S0[1-9]E[0-9]{2}", filter_quality="1080p")
    names = ["A.S01E01.1080p", "A.S01E02.720p", "A.Movie.1080p", "A.s01e01.1080p"]
    serves(world, *(item(name) for name in names))
    report = await world.parts.poller.poll(feed.id)
    assert (report.matched, report.submitted, report.skipped) == (1, 1, 3)
    seen = await decisions(world, feed)
    assert (seen["A.S01E02.720p"].verdict, seen["A.S01E02.720p"].reason) == (
        "filtered",
        "The title does not say 1080p.",
    )
    assert "filter_regex" in seen["A.Movie.1080p"].reason
    await world.parts.feeds.update(user, feed.id, FeedChange(filter_regex="", filter_quality="any"))
    serves(world, *(item(name) for name in names), item("B"))
    assert (await world.parts.poller.poll(feed.id)).submitted == 1
    assert {job.name for job in await world.jobs(user)} == {"A.S01E01.1080p", "B"}


@pytest.mark.parametrize(
    ("quality", "title", "passes"),
    [
        ("4k", "A.2160p.WEB", True), ("4k", "A UHD", True), ("4k", "A.4K.HDR", True), ("4k", "A.1080p", False),
        ("1080p", "A.1080P", True), ("1080p", "A.11080px", False), ("any", "A", True),
    ],
)  # fmt: skip
async def test_quality_words(world, quality, title, passes):
    user, _ = await world.user()
    feed = await world.feed(user, filter_quality=quality)
    serves(world, item(title))
    assert (await world.parts.poller.poll(feed.id)).submitted == int(passes)


async def test_the_same_content_is_grabbed_once_however_often_it_is_listed(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    magnet = "magnet:?xt=urn:btih:" + "cd" * 20
    serves(world, item("One", "g1", magnet=magnet), item("Two", "g2", magnet=magnet), item("One", "g1", magnet=magnet))
    report = await world.parts.poller.poll(feed.id)
    assert (report.fetched, report.submitted, report.skipped) == (3, 1, 2)
    assert len(await world.jobs(user)) == 1
    other = await world.feed(user, "/other")
    world.remote.scripts["/other"] = answer(rss(item("Three", "g3", magnet=magnet)))
    await world.parts.poller.poll(other.id)
    assert (await decisions(world, other))["Three"].verdict == "duplicate"
    # Also when its owner has cancelled it: who threw it away does not want it back.
    async with world.transactions() as tx:
        job = (await tx.jobs.page(user, limit=1, offset=0))[0]
        from dataclasses import replace

        await tx.jobs.update(replace(await tx.jobs.get(job.id, lock=True), state=JobState.CANCELLED))
    world.remote.scripts["/other"] = answer(rss(item("Four", "g4", magnet=magnet)))
    assert (await world.parts.poller.poll(other.id)).submitted == 0


async def test_a_feed_that_gives_every_item_the_same_guid_loses_none(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    serves(world, *(item(f"Item {n}", "https://site.example/") for n in range(3)))
    assert (await world.parts.poller.poll(feed.id)).submitted == 3
    assert (await world.parts.poller.poll(feed.id)).submitted == 0


async def test_two_users_with_one_feed_do_not_share_what_was_seen(world):
    serves(world, item("Shared"))
    for _ in range(2):
        user, _ = await world.user()
        feed = await world.feed(user)
        assert (await world.parts.poller.poll(feed.id)).submitted == 1
        assert len(await world.jobs(user)) == 1


async def test_an_unchanged_feed_is_not_sent_again(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    stamp = "Tue, 02 Jun 2026 10:00:00 GMT"
    serves(world, item("A"), headers=f'ETag: "v1"\r\nLast-Modified: {stamp}\r\n')
    await world.parts.poller.poll(feed.id)
    world.remote.scripts["/feed"] = answer(b"", status="304 Not Modified")
    report = await world.parts.poller.poll(feed.id)
    asked = world.remote.received[-1].headers
    assert (asked["if-none-match"], asked["if-modified-since"]) == ('"v1"', stamp)
    assert (report.unchanged, report.fetched, report.error) == (True, 0, None)
    assert (await world.read(feed.id)).failures == 0


async def test_a_flood_is_worked_off_over_several_polls_oldest_first(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    serves(world, *(item(f"Item {n:02}") for n in reversed(range(45))), headers='ETag: "same"\r\n')
    polls = [await world.parts.poller.poll(feed.id) for _ in range(4)]
    assert [poll.submitted for poll in polls] == [20, 20, 5, 0]
    assert [poll.deferred for poll in polls] == [25, 5, 0, 0]
    # While items are left over, "not changed" would lose them: no validators are sent then.
    sent = ["if-none-match" in request.headers for request in world.remote.received]
    assert sent == [False, False, False, True]
    names = [job.name for job in reversed(await world.jobs(user))]
    assert names == sorted(names)


async def test_torrent_files_are_fetched_and_pages_are_not(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    url = world.remote.url
    raw = torrent(v1_info([([b"a.mkv"], 9_000_000)]))
    world.remote.scripts["/a.torrent"] = answer(raw)
    world.remote.scripts["/b"] = redirect("magnet:?xt=urn:btih:" + "ee" * 20)
    world.remote.scripts["/page"] = answer(b"<html></html>")
    kind = 'type="application/x-bittorrent"'
    serves(
        world,
        item("File", magnet="", extra=f'<enclosure url="{url("/a.torrent")}" length="9" {kind}/>'),
        item("Leads to a magnet", magnet="", extra=f'<enclosure url="{url("/b")}" {kind}/>'),
        item("Plain link", magnet="", extra=f"<link>{url('/page')}</link>"),
        item("Link to a file", magnet="", extra=f"<link>{url('/c.torrent')}</link>"),
        item("Hash alone", magnet="", extra='<attr name="infohash" value="' + "AF" * 20 + '"/>'),
        item(
            "In the text",
            magnet="",
            extra="<description>x magnet:?xt=urn:btih:" + "b1" * 20 + "&amp;dn=y</description>",
        ),
        item("A page as file", magnet="", extra=f'<enclosure url="{url("/page")}" {kind}/>'),
    )
    report = await world.parts.poller.poll(feed.id)
    seen = await decisions(world, feed)
    assert report.submitted == 4
    assert {name for name, one in seen.items() if one.verdict == "submitted"} == {
        "File", "Leads to a magnet", "Hash alone", "In the text",
    }  # fmt: skip
    assert seen["Plain link"].reason == "The item names no magnet, .torrent, NZB or info hash."
    assert "web page" in seen["A page as file"].reason
    assert seen["Link to a file"].verdict == "refused", "there is nothing at its address"
    assert [request.path for request in world.remote.received].count("/page") == 1, "only as an enclosure"


async def test_a_file_that_cannot_be_fetched_now_is_tried_again_but_not_for_ever(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    link = f"<link>{world.remote.url('/a.torrent')}</link>"
    serves(world, item("Later", magnet="", extra=link), headers='ETag: "same"\r\n')
    world.remote.scripts["/a.torrent"] = answer(b"", status="503 Busy")
    await world.parts.poller.poll(feed.id)
    assert (await decisions(world, feed))["Later"].verdict == "retry"
    world.remote.scripts["/a.torrent"] = answer(torrent(v1_info([([b"b.mkv"], 9_000_000)])))
    assert (await world.parts.poller.poll(feed.id)).submitted == 1
    serves(world, item("Never", magnet="", extra=f"<link>{world.remote.url('/n.torrent')}</link>"))
    world.remote.scripts["/n.torrent"] = answer(b"", status="503 Busy")
    for _ in range(7):
        await world.parts.poller.poll(feed.id)
    assert (await decisions(world, feed))["Never"].verdict == "refused"
    assert [request.path for request in world.remote.received].count("/n.torrent") == 5


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (answer(b"<!DOCTYPE html><html><body>blocked</body></html>"), "web page"),
        (answer(b""), "empty"),
        (answer(b"{}"), "no RSS or Atom feed"),
        (answer(b"<rss><channel><item>"), "not well-formed"),
        (answer(b'<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><rss>&b;</rss>'), "declarations"),
        (answer(b'<!DOCTYPE r SYSTEM "file:///etc/passwd"><rss><channel/></rss>'), None),
        (answer(b"x" * (9 << 20)), "larger than"),
        (answer(gzip.compress(b"<rss>" + b" " * (64 << 20)), headers="Content-Encoding: gzip\r\n"), "larger than"),
        (answer(b"", status="403 Forbidden"), "refuses us"),
        (answer(b"", status="404 Not Found"), "nothing at this address"),
        (answer(b"", status="500 Oops"), "fault of its own"),
        (redirect("http://169.254.169.254/latest/meta-data"), "refused"),
        (redirect("magnet:?xt=urn:btih:" + "aa" * 20), "leads to a magnet"),
    ],
)
async def test_a_bad_feed_is_told_and_makes_nothing(world, script, words):
    """Checklist T8 (bombs), T10 (XML) and the guard on redirects."""
    user, _ = await world.user()
    feed = await world.feed(user)
    world.remote.scripts["/feed"] = script
    report = await world.parts.poller.poll(feed.id)
    kept = await world.read(feed.id)
    assert await world.jobs(user) == []
    if words is None:
        assert (report.error, report.fetched) == (None, 0)
        return
    assert words in (report.error or "")
    assert (kept.last_error, kept.failures) == (report.error, 1)
    assert world.remote.url("/feed") not in kept.last_error


async def test_an_endless_feed_ends_at_the_bound(world):
    user, _ = await world.user()
    feed = await world.feed(user)

    async def endless(_request, _reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not writer.is_closing():
            writer.write(b"10000\r\n" + b"<" * 0x10000 + b"\r\n")
            await writer.drain()

    world.remote.scripts["/feed"] = endless
    assert "larger than" in ((await world.parts.poller.poll(feed.id)).error or "")


async def test_failures_wait_longer_each_time_and_success_forgets_them(world):
    user, _ = await world.user()
    feed = await world.feed(user, interval=600)
    world.remote.scripts["/feed"] = answer(b"", status="500 Oops")
    pauses = []
    for _ in range(12):
        await world.parts.poller.poll(feed.id)
        kept = await world.read(feed.id)
        pauses.append(round((kept.next_poll_at - kept.last_polled_at).total_seconds()))
    assert pauses[:4] == [600, 1200, 2400, 4800]
    assert pauses[-1] == 86_400
    serves(world)
    await world.parts.poller.poll(feed.id)
    kept = await world.read(feed.id)
    assert (kept.failures, kept.last_error) == (0, "")
    assert round((kept.next_poll_at - kept.last_polled_at).total_seconds()) == 600


async def test_a_feed_that_asks_for_rest_gets_it(world):
    user, _ = await world.user()
    feed = await world.feed(user, interval=300)
    world.remote.scripts["/feed"] = answer(b"", status="429 Slow down", headers="Retry-After: 7200\r\n")
    await world.parts.poller.poll(feed.id)
    kept = await world.read(feed.id)
    assert round((kept.next_poll_at - kept.last_polled_at).total_seconds()) == 7200


async def test_one_poll_at_a_time_and_an_interrupted_one_leaves_the_feed_free(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    world.remote.scripts["/feed"] = hang
    first = asyncio.create_task(world.parts.poller.poll(feed.id))
    await world.remote.arrived()
    with pytest.raises(NotReady):
        await world.parts.poller.poll(feed.id)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    kept = await world.read(feed.id)
    assert (kept.polling_until, kept.failures, kept.last_polled_at) == (None, 0, None)


async def test_only_due_feeds_are_polled_by_themselves(world):
    user, _ = await world.user()
    feed = await world.feed(user, interval=600)
    serves(world, item("A"))
    await world.parts.poller.poll_due(feed.id)
    await world.parts.poller.poll_due(feed.id)
    assert len(world.remote.received) == 1
    world.clock.ahead = timedelta(seconds=601)
    await world.parts.poller.poll_due(feed.id)
    assert len(world.remote.received) == 2
    await world.parts.feeds.update(user, feed.id, FeedChange(enabled=False))
    world.clock.ahead = timedelta(days=2)
    await world.parts.poller.poll_due(feed.id)
    assert len(world.remote.received) == 2
    async with world.transactions() as tx:
        due = await tx.feeds.due(world.clock.now(), limit=1000)
    assert feed.id not in due


async def test_another_address_is_another_feed(world):
    user, _ = await world.user()
    feed = await world.feed(user)
    serves(world, item("A"), headers='ETag: "v1"\r\n')
    await world.parts.poller.poll(feed.id)
    world.remote.scripts["/moved"] = answer(rss(item("Old there", at=OLD), item("A")))
    await world.parts.feeds.update(user, feed.id, FeedChange(url=world.remote.url("/moved")))
    report = await world.parts.poller.poll(feed.id)
    assert "if-none-match" not in world.remote.received[-1].headers
    assert report.submitted == 0


async def test_removing_a_feed_while_it_is_polled_is_fine(world):
    user, _ = await world.user()
    feed = await world.feed(user)

    async def remove(request, reader, writer):
        await world.parts.feeds.remove(user, feed.id)
        await answer(rss())(request, reader, writer)

    world.remote.scripts["/feed"] = remove
    await world.parts.poller.poll(feed.id)
    with pytest.raises(NotFound):
        await world.read(feed.id)


async def test_a_deleted_user_leaves_no_feed_and_no_address_behind(world):
    """Checklist T59."""
    from sqlalchemy import text

    user, _ = await world.user()
    feed = await world.feed(user, "/feed?passkey=secret-of-the-tracker")
    serves(world, item("A"))
    await world.parts.poller.poll(feed.id)
    async with world.transactions() as tx:
        raw = (
            await tx.feeds._connection.execute(text("SELECT sealed_url FROM feeds WHERE id = :i"), {"i": feed.id})
        ).scalar()
        assert b"secret-of-the-tracker" not in bytes(raw)
        await tx.feeds._connection.execute(text("DELETE FROM users WHERE id = :u"), {"u": user})
        left = (
            "SELECT (SELECT count(*) FROM feeds WHERE id = :i) + (SELECT count(*) FROM feed_items WHERE feed_id = :i)"
        )
        assert (await tx.feeds._connection.execute(text(left), {"i": feed.id})).scalar() == 0
