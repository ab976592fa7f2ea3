"""Moments that a page without a browser does not have: a dropped file, a session that ends, a theme, a passkey."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import BrowserContext, CDPSession, Page, StorageState, expect
from tests.browser.conftest import Opens
from tests.browser.site import PASSWORD, Site
from tests.browser.test_pages import AXE
from tests.browser.watch import violations
from tests.house import database

_DROP = """([name, size, text]) => {
    const carried = new DataTransfer();
    if (name) carried.items.add(new File([text.padEnd(size, "x")], name, {type: "application/x-bittorrent"}));
    else carried.setData("text/plain", text);
    const main = document.getElementById("main");
    for (const kind of ["dragover", "drop"]) {
        main.dispatchEvent(new DragEvent(kind, {dataTransfer: carried, bubbles: true, cancelable: true}));
    }
}"""
_TORRENT = "d4:infod6:lengthi5e4:name{}12:piece lengthi16384e6:pieces20:aaaaaaaaaaaaaaaaaaaaee"


def _torrent(name: str) -> str:
    return _TORRENT.format(f"{len(name)}:{name}")


async def test_what_is_dropped_on_the_library_is_added(site: Site, window: BrowserContext):
    page = await window.new_page()
    await page.goto(f"{site.url}/app")
    await page.evaluate(_DROP, ["film.torrent", 0, _torrent("Dropped as a file")])
    await expect(page.get_by_role("heading", level=1)).to_have_text("Dropped as a file")
    await page.goto(f"{site.url}/app")
    await page.evaluate(_DROP, ["", 0, await site.define("Dropped as a link", ["film.webm"])])
    await expect(page.locator(".flash")).to_have_text("It is in your library.")
    await page.goto(f"{site.url}/app")
    await page.evaluate(_DROP, ["notes.txt", 0, "no torrent at all"])
    await expect(page.locator("#source-problem")).not_to_be_empty()
    # What is far too large is not sent at all.
    await page.get_by_label("Magnet, link or info hash").fill("typed before")
    await page.evaluate(_DROP, ["film.mkv", 11 << 20, ""])
    await expect(page.locator(".flash.error")).to_contain_text("larger than 10 MiB")
    assert await page.get_by_label("Magnet, link or info hash").input_value() == "typed before"


async def _sign_in(page: Page, name: str = "home") -> None:
    await page.get_by_label("Name", exact=True).fill(name)
    await page.get_by_label("Password", exact=True).fill(PASSWORD)
    await page.get_by_role("button", name="Sign in", exact=True).click()


@pytest.fixture
async def leaver(site: Site, opens: Opens, operator: StorageState) -> AsyncIterator[Page]:
    """The library, open in a browser with a session of its own that can be ended."""
    async with opens(user_agent="Leaver") as context:
        page = await context.new_page()
        await page.goto(f"{site.url}/app")
        await _sign_in(page)
        await expect(page.get_by_role("heading", name="Library")).to_be_visible()
        yield page


async def _end_session(site: Site) -> None:
    async with database(site.server) as connection:
        assert await connection.execute("DELETE FROM sessions WHERE agent = 'Leaver'") == "DELETE 1"


async def test_an_open_page_goes_to_the_sign_in_when_its_session_ends(site: Site, leaver: Page):
    await _end_session(site)
    await expect(leaver).to_have_url(re.compile("/app/sign-in"))


async def test_what_is_typed_while_a_session_ends_is_sent_after_signing_in_again(site: Site, leaver: Page):
    """The page stays as it is; sending leads through the sign-in, and the text is there behind it."""
    magnet = await site.define("Typed in time", ["film.webm"])
    await leaver.get_by_label("Magnet, link or info hash").fill(magnet)
    await _end_session(site)
    await expect(leaver.locator(".flash.error")).to_contain_text("You are signed out.")
    assert await leaver.get_by_label("Magnet, link or info hash").input_value() == magnet
    await leaver.get_by_role("button", name="Add").click()
    await expect(leaver.locator(".flash.note")).to_contain_text("What you typed is kept")
    assert await violations(leaver, AXE) == []
    await _sign_in(leaver)
    await expect(leaver.get_by_role("heading", name="Not sent yet")).to_be_visible()
    await expect(leaver.get_by_text(magnet)).to_be_visible()
    assert await violations(leaver, AXE) == []
    await leaver.get_by_role("button", name="Send it now").click()
    await expect(leaver.locator(".flash")).to_have_text("It is in your library.")
    await expect(leaver).to_have_url(re.compile("/app/library/[0-9a-f-]{36}"))


@pytest.mark.parametrize(("system", "other"), [("light", "Dark"), ("dark", "Light")])
async def test_the_button_for_the_theme_offers_the_other_one(
    site: Site, opens: Opens, operator: StorageState, system: str, other: str
):
    grounds = {"Dark": "rgb(16, 23, 29)", "Light": "rgb(246, 248, 250)"}
    same = "Light" if other == "Dark" else "Dark"
    async with opens(storage_state=operator, color_scheme=system) as context:
        page = await context.new_page()
        await page.goto(f"{site.url}/app/security")
        body = page.locator("body")
        await expect(body).to_have_css("background-color", grounds[same])
        for name, gone in ((other, same), (same, other)):
            await expect(page.get_by_role("button", name=gone, exact=True)).to_have_count(0)
            await page.get_by_role("button", name=name, exact=True).click()
            await expect(body).to_have_css("background-color", grounds[name])
            await expect(page).to_have_url(f"{site.url}/app/security")


async def _device(page: Page) -> tuple[CDPSession, str]:
    """A device of the browser's own that knows its owner, and its name for the browser's tools."""
    tools = await page.context.new_cdp_session(page)
    await tools.send("WebAuthn.enable")
    options: dict[str, Any] = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    added = await tools.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return tools, str(added["authenticatorId"])


async def test_a_passkey_is_made_and_signs_in(site: Site, opens: Opens, operator: StorageState):
    """Under a host name: browsers bind no passkeys to bare addresses."""
    home = site.url.replace("127.0.0.1", "localhost")
    async with opens(home=home) as context:
        page = await context.new_page()
        tools, device = await _device(page)
        await page.goto(f"{home}/app/sign-in?next=/app/security")
        await _sign_in(page)
        await page.get_by_label("Name of the new passkey").fill("My laptop")
        await page.locator("#passkey_password").fill("not it at all")
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.locator("[data-passkey-problem]")).to_contain_text("The password is wrong.")
        await page.locator("#passkey_password").fill(PASSWORD)
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.locator(".flash")).to_contain_text("The passkey is kept")
        await expect(page.get_by_role("cell", name="My laptop", exact=True)).to_be_visible()
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert await violations(page, AXE) == []
        # The same device makes no second one.
        await page.locator("#passkey_password").fill(PASSWORD)
        await page.get_by_role("button", name="Add a passkey").click()
        await expect(page.locator("[data-passkey-problem]")).to_contain_text("has a passkey for you already")

        await page.get_by_role("button", name="Sign out").click()
        assert await violations(page, AXE) == []
        await tools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": False})
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.locator("[data-passkey-problem]")).to_contain_text("No passkey was chosen.")
        await tools.send("WebAuthn.setUserVerified", {"authenticatorId": device, "isUserVerified": True})
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.get_by_role("heading", name="Library")).to_be_visible()

        await page.get_by_role("link", name="Security").click()
        row = page.get_by_role("row").filter(has_text="My laptop")
        await row.get_by_text("Remove", exact=True).first.click()
        await row.get_by_role("button", name="Remove").click()
        await expect(page.locator(".flash")).to_contain_text("The passkey is removed")
        await page.get_by_role("button", name="Sign out").click()
        await page.get_by_role("button", name="Sign in with a passkey").click()
        await expect(page.locator(".flash.error")).to_contain_text("This passkey is not known here")
