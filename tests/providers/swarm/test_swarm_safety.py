"""What a hostile torrent, a full disk or a private address may do to us: nothing, and it is explained."""

import asyncio
import hashlib
import resource
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest
from tests.providers.swarm.waiting import MakeLink, collected, eventually, until
from tests.swarm_fixtures import Seed, make_seed, seeding

from sluicegate.core.errors import InvalidInput, SourceRejected
from sluicegate.core.magnets import parse_magnet
from sluicegate.core.sources import Magnet, TorrentFile
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import TransferState
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.addresses import AddressRules

HOSTILE = {
    "climbing": [b"..", b"..", b"..", b"etc", b"cron.d", b"evil"],
    "absolute": [b"/etc/passwd"],
    "reserved": [b"CON", b"aux.txt"],
    "nul": [b"a\x00b"],
    "very long": [b"x" * 5000],
    "direction": ["movie\u202egpj.exe".encode()],
    "backslashes": [b"..\\..\\evil"],
}


@pytest.mark.parametrize("segments", HOSTILE.values(), ids=HOSTILE)
async def test_no_name_from_a_torrent_touches_the_disk(swarm: Swarm, tmp_path: Path, segments: list[bytes]) -> None:
    seed = _hostile_seed(tmp_path / "seed", segments)
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, TransferState.READY)
    (file, *_) = await swarm.collect(seed.info_hash)
    root = tmp_path / "swarm"
    assert {path.name for path in root.rglob("data/*")} == {"000000", "000001"}
    assert file.location.resolve().is_relative_to(root)
    assert not Path(file.path).is_absolute()
    assert ".." not in Path(file.path).parts
    assert all(len(part.encode()) <= 255 and "\x00" not in part for part in Path(file.path).parts)


async def test_padding_and_symbolic_links_are_no_files(swarm: Swarm, tmp_path: Path) -> None:
    content = b"k" * 70_000
    files = [
        {b"length": 70_000, b"path": [b"film.mkv"]},
        {b"length": 61_072, b"path": [b".pad", b"61072"], b"attr": b"p"},
        {b"length": 0, b"path": [b"link"], b"attr": b"l", b"symlink path": [b"..", b"..", b"etc", b"passwd"]},
        {b"length": 5, b"path": [b"note.txt"]},
    ]
    seed = _seed_of(tmp_path / "seed", files, content + bytes(61_072) + b"hello")
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, TransferState.READY)
    found = {(file.index, file.path): file.location.read_bytes() for file in await swarm.collect(seed.info_hash)}
    assert found == {(0, "film.mkv"): content, (3, "note.txt"): b"hello"}
    assert not [path for path in (tmp_path / "swarm").rglob("*") if path.is_symlink()]


async def test_too_many_files_are_refused_by_magnet_and_by_file(make_link: MakeLink, tmp_path: Path) -> None:
    swarm = Swarm(make_link(max_files=2))
    seed = make_seed(tmp_path / "seed", {"a": 10, "b": 10, "c": 10})
    with pytest.raises(SourceRejected, match="3 files"):
        await swarm.submit_torrent_file(parse_torrent(seed.raw))
    assert (await swarm.list_page()).transfers == ()
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await eventually(lambda: _failed(swarm, seed.info_hash, "3 files"))
        again = await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        assert again.existing is False


async def test_too_many_bytes_are_refused(make_link: MakeLink, tmp_path: Path) -> None:
    swarm = Swarm(make_link(max_bytes=1000))
    seed = make_seed(tmp_path / "seed", {"a": 1001})
    with pytest.raises(SourceRejected, match="1,001 bytes"):
        await swarm.submit_torrent_file(parse_torrent(seed.raw))


@pytest.mark.parametrize("raw", [b"", b"de", b"d4:infod4:name1:aee", b"l" * 20_000 + b"e" * 20_000], ids=range(4))
async def test_what_libtorrent_cannot_read_is_refused(swarm: Swarm, raw: bytes) -> None:
    with pytest.raises(SourceRejected):
        await swarm.submit_torrent_file(TorrentFile("ab" * 20, None, "x", (), raw))
    assert (await swarm.list_page()).transfers == ()


