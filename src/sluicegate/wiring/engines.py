"""The local providers of the one worker that holds the data folder."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

from sluicegate.providers.direct.adapter import Direct
from sluicegate.providers.direct.downloader import Downloader
from sluicegate.providers.direct.options import DirectOptions
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.engine_link import EngineLink
from sluicegate.providers.swarm.options import SwarmOptions
from sluicegate.settings import Settings
from sluicegate.wiring.installation import Installation

__all__ = ["engines_if_free", "engines_run_elsewhere"]

_LOCK_FILE: Final = "engines.lock"
_KIB: Final = 1024
_GIB: Final = 1 << 30


@asynccontextmanager
async def engines_if_free(installation: Installation) -> AsyncIterator[bool]:
    """Runs the torrent engine and the downloader inside the block, unless another process of this folder does.

    Yields:
        True when they run here.
    """
    async with AsyncExitStack() as stack:
        lock = _take_lock(installation.settings.data_dir / _LOCK_FILE)
        if lock is None:
            yield False
            return
        stack.callback(os.close, lock)
        await _start(installation, stack)
        yield True


def engines_run_elsewhere(settings: Settings) -> bool:
    """True while another process holds this folder's engines."""
    lock = _take_lock(settings.data_dir / _LOCK_FILE)
    if lock is None:
        return True
    os.close(lock)
    return False


async def _start(installation: Installation, stack: AsyncExitStack) -> None:
    settings = installation.settings
    if settings.swarm_enabled:
        engine = EngineLink(_swarm_options(settings))
        stack.push_async_callback(engine.aclose)
        await engine.start()
        installation.providers.run_local(Swarm(engine))
    downloader = Downloader(installation.http, _direct_options(settings), installation.clock)
    stack.push_async_callback(downloader.aclose)
    await downloader.start()
    installation.providers.run_local(Direct(downloader))


def _swarm_options(settings: Settings) -> SwarmOptions:
    return SwarmOptions(
        folder=settings.data_dir / "swarm",
        listen=settings.swarm_listen,
        upload_limit=settings.swarm_upload_kib * _KIB,
        max_active=settings.swarm_active,
        dht=settings.swarm_dht,
        allowed_networks=_networks(settings.egress_allow),
    )


def _direct_options(settings: Settings) -> DirectOptions:
    return DirectOptions(
        folder=settings.data_dir / "direct",
        max_active=settings.direct_active,
        per_host=settings.direct_per_host,
        max_bytes=int(settings.download_max_gib * _GIB),
    )


def _networks(egress_allow: str) -> tuple[str, ...]:
    """The allow-list without ports: peers choose their own."""
    entries = (entry.strip() for entry in egress_allow.split(",") if entry.strip())
    return tuple(entry for entry in entries if ":" not in entry.rpartition("]")[2] or entry.count(":") > 1)


def _take_lock(path: Path) -> int | None:
    """An exclusive lock that the kernel frees when this process ends, however it ends; None when it is taken."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
