"""Links arrive whole: from well-behaved hosts fast, from others in the way they allow."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from tests.providers.direct.host import Host, some
from tests.providers.direct.waiting import MakeDirect, digest, fetched, submit, until

from sluicegate.core.errors import (
    FileGone,
    ForbiddenAddress,
    NotSupported,
    SourceRejected,
    TransferMissing,
    TransferNotReady,
    UpstreamRateLimited,
    UpstreamServerError,
)
from sluicegate.core.local import LocalFiles
from sluicegate.core.sources import SourceKind
from sluicegate.core.transfers import TransferState
from sluicegate.core.web_links import link_hash
from sluicegate.providers.direct.adapter import Direct

MIB = 1024 * 1024


async def test_a_host_with_ranges_is_asked_for_several_segments_at_once(direct: Direct) -> None:
    async with Host(some(3 * MIB + 17), chunk_delay=0.002).serving() as host:
        assert await fetched(direct, host.url) == host.sha256
        spans = sorted(request.span for request in host.requests if request.span and not request.is_probe)
    assert len(spans) == 4
    assert host.most_active > 1
    assert spans[0][0] == 0
    assert spans[-1][1] == 3 * MIB + 16
    assert all(one[1] + 1 == two[0] for one, two in pairwise(spans))
    assert all(r.headers["if-range"] == '"v1"' for r in host.requests if not r.is_probe)


async def test_a_small_file_takes_one_connection(direct: Direct) -> None:
    async with Host(some(1000)).serving() as host:
        assert await fetched(direct, host.url) == host.sha256
        assert len(host.requests) == 2


async def test_an_empty_file_is_a_file(direct: Direct) -> None:
    async with Host(b"").serving() as host:
        transfer_id = await submit(direct, host.url)
        ready = await until(direct, transfer_id, TransferState.READY)
        assert (ready.size, ready.progress) == (0, 1.0)
        assert await digest(direct, transfer_id) == host.sha256


@pytest.mark.parametrize(
    "quirk",
    [
        {"ranges": False},
        {"ranges": False, "chunked": True},
        {"etag": None},
        {"etag": 'W/"weak"'},
        {"probe_status": 416},
        {"etag": None, "modified": "Mon, 01 Jan 2024 00:00:00 GMT"},
    ],
    ids=["ignores ranges", "chunked, no size", "no validator", "weak etag", "416 for byte 0", "a date, no etag"],
)
async def test_a_host_that_allows_less_gets_one_stream(direct: Direct, quirk: dict) -> None:
    async with Host(some(MIB + 5), **quirk).serving() as host:
        assert await fetched(direct, host.url) == host.sha256
        assert host.most_active == 1


async def test_the_name_comes_from_the_host_and_is_safe(direct: Direct) -> None:
    cases = {
        'attachment; filename="a film.mkv"': "a film.mkv",
        "attachment; filename=plain.mkv; filename*=UTF-8''na%C3%AFve%20%E2%82%AC.mkv": "naïve €.mkv",
        'attachment; filename="../../etc/passwd"': "passwd",
        'attachment; filename="C:\\\\Windows\\\\evil.exe"': "evil.exe",
        'attachment; filename="con.mkv"': "_con.mkv",
        "attachment; filename*=UTF-8''..%2F..%2Fx.mkv": "x.mkv",
        'attachment; filename="größe.mkv"': "größe.mkv",
        "attachment": "film.mkv",
    }
    for number, (header, name) in enumerate(cases.items()):
        async with Host(b"x", extra={"Content-Disposition": header}).serving() as host:
            transfer_id = await submit(direct, f"{host.url}?{number}")
            assert (await direct.get(transfer_id)).name == name
            assert [file.path for file in await direct.files(transfer_id)] == [name]


async def test_redirects_are_followed(direct: Direct) -> None:
    async with Host(some(MIB), redirects={"/go": "/there/real.bin"}).serving() as host:
        transfer_id = await submit(direct, f"{host.origin}/go")
        ready = await until(direct, transfer_id, TransferState.READY)
        assert ready.name == "real.bin"
        assert await digest(direct, transfer_id) == host.sha256


async def test_one_link_is_one_transfer_even_when_handed_in_many_times_at_once(direct: Direct) -> None:
    async with Host(some(MIB)).serving() as host:
        ids = await asyncio.gather(*(submit(direct, host.url) for _ in range(50)))
        assert set(ids) == {link_hash(host.url)}
        assert sum(request.is_probe for request in host.requests) == 1
        ready = await until(direct, ids[0], TransferState.READY)
        assert (ready.kind, ready.info_hash) == (SourceKind.WEB, None)
        assert len((await direct.list_page()).transfers) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, FileGone),
        (410, FileGone),
        (401, SourceRejected),
        (403, SourceRejected),
        (400, SourceRejected),
        (429, UpstreamRateLimited),
        (500, UpstreamServerError),
        (503, UpstreamServerError),
    ],
)
async def test_the_hosts_first_answer_is_told_at_once(direct: Direct, status: int, error: type[Exception]) -> None:
    async with Host(b"x", probe_status=status, extra={"Retry-After": "7"}).serving() as host:
        with pytest.raises(error) as caught:
            await submit(direct, host.url)
        assert str(status) in caught.value.detail + caught.value.upstream_code
        assert caught.value.retry_after in {None, 7.0}
    assert (await direct.list_page()).transfers == ()


async def test_private_addresses_are_refused_also_behind_a_redirect(direct: Direct) -> None:
    for link in ("http://10.0.0.1/x", "http://[::1]/x", "http://169.254.169.254/latest"):
        with pytest.raises(ForbiddenAddress):
            await submit(direct, link)
    async with Host(b"x", redirects={"/files/film.mkv": "http://127.0.0.2:9/x"}).serving() as host:
        with pytest.raises(ForbiddenAddress):
            await submit(direct, host.url)


async def test_collect_release_and_what_is_not_there(direct: Direct, tmp_path: Path) -> None:
    async with Host(some(MIB), chunk_delay=0.05).serving() as host:
        transfer_id = await submit(direct, host.url)
        with pytest.raises(TransferNotReady):
            await direct.collect(transfer_id)
        await until(direct, transfer_id, TransferState.READY)
    assert await direct.collect(transfer_id) == await direct.collect(transfer_id)
    await direct.release(transfer_id)
    await direct.release(transfer_id)
    assert [path.name for path in (tmp_path / "direct").iterdir()] == ["downloads.lock"]
    with pytest.raises(TransferMissing):
        await direct.get(transfer_id)


async def test_cancelling_in_mid_download_leaves_nothing_behind(direct: Direct, tmp_path: Path) -> None:
    async with Host(some(8 * MIB), chunk_delay=0.02).serving() as host:
        transfer_id = await submit(direct, host.url)
        await until(direct, transfer_id, lambda transfer: transfer.progress > 0.05)
        await direct.remove(transfer_id)
        assert [path.name for path in (tmp_path / "direct").iterdir()] == ["downloads.lock"]
        async with asyncio.timeout(5):
            while host.busy:
                await asyncio.sleep(0.01)


async def test_active_downloads_and_connections_per_host_are_bounded(make_direct: MakeDirect) -> None:
    direct = await make_direct(max_active=4, per_host=2)
    async with Host(some(2 * MIB), chunk_delay=0.005).serving() as host:
        ids = [await submit(direct, f"{host.url}?{number}") for number in range(6)]
        assert TransferState.QUEUED in {transfer.state for transfer in (await direct.list_page()).transfers}
        for transfer_id in ids:
            await until(direct, transfer_id, TransferState.READY)
        assert host.most_active == 2


async def test_it_offers_local_files_and_no_links(direct: Direct) -> None:
    assert isinstance(direct, LocalFiles)
    with pytest.raises(NotSupported):
        await direct.link("direct:x")
