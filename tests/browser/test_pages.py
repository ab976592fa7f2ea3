"""Every page, full of names as bad as strangers can choose: accessible, light, quiet, and nothing runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from importlib.resources import files
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Response, StorageState, expect
from tests.browser.conftest import Opens
from tests.browser.corpus import BAD
from tests.browser.furniture import every_page, furnish
from tests.browser.site import Site
from tests.browser.watch import Watch, contrast_violations, violations

from sluicegate.surfaces.dashboard.frame import NAVIGATION

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
WEIGHT = 150_000
PHONE = {"viewport": {"width": 390, "height": 844}}


_ROWS = """[...Array(9).keys()].forEach((place) => {
    const row = document.body.appendChild(document.createElement("p"));
    row.textContent = place === 5 ? "one in nine" : "as all the others are";
    if (place === 5) row.style.color = "#999";
})"""
"""Rows of which one is too faint."""

Crawled = tuple[dict[str, str], dict[str, int]]


@pytest.fixture(scope="module")
async def crawled(site: Site, opens: Opens, operator: StorageState) -> Crawled:
    async with opens(storage_state=operator) as window:
        await furnish(site, window)
    return await every_page(site.url, operator)


@pytest.fixture
def pages(crawled: Crawled) -> dict[str, str]:
    """Addresses by kind of page, of a furnished installation."""
    return crawled[0]


async def test_every_link_and_every_place_of_the_navigation_is_there(crawled: Crawled):
    pages, broken = crawled
    # The bytes of files that no provider has.
    assert {kind: status for kind, status in broken.items() if "/play/" not in kind} == {}
    assert {place.path for place in NAVIGATION} <= set(pages)
    assert {"/app/library/{id}", "/app/library/removed", "/app/webhooks/{id}", "/app/webhooks/deliveries/{id}"} <= set(
        pages
    )


async def test_the_rules_and_the_watch_notice(site: Site, chromium: Browser):
    """What the other tests look for is found where it is."""
    watch = Watch(site.url)
    context = await chromium.new_context()
    await watch.over(context)
    page = await context.new_page()
    await page.goto(f"{site.url}/app/sign-in")
    await page.evaluate("document.body.innerHTML += '<img src=data:, onerror=alert(1)><p style=color:#999>soft</p>'")
    await page.evaluate(_ROWS)
    assert {line.partition(":")[0] for line in await violations(page, AXE)} >= {"image-alt", "color-contrast"}
    faint = await contrast_violations(page)
    assert [line.partition(" ")[0] for line in faint] == ["color-contrast:"]
    assert "one in nine" in faint[0]
    assert any("script-src" in line for line in watch.complaints), watch.complaints
    await context.close()


@dataclass
class Walk:
    """What one visit of every page has shown; sentences by kind of page."""

    light: list[str] = field(default_factory=list)
    dark: list[str] = field(default_factory=list)
    heavy: list[str] = field(default_factory=list)
    wide: list[str] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
async def walk(site: Site, opens: Opens, operator: StorageState, crawled: Crawled) -> Walk:
    """Every page, once: both themes and a phone's width are looked at without loading it again.

    Details are open, so that what they hold is looked at too.
    """
    walk, around, left = Walk(), dict[str, int](), list(crawled[0].items())

    async def stroll(page: Page) -> None:
        while left:
            kind, path = left.pop()
            await _visit(page, site.url + path, kind, walk, around)

    async with opens(storage_state=operator) as window:
        # Two tabs, each with a process of its own: what takes the time is the looking, not the loading.
        await asyncio.gather(*[stroll(await window.new_page()) for _ in range(2)])
    async with opens() as window:
        page = await window.new_page()
        for path in ("/app/sign-in", "/app/register", "/app/welcome?token=wrong"):
            await _visit(page, site.url + path, path, walk, {})
    return walk


async def _visit(page: Page, url: str, kind: str, walk: Walk, around: dict[str, int]) -> None:
    """One page; ``around`` is what style and scripts weigh, which a browser keeps from page to page."""
    sent: list[Response] = []

    def note(answer: Response) -> None:
        sent.append(answer)

    page.on("response", note)
    await page.set_viewport_size({"width": 1280, "height": 900})
    await page.emulate_media(color_scheme="light")
    await page.goto(url)
    page.remove_listener("response", note)
    weights = {one.url: await _weight(one) for one in sent if not one.request.url.endswith("/changes")}
    around |= {address: most for address, weight in weights.items() if (most := max(weight, around.get(address, 0)))
               and "/static/" in address}  # fmt: skip
    weight = sum(weight for address, weight in weights.items() if "/static/" not in address) + sum(around.values())
    if weight > WEIGHT:
        walk.heavy.append(f"{kind}: {weight}")
    await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    walk.shown[kind] = _flat(await page.locator("body").text_content() or "")
    walk.light += [f"{kind} {line}" for line in await violations(page, AXE)]
    # The other theme has the same structure: only its colours are looked at.
    await page.emulate_media(color_scheme="dark")
    walk.dark += [f"{kind} {line}" for line in await contrast_violations(page)]
    await page.set_viewport_size(PHONE["viewport"])
    over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    if over > 0:
        walk.wide.append(f"{kind}: {over} pixels")


async def _weight(answer: Response) -> int:
    sizes = await answer.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


@pytest.mark.timeout(600)
async def test_no_page_breaks_the_accessibility_rules(walk: Walk):
    """WCAG 2.2 AA as far as axe-core can tell, in both themes."""
    assert walk.light == []
    assert walk.dark == []


async def test_pages_are_light_and_fit_a_phone(walk: Walk):
    """Page, style and script together, as they go over the wire; nothing sticks out at the side."""
    assert (walk.heavy, walk.wide) == ([], [])


async def test_names_of_strangers_are_text(site: Site, window: BrowserContext, walk: Walk):
    """Whatever is named badly is shown letter by letter, and the window's watch saw nothing run."""
    page = await window.new_page()
    job = await job_of(page, site, BAD[0])
    for name in BAD:
        assert _flat(name) in job, name
    for kind in (
        "/app/webhooks",
        "/app/webhooks/{id}",
        "/app/webhooks/deliveries/{id}",
        "/app/accounts",
        "/app/security",
    ):
        assert _flat(BAD[0]) in walk.shown[kind], kind


