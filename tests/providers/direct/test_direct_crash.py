"""kill -9 in mid-download: the next process goes on where the last one was."""

import asyncio
import sys
from pathlib import Path

import pytest
from tests.providers.direct.host import Host, some
from tests.providers.direct.waiting import MakeDirect, digest, until

from sluicegate.core.errors import UpstreamUnavailable
from sluicegate.core.transfers import TransferState
from sluicegate.core.web_links import link_hash
from sluicegate.net.http import Http
from sluicegate.providers.direct.downloader import Downloader
from sluicegate.providers.direct.options import DirectOptions

MIB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[3]

VICTIM = """
import asyncio, sys
from pathlib import Path
from sluicegate.core.sources import WebLink
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.providers.direct.adapter import Direct
from sluicegate.providers.direct.downloader import Downloader
from sluicegate.providers.direct.options import DirectOptions

async def main(folder, url):
    async with open_http(EgressPolicy.parse("127.0.0.1")) as http:
        options = DirectOptions(folder=Path(folder), save_every=0.1, disk_reserve=0, segment_min=256 * 1024)
        downloader = Downloader(http, options)
        await downloader.start()
        direct = Direct(downloader)
        submission = await direct.submit_web(WebLink(url))
        while True:
            print("at", (await direct.get(submission.transfer_id)).progress, flush=True)
            await asyncio.sleep(0.02)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("quirk", [{}, {"etag": 'W/"1"'}], ids=["four segments", "one resumable stream"])
async def test_a_killed_process_loses_seconds_and_fetches_nothing_twice_but_those(
    make_direct: MakeDirect, tmp_path: Path, quirk: dict
) -> None:
    async with Host(some(12 * MIB), chunk_delay=0.01, **quirk).serving() as host:
        await _killed_at(0.5, tmp_path / "direct", host.url)
        sent = host.sent
        host.chunk_delay = 0.0
        direct = await make_direct()
        resumed = (await direct.get(link_hash(host.url))).progress
        assert resumed > 0.2
        await until(direct, link_hash(host.url), TransferState.READY)
        assert await digest(direct, link_hash(host.url)) == host.sha256
        assert host.sent - sent <= len(host.content) * (1 - resumed) + 4 * host.chunk


async def test_a_finished_download_survives(make_direct: MakeDirect, tmp_path: Path, http: Http) -> None:
    async with Host(some(MIB)).serving() as host:
        first = Downloader(http, DirectOptions(folder=tmp_path / "direct", disk_reserve=0))
        await first.start()
        download, _ = await first.submit(host.url)
        async with asyncio.timeout(10):
            while not download.transfer().state.over:
                await asyncio.sleep(0.01)
        await first.aclose()
    direct = await make_direct()
    assert (await direct.get(link_hash(host.url))).state is TransferState.READY
    assert await digest(direct, link_hash(host.url)) == host.sha256


async def test_a_state_that_cannot_be_read_is_rubbish_and_goes(make_direct: MakeDirect, tmp_path: Path) -> None:
    broken = tmp_path / "direct" / ("ab" * 20 + ".00000000")
    broken.mkdir(parents=True)
    (broken / "state.json").write_bytes(b'{"id": ')
    (broken / "part").write_bytes(b"x")
    direct = await make_direct()
    assert (await direct.list_page()).transfers == ()
    assert not broken.exists()


async def test_two_downloaders_never_share_a_folder(make_direct: MakeDirect, tmp_path: Path, http: Http) -> None:
    await make_direct()
    second = Downloader(http, DirectOptions(folder=tmp_path / "direct"), lock_patience=0.1)
    with pytest.raises(UpstreamUnavailable, match="Another process"):
        await second.start()


async def _killed_at(progress: float, folder: Path, url: str) -> None:
    """Downloads in a process of its own and kills that as soon as it has come so far."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(folder), url, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(30):
            async for line in process.stdout:
                if line.startswith(b"at ") and float(line[3:]) >= progress:
                    break
    finally:
        process.kill()
        await process.wait()
