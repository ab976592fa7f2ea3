"""Hostile and broken input through the public API: a clear error, or an explained waiting state; then all goes on."""

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.core.torrents import torrent, v1_info
from tests.e2e.client import digests, finished, healthy, media_job, submit, upload
from tests.e2e.origin import endless, lying_origin, whole
from tests.faults.server import Server
from tests.house import FILE_MAX
from tests.media.site import Site
from tests.swarm_fixtures import make_seed, seeding

MAGNETS = {
    "nothing": ("", "magnet:?"),
    "no topic": ("magnet:?dn=film", "names no torrent"),
    "short": ("magnet:?xt=urn:btih:abc", "40 hexadecimal digits"),
    "39 digits": ("a" * 39, "this one has 39 characters"),
    "41 digits": ("a" * 41, "this one has 41 characters"),
    "63 of v2": ("magnet:?xt=urn:btmh:1220" + "a" * 63, "64 hexadecimal digits"),
    "no hex": ("magnet:?xt=urn:btih:" + "g" * 40, "not all of them hexadecimal"),
    "endless": ("magnet:?xt=urn:btih:" + "a" * 40 + "&tr=" + "x" * 200_000, "longer than"),
}

LINKS = {
    "file": ("file:///etc/passwd", "http:// or https://"),
    "ftp": ("ftp://example.org/x", "http:// or https://"),
    "gopher": ("gopher://example.org/x", "http:// or https://"),
    "data": ("data:text/plain,hello", "http:// or https://"),
    "option": ("--exec=id", "cannot begin with '-'"),
    "credentials": ("http://user:hunter2@example.org/x", "user name or password"),
    "no host": ("http:///x", "names no host"),
    "control": ("http://example.org/a\r\nHost: b", "control character"),
    "long": ("http://example.org/" + "a" * 5_000, "longer than"),
}

PRIVATE = {
    "loopback": "http://127.0.0.2/x",
    "private": "http://10.0.0.1/x",
    "IPv6 loopback": "http://[::1]/x",
    "mapped": "http://[::ffff:127.0.0.2]/x",
    "decimal": "http://2130706434/x",
    "hexadecimal": "http://0x7f000002/x",
    "octal": "http://0177.0.0.2/x",
    "short": "http://127.2/x",
    "metadata": "http://169.254.169.254/latest/meta-data/",
    "any": "http://0.0.0.0/x",
    "NAT64": "http://[64:ff9b::7f00:2]/x",
}


@pytest.mark.parametrize(("magnet", "words"), MAGNETS.values(), ids=MAGNETS)
async def test_malformed_magnets_and_hashes(house: Server, magnet: str, words: str):
    status, answer = await submit(house, {"magnet": magnet})
    assert status == (422 if words == "longer than" else 400)
    assert words in answer["error"]


@pytest.mark.parametrize(("link", "words"), LINKS.values(), ids=LINKS)
async def test_malformed_links_on_both_surfaces(house: Server, link: str, words: str):
    for media in (False, True):
        status, answer = await submit(house, {"url": link}, media=media)
        assert status == (422 if words == "longer than" and not media else 400)
        assert words in answer["error"]
        assert "hunter2" not in answer["error"]


@pytest.mark.parametrize("link", PRIVATE.values(), ids=PRIVATE)
async def test_private_addresses_are_refused_at_once(house: Server, link: str):
    status, answer = await submit(house, {"url": link})
    assert status == 422
    assert "SLUICEGATE_EGRESS_ALLOW" in answer["error"]


def bomb(kind: str) -> bytes:
    match kind:
        case "nested lists":
            return b"d4:info" + b"l" * 20_000 + b"e" * 20_000 + b"e"
        case "negative length":
            return torrent(v1_info([([b"a"], 5)]) | {b"files": [{b"length": -5, b"path": [b"a"]}]})
        case "huge number":
            return b"d4:infod6:lengthi" + b"9" * 100_000 + b"eee"
        case "a string longer than the file":
            return b"d4:info999999999999:x"
        case "climbing":
            return torrent(v1_info([([b"..", b"..", b"etc", b"passwd"], 5)]))
        case "absolute":
            return torrent(v1_info([([b"/etc/passwd"], 5)]))
        case "drive letter":
            return torrent(v1_info([([b"C:\\Windows\\x"], 5)]))
        case "NUL":
            return torrent(v1_info([([b"film\0.mkv"], 5)]))
        case "climbing root":
            return torrent(v1_info([([b"a"], 5)], name=b"../outside"))
        case "too many files":
            return _many_files(150_000)
        case _:
            return _many_files(1_000_000)


