"""A magnet from a seeder on the same machine: our engine against libtorrent with its own defaults."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path

import libtorrent as lt
from tests.bench.harness import Measure, Metric, Row
from tests.bench.serving import MIB, work_folder
from tests.swarm_fixtures import Seed, make_seed, seeding

from sluicegate.core.magnets import parse_magnet
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.engine_link import EngineLink
from sluicegate.providers.swarm.options import SwarmOptions

_SIZE = 256 * MIB
_PATIENCE = 120.0

Fetch = Callable[[Seed, str, Path], Awaitable[float]]
"""Fetches a seed from a peer into a folder and tells the seconds that took."""


@contextlib.contextmanager
def _side(fetch: Fetch) -> Iterator[Measure]:
    with work_folder() as folder:
        seed = make_seed(folder / "seed", {"film.mkv": _SIZE}, piece=MIB)

        def measure() -> Mapping[str, float]:
            with work_folder() as target:
                return {"speed": _SIZE / MIB / asyncio.run(_timed(fetch, seed, target))}

        yield measure


async def _timed(fetch: Fetch, seed: Seed, folder: Path) -> float:
    async with seeding(seed) as peer, asyncio.timeout(_PATIENCE):
        return await fetch(seed, peer, folder)


async def _ours(seed: Seed, peer: str, folder: Path) -> float:
    loopback = ("127.0.0.0/8",)
    link = EngineLink(SwarmOptions(folder=folder, listen="127.0.0.1:0", dht=False, allowed_networks=loopback))
    swarm = Swarm(link)
    try:
        await swarm.account()
        started = time.monotonic()
        await swarm.submit_magnet(parse_magnet(seed.magnet(peer)))
        while not (await swarm.get(seed.info_hash)).state.over:
            await asyncio.sleep(0.02)
        return time.monotonic() - started
    finally:
        await link.aclose()


async def _defaults(seed: Seed, peer: str, folder: Path) -> float:
    local_only = {"enable_dht": False, "enable_lsd": False, "enable_upnp": False, "enable_natpmp": False}
    session = lt.session({"listen_interfaces": "127.0.0.1:0", **local_only})
    params = lt.parse_magnet_uri(seed.magnet(peer))
    params.save_path = str(folder)
    started = time.monotonic()
    handle = session.add_torrent(params)
    while not handle.status().is_seeding:
        await asyncio.sleep(0.02)
    return time.monotonic() - started


ROW = Row(
    name="256 MiB by magnet from a seeder on this machine",
    how="a libtorrent seeder with default settings in its own process; timed from handing in the magnet to the last "
    "byte, for us until the files are synced to disk and READY; the seeder shares the machine",
    metrics=(Metric("speed", "MiB/s", "at least 50 MiB/s", lambda medians, _: medians["sluicegate"] >= 50),),
    sides={"sluicegate": lambda: _side(_ours), "libtorrent defaults": lambda: _side(_defaults)},
    rounds=3,
)
