"""Plain files on their way to this machine: they go on where they broke off, in the same version only."""

import asyncio
from pathlib import Path

import pytest
from tests.media.site import Site
from tests.media.test_cutting import opened

from sluicegate.core.media import MediaProgress
from sluicegate.media.whole_file import write_whole

BODY = bytes.fromhex("0000001c66747970") + b"isom" + bytes(16) + bytes(range(256)) * 8192
HALF = 1 << 20


def quiet(_: MediaProgress) -> None:
    pass


async def broken_off(url: str, folder: Path) -> None:
    """A first run that was ended in the middle."""
    async with opened(url) as direct:
        run = asyncio.create_task(write_whole(direct, folder, quiet))
        async with asyncio.timeout(60):
            while not (folder / "plain").exists() or (folder / "plain").stat().st_size < HALF // 2:
                await asyncio.sleep(0.02)
        run.cancel()
        await asyncio.wait({run})


async def test_a_second_run_fetches_the_rest(site: Site, tmp_path: Path):
    url = site.put("/a.mp4", BODY, headers={"ETag": '"one"'}, stops_at=HALF)
    await broken_off(url, tmp_path)
    had = (tmp_path / "plain").stat().st_size
    site.put("/a.mp4", BODY, headers={"ETag": '"one"'})
    told: list[MediaProgress] = []

    async with opened(url) as direct:
        path = await write_whole(direct, tmp_path, told.append)
        assert direct.received == len(BODY) - had

    assert path.read_bytes() == BODY
    assert site.log[-1][1]["range"] == f"bytes={had}-"
    assert min(progress.done for progress in told) > had


@pytest.mark.parametrize("headers", [{"ETag": '"two"'}, {}], ids=["another version", "no version"])
async def test_bytes_of_another_version_are_not_continued(site: Site, tmp_path: Path, headers: dict[str, str]):
    url = site.put("/a.mp4", BODY, headers={"ETag": '"one"'}, stops_at=HALF)
    await broken_off(url, tmp_path)
    other = BODY[:32] + bytes(reversed(BODY[32:]))
    site.put("/a.mp4", other, headers=headers)

    async with opened(url) as direct:
        path = await write_whole(direct, tmp_path, quiet)

    assert path.read_bytes() == other


async def test_a_file_that_is_here_already_is_not_fetched_again(site: Site, tmp_path: Path):
    url = site.put("/a.mp4", BODY, headers={"ETag": '"one"'})
    for _ in range(2):
        async with opened(url) as direct:
            path = await write_whole(direct, tmp_path, quiet)
    assert direct.received == 0
    assert path.read_bytes() == BODY