def _many_files(count: int) -> bytes:
    files = b"".join(b"d6:lengthi1e4:pathl%d:%dee" % (len(str(number)), number) for number in range(count))
    pieces = b"\1" * 20 * -(-count // 16_384)
    shape = b"4:name1:x12:piece lengthi16384e6:pieces%d:%s" % (len(pieces), pieces)
    return b"d4:infod5:filesl" + files + b"e" + shape + b"ee"


BOMBS = {
    "nested lists": "100 deep",
    "negative length": "negative length",
    "huge number": "20 digits",
    "a string longer than the file": "string length",
    "climbing": "climbs out",
    "absolute": "absolute path",
    "drive letter": "absolute path",
    "NUL": "NUL character",
    "climbing root": "climbs out",
    "too many files": "100,000 files",
    "a million files": "larger than",
}


@pytest.mark.parametrize(("kind", "words"), BOMBS.items(), ids=BOMBS)
async def test_torrent_bombs(house: Server, kind: str, words: str):
    status, answer = await upload(house, bomb(kind))
    assert status in {400, 422}, answer
    assert words in answer["error"]


async def test_reserved_names_are_repaired_and_the_bytes_arrive(house: Server, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, {"CON.txt": b"one", "aux": b"two"}, name="lpt1")
    async with seeding(seed) as peer:
        _, job = await submit(house, {"magnet": seed.magnet(peer)})
        job = await finished(house, job["id"])
        assert job["status"] == "ready", job
        assert await digests(house, job) == {"_CON.txt": seed.files["CON.txt"], "_aux": seed.files["aux"]}


async def test_redirects_lead_nowhere_private(house: Server, site: Site):
    for number, target in enumerate(("http://10.0.0.1/x", "http://127.0.0.2:80/x", "file:///etc/passwd")):
        status, answer = await submit(house, {"url": site.redirect(f"/to{number}", target)})
        assert status == 422, answer
    status, job = await submit(house, {"url": site.redirect("/circle", site.url + "/circle")})
    assert status == 201
    job = await house.until(f"/v1/torrents/{job['id']}", "status", {"queued"})
    assert "redirects more than 5 times" in job["waiting"]
    await house.call("DELETE", f"/v1/torrents/{job['id']}")


async def test_media_jobs_end_with_a_reason(house: Server, site: Site):
    """Each child of a media job costs seconds of CPU: all cases run side by side."""
    segment = "#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\n{}\n#EXT-X-ENDLIST\n"
    variant = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1000\n{}\n"
    cases = {
        PRIVATE["private"]: ("Failed", "may not be reached"),
        PRIVATE["decimal"]: ("Failed", "may not be reached"),
        site.redirect("/away", "http://10.0.0.1/x"): ("Failed", "may not be reached"),
        site.redirect("/local", "file:///etc/passwd"): ("Failed", "neither http nor https"),
        site.page("/empty", "only words"): ("Skipped", "no video or audio"),
        site.put("/passwd.m3u8", segment.format("file:///etc/passwd")): ("Failed", "neither http nor https"),
        site.put("/variant.m3u8", variant.format("file:///etc/passwd")): ("Failed", "neither http nor https"),
    }
    jobs = await asyncio.gather(*(media_job(house, url) for url in cases))
    for job in jobs:
        state, words = cases[job["url"]]
        assert job["status"] == state, job
        assert words in job["error"], job
        assert "root:" not in str(job)
    await healthy(house)


async def test_media_that_lies_about_its_length(house: Server, clip: Path):
    film = clip.read_bytes()
    answers = {
        "/endless.mp4": endless(kind="video/mp4", head=film[:4096]),
        "/huge.mp4": whole(film, length=FILE_MAX * 1000, kind="video/mp4"),
    }
    async with lying_origin(answers) as url:
        for job in await asyncio.gather(*(media_job(house, url + path) for path in answers)):
            assert job["status"] == "Failed", job
            assert "larger" in job["error"], job
    assert [path for path in (house.data / "media").rglob("*") if path.is_file()] == []


async def test_endless_and_oversized_bodies_stop_at_the_limit(house: Server):
    answers = {
        "/endless": endless(),
        "/huge": whole(b"x", length=FILE_MAX * 1000),
    }
    async with lying_origin(answers) as url:
        for path in answers:
            status, answer = await submit(house, {"url": url + path})
            if status == 201:
                answer = await finished(house, answer["id"])
                assert answer["status"] == "failed"
            else:
                assert status == 422
            assert f"{FILE_MAX:,}" in answer["error"], answer
    async with asyncio.timeout(20):
        while [path for path in (house.data / "direct").rglob("part*") if path.stat().st_size]:
            await asyncio.sleep(0.1)  # what cannot be finished is not kept either


async def test_a_wrong_content_length_waits_and_says_so_and_the_right_one_ends_it(house: Server):
    body = bytes(range(256)) * 4_000
    answers = {"/film.mkv": whole(body[:300_000], length=len(body))}
    async with lying_origin(answers) as url:
        status, job = await submit(house, {"url": f"{url}/film.mkv"})
        assert status == 201
        async with asyncio.timeout(30):
            while not job["waiting"]:
                await asyncio.sleep(0.2)
                _, job = await house.call("GET", f"/v1/torrents/{job['id']}")
                assert job["status"] in {"queued", "downloading"}, job
        answers["/film.mkv"] = whole(body)
        job = await finished(house, job["id"])
        assert (job["status"], job["size_bytes"]) == ("ready", len(body)), job


@pytest.fixture(autouse=True, scope="module")
async def lonely(house: Server, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A job whose torrent nobody seeds: handed in before everything else, since patience is part of the answer."""
    seed = await asyncio.to_thread(make_seed, tmp_path_factory.mktemp("seed"), {"film.mkv": 100_000}, name="lonely")
    status, job = await upload(house, seed.raw)
    assert status == 201
    return job


async def test_a_torrent_without_seeders_waits_says_so_and_can_be_cancelled(house: Server, lonely: dict[str, Any]):
    _, bare = await submit(house, {"magnet": "c0ffee" + "0" * 34})
    for job, words in ((bare, "metadata"), (lonely, "no seeders")):
        await explained(house, job["id"], words)
        status, _ = await house.call("DELETE", f"/v1/torrents/{job['id']}")
        assert status == 204
        assert (await finished(house, job["id"]))["status"] == "cancelled"
    async with asyncio.timeout(20):
        while list((house.data / "swarm").glob(f"{lonely['info_hash']}*")):
            await asyncio.sleep(0.1)


@contextlib.contextmanager
def full_disk(house: Server, size: int) -> Iterator[None]:
    """Lets the kernel refuse to make any file of the server, its engine or its new children longer than ``size``.

    The database has processes of its own and goes on; so it does when the downloads' volume is full.
    """
    assert house.process is not None
    server = psutil.Process(house.process.pid)
    family = [server, *(child for child in server.children(recursive=True) if "postgres" not in child.name())]
    before = {one.pid: resource.prlimit(one.pid, resource.RLIMIT_FSIZE) for one in family}
    try:
        for pid, (_, hard) in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, hard))
        yield
    finally:
        for pid, limit in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


async def explained(house: Server, job_id: str, words: str) -> dict[str, Any]:
    """The unfinished job as soon as it says that it waits for ``words``."""
    async with asyncio.timeout(45):
        while True:
            _, job = await house.call("GET", f"/v1/torrents/{job_id}")
            assert job["status"] in {"queued", "downloading", "uploading"}, job
            if words in (job["waiting"] or ""):
                return job
            await asyncio.sleep(0.2)


async def test_a_full_disk_is_waited_for(house: Server, site: Site, tmp_path: Path):
    seed = await asyncio.to_thread(make_seed, tmp_path, {"film.mkv": 24_000_000}, name="large")
    url = site.put("/large.bin", b"large" * 5_000_000)
    async with seeding(seed) as peer:
        with full_disk(house, 16_000_000):
            _, by_magnet = await submit(house, {"magnet": seed.magnet(peer)})
            _, by_link = await submit(house, {"url": url})
            await asyncio.gather(explained(house, by_magnet["id"], "disk"), explained(house, by_link["id"], "disk"))
            await healthy(house)
        for job in (by_magnet, by_link):
            assert (await finished(house, job["id"]))["status"] == "ready"


@pytest.fixture(autouse=True, scope="module")
async def goes_on(house: Server) -> AsyncIterator[None]:
    """After everything above the server is healthy, and a good job still works."""
    yield
    await healthy(house)
    with Site.running() as site:
        status, job = await submit(house, {"url": site.put("/good.bin", b"good" * 10_000)})
        assert status == 201
        assert (await finished(house, job["id"]))["status"] == "ready"
