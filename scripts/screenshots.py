"""Takes the pictures in docs/images from the running product: ``make screenshots``.

A sandboxed server is started on a data folder of its own, filled with works that everybody may share, and looked at in
Chromium in both themes. Needs Chromium and the development dependencies.
"""

import asyncio
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any

import aiohttp
import imageio_ffmpeg
from playwright.async_api import Page, async_playwright

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
COMMAND = Path(sys.executable).parent / "sluicegate"
PASSWORD = "a sentence for pictures"
LARGEST = 200_000
_WELCOME = re.compile(rb"http://\S+/app/welcome\?token=\S+")
_MINUTE = 60.0


@dataclass(frozen=True)
class Work:
    """Something that may be shared freely: its name, its files, and how far the sandbox has got with it."""

    name: str
    files: tuple[str, ...]
    seconds: float = 0.0


WORKS = (
    Work("debian-12.8.0-amd64-netinst", ("debian-12.8.0-amd64-netinst.iso", "SHA512SUMS")),
    Work("Sintel (2010) 1080p", ("Sintel.2010.1080p.webm", "Sintel.en.srt", "poster.jpg")),
    Work("Night of the Living Dead (1968)", ("Night.of.the.Living.Dead.1968.webm",)),
    Work("LibriVox - Pride and Prejudice", tuple(f"Chapter {number:02}.mp3" for number in range(1, 13))),
    Work("Tears of Steel (2012) 2160p", ("Tears.of.Steel.2012.2160p.webm",), 400),
    Work("NASA - Apollo 11 flight journal", ("apollo-11-flight-journal.zip",), 900),
    Work("Big Buck Bunny (2008) 1080p", ("Big.Buck.Bunny.2008.1080p.webm", "credits.txt")),
)
_SIZES = {"iso": 661_651_456, "zip": 1_288_490_188, "mp3": 14_680_064, "srt": 61_440, "jpg": 225_280}


async def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    async with sandboxed() as (url, sandbox, link), async_playwright() as playwright:
        program = shutil.which("chromium") or sys.exit("install chromium first: apt-get install chromium")
        browser = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox"] if os.geteuid() == 0 else []
        )
        context = await browser.new_context(viewport={"width": 1280, "height": 800})
        page = await context.new_page()
        await page.goto(link)
        await shoot(page, "welcome")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Begin").click()
        for provider, token in (
            ("SmokeDebrid", "sandbox-home"),
            ("TorBox", "sandbox-home"),
            ("Torrin", "sandbox-pro-home"),
        ):
            await connect(page, url, provider, token)
        await fill(page, url, sandbox)
        await pictures(page, url)
        kept = await context.storage_state()
        phone = await browser.new_context(storage_state=kept, viewport={"width": 390, "height": 844})
        await (page := await phone.new_page()).goto(f"{url}/app")
        await shoot(page, "library-phone")
        await browser.close()


@asynccontextmanager
async def sandboxed() -> AsyncIterator[tuple[str, str, str]]:
    """A running server: its address, its sandbox's, and the link that lets the first person in."""
    home = Path(tempfile.mkdtemp(prefix="sluicegate-pictures-"))
    settings = {"SLUICEGATE_SWARM_LISTEN": "127.0.0.1:0", "SLUICEGATE_SWARM_DHT": "false"}
    with (home / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            COMMAND, "serve", "--sandbox", "--data-dir", str(home / "data"), "--port", "0",
            stdout=asyncio.subprocess.PIPE, stderr=log, env=os.environ | settings,
        )  # fmt: skip
    try:
        assert process.stdout is not None
        async with asyncio.timeout(2 * _MINUTE):
            sandbox = (await process.stdout.readline()).decode().split()[1]
            url = (await process.stdout.readline()).decode().split()[1]
            while (link := _WELCOME.search((home / "log").read_bytes())) is None:
                await asyncio.sleep(0.1)
        yield url, sandbox, link[0].decode()
    finally:
        process.terminate()
        await process.wait()
        shutil.rmtree(home, ignore_errors=True)


