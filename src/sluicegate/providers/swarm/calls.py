"""What the engine answers to each call of the server."""

import shutil
from typing import Final, Protocol, assert_never

from msgspec import structs

from sluicegate.core.errors import UnsafeSource
from sluicegate.providers.swarm.download import Download
from sluicegate.providers.swarm.downloads import Downloads
from sluicegate.providers.swarm.records import Content, Phase
from sluicegate.providers.swarm.wire import (
    PAGE,
    Add,
    Added,
    Call,
    Choose,
    Collect,
    Done,
    Facts,
    Fault,
    FileList,
    Files,
    Get,
    Health,
    Remove,
    Report,
    Result,
    TransferFacts,
    TransferList,
)

__all__ = ["Desk"]

_MISSING: Final = Fault("missing", "The torrent engine has no such transfer.")


class LetGo(Protocol):
    """Takes a transfer out of libtorrent; with ``delete``, waits until that has deleted its files."""

    def __call__(self, download: Download, *, delete: bool) -> None:
        """At most a few seconds."""
        ...


class Desk:
    """Answers calls."""

    def __init__(self, downloads: Downloads, let_go: LetGo) -> None:
        self._downloads = downloads
        self._let_go = let_go

    def answer(self, call: Call) -> Result:
        """One call's result; what goes wrong is a ``Fault``."""
        try:
            return self._answer(call)
        except UnsafeSource as error:
            return Fault("refused", error.detail)
        except OSError as error:
            full = error.errno in self._downloads.disk.FULL
            return Fault("full" if full else "internal", f"The disk refused it: {error.strerror or error}.")

    def _answer(self, call: Call) -> Result:
        match call:
            case Add():
                return self._add(call)
            case Report():
                return TransferList(tuple(self._facts(each) for each in reversed(list(self._downloads))))
            case Health():
                return self._health()
            case Remove():
                return self._remove(call.id)
        download = self._downloads.find(call.id)
        if download is None:
            return _MISSING
        match call:
            case Get():
                return self._facts(download)
            case Choose():
                return self._choose(download, call)
            case Files():
                return self._files(download, call.start)
            case Collect():
                return self._collect(download, call.start)
            case _:
                assert_never(call)

    def _add(self, call: Add) -> Result:
        download = self._downloads.find(call.info_hash)
        if download is not None and download.record.phase is Phase.FAILED:
            self._remove(call.info_hash)
            download = None
        if download is not None:
            return self._add_again(download, call)
        if len(self._downloads) >= self._downloads.options.max_transfers:
            return Fault("slots", f"There are {len(self._downloads):,} torrent transfers already, the most allowed.")
        download = self._downloads.enter(self._downloads.records.create(call))
        try:
            self._downloads.begin(download)
        except BaseException:  # a transfer that did not begin is none
            self._downloads.forget(download)
            raise
        return Added(existing=False, transfer=self._facts(download))

    def _add_again(self, download: Download, call: Add) -> Added:
        self._downloads.introduce(download, call)
        if download.choosing and not call.metadata_only:
            self._want(download, None)
        return Added(existing=True, transfer=self._facts(download))

    def _choose(self, download: Download, call: Choose) -> Result:
        if download.content is None:
            return Fault("not_ready", "The torrent's file list has not arrived yet.")
        known = {entry.index for entry in download.content.entries}
        if call.indexes is not None and (not call.indexes or not known.issuperset(call.indexes)):
            return Fault("invalid", "These are not files of this torrent.")
        if download.record.phase is Phase.OPEN:
            self._want(download, call.indexes)
        return Done()

    def _want(self, download: Download, indexes: tuple[int, ...] | None) -> None:
        """Downloads these files from now on."""
        was_choosing = download.choosing
        download.record.chosen = indexes
        download.record.source = structs.replace(download.record.source, metadata_only=False)
        self._downloads.records.save(download.record)
        if download.handle is None and was_choosing:
            self._downloads.begin(download)
        else:
            self._downloads.session.choose(download)

    def _files(self, download: Download, start: int) -> Result:
        if download.content is None:
            failed = download.record.phase is Phase.FAILED
            words = download.record.words if failed else "The torrent's file list has not arrived yet."
            return Fault("failed" if failed else "not_ready", words)
        return _page(download, download.content, start, wanted_only=False)

    def _collect(self, download: Download, start: int) -> Result:
        if download.record.phase is Phase.FAILED:
            return Fault("failed", download.record.words)
        if download.record.phase is not Phase.READY or download.content is None:
            return Fault("not_ready", "The torrent is still being downloaded.")
        self._let_go(download, delete=False)
        return _page(download, download.content, start, wanted_only=True)

    def _remove(self, transfer_id: str) -> Done:
        download = self._downloads.find(transfer_id)
        if download is not None:
            self._let_go(download, delete=True)
            self._downloads.forget(download)
        return Done()

    def _health(self) -> Facts:
        peers = sum(each.status.num_peers for each in self._downloads if each.status is not None)
        free = shutil.disk_usage(self._downloads.options.folder).free
        port = self._downloads.session.engine.listen_port()
        return Facts(disk_free=free, transfers=len(self._downloads), peers=peers, port=port)

    def _facts(self, download: Download) -> TransferFacts:
        options = self._downloads.options
        return download.facts(patience=options.stall_after, slots=options.max_active)


def _page(download: Download, content: Content, start: int, *, wanted_only: bool) -> FileList:
    record = download.record
    entries = [entry for entry in content.entries if not wanted_only or record.wants(entry.index)]
    following = start + PAGE if start + PAGE < len(entries) else None
    return FileList(tuple(record.facts(entry) for entry in entries[start : start + PAGE]), following)
