"""Notes everything about a browser's tabs that must not happen on any page."""

from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, Response

# A page whose form was refused answers 422: what the browser's console says of that is no fault.
_EXPECTED = ("Failed to load resource: the server responded with a status of 4",)
_REPORTS = """
addEventListener("securitypolicyviolation", (event) => complain(`${event.violatedDirective} ${event.blockedURI}`));
"""
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
_TOLD = """
(found) => found.violations.flatMap((rule) => rule.nodes.map(
    (node) => `${rule.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`))
"""
_LOOKS = """() => {
    const looks = new Map(), longest = new Map();
    const look = (one) => {
        if (!one) return "";
        if (!looks.has(one)) {
            const shown = getComputedStyle(one);
            looks.set(one, [one.localName, one.className, one.disabled, one.control?.disabled, one.ariaDisabled,
                one.ariaHidden, shown.display, shown.visibility, shown.position, shown.clipPath, shown.color,
                shown.fill, shown.backgroundColor, shown.backgroundImage, shown.opacity, shown.filter, shown.textShadow,
                shown.fontSize, shown.fontWeight, look(one.parentElement)].join());
        }
        return looks.get(one);
    };
    for (const one of document.body.querySelectorAll("*")) {
        const own = [...one.childNodes].filter((part) => part.nodeType === Node.TEXT_NODE).map((part) => part.data);
        const words = [...own, one.value ?? "", one.placeholder ?? ""].join("").trim();
        if (words && !(longest.get(look(one))?.words.length >= words.length)) longest.set(look(one), {one, words});
    }
    return [...longest.values()].map((found) => found.one);
}"""


@dataclass
class Watch:
    """What was noticed, in words; a test is right when nothing was."""

    home: str
    complaints: list[str] = field(default_factory=list)

    async def over(self, context: BrowserContext) -> None:
        """Watches every tab of a context; scripts that should not run may call ``complain(…)`` or ``alert(…)``."""
        await context.expose_function("complain", lambda words: self.complaints.append(f"script: {words}"))
        await context.add_init_script(_REPORTS)
        context.on("console", self._console)
        context.on("dialog", self._dialog)
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(_EXPECTED):
            self.complaints.append(f"console: {message.text}")

    async def _dialog(self, dialog: Dialog) -> None:
        self.complaints.append(f"dialog: {dialog.message}")
        await dialog.dismiss()

    def _request(self, request: Request) -> None:
        if not request.url.startswith((f"{self.home}/", "data:")):
            self.complaints.append(f"request to {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 500:
            self.complaints.append(f"{response.status} of {response.url}")


async def violations(page: Page, script: str) -> list[str]:
    """What axe-core (``script``) finds against WCAG 2.2 AA on the page, as lines."""
    await page.evaluate(script)
    found = await page.evaluate(f"axe.run({{resultTypes: ['violations'], runOnly: {_RULES}}}).then({_TOLD})")
    return [str(line) for line in found]


async def contrast_violations(page: Page) -> list[str]:
    """Words that axe-core finds too faint, on a page where it has looked for everything already.

    Words in the same place of the same look have the same contrast, so that of all rows of a table one is looked at.
    """
    found = await page.evaluate(
        f"axe.run(({_LOOKS})(), {{resultTypes: ['violations'], runOnly: ['color-contrast']}}).then({_TOLD})"
    )
    return [str(line) for line in found]
