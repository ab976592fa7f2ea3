"""Every page, full of names as bad as strangers can choose: accessible, light, quiet, and nothing runs."""

from importlib.resources import files
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Response, StorageState, expect
from tests.browser.conftest import Opens
from tests.browser.corpus import BAD
from tests.browser.furniture import every_page, furnish
from tests.browser.site import Site
from tests.browser.watch import Watch, violations

from sluicegate.surfaces.dashboard.frame import NAVIGATION

AXE = (files("axe_playwright_python") / "axe.min.js").read_text()
WEIGHT = 150_000
PHONE = {"viewport": {"width": 390, "height": 844}}


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
    assert {line.partition(":")[0] for line in await violations(page, AXE)} >= {"image-alt"}
    assert any("script-src" in line for line in watch.complaints), watch.complaints
    await context.close()


@pytest.mark.timeout(600)
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_no_page_breaks_the_accessibility_rules(
    site: Site, opens: Opens, operator: StorageState, pages: dict[str, str], theme: str
):
    """WCAG 2.2 AA as far as axe-core can tell; details are open, so that what they hold is looked at too.

    The other theme has the same structure: only its colours are looked at.
    """
    found: list[str] = []
    rules = ("color-contrast",) if theme == "dark" else ()
    async with opens(storage_state=operator, color_scheme=theme) as window:
        page = await window.new_page()
        for kind, path in pages.items():
            await page.goto(f"{site.url}{path}")
            await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            found += [f"{kind} {line}" for line in await violations(page, AXE, *rules)]
    async with opens(color_scheme=theme) as window:
        page = await window.new_page()
        for path in ("/app/sign-in", "/app/welcome?token=wrong"):
            await page.goto(f"{site.url}{path}")
            found += [f"{path} {line}" for line in await violations(page, AXE, *rules)]
    assert found == []


async def test_pages_are_light_and_fit_a_phone(site: Site, opens: Opens, operator: StorageState, pages: dict[str, str]):
    """Page, style and script together, as they go over the wire; nothing sticks out at the side."""
    heavy, wide = [], []
    async with opens(storage_state=operator, **PHONE) as window:
        for kind, path in pages.items():
            page = await window.new_page()
            sent: list[Response] = []
            page.on("response", lambda answer, sent=sent: sent.append(answer))
            await page.goto(f"{site.url}{path}")
            weight = sum([await _weight(one) for one in sent if not one.request.url.endswith("/changes")])
            if weight > WEIGHT:
                heavy.append(f"{kind}: {weight}")
            over = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            if over > 0:
                wide.append(f"{kind}: {over} pixels")
            await page.close()
    assert (heavy, wide) == ([], [])


async def _weight(answer: Response) -> int:
    sizes = await answer.request.sizes()
    return sizes["responseBodySize"] + sizes["responseHeadersSize"]


async def test_names_of_strangers_are_text(site: Site, window: BrowserContext, pages: dict[str, str]):
    """Whatever is named badly is shown letter by letter, and the window's watch saw nothing run."""
    page = await window.new_page()
    shown: dict[str, str] = {}
    for kind, path in pages.items():
        await page.goto(f"{site.url}{path}")
        await page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        shown[kind] = _flat(await page.locator("body").text_content() or "")
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
        assert _flat(BAD[0]) in shown[kind], kind


async def test_titles_of_jobs_are_text(site: Site, window: BrowserContext, pages: dict[str, str]):
    page = await window.new_page()
    named = []
    for offset in (0, 25, 50):
        await page.goto(f"{site.url}/app?offset={offset}")
        named += await page.locator("#jobs a").evaluate_all("(all) => all.map((one) => [one.textContent, one.href])")
    assert {name for name, _ in named} >= set(BAD) - {BAD[3]}
    for name, address in named[::3]:
        if name in BAD:
            await page.goto(address)
            assert await page.locator("h1").text_content() == name
            assert (await page.title()).startswith(" ".join(name.split())[:20])


async def job_of(page: Page, site: Site, name: str) -> str:
    """The text of the page of the job of that name."""
    for offset in (0, 25, 50):
        await page.goto(f"{site.url}/app?offset={offset}")
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


@pytest.mark.parametrize("text", HOSTILE)
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
    for name in BAD[::6]:
        for path in ("/app?said=", "/app?offset=", "/app/storage?cloud=", "/app/library/", "/app/sign-in?next="):
            answer = await page.goto(f"{site.url}{path}{quote(name, safe='')}")
            assert answer is not None
            assert answer.status < 500
            assert page.url.startswith(f"{site.url}/app")
