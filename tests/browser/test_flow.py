"""From the invitation to a film that plays and lies in one's own bucket: by mouse, phone, keyboard, and unscripted."""

import asyncio
import re

import pytest
from playwright.async_api import Page, StorageState, expect
from tests.browser.conftest import Opens
from tests.browser.hands import Hands, Keyboard, Pointer
from tests.browser.site import PASSWORD, Site
from tests.storages.clouds import fresh_s3, raw_s3
from tests.storages.servers import S3Server

PHONE = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}


async def test_first_run_to_own_bucket(site: Site, opens: Opens, operator: StorageState, bucket_server: S3Server):
    """The operator has come in by the link that the server printed."""
    async with opens(storage_state=operator) as context:
        page = await context.new_page()
        await page.goto(f"{site.url}/app")
        await flow(page, Pointer(), site, bucket_server, "operator")


@pytest.mark.parametrize("name", ["phone", "keyboard"])
async def test_invitation_to_own_bucket(
    site: Site, opens: Opens, operator: StorageState, bucket_server: S3Server, name: str
):
    link = await site.invitation()
    async with opens(**(PHONE if name == "phone" else {})) as context:
        page = await context.new_page()
        hands: Hands = Keyboard(page) if name == "keyboard" else Pointer()
        await page.goto(link)
        await hands.write(page.get_by_label("Name"), name)
        await hands.write(page.get_by_label("Password"), PASSWORD)
        await hands.press(page.get_by_role("button", name="Begin"))
        await expect(page.get_by_role("heading", name="Library")).to_be_visible()
        await flow(page, hands, site, bucket_server, name)


async def flow(page: Page, hands: Hands, site: Site, server: S3Server, person: str) -> None:
    """Connects an account, adds a magnet, watches it arrive, plays it, and sends it to a bucket."""
    await connect_account(page, hands, f"sandbox-{person}")
    await watch_it_arrive(page, hands, site, f"The long way of {person}")
    job = page.url
    await play(page, hands)
    async with fresh_s3(server) as (http, bucket):
        await add_bucket(page, hands, server, bucket)
        await page.goto(job)
        await send(page, hands)
        key = await page.locator("#stores code").inner_text()
        stored = await raw_s3(http, server, bucket)._send("GET", key)
    assert stored.body == site.film


async def connect_account(page: Page, hands: Hands, token: str) -> None:
    await hands.press(page.get_by_role("link", name="Accounts"))
    await hands.choose(page.get_by_label("Provider"), "SmokeDebrid")
    await hands.write(page.get_by_label("API key or token"), token)
    await hands.press(page.get_by_role("button", name="Try and connect"))
    await expect(page.locator(".flash")).to_have_text("The account is connected.")
    await expect(page.get_by_role("heading", name="SmokeDebrid")).to_be_visible()


async def watch_it_arrive(page: Page, hands: Hands, site: Site, name: str) -> None:
    """The page follows the job by itself: it is never loaded again."""
    magnet = await site.define(name, [f"{name}.webm"], cached=False)
    await hands.press(page.get_by_role("link", name="Library", exact=True))
    async with site.still_world():
        await hands.write(page.get_by_label("Magnet, link or info hash"), magnet)
        await hands.press(page.get_by_role("button", name="Add"))
        await expect(page.locator(".flash")).to_have_text("It is in your library.")
        await page.evaluate("window.same = true")
        await site.advance(50)
        await expect(page.locator("#state progress")).to_have_attribute("value", re.compile(r"0\.[1-9]"))
        await expect(page.locator("#state .tag")).to_have_text("downloading")
        await site.advance(100)
        await expect(page.locator("#state .tag")).to_have_text("ready")
    await expect(page.get_by_role("heading", level=1)).to_have_text(name)
    await expect(page.get_by_role("link", name="Play")).to_be_visible()
    assert await page.evaluate("window.same")


async def play(page: Page, hands: Hands) -> None:
    """Frames are shown and time goes on."""
    await hands.press(page.get_by_role("link", name="Play"))
    video = page.locator("video")
    await expect(video).to_have_js_property("videoWidth", 320)
    await hands.play(video)
    async with asyncio.timeout(60):
        while not await video.evaluate("(video) => video.currentTime > 0.5 && video.readyState >= 2 && !video.error"):
            await asyncio.sleep(0.2)
    shown = await video.evaluate("(video) => video.getVideoPlaybackQuality().totalVideoFrames")
    assert shown > 1


async def add_bucket(page: Page, hands: Hands, server: S3Server, bucket: str) -> None:
    await hands.press(page.get_by_role("link", name="Storage"))
    fields = {
        "Name": "mine",
        "Endpoint": server.url,
        "Bucket": bucket,
        "Region": server.region,
        "Access key": server.access_key,
        "Secret key": server.secret_key,
    }
    for label, text in fields.items():
        await hands.write(page.get_by_label(label, exact=True), text)
    await hands.press(page.get_by_role("button", name="Try and keep"))
    await expect(page.locator(".flash")).to_contain_text("The target is kept")


async def send(page: Page, hands: Hands) -> None:
    await hands.tick(page.get_by_role("checkbox"))
    await hands.choose(page.get_by_label("Send the chosen files to"), "mine")
    await hands.press(page.get_by_role("button", name="Send", exact=True))
    await expect(page.locator(".flash")).to_have_text("The file is on its way to your storage.")
    await expect(page.locator("#stores")).to_contain_text("done")


async def test_everything_but_live_works_without_scripts(site: Site, opens: Opens, operator: StorageState):
    name = "Quiet harbour"
    magnet = await site.define(name, ["Quiet harbour.webm"])
    link = await site.invitation()
    async with opens(java_script_enabled=False) as context:
        page = await context.new_page()
        await page.goto(link)
        await page.get_by_label("Name").fill("unscripted")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Begin").click()
        await connect_account(page, Pointer(), "sandbox-unscripted")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_label("Name").fill("unscripted")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Sign in").click()
        await page.get_by_label("Magnet, link or info hash").fill(magnet)
        await page.get_by_role("button", name="Add").click()
        await until_ready(page)
        await expect(page.get_by_role("heading", level=1)).to_have_text(name)
        await page.get_by_text("Remove", exact=True).first.click()
        await page.get_by_role("button", name="Remove").click()
        await expect(page.locator(".flash")).to_contain_text("The job is removed.")
        await expect(page.get_by_role("link", name=name)).to_have_count(0)
        await page.get_by_role("link", name="Removed jobs").click()
        await page.get_by_role("button", name="Bring back").click()
        await expect(page.locator(".flash")).to_have_text("The job is back.")
        await page.get_by_role("link", name="Library", exact=True).first.click()
        await expect(page.get_by_role("link", name=name)).to_be_visible()


async def until_ready(page: Page) -> None:
    """Loads the page again until the job is ready, as somebody without scripts does."""
    async with asyncio.timeout(60):
        while await page.locator("#state .tag").inner_text() != "ready":
            await asyncio.sleep(0.3)
            await page.reload()
