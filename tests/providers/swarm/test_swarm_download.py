"""Torrents of every kind arrive whole, by every way a magnet can find its peers."""

import shutil
from pathlib import Path

import pytest
from tests.providers.swarm.waiting import MakeLink, collected, until
from tests.swarm_fixtures import Tracker, make_seed, seeding

from sluicegate.core.errors import NotSupported, TransferMissing, TransferNotReady
from sluicegate.core.local import LocalFiles
from sluicegate.core.magnets import parse_magnet
from sluicegate.core.provider import Capability
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import TransferState
from sluicegate.providers.swarm.adapter import Swarm

FILES = {"Season 1/episode.mkv": 900_000, "Season 1/episode.srt": b"1\n00:00:01 --> 00:00:02\nhello\n", "empty.nfo": 0}


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
async def test_a_magnet_brings_every_file_whole(swarm: Swarm, tmp_path: Path, kind: str) -> None:
    seed = make_seed(tmp_path / "seed", FILES, kind=kind)
    async with seeding(seed) as peer:
        submission = await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        assert (submission.transfer_id, submission.existing) == (seed.info_hash, False)
        ready = await until(swarm, seed.info_hash, TransferState.READY)
    assert (ready.name, ready.size, ready.progress) == ("demo", seed.size, 1.0)
    assert await collected(swarm, seed.info_hash) == seed.files


@pytest.mark.parametrize("kind", ["v1", "v2", "hybrid"])
async def test_a_torrent_file_tells_its_files_at_once_and_brings_them(swarm: Swarm, tmp_path: Path, kind: str) -> None:
    async with Tracker().serving() as tracker:
        seed = make_seed(tmp_path / "seed", FILES, kind=kind, trackers=(tracker.url,))
        torrent = parse_torrent(seed.raw)
        await swarm.submit_torrent_file(torrent)
        listed = {file.index: (file.path, file.size) for file in await swarm.files(seed.info_hash)}
        assert listed == {entry.index: (entry.path, entry.size) for entry in torrent.files}
        async with seeding(seed, tracker=True):
            await until(swarm, seed.info_hash, TransferState.READY)
        assert await collected(swarm, seed.info_hash) == seed.files


async def test_a_magnet_finds_its_peers_through_a_tracker(swarm: Swarm, tmp_path: Path) -> None:
    async with Tracker().serving() as tracker:
        seed = make_seed(tmp_path / "seed", FILES, trackers=(tracker.url,))
        async with seeding(seed, tracker=True):
            await swarm.submit_magnet(parse_magnet(seed.magnet(trackers=(tracker.url,))))
            await until(swarm, seed.info_hash, TransferState.READY)
    assert await collected(swarm, seed.info_hash) == seed.files


async def test_one_hash_is_one_transfer(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", FILES)
    magnet = parse_magnet(seed.magnet())
    first = await swarm.submit_magnet(magnet)
    again = await swarm.submit_magnet(magnet)
    torrent = await swarm.submit_torrent_file(parse_torrent(seed.raw))
    assert [s.existing for s in (first, again, torrent)] == [False, True, True]
    assert {s.transfer_id for s in (first, again, torrent)} == {seed.info_hash}
    assert [transfer.id for transfer in (await swarm.list_page()).transfers] == [seed.info_hash]


async def test_a_later_submission_adds_its_peers(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", FILES)
    await swarm.submit_magnet(parse_magnet(seed.magnet()))
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, TransferState.READY)
        cached = await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
    assert cached.cached is True


async def test_a_torrent_without_seeders_waits_says_so_and_can_be_cancelled(
    make_link: MakeLink, tmp_path: Path
) -> None:
    swarm = Swarm(make_link(stall_after=0.5))
    seed = make_seed(tmp_path / "seed", FILES)
    await swarm.submit_torrent_file(parse_torrent(seed.raw))
    await swarm.submit_magnet(parse_magnet("magnet:?xt=urn:btih:" + "ab" * 20))
    for transfer_id in (seed.info_hash, "ab" * 20):
        stalled = await until(swarm, transfer_id, TransferState.STALLED)
        assert "No seeders yet" in stalled.detail
        assert stalled.seeders == 0
        await swarm.remove(transfer_id)
    assert (await swarm.list_page()).transfers == ()


async def test_metadata_alone_downloads_nothing_until_files_are_chosen(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", FILES)
    async with seeding(seed) as peer:
        await swarm.resolve(parse_magnet(seed.magnet(peer)))
        seen = await until(swarm, seed.info_hash, TransferState.SELECTING)
        assert (seen.name, seen.size, seen.progress) == ("demo", seed.size, 0.0)
        files = {file.path: file for file in await swarm.files(seed.info_hash)}
        assert set(files) == set(seed.files)
        assert not list((tmp_path / "swarm").rglob("data/*"))
        await swarm.select(seed.info_hash, [files["Season 1/episode.srt"].index])
        ready = await until(swarm, seed.info_hash, TransferState.READY)
    assert ready.size == files["Season 1/episode.srt"].size
    only = {"Season 1/episode.srt": seed.files["Season 1/episode.srt"]}
    assert await collected(swarm, seed.info_hash) == only
    assert [file.path for file in await swarm.files(seed.info_hash) if file.selected] == list(only)


async def test_submitting_what_was_resolved_downloads_all_of_it(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", FILES)
    async with seeding(seed) as peer:
        await swarm.resolve(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, TransferState.SELECTING)
        assert (await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))).existing
        await until(swarm, seed.info_hash, TransferState.READY)
    assert await collected(swarm, seed.info_hash) == seed.files


async def test_collecting_again_after_a_file_has_moved_away_says_the_same(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", FILES)
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        with pytest.raises(TransferNotReady):
            await swarm.collect(seed.info_hash)
        await until(swarm, seed.info_hash, TransferState.READY)
    first = await swarm.collect(seed.info_hash)
    shutil.move(first[0].location, tmp_path / "adopted")
    assert await swarm.collect(seed.info_hash) == first
    await swarm.release(seed.info_hash)
    await swarm.release(seed.info_hash)
    assert not list((tmp_path / "swarm").glob(f"{seed.info_hash}*"))
    with pytest.raises(TransferMissing):
        await swarm.collect(seed.info_hash)


async def test_removing_in_mid_download_leaves_nothing_and_it_can_come_back(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", {"film.mkv": 8_000_000})
    async with seeding(seed, rate=2_000_000) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, lambda transfer: transfer.progress > 0.1)
        await swarm.remove(seed.info_hash)
        assert not list((tmp_path / "swarm").glob(f"{seed.info_hash}*"))
        with pytest.raises(TransferMissing):
            await swarm.get(seed.info_hash)
        again = await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        assert again.existing is False
        await until(swarm, seed.info_hash, TransferState.READY)
    assert await collected(swarm, seed.info_hash) == seed.files


async def test_an_idle_swarm_starts_no_engine(make_link: MakeLink) -> None:
    link = make_link()
    await link.start()
    swarm = Swarm(link)
    assert (await swarm.list_page()).transfers == ()
    await swarm.remove("ab" * 20)
    assert link.pid is None


async def test_the_account_tells_local_facts(swarm: Swarm) -> None:
    facts = await swarm.account()
    limits = dict(facts.limits)
    assert facts.premium is None
    assert limits["disk_free_bytes"] > 0
    assert limits["upload_bytes_per_second"] == 0


async def test_it_offers_local_files_and_no_links(swarm: Swarm) -> None:
    assert isinstance(swarm, LocalFiles)
    assert not swarm.can(Capability.LINK)
    with pytest.raises(NotSupported):
        await swarm.link("swarm:x")
