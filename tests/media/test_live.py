"""Broadcasts: a playlist that grows while it is recorded."""

import time
from pathlib import Path

import pytest
from tests.media.site import Site

from sluicegate.core.errors import MediaProtected
from sluicegate.core.media import MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.workshop import Workshop


def quiet(_: MediaProgress) -> None:
    pass


class Broadcast:
    """Publishes one of six segments every 0.6 seconds in a window of three, then ends or falls silent."""

    def __init__(self, site: Site, hls: Path, *, ends: bool = True, already: int = 1) -> None:
        self._ends = ends
        self._already = already
        self._begun: float | None = None
        site.put_folder("/live", hls)
        self.url = site.put("/live/now.m3u8", self.playlist)

    def playlist(self) -> bytes:
        self._begun = self._begun or time.monotonic()
        published = min(self._already + int((time.monotonic() - self._begun) / 0.6), 6)
        first = max(published - 3, 0) if self._already == 1 else 0
        lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, published):
            lines += ["#EXTINF:1.000,", f"v360-{number}.ts"]
        if self._ends and published == 6:
            lines.append("#EXT-X-ENDLIST")
        return "\n".join(lines).encode()


def segments(site: Site) -> list[int]:
    return [int(path.removesuffix(".ts").rpartition("-")[2]) for path in site.paths if path.endswith(".ts")]


@pytest.mark.parametrize("ends", [True, False])
async def test_broadcast_is_recorded_to_its_end(
    workshop: Workshop, folder: Path, site: Site, hls: Path, ends: bool
) -> None:
    broadcast = Broadcast(site, hls, ends=ends)

    fetched = await workshop.fetch(broadcast.url, MediaOptions(live_recording=True), folder, on_progress=quiet)
    shaped = await workshop.shape(fetched, MediaOptions(), folder, on_progress=quiet)

    assert fetched.strategy == "live"
    assert segments(site) == [0, 1, 2, 3, 4, 5]
    assert shaped.duration == pytest.approx(6, abs=0.2)


async def test_recording_stops_at_its_longest_duration(workshop: Workshop, folder: Path, site: Site, hls: Path) -> None:
    broadcast = Broadcast(site, hls)

    fetched = await workshop.fetch(broadcast.url, MediaOptions(max_duration=2), folder, on_progress=quiet)

    assert segments(site) == [0, 1]
    assert fetched.size == sum((hls / f"v360-{number}.ts").stat().st_size for number in (0, 1))


@pytest.mark.parametrize(("from_start", "first"), [(False, 1), (True, 0)])
async def test_where_a_recording_begins(
    workshop: Workshop, folder: Path, site: Site, hls: Path, from_start: bool, first: int
) -> None:
    broadcast = Broadcast(site, hls, already=4)

    await workshop.fetch(
        broadcast.url, MediaOptions(live_from_start=from_start, max_duration=2), folder, on_progress=quiet
    )

    assert segments(site)[0] == first


async def test_encrypted_broadcast_is_skipped(workshop: Workshop, folder: Path, site: Site) -> None:
    url = site.put(
        "/x.m3u8",
        f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=AES-128,URI="{site.url}/k"\n#EXTINF:1.0,\n1.ts\n',
    )

    with pytest.raises(MediaProtected):
        await workshop.fetch(url, MediaOptions(), folder, on_progress=quiet)
