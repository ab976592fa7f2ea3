"""Pages that are read by forked children: the same walls, limits and ends as with children started from nothing."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest
from tests.media.conftest import no_proxy
from tests.media.site import Site
from tests.media.test_child import gone

from sluicegate.core.errors import ExtractionFailed, UnsafeSource
from sluicegate.core.media import FetchedMedia, MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.warm import WarmChildren
from sluicegate.media.workshop import Workshop, WorkshopLimits


def quiet(_: MediaProgress) -> None:
    pass


def at_work(folder: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            here = process.cwd() == str(folder)
        except psutil.AccessDenied:  # without Landlock a forked child is closed to its own user
            here = process.ppid() != os.getpid()
        except psutil.NoSuchProcess:
            continue
        if here:
            found.append(process)
    return found


@asynccontextmanager
async def fetching(workshop: Workshop, url: str) -> AsyncIterator[tuple["asyncio.Task[FetchedMedia]", psutil.Process]]:
    """A fetch whose first bytes have arrived, and its child."""
    folder = workshop.folder(UUID(int=1))
    started = asyncio.Event()
    task = asyncio.create_task(
        workshop.fetch(url, MediaOptions(), folder, on_progress=lambda step: started.set() if step.done else None)
    )
    try:
        async with asyncio.timeout(90):
            await started.wait()
        (child,) = at_work(folder)
        yield task, child
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, ExtractionFailed):
            await task


def confinement(child: psutil.Process) -> dict[str, Any]:
    """All that the kernel tells of what a process may do."""
    told = dict(line.split(":\t", 1) for line in Path(f"/proc/{child.pid}/status").read_text().splitlines())
    names = ("Umask", "NoNewPrivs", "Seccomp", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm", "CapEff", "CapAmb")
    found = {
        **{name: told[name] for name in names},
        "limits": Path(f"/proc/{child.pid}/limits").read_text(),
        "nice": child.nice(),
        "leads": (os.getpgid(child.pid) == child.pid, os.getsid(child.pid) == child.pid),
    }
    with contextlib.suppress(psutil.AccessDenied, PermissionError):  # see above
        found["environment"] = sorted(child.environ())
        handles = Path(f"/proc/{child.pid}/fd").iterdir()
        found["descriptors"] = sorted(path.readlink().name.split(":")[0] for path in handles)
    return found


async def test_a_forked_child_is_confined_as_one_from_nothing(
    tmp_path: Path, site: Site, clips: Path, warm: WarmChildren
) -> None:
    """T21. The same limits, privileges, signals, environment and kinds of descriptors, number for number."""
    url = site.put("/v.mp4", clips / "h264-aac.mp4", drip=0.005)
    found = []
    for number, starter in enumerate((warm, None)):
        workshop = Workshop(tmp_path / str(number), no_proxy, warm=starter)
        async with fetching(workshop, url) as (_, child):
            found.append(confinement(child))
        assert not child.is_running()

    forked, spawned = found
    assert forked == {name: value for name, value in spawned.items() if name in forked}


async def test_cancel_ends_the_forked_child(tmp_path: Path, site: Site, clips: Path, warm: WarmChildren) -> None:
    url = site.put("/v.mp4", clips / "h264-aac.mp4", drip=0.005)
    workshop = Workshop(tmp_path / "rooms", no_proxy, warm=warm)
    async with fetching(workshop, url) as (task, child):
        assert site.url not in " ".join(child.cmdline()), "addresses may hold tokens"
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

        assert task.cancelled()
        assert not child.is_running()


async def test_a_forked_child_takes_no_longer_than_allowed(
    tmp_path: Path, site: Site, clips: Path, warm: WarmChildren
) -> None:
    url = site.put("/v.mp4", clips / "h264-aac.mp4", drip=0.005)
    workshop = Workshop(tmp_path / "rooms", no_proxy, limits=WorkshopLimits(fetch_seconds=2), warm=warm)

    with pytest.raises(UnsafeSource, match="longer"):
        await workshop.fetch(url, MediaOptions(), workshop.folder(UUID(int=1)), on_progress=quiet)


async def test_a_fetch_whose_launcher_was_killed_goes_on_with_the_next(
    tmp_path: Path, site: Site, clips: Path, warm: WarmChildren
) -> None:
    """It ends with an ordinary error; what had arrived is kept for the next try."""
    url = site.put("/v.mp4", clips / "h264-aac.mp4", drip=0.005)
    workshop = Workshop(tmp_path / "rooms", no_proxy, warm=warm)
    async with fetching(workshop, url) as (task, child):
        os.kill(child.ppid(), signal.SIGKILL)
        with pytest.raises(ExtractionFailed):
            await task
        assert gone(child.pid)

    site.put("/v.mp4", clips / "h264-aac.mp4")
    fetched = await workshop.fetch(url, MediaOptions(), workshop.folder(UUID(int=1)), on_progress=quiet)

    assert fetched.tracks[0].path.read_bytes() == (clips / "h264-aac.mp4").read_bytes()
