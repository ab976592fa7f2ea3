"""What the gateway asks one provider for: each operation on one adapter, in our own values.

A provider-side selection (Real-Debrid) is made here, since a caller of the gateway cannot: everything is selected as
soon as the provider waits for it, at the create or at the next look.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.availability import Availability
from sluicegate.core.blocklist import OPEN_GATE, ContentGate
from sluicegate.core.errors import (
    FileGone,
    InvalidInput,
    NotSupported,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
)
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import Capability, Control, Provider
from sluicegate.core.sources import Magnet, Nzb, Source, SourceKind, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.services.gateway_learned import LearnedAvailability, Word

__all__ = ["GatewayJobs", "JobFileView"]

_PAGES_MAX: Final = 30
_ID: Final = re.compile(r"(?!\.+$)[!-~]{1,200}")
_SEPARATORS: Final = frozenset("/\\?#%")


@dataclass(frozen=True, slots=True)
class JobFileView:
    """A file of a job under the id that the gateway gives it: its place in the provider's own numbering."""

    id: str
    file: RemoteFile


class GatewayJobs:
    """The operations; it keeps nothing but what is learnt about availability."""

    def __init__(self, learned: LearnedAvailability, gate: ContentGate = OPEN_GATE) -> None:
        self._learned = learned
        self._gate = gate

    async def admit(self, source: Source) -> None:
        """Asked before any provider is. Raises ContentBlocked when the operator's blocklist names the source."""
        await self._gate.check_source(source)

    async def account(self, provider: Provider) -> AccountFacts:
        """What the provider tells about the account."""
        return await provider.account()

    async def unlock(self, provider: Provider, link: WebLink) -> Link:
        """A direct link for a hoster link."""
        return await provider.unlock(link)

    async def page(self, provider: Provider, kind: SourceKind, *, limit: int, offset: int) -> list[Transfer]:
        """Transfers of one kind; pages are read until there are enough."""
        found: list[Transfer] = []
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = await provider.list_page(cursor)
            self._learned.learn_finished(provider, page.transfers)
            found += [transfer for transfer in page.transfers if transfer.kind is kind]
            cursor = page.next_cursor
            if cursor is None or len(found) >= offset + limit:
                break
        return found[offset : offset + limit]

    async def create(self, provider: Provider, source: Source) -> Transfer:
        """Hands a source in, and selects all its files where the provider waits for that already."""
        submission = await _submit(provider, source)
        transfer = submission.transfer or _submitted(submission, source)
        if provider.can(Capability.SELECT) and not transfer.state.over:
            transfer = await self._selected(provider, transfer)
        self._learned.learn_finished(provider, [transfer])
        return transfer

    async def get(self, provider: Provider, transfer_id: str) -> Transfer:
        """One transfer. Raises TransferMissing."""
        transfer = await _find(provider, _checked(provider, transfer_id))
        if transfer.state is TransferState.SELECTING and provider.can(Capability.SELECT):
            await provider.select(transfer.id)
            transfer = replace(transfer, state=TransferState.QUEUED)
        self._learned.learn_finished(provider, [transfer])
        return transfer

    async def remove(self, provider: Provider, transfer_id: str) -> None:
        """Removes a transfer; one that is not there is fine."""
        try:
            await provider.remove(_checked(provider, transfer_id))
        except InvalidInput as error:
            raise TransferMissing("There is no job with this id.", provider=provider.name) from error

    async def control(self, provider: Provider, transfer_id: str, operation: Control) -> None:
        """Pauses a transfer and the like. Raises NotSupported, TransferMissing."""
        try:
            await provider.control(_checked(provider, transfer_id), operation)
        except InvalidInput as error:
            raise TransferMissing("There is no job with this id.", provider=provider.name) from error

    async def files(self, provider: Provider, transfer_id: str) -> list[JobFileView]:
        """The files that the provider fetches or has fetched. Raises TransferMissing, TransferNotReady."""
        try:
            files = await provider.files(_checked(provider, transfer_id))
        except InvalidInput as error:
            raise TransferMissing("There is no job with this id.", provider=provider.name) from error
        return _views(files)

    async def playback(
        self, provider: Provider, transfer_id: str, file_id: str, viewer_address: str | None
    ) -> tuple[JobFileView, Link]:
        """A direct link to one file. Raises TransferMissing, TransferNotReady, FileGone."""
        views = await self.files(provider, transfer_id)
        view = next((view for view in views if view.id == file_id), None)
        if view is None:
            raise FileGone("This job has no file with this id.", provider=provider.name)
        if view.file.locator is None:
            raise TransferNotReady("This file is not at the provider yet.", provider=provider.name)
        return view, await provider.link(view.file.locator, viewer_address=viewer_address)

    async def cache_check(self, provider: Provider, hashes: Sequence[str], *, list_files: bool) -> list[Availability]:
        """One answer per hash, in order; unknown where nobody can tell."""
        return await self._learned.check(provider, hashes, list_files=list_files)

    def known(self, provider: str, hashes: Sequence[str], word: Word) -> Sequence[bytes] | None:
        """The answers to a cache check in the surface's words, if no provider needs to be asked; else None."""
        return self._learned.worded(provider, hashes, word)

    async def _selected(self, provider: Provider, transfer: Transfer) -> Transfer:
        """The transfer after everything was selected, or as it is when the provider does not wait for it yet."""
        try:
            now = await provider.get(transfer.id)
            if now.state is not TransferState.SELECTING:
                return now
            await provider.select(transfer.id)
            return await provider.get(transfer.id)
        except UpstreamError:
            # It is handed in, and that is what was asked for; the next look selects.
            return replace(transfer, state=TransferState.QUEUED)