async def connect(page: Page, url: str, provider: str, token: str) -> None:
    await page.goto(f"{url}/app/accounts")
    await page.get_by_label("Provider").select_option(label=provider)
    await page.get_by_label("API key or token").fill(token)
    await page.get_by_role("button", name="Try and connect").click()
    await page.get_by_text("The account is connected.").first.wait_for()


async def fill(page: Page, url: str, sandbox: str) -> None:
    """Adds the works; those that are not there yet have got some way."""
    film = await bytes_of_a_film(sandbox)
    for number, work in enumerate(WORKS):
        info_hash = sha1(work.name.encode(), usedforsecurity=False).hexdigest()
        files = [_file(name, film) for name in work.files]
        told = {"info_hash": info_hash, "name": work.name, "files": files, "seconds_to_ready": work.seconds or 3}
        told["cached_on"] = [] if work.seconds else [("torbox", "smokedebrid", "torrin")[number % 3]]
        await control(sandbox, "/content", told)
        await page.goto(f"{url}/app")
        await page.get_by_label("Magnet, link or info hash").fill(f"magnet:?xt=urn:btih:{info_hash}&dn={work.name}")
        await page.get_by_role("button", name="Add").click()
        await page.locator("#state .tag").wait_for()
        if not work.seconds:
            await page.locator("#state .tag.good").wait_for(timeout=_MINUTE * 1000)
    await control(sandbox, "/clock", {"advance_seconds": 250})
    await asyncio.sleep(12)


async def bytes_of_a_film(sandbox: str) -> str:
    """A few seconds of moving picture, kept by the sandbox; the digest."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "film.webm"
        picture = ["-f", "lavfi", "-i", "smptehdbars=s=960x540:r=25", "-t", "6"]
        coding = ["-c:v", "libvpx", "-b:v", "1M", "-deadline", "realtime", "-cpu-used", "8"]
        process = await asyncio.create_subprocess_exec(
            imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *picture, *coding, str(film)
        )
        assert await process.wait() == 0
        async with (
            aiohttp.ClientSession() as session,
            session.put(f"{sandbox}/_control/bytes", data=film.read_bytes()) as answer,
        ):
            return str((await answer.json())["sha256"])


def _file(name: str, film: str) -> dict[str, Any]:
    return (
        {"path": name, "bytes": film} if name.endswith(".webm") else {"path": name, "size": _SIZES.get(name[-3:], 4096)}
    )


async def control(sandbox: str, path: str, body: dict[str, Any]) -> None:
    async with aiohttp.ClientSession() as session, session.post(f"{sandbox}/_control{path}", json=body) as answer:
        assert answer.status == 200, await answer.text()


async def pictures(page: Page, url: str) -> None:
    for name in ("accounts", "storage", "webhooks", "media", "gateway", "feeds", "usage", "security", "admin"):
        answer = await page.goto(f"{url}/app/{name}")
        if answer is not None and answer.status == 200:
            await shoot(page, name)
    await page.goto(f"{url}/app")
    await shoot(page, "library")
    await page.get_by_role("link", name="Sintel").click()
    await shoot(page, "job")
    await page.get_by_role("link", name="Play").first.click()
    video = page.locator("video")
    await video.evaluate("(video) => video.play()")
    async with asyncio.timeout(_MINUTE):
        while not await video.evaluate("(video) => video.currentTime > 1"):
            await asyncio.sleep(0.1)
    await video.evaluate("(video) => video.pause()")
    await shoot(page, "play")


async def shoot(page: Page, name: str) -> None:
    """Both themes, as the system would ask for them."""
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)
        path = IMAGES / f"{name}-{theme}.png"
        await page.screenshot(path=path, animations="disabled")
        size = path.stat().st_size
        assert size < LARGEST, f"{path.name} has {size} bytes"
        print(f"{path.relative_to(ROOT)} {size // 1000} kB")


if __name__ == "__main__":
    asyncio.run(main())