async def test_choosing_what_is_not_there_is_refused(swarm: Swarm, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", {"a": 10, "b": 10})
    await swarm.submit_torrent_file(parse_torrent(seed.raw))
    for indexes in ([], [2], [-1], [0, 99]):
        with pytest.raises(InvalidInput):
            await swarm.select(seed.info_hash, indexes)


async def test_a_torrent_that_does_not_fit_waits_and_says_how_much_is_missing(
    make_link: MakeLink, tmp_path: Path
) -> None:
    seed = make_seed(tmp_path / "seed", {"a": 1_000_000})
    probe = Swarm(make_link(folder=tmp_path / "probe"))
    free = int(dict((await probe.account()).limits)["disk_free_bytes"])
    swarm = Swarm(make_link(disk_reserve=free - 500_000))
    await swarm.submit_torrent_file(parse_torrent(seed.raw))
    stalled = await until(swarm, seed.info_hash, TransferState.STALLED)
    assert "The disk has no space for it: it needs 976.6 KiB" in stalled.detail


async def test_a_disk_that_fills_up_pauses_and_goes_on_when_there_is_room(make_link: MakeLink, tmp_path: Path) -> None:
    link = make_link()
    swarm = Swarm(link)
    seed = make_seed(tmp_path / "seed", {"film.mkv": 4_000_000})
    await swarm.submit_torrent_file(parse_torrent(seed.raw))
    assert link.pid is not None
    soft, hard = resource.prlimit(link.pid, resource.RLIMIT_FSIZE)
    # The kernel refuses what would make a file longer than this: a full disk without a disk.
    resource.prlimit(link.pid, resource.RLIMIT_FSIZE, (1_000_000, hard))
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        stalled = await until(swarm, seed.info_hash, TransferState.STALLED)
        assert "The disk has no space left" in stalled.detail
        resource.prlimit(link.pid, resource.RLIMIT_FSIZE, (soft, hard))
        await until(swarm, seed.info_hash, TransferState.READY)
    assert await collected(swarm, seed.info_hash) == seed.files


async def test_private_addresses_are_never_met_unless_allowed(make_link: MakeLink, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", {"a": 10})
    async with _listener() as knocks:
        url = f"http://{knocks.address}/announce"
        named = url.replace("127.0.0.1", "localhost")
        magnet = parse_magnet(seed.magnet(knocks.address, trackers=(url, named)))
        magnet = Magnet(magnet.info_hash, peers=magnet.peers, trackers=magnet.trackers, web_seeds=(url, named))
        with_all = _with_everything(seed, url, named)
        strict = Swarm(make_link(folder=tmp_path / "strict", allowed_networks=(), stall_after=0.5))
        for submission in (strict.submit_magnet(magnet), strict.submit_torrent_file(with_all)):
            await submission
            await until(strict, seed.info_hash, TransferState.STALLED)
            await asyncio.sleep(1)
            await strict.remove(seed.info_hash)
        assert knocks.count == 0
        open_minded = Swarm(make_link(folder=tmp_path / "open"))
        await open_minded.submit_torrent_file(with_all)
        await open_minded.submit_magnet(magnet)
        await eventually(lambda: knocks.count >= 2)


def test_addresses_in_urls_are_judged_in_every_spelling() -> None:
    rules = AddressRules()
    refused = [
        "127.0.0.1",
        "10.1.2.3",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[fe80::1]",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
    ]
    for host in refused:
        assert rules.trackers([f"http://{host}/announce", f"udp://{host}:80"]) == [], host
        assert rules.web_seeds([f"https://{host}/"]) == [], host
    assert (
        rules.trackers(["ftp://example.com/", "http://user:pw@example.com/", "http:///x", "udp://example.com:99999"])
        == []
    )
    good = ["http://example.com/announce", "udp://93.184.216.34:6969/announce"]
    assert rules.trackers(good) == good
    assert rules.peers(["127.0.0.1:80", "93.184.216.34:6881", "example.com:80", "[2606:4700::1]:443", "x", ":1"]) == [
        ("93.184.216.34", 6881),
        ("2606:4700::1", 443),
    ]


@pytest.mark.parametrize(("limit", "shared"), [(0, False), (2_000_000, True)], ids=["off by default", "on by setting"])
async def test_uploads_happen_only_when_they_are_switched_on(
    make_link: MakeLink, tmp_path: Path, limit: int, shared: bool
) -> None:
    swarm = Swarm(make_link(upload_limit=limit, peer_exchange=False))
    seed = make_seed(tmp_path / "seed", {"film.mkv": 6_000_000})
    async with seeding(seed, rate=2_000_000) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, lambda transfer: transfer.progress > 0.3)
        port = int(dict((await swarm.account()).limits)["listen_port"])
        received = await _leech(seed, tmp_path / "leech", port, seconds=4.0 if shared else 2.5)
    assert (received > 0) is shared


async def test_sequential_downloads_bring_the_beginning_and_the_very_end_first(
    make_link: MakeLink, tmp_path: Path
) -> None:
    swarm = Swarm(make_link(sequential=True))
    seed = make_seed(tmp_path / "seed", {"film.mkv": 8_000_000})
    truth = (tmp_path / "seed" / "demo" / "film.mkv").read_bytes()
    async with seeding(seed, rate=3_000_000) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, lambda transfer: transfer.progress > 0.3)
        (part,) = (tmp_path / "swarm").glob("*/data/000000")
        # The engine tells of a piece a moment before its bytes are in the file.
        while not ((have := part.read_bytes()).startswith(truth[:2_000_000]) and have.endswith(truth[-200_000:])):
            await asyncio.sleep(0.02)
        assert (await swarm.get(seed.info_hash)).progress < 0.95


