"""One provider's adapter on a fresh sandbox world, with everything a check needs to put it into a situation."""

import hashlib
import itertools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.providers.suite.case import Case
from tests.providers.suite.interposer import Interposer
from tests.sandbox.caller import Caller, torrent

from sluicegate.core.accounts import Credential
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.provider import Capability, Control, Provider
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.net.http import Http

TOKEN = "sandbox-suite-account-one"
OTHER_TOKEN = "sandbox-suite-account-two"

Call = Callable[[], Awaitable[Any]]
_STEP_SECONDS = 0.5
_STEPS = 40


class Stage:
    """The provider of ``case``; ``adapter`` is an account of it, ``through`` the same one behind the interposer."""

    def __init__(self, case: Case, sandbox: Caller, interposer: Interposer, http: Http) -> None:
        self.case = case
        self.sandbox = sandbox
        self.interposer = interposer
        self.http = http
        self._numbers = itertools.count(1)
        self._open: list[Provider] = []
        self.adapter = self.open()

    @property
    def name(self) -> str:
        return self.case.name

    @property
    def _there(self) -> str:
        return self.case.sandbox_name

    def open(
        self,
        token: str = TOKEN,
        *,
        http: Http | None = None,
        root: str = "",
        path: str | None = None,
        proxy: str | None = None,
        **attributes: Any,
    ) -> Provider:
        """An adapter of an account; ``attributes`` (``page_size``, ``hashes_per_check``) are set on a subclass."""
        kind: Any = self.case.adapter
        if attributes:
            kind = type(kind.__name__, (kind,), attributes)
        credential = Credential(f"account-{token[-3:]}", Secret(token), proxy=Secret(proxy) if proxy else None)
        base_url = (root or self.sandbox.url) + (self.case.base_path if path is None else path)
        adapter: Provider = kind(http or self.http, credential, base_url=base_url)
        self._open.append(adapter)
        return adapter

    def through(self, token: str = TOKEN, **attributes: Any) -> Provider:
        """An adapter whose requests pass the interposer."""
        return self.open(token, root=self.interposer.url, **attributes)

    async def close(self) -> None:
        for adapter in self._open:
            await adapter.aclose()

    # What the case can do

    def need(self, *capabilities: Capability) -> None:
        """Ends the check as skipped, by name, when the provider lacks a capability."""
        for capability in capabilities:
            if not self.case.adapter.can(capability):
                pytest.skip(f"{self.name} has no '{capability}'")

    # Content

    async def magnet(self, **content: Any) -> Magnet:
        """A magnet of newly defined content: two files, ready after three world seconds, cached nowhere."""
        number = next(self._numbers)
        info_hash = hashlib.sha1(f"{self.name}-{number}".encode()).hexdigest()
        told: dict[str, Any] = {
            "name": f"Film.{number}",
            "files": [{"path": "film.mkv", "size": 70_000}, {"path": "extras/film.mkv", "size": 900}],
            "seconds_to_ready": 3,
        }
        for key in {"cached_on", "blocked_on"} & set(content):
            content[key] = [self._there if name == self.name else name for name in content[key]]
        await self.sandbox.define(info_hash, **(told | content))
        return parse_info_hash(info_hash)

    async def torrent_file(self) -> TorrentFile:
        """A ``.torrent`` of defined content."""
        parsed = parse_torrent(torrent(f"Own.{next(self._numbers)}.mkv".encode()))
        await self.sandbox.define(parsed.info_hash, name=parsed.name, files=[{"path": parsed.name, "size": 4_000}])
        return parsed

    async def url(self, **content: Any) -> str:
        """A link to newly defined content on a supported hoster."""
        url = f"https://1fichier.com/?{self.name}{next(self._numbers)}"
        told: dict[str, Any] = {"name": "archive.zip", "files": [{"path": "archive.zip", "size": 5_000}]}
        await self.sandbox.control("POST", "/content", {"url": url, **told, **content})
        return url

    async def hoster(self, state: str = "ok", size: int = 900) -> WebLink:
        """A hoster link in a state."""
        host = "hoster-without-support.example" if state == "unsupported" else "1fichier.com"
        url = f"https://{host}/?{self.name}{next(self._numbers)}"
        await self.sandbox.control(
            "POST", "/hosters", {"url": url, "name": "file name.zip", "size": size, "state": state}
        )
        return WebLink(url)

    # Transfers

    async def submit(self, **content: Any) -> str:
        """Hands in newly defined content; the transfer's id."""
        return (await self.adapter.submit_magnet(await self.magnet(**content))).transfer_id

    async def ready(self, **content: Any) -> str:
        """A finished transfer of newly defined content; its id."""
        transfer_id = await self.submit(**({"cached_on": [self.name], **content}))
        await self.drive(transfer_id, TransferState.READY)
        return transfer_id

    async def drive(self, transfer_id: str, *wanted: TransferState, adapter: Provider | None = None) -> list[Transfer]:
        """Lets time go on until the transfer is in a wanted state, selecting when asked to; every look on the way."""
        adapter = adapter or self.adapter
        looks: list[Transfer] = []
        for _ in range(_STEPS):
            looks.append(await adapter.get(transfer_id))
            if looks[-1].state in wanted:
                return looks
            if looks[-1].state is TransferState.SELECTING:
                await adapter.select(transfer_id)
            else:
                await self.sandbox.advance(_STEP_SECONDS)
        raise AssertionError(f"{self.name} got to {looks[-1].state}, never to {wanted}")

    async def locator(self, transfer_id: str) -> str:
        """The locator of a ready transfer's first linkable file."""
        files = await self.adapter.files(transfer_id)
        return next(file.locator for file in files if file.locator is not None)

    async def truth(self, token: str = TOKEN) -> list[Mapping[str, Any]]:
        """What the sandbox knows about an account's transfers."""
        answer = await self.sandbox.control("GET", f"/transfers?provider={self._there}&token={token}")
        items: list[Mapping[str, Any]] = answer["items"]
        return items

    # The wire

    async def calls(self) -> list[Mapping[str, Any]]:
        """Every call that reached the provider, from the tap."""
        items: list[Mapping[str, Any]] = await self.sandbox.calls(self._there)
        return items

    async def fault(self, fault: str, **more: Any) -> None:
        """Orders a fault for the next call."""
        await self.sandbox.fault(self._there, fault, **more)

    async def no_faults(self) -> None:
        """Takes back what was ordered."""
        await self.sandbox.control("POST", "/faults", {"provider": self._there, "times": 0})

    async def unlimited(self) -> None:
        """Switches the provider's limits off."""
        await self.sandbox.control("POST", "/limits", {"provider": self._there, "enabled": False})

    # Operations

    async def prepared(self, capability: Capability, adapter: Provider | None = None) -> Call:
        """An operation with everything that it needs in place; calling the result makes it through ``adapter``."""
        use = adapter or self.adapter
        if capability in {Capability.ACCOUNT, Capability.HOSTERS}:
            method: Call = getattr(use, capability)
            return method
        if capability in {Capability.GET, Capability.FILES, Capability.LINK, Capability.LIST, Capability.REMOVE}:
            return await self._on_ready(capability, use)
        return await self._on_source(capability, use)

    async def _on_ready(self, capability: Capability, use: Provider) -> Call:
        transfer_id = await self.ready()
        if capability is Capability.LIST:
            return use.list_page
        subject = await self.locator(transfer_id) if capability is Capability.LINK else transfer_id
        return lambda: getattr(use, capability)(subject)

    async def _on_source(self, capability: Capability, use: Provider) -> Call:
        subject: Any
        match capability:
            case Capability.MAGNET:
                subject = await self.magnet()
            case Capability.TORRENT_FILE:
                subject = await self.torrent_file()
            case Capability.NZB:
                subject = Nzb("show.nzb", url=await self.url())
            case Capability.WEB:
                subject = WebLink(await self.url())
            case Capability.UNLOCK:
                subject = await self.hoster()
            case Capability.AVAILABILITY:
                subject = [(await self.magnet(cached_on=[self.name])).info_hash]
            case Capability.CONTROL:
                transfer_id = await self.submit()
                return lambda: use.control(transfer_id, Control.RESUME)
            case Capability.SELECT:
                subject = await self.submit()
                await self.drive(subject, TransferState.SELECTING)
            case _:
                raise AssertionError(f"the suite does not know how to prepare '{capability}'")
        return lambda: getattr(use, capability)(subject)
