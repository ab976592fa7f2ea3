"""Two ways to use a page: with a pointer, and with the keyboard alone."""

from typing import Protocol

from playwright.async_api import Locator, Page, expect

_TABS = 150


class Hands(Protocol):
    """Whatever somebody does to a page."""

    async def write(self, field: Locator, text: str) -> None: ...

    async def press(self, what: Locator) -> None: ...

    async def choose(self, field: Locator, words: str) -> None: ...

    async def tick(self, box: Locator) -> None: ...

    async def play(self, video: Locator) -> None: ...


class Pointer:
    """A mouse or a finger."""

    async def write(self, field: Locator, text: str) -> None:
        await field.fill(text)

    async def press(self, what: Locator) -> None:
        await what.click()

    async def choose(self, field: Locator, words: str) -> None:
        await field.select_option(label=words)

    async def tick(self, box: Locator) -> None:
        await box.check()

    async def play(self, video: Locator) -> None:
        await video.click()


class Keyboard:
    """Tab, Enter, the space bar and letters; nothing else."""

    def __init__(self, page: Page) -> None:
        self._keys = page.keyboard

    async def write(self, field: Locator, text: str) -> None:
        await self._reach(field)
        await self._keys.press("Control+A")
        await self._keys.type(text)

    async def press(self, what: Locator) -> None:
        await self._reach(what)
        await self._keys.press("Enter")

    async def choose(self, field: Locator, words: str) -> None:
        await self._reach(field)
        await self._keys.type(words)
        await expect(field.locator("option:checked")).to_have_text(words)

    async def tick(self, box: Locator) -> None:
        await self._reach(box)
        await self._keys.press("Space")
        await expect(box).to_be_checked()

    async def play(self, video: Locator) -> None:
        await self._reach(video)
        await self._keys.press("Space")

    async def _reach(self, what: Locator) -> None:
        """Goes from one thing to the next until it is there, and sees that it shows where it is."""
        await expect(what).to_be_visible()
        for _ in range(_TABS):
            if await what.evaluate("(one) => one === document.activeElement"):
                return
            await self._keys.press("Tab")
        raise AssertionError(f"the keyboard does not reach {what}")
