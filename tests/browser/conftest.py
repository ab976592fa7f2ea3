"""A real browser, a sandboxed installation, and the person who came first."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import pytest
from playwright.async_api import Browser, BrowserContext, StorageState, async_playwright, expect
from tests import ready_made
from tests.browser.site import PASSWORD, Site
from tests.browser.watch import Watch
from tests.faults.server import Server
from tests.media.conftest import ffmpeg, picture, tone
from tests.storages.servers import S3Server, seaweed

PATIENCE = 60_000
"""Milliseconds that a condition may take on a busy machine."""

expect.set_options(timeout=PATIENCE)
REGISTERING = {
    "SLUICEGATE_REGISTRATION": "open",
    "SLUICEGATE_SMTP_HOST": "127.0.0.1",
    "SLUICEGATE_SMTP_PORT": "1",
    "SLUICEGATE_SMTP_SECURITY": "none",
    "SLUICEGATE_SMTP_SENDER": "noreply@example.org",
}
"""Somebody might register; nobody does, and no mail is sent."""
_BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


class Opens(Protocol):
    """Opens a window of the browser that is watched until it is closed; ``home`` is another name of the site."""

    def __call__(self, home: str = "", **options: Any) -> AbstractAsyncContextManager[BrowserContext]: ...


@pytest.fixture(scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """The installation."""
    film = tmp_path_factory.mktemp("film") / "film.webm"
    sound = ["-c:a", "libopus"]
    ffmpeg(*picture("320x180", 6), *tone(6), "-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", *sound, film)
    with ready_made.open_folder() as home:
        server = Server(home / "data", {"SLUICEGATE_EGRESS_ALLOW": "127.0.0.0/8", **REGISTERING})
        await server.start(options=("--sandbox",))
        running = Site(server, film.read_bytes())
        await running.keep_film()
        yield running
        await server.stop()


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    program = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if program is None:
        pytest.fail("The tests of the dashboard need the program 'chromium': apt-get install chromium", pytrace=False)
    # Chromium's sandbox refuses to run as root.
    options = ["--no-sandbox"] if os.geteuid() == 0 else []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=options)
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
def opens(site: Site, chromium: Browser) -> Opens:
    """Windows in which nothing untoward may happen."""

    @asynccontextmanager
    async def open_(home: str = "", **options: Any) -> AsyncIterator[BrowserContext]:
        watch = Watch(home or site.url)
        # Nothing fades in: a colour that is looked at meanwhile would be another one than people read.
        usual = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
        context = await chromium.new_context(**usual | options)
        context.set_default_timeout(PATIENCE)
        await watch.over(context)
        try:
            yield context
        finally:
            await context.close()
        assert watch.complaints == []

    return open_


@pytest.fixture(scope="session")
async def operator(site: Site, opens: Opens) -> StorageState:
    """Whoever comes first: the printed link, a password, and in; what the browser keeps of it."""
    async with opens() as context:
        page = await context.new_page()
        link = None
        while link is None:  # it is printed right behind the line that the server is ready
            link = site.first_link()
        await page.goto(link)
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Begin").click()
        await expect(page.get_by_role("heading", name="Library")).to_be_visible()
        return await context.storage_state()


@pytest.fixture
async def window(opens: Opens, operator: StorageState) -> AsyncIterator[BrowserContext]:
    """The operator's window."""
    async with opens(storage_state=operator) as context:
        yield context


@pytest.fixture(scope="session")
async def bucket_server() -> AsyncIterator[S3Server]:
    async with seaweed() as running:
        yield running