def _hostile_seed(folder: Path, segments: list[bytes]) -> Seed:
    return _seed_of(
        folder, [{b"length": 40_000, b"path": segments}, {b"length": 0, b"path": [b"other"]}], b"h" * 40_000
    )


def _seed_of(folder: Path, files: list[dict[bytes, Any]], content: bytes) -> Seed:
    """A v1 torrent with exactly this file list, and its bytes where a libtorrent seeder will look for them."""
    piece = 65_536
    hashes = b"".join(hashlib.sha1(content[at : at + piece]).digest() for at in range(0, len(content), piece))
    info = {b"name": b"hostile", b"piece length": piece, b"pieces": hashes, b"files": files}
    raw = lt.bencode({b"info": info})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        loaded = lt.load_torrent_buffer(raw)
    layout = loaded.ti.layout()
    for index in range(layout.num_files()):
        if not layout.file_flags(index) & (lt.file_storage.flag_pad_file | lt.file_storage.flag_symlink):
            path = folder / layout.file_path(index)
            path.parent.mkdir(parents=True, exist_ok=True)
            start = layout.file_offset(index)
            path.write_bytes(content[start : start + layout.file_size(index)])
    return Seed(folder, raw, str(loaded.info_hashes.v1), None, "hostile", {})


def _with_everything(seed: Seed, *urls: str) -> TorrentFile:
    document = lt.bdecode(seed.raw)
    document[b"announce-list"] = [[url.encode()] for url in urls]
    document[b"url-list"] = [url.encode() for url in urls]
    return parse_torrent(lt.bencode(document))


async def _failed(swarm: Swarm, transfer_id: str, words: str) -> bool:
    transfer = await swarm.get(transfer_id)
    return transfer.state is TransferState.FAILED and words in transfer.detail


class _Knocks:
    def __init__(self) -> None:
        self.count = 0
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.count += 1
        writer.close()


@asynccontextmanager
async def _listener() -> AsyncIterator[_Knocks]:
    """Counts whoever connects."""
    knocks = _Knocks()
    server = await asyncio.start_server(knocks.serve, "127.0.0.1", 0)
    knocks.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        yield knocks


async def _leech(seed: Seed, folder: Path, port: int, *, seconds: float) -> int:
    """Bytes that a peer gets which knows nobody but us."""
    settings = {
        "listen_interfaces": "127.0.0.1:0",
        "enable_dht": False,
        "enable_lsd": False,
        "enable_outgoing_utp": False,
    }
    session = lt.session({**settings, "enable_upnp": False, "enable_natpmp": False, "alert_mask": 0})
    params = lt.load_torrent_buffer(seed.raw)
    params.save_path = str(folder)
    params.peers = [("127.0.0.1", port)]
    params.flags &= ~(lt.torrent_flags.paused | lt.torrent_flags.auto_managed)
    params.flags |= lt.torrent_flags.disable_pex
    handle = session.add_torrent(params)
    met, received = False, 0
    for _ in range(int(seconds / 0.1)):
        await asyncio.sleep(0.1)
        # Others may find it as well; only what comes from us counts.
        ours = [peer for peer in handle.get_peer_info() if peer.ip[1] == port and not peer.flags & peer.handshake]
        met = met or bool(ours)
        received = max([received, *(peer.total_download for peer in ours)])
        if received > 0:
            break
    assert met, "it never got through to us"
    return received