async def test_titles_of_jobs_are_text(site: Site, window: BrowserContext, pages: dict[str, str]):
    page = await window.new_page()
    named = []
    async for _ in pages_of_the_library(page, site):
        named += await page.locator("#jobs a").evaluate_all("(all) => all.map((one) => [one.textContent, one.href])")
    assert {name for name, _ in named} >= set(BAD) - {BAD[3]}
    for name, address in named[::3]:
        if name in BAD:
            await page.goto(address)
            assert await page.locator("h1").text_content() == name
            assert (await page.title()).startswith(" ".join(name.split())[:20])


async def pages_of_the_library(page: Page, site: Site) -> AsyncIterator[None]:
    """Opens one page of the list after the other, ten at most."""
    path: str | None = "/app"
    for _ in range(10):
        await page.goto(f"{site.url}{path}")
        older = page.get_by_role("link", name="Older")
        path = await older.get_attribute("href") if await older.count() else None
        yield
        if path is None:
            return


async def job_of(page: Page, site: Site, name: str) -> str:
    """The text of the page of the job of that name."""
    async for _ in pages_of_the_library(page, site):
        link = page.locator("#jobs a").filter(has_text=name).first
        if await link.count():
            await page.goto(f"{site.url}{await link.get_attribute('href')}")
            return _flat(await page.locator("body").text_content() or "")
    raise AssertionError(f"there is no job named {name}")


def _flat(text: str) -> str:
    return " ".join(text.split())


HOSTILE = ["", " ", "x" * 5000, "<script>alert(1)</script>", "\x07\u202e'\"; DROP TABLE jobs; --", "-1e309"]


async def test_bad_input_is_answered_beside_the_field_and_nothing_typed_is_lost(site: Site, window: BrowserContext):
    page = await window.new_page()
    for text in HOSTILE:
        await page.goto(f"{site.url}/app")
        await page.get_by_label("Magnet, link or info hash").fill(text)
        await page.get_by_role("button", name="Add").click()
        await expect(page.locator("#source-problem")).not_to_be_empty()
        assert await page.get_by_label("Magnet, link or info hash").input_value() == text
        await expect(page.get_by_label("Magnet, link or info hash")).to_be_focused()


@pytest.mark.parametrize("text", ["", HOSTILE[2] + HOSTILE[3] + HOSTILE[4]])
async def test_no_form_loses_what_was_typed(site: Site, window: BrowserContext, text: str):
    """The same text in every field: an inline sentence, the page again, every field but secrets as it was."""
    page = await window.new_page()
    for path, form in FORMS:
        await page.goto(f"{site.url}{path}")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        await page.evaluate("(one) => { document.querySelector(one).noValidate = true; }", form)
        await page.locator(f"{form} :is(input[type=text], input[type=password], textarea)").evaluate_all(
            "(all, text) => all.forEach((one) => { one.value = text; })", text
        )
        shown = page.locator(f"{form} :is(input[type=text], textarea:not([name=service_account_json]))")
        typed = await shown.evaluate_all("(all) => all.map((one) => one.value)")
        async with page.expect_response(lambda answer: answer.request.method == "POST") as answer:
            await page.locator(f"{form} button").last.click()
        assert (await answer.value).status == 422, path
        await expect(page.locator(f"{form} .problem, .flash.error").first).not_to_be_empty()
        again = await shown.evaluate_all("(all) => all.map((one) => one.value)")
        assert again == typed, path


FORMS = (
    ("/app/accounts", "#connect"),
    ("/app/storage?cloud=s3", "#target"),
    ("/app/storage?cloud=blob", "#target"),
    ("/app/storage?cloud=gcs", "#target"),
    ("/app/storage?cloud=oss", "#target"),
    ("/app/webhooks", "#register"),
    ("/app/security", "form[action$=password]"),
    ("/app/security", "form[action$=factor]"),
)


async def test_addresses_cannot_make_a_page_say_or_do_anything(site: Site, window: BrowserContext):
    """Query strings and ids of every page with every bad text: an ordinary page, nothing runs."""
    page = await window.new_page()
    for name in BAD[::12]:
        for path in ("/app?said=", "/app?offset=", "/app/storage?cloud=", "/app/library/", "/app/sign-in?next="):
            answer = await page.goto(f"{site.url}{path}{quote(name, safe='')}")
            assert answer is not None
            assert answer.status < 500
            assert page.url.startswith(f"{site.url}/app")
