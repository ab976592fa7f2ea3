"""kill -9 of the engine, of the server around it, and damaged memories: every transfer goes on and ends right."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.providers.swarm.waiting import MakeLink, collected, eventually, until
from tests.swarm_fixtures import ROOT, make_seed, seeding

from sluicegate.core.errors import UpstreamUnavailable
from sluicegate.core.magnets import parse_magnet
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import TransferState
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.engine_link import EngineLink

RATE = 4_000_000

VICTIM = """
import asyncio, sys
from pathlib import Path
from sluicegate.core.magnets import parse_magnet
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.engine_link import EngineLink
from sluicegate.providers.swarm.options import SwarmOptions

async def main(folder, magnet):
    loopback = {"listen": "127.0.0.1:0", "dht": False, "allowed_networks": ("127.0.0.0/8",)}
    link = EngineLink(SwarmOptions(folder=Path(folder), disk_reserve=0, save_every=0.3, **loopback))
    swarm = Swarm(link)
    submission = await swarm.submit_magnet(parse_magnet(magnet))
    print("engine", link.pid, flush=True)
    while True:
        print("at", (await swarm.get(submission.transfer_id)).progress, flush=True)
        await asyncio.sleep(0.05)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize(("kind", "shares"), [("v1", (0.5, 0.8)), ("v2", (0.6,)), ("hybrid", (0.6,))])
async def test_a_killed_engine_comes_back_by_itself_and_keeps_what_it_had(
    make_link: MakeLink, tmp_path: Path, kind: str, shares: tuple[float, ...]
) -> None:
    link = make_link()
    swarm = Swarm(link)
    seed = make_seed(tmp_path / "seed", {"film.mkv": 8_000_000, "film.srt": 100}, kind=kind)
    async with seeding(seed, rate=RATE) as peer:
        # With its piece hashes: a v2 magnet fetches those on the way, and a piece without its hash counts for nothing.
        await swarm.submit_torrent_file(parse_torrent(seed.raw))
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        for share in shares:
            await until(swarm, seed.info_hash, lambda transfer, share=share: transfer.progress >= share)
            await _killed(link)
            kept = await _first_progress(swarm, seed.info_hash)
            assert kept >= share - 0.35  # a second of transfer
        await until(swarm, seed.info_hash, TransferState.READY)
    assert await collected(swarm, seed.info_hash) == seed.files


async def test_the_engine_dies_with_its_server_and_the_next_one_goes_on(make_link: MakeLink, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", {"film.mkv": 8_000_000})
    async with seeding(seed, rate=RATE) as peer:
        engine = await _server_killed_at(0.5, tmp_path / "swarm", seed.magnet(peer))
        await eventually(lambda: not _alive(engine))
        link = make_link()
        await link.start()
        swarm = Swarm(link)
        assert await _first_progress(swarm, seed.info_hash) > 0.25
        await until(swarm, seed.info_hash, TransferState.READY)
    assert await collected(swarm, seed.info_hash) == seed.files


async def test_an_orderly_end_loses_nothing(make_link: MakeLink, tmp_path: Path) -> None:
    first = make_link(save_every=3600)
    swarm = Swarm(first)
    seed = make_seed(tmp_path / "seed", {"film.mkv": 8_000_000})
    async with seeding(seed, rate=RATE) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        before = await until(swarm, seed.info_hash, lambda transfer: transfer.progress > 0.4)
        await first.aclose()
    second = make_link()
    await second.start()
    after = await until(Swarm(second), seed.info_hash, lambda transfer: transfer.progress > 0)
    assert after.progress >= before.progress - 0.05  # a few blocks were on their way
    with pytest.raises(UpstreamUnavailable):
        await swarm.get(seed.info_hash)


async def test_a_finished_transfer_survives_everything(make_link: MakeLink, tmp_path: Path) -> None:
    link = make_link()
    swarm = Swarm(link)
    seed = make_seed(tmp_path / "seed", {"film.mkv": 500_000})
    async with seeding(seed) as peer:
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, TransferState.READY)
    await _killed(link)
    await eventually(lambda: _is_ready(swarm, seed.info_hash))
    assert await collected(swarm, seed.info_hash) == seed.files


