"""``sluicegate get --media`` beside a running server."""

import json
from pathlib import Path

from tests.faults.server import Server
from tests.launching import run
from tests.media.conftest import X264, ffmpeg, picture, tone
from tests.media.site import Site


async def test_a_page_s_video_lands_in_the_folder(house: Server, tmp_path: Path):
    clip = tmp_path / "clip.mp4"
    ffmpeg(*picture("320x180", 1), *tone(1), *X264, "-c:a", "aac", clip)
    with Site.running() as site:
        site.put("/clip.mp4", clip)
        page = site.page("/watch", '<video src="/clip.mp4"></video>', title="Seen on a page")
        told = await house.cli("get", "--media", page, "--to", str(tmp_path / "out"), "--json")
    answer = json.loads(told)
    assert answer["state"] == "Completed"
    (name,) = answer["files"]
    assert Path(name).parent == tmp_path / "out"
    assert Path(name).stat().st_size > 1000


async def test_why_there_is_no_file_is_told_in_words(house: Server, tmp_path: Path):
    with Site.running() as site:
        end = await run("get", "--media", f"{site.url}/gone", "--to", str(tmp_path), data=house.data)
    assert (end.code, end.out.strip()) == (1, "")
    assert "the media cannot be had: " in end.err