async def _submit(provider: Provider, source: Source) -> Submission:
    if isinstance(source, Magnet):
        return await provider.submit_magnet(source)
    if isinstance(source, Nzb):
        return await provider.submit_nzb(source)
    if isinstance(source, WebLink):
        return await provider.submit_web(source)
    raise NotSupported("The gateway takes links only.", provider=provider.name)


def _submitted(submission: Submission, source: Source) -> Transfer:
    """What a bare acceptance reveals."""
    state = TransferState.READY if submission.cached else TransferState.QUEUED
    return Transfer(
        id=submission.transfer_id,
        state=state,
        name=getattr(source, "name", ""),
        kind=source.kind,
        info_hash=source.info_hash if isinstance(source, Magnet) else None,
        progress=1.0 if submission.cached else 0.0,
    )


async def _find(provider: Provider, transfer_id: str) -> Transfer:
    try:
        if provider.can(Capability.GET):
            return await provider.get(transfer_id)
        cursor: str | None = None
        for _ in range(_PAGES_MAX):
            page = await provider.list_page(cursor)
            for transfer in page.transfers:
                if transfer.id == transfer_id:
                    return transfer
            cursor = page.next_cursor
            if cursor is None:
                break
    except InvalidInput as error:
        raise TransferMissing("There is no job with this id.", provider=provider.name) from error
    raise TransferMissing("There is no job with this id.", provider=provider.name)


def _checked(provider: Provider, transfer_id: str) -> str:
    """The id, unless it could lead elsewhere in the path of a provider's URL; no provider makes such ids."""
    if not _ID.fullmatch(transfer_id) or not _SEPARATORS.isdisjoint(transfer_id):
        raise TransferMissing("There is no job with this id.", provider=provider.name)
    return transfer_id


def _views(files: Sequence[RemoteFile]) -> list[JobFileView]:
    """Ids are the provider's numbers where it has some, and places in its list elsewhere; always text, never empty."""
    numbers = [file.index for file in files]
    numbered = all(number >= 0 for number in numbers) and len(set(numbers)) == len(numbers)
    return [
        JobFileView(str(file.index if numbered else place), file) for place, file in enumerate(files) if file.selected
    ]
