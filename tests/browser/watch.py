"""Notes everything about a browser's tabs that must not happen on any page."""

from dataclasses import dataclass, field

from playwright.async_api import BrowserContext, ConsoleMessage, Dialog, Page, Request, Response

# A page whose form was refused answers 422: what the browser's console says of that is no fault.
_EXPECTED = ("Failed to load resource: the server responded with a status of 4",)
_REPORTS = """
addEventListener("securitypolicyviolation", (event) => complain(`${event.violatedDirective} ${event.blockedURI}`));
"""


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


async def violations(page: Page, script: str, *rules: str) -> list[str]:
    """What axe-core finds against WCAG 2.2 AA (or only these rules) on the page, as lines.

    ``script`` is axe-core itself, or empty on a page that has it already.
    """
    if script:
        await page.evaluate(script)
    found = await page.evaluate(
        "(only) => axe.run({resultTypes: ['violations'], runOnly: only}).then((found) => found.violations.flatMap("
        "(rule) => rule.nodes.map((node) => `${rule.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`)))",
        list(rules) or ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"],
    )
    return [str(line) for line in found]