@pytest.mark.parametrize("damage", [b"", b"d4:spam", b"x" * 100], ids=["empty", "cut", "nonsense"])
async def test_damaged_resume_data_costs_a_check_of_the_files(
    make_link: MakeLink, tmp_path: Path, damage: bytes
) -> None:
    first = make_link()
    swarm = Swarm(first)
    seed = make_seed(tmp_path / "seed", {"film.mkv": 8_000_000})
    async with seeding(seed, rate=RATE) as peer:
        await swarm.submit_torrent_file(parse_torrent(seed.raw))
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(swarm, seed.info_hash, lambda transfer: transfer.progress > 0.5)
        await first.aclose()
    (resume,) = (tmp_path / "swarm").glob("*/resume")
    resume.write_bytes(damage)
    second = Swarm(make_link())
    checked = await until(
        second, seed.info_hash, lambda transfer: transfer.progress > 0 and transfer.state is not TransferState.QUEUED
    )
    assert checked.progress > 0.4
    async with seeding(seed) as peer:
        await second.submit_magnet(parse_magnet(seed.magnet(peer)))
        await until(second, seed.info_hash, TransferState.READY)
    assert await collected(second, seed.info_hash) == seed.files


async def test_a_chosen_selection_survives_a_restart(make_link: MakeLink, tmp_path: Path) -> None:
    first = make_link()
    seed = make_seed(tmp_path / "seed", {"a.mkv": 300_000, "b.mkv": 300_000, "c.mkv": 300_000})
    async with seeding(seed) as peer:
        await Swarm(first).resolve(parse_magnet(seed.magnet(peer)))
        await until(Swarm(first), seed.info_hash, TransferState.SELECTING)
        await first.aclose()
        second = Swarm(make_link())
        await until(second, seed.info_hash, TransferState.SELECTING)
        await second.select(
            seed.info_hash, [file.index for file in await second.files(seed.info_hash) if file.name == "b.mkv"]
        )
        await until(second, seed.info_hash, TransferState.READY)
    assert await collected(second, seed.info_hash) == {"b.mkv": seed.files["b.mkv"]}


async def test_half_made_and_half_deleted_folders_are_swept(make_link: MakeLink, tmp_path: Path) -> None:
    for name, files in {"aa.0": {}, "bb.0": {"record.json": b"{"}, "cc.0": {"data": None}}.items():
        folder = tmp_path / "swarm" / name
        folder.mkdir(parents=True)
        for file, content in files.items():
            (folder / file).mkdir() if content is None else (folder / file).write_bytes(content)
    swarm = Swarm(make_link())
    await swarm.account()
    assert (await swarm.list_page()).transfers == ()
    assert [path.name for path in (tmp_path / "swarm").iterdir() if path.is_dir()] == []


async def test_an_engine_that_cannot_start_says_so_and_is_not_started_in_a_loop(
    make_link: MakeLink, tmp_path: Path
) -> None:
    (tmp_path / "blocked").write_bytes(b"a file where a folder should be")
    swarm = Swarm(make_link(folder=tmp_path / "blocked"))
    for _ in range(3):
        with pytest.raises(UpstreamUnavailable) as caught:
            await swarm.account()
    assert caught.value.retry_after is not None


async def _first_progress(swarm: Swarm, transfer_id: str) -> float:
    """What a fresh engine knows to be there, once it has looked at its resume data."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(UpstreamUnavailable):
                if (await swarm.get(transfer_id)).progress > 0:
                    return (await swarm.get(transfer_id)).progress
            await asyncio.sleep(0.02)


async def _is_ready(swarm: Swarm, transfer_id: str) -> bool:
    return (await swarm.get(transfer_id)).state is TransferState.READY


async def _killed(link: EngineLink) -> None:
    """Kills the engine and waits for the next one."""
    victim = link.pid
    assert victim is not None
    os.kill(victim, signal.SIGKILL)
    await eventually(lambda: link.pid not in {None, victim})


def _alive(pid: int) -> bool:
    """True while the process runs; a zombie that waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def _server_killed_at(progress: float, folder: Path, magnet: str) -> int:
    """Runs a server of its own, kills it in mid-download and tells the pid of the engine it had."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", VICTIM, str(folder), magnet, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert process.stdout is not None
    engine = 0
    try:
        async with asyncio.timeout(30):
            async for line in process.stdout:
                if line.startswith(b"engine "):
                    engine = int(line[7:])
                if line.startswith(b"at ") and float(line[3:]) >= progress:
                    break
    finally:
        process.kill()
        await process.wait()
    return engine
