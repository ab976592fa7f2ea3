"""The children's way out is the guarded proxy: what it refuses is not reached, whatever a page says."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.media.site import Site

from sluicegate.core.errors import ForbiddenAddress
from sluicegate.core.media import MediaProgress
from sluicegate.core.media_jobs import MediaOptions
from sluicegate.media.warm import WarmChildren
from sluicegate.media.workshop import Workshop, WorkshopLimits
from sluicegate.net.egress import Egress, EgressPolicy
from sluicegate.net.forward_proxy import ForwardProxy


def quiet(_: MediaProgress) -> None:
    pass


@pytest.fixture
def intranet(clips: Path) -> Iterator[Site]:
    """A site that the installation does not allow, with media on it."""
    with Site.running() as running:
        running.put("/secret.mp4", clips / "h264-aac.mp4")
        running.put("/secret.ts", clips / "h264-aac.mp4")
        running.put("/secret.html", "<title>secret</title>")
        yield running


@pytest.fixture
async def guarded(tmp_path: Path, site: Site, limits: WorkshopLimits, warm: WarmChildren) -> AsyncIterator[Workshop]:
    """A workshop whose children may reach ``site`` and public addresses."""
    egress = Egress(EgressPolicy.parse(f"127.0.0.1:{site.server.server_port}"))
    async with ForwardProxy(egress) as proxy:
        yield Workshop(tmp_path / "rooms", proxy.lease, limits=limits, warm=warm)


@pytest.fixture
def folder(guarded: Workshop, job_id) -> Path:
    return guarded.folder(job_id)


async def test_media_arrives_through_the_proxy(
    guarded: Workshop, folder: Path, site: Site, clips: Path, hls: Path
) -> None:
    site.put_folder("/hls", hls)
    fetched = await guarded.fetch(f"{site.url}/hls/master.m3u8", MediaOptions(), folder, on_progress=quiet)

    assert fetched.size == sum((hls / f"v720-{number}.ts").stat().st_size for number in range(6))
    assert not any("Proxy-Authorization" in headers for _, headers in site.log)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_redirect_to_a_forbidden_address(guarded: Workshop, site: Site, intranet: Site, scheme: str) -> None:
    url = site.redirect("/go.html", intranet.url.replace("http", scheme) + "/secret.html")

    with pytest.raises(ForbiddenAddress):
        await guarded.probe(url)
    assert intranet.log == []


@pytest.mark.parametrize(
    "address", ["http://169.254.169.254/latest/meta-data/", "http://[::1]/x", "http://10.0.0.1/", "http://0x7f000001/x"]
)
async def test_forbidden_from_the_start(guarded: Workshop, address: str) -> None:
    with pytest.raises(ForbiddenAddress):
        await guarded.probe(address)


async def test_segments_on_a_forbidden_address(
    guarded: Workshop, folder: Path, site: Site, intranet: Site, hls: Path
) -> None:
    site.put("/1.ts", hls / "v360-0.ts")
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:1", "#EXTINF:1.0,", "1.ts", "#EXTINF:1.0,", f"{intranet.url}/secret.ts"]
    url = site.put("/x.m3u8", "\n".join([*lines, "#EXT-X-ENDLIST"]))

    with pytest.raises(ForbiddenAddress):
        await guarded.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert intranet.log == []


async def test_video_element_on_a_forbidden_address(
    guarded: Workshop, folder: Path, site: Site, intranet: Site
) -> None:
    url = site.page("/p.html", f'<video src="{intranet.url}/secret.mp4"></video>')

    with pytest.raises(ForbiddenAddress):
        await guarded.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert intranet.log == []


async def test_media_that_redirects_to_a_forbidden_address(
    guarded: Workshop, folder: Path, site: Site, intranet: Site
) -> None:
    site.redirect("/v.mp4", f"{intranet.url}/secret.mp4")
    url = site.page("/p.html", '<video src="/v.mp4"></video>')

    with pytest.raises(ForbiddenAddress):
        await guarded.fetch(url, MediaOptions(), folder, on_progress=quiet)
    assert intranet.log == []
