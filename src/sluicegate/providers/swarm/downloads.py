"""Every transfer of the engine, and how each moves on: from what was handed in to files that are safe on disk."""

from collections.abc import Callable, Iterator
from typing import Final

import libtorrent as lt
from msgspec import structs

from sluicegate.core.errors import UnsafeSource
from sluicegate.providers.swarm.contents import read_content
from sluicegate.providers.swarm.disk import Disk, amount
from sluicegate.providers.swarm.download import Download
from sluicegate.providers.swarm.options import SwarmOptions
from sluicegate.providers.swarm.records import Phase, Record, Records
from sluicegate.providers.swarm.session import Session
from sluicegate.providers.swarm.wire import Add

__all__ = ["Downloads"]

_STRIKES_MAX: Final = 5
_ENDPOINTS_MAX: Final = 200
_PLACES_MAX: Final = 200
_GOES_ON: Final = "It goes on by itself when there is room."


class Downloads:
    """The engine's transfers by id.

    Not safe for threads: the engine's one loop calls it. ``later`` hands a function to that loop from any thread.
    """

    def __init__(self, options: SwarmOptions, later: Callable[[Callable[[], None]], None]) -> None:
        self.options = options
        self.records = Records(options.folder)
        self.session = Session(options, self.records)
        self.disk = Disk(options.folder, options.disk_reserve)
        self._later = later
        self._all: dict[str, Download] = {}
        self._by_handle: dict[lt.torrent_handle, Download] = {}

    def __iter__(self) -> Iterator[Download]:
        """Every transfer, oldest first; transfers may come and go meanwhile."""
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        return len(self._all)

    def find(self, transfer_id: str) -> Download | None:
        """A transfer by id."""
        return self._all.get(transfer_id)

    def of(self, handle: lt.torrent_handle) -> Download | None:
        """The transfer that libtorrent speaks of, None when it is gone already."""
        return self._by_handle.get(handle)

    def resume_all(self) -> None:
        """Goes on with everything that is recorded."""
        for record in self.records.load():
            download = self.enter(record)
            if record.phase is Phase.OPEN:
                try:
                    self.begin(download)
                except UnsafeSource as error:
                    self.fail(download, error.detail)

    def enter(self, record: Record) -> Download:
        """Makes a recorded transfer known; nothing is downloaded yet."""
        download = Download(record, content=self.records.content(record))
        self._all[record.id] = download
        return download

    def begin(self, download: Download) -> None:
        """Starts it, or lets it wait for room, or for somebody to choose files.

        Raises:
            UnsafeSource: it cannot be accepted.
        """
        if download.content is None and (info := self.session.info(download)) is not None:
            self._learn(download, info)
        if download.content is not None and (download.choosing or not self._has_room(download)):
            return
        handle = self.session.add(download)
        self._by_handle[handle] = download
        download.observe(handle.status())

    def metadata_arrived(self, download: Download) -> None:
        """Keeps the metadata, then starts again with what it says: names of our own and only what is wanted."""
        assert download.handle is not None  # noqa: S101 - alerts come from handles
        info = download.handle.torrent_file()
        if info is None or download.content is not None:
            return
        self.halt(download)
        try:
            self.session.keep_info(download, info)
            self.begin(download)
        except UnsafeSource as error:
            self.fail(download, error.detail)
        except OSError as error:
            self._block(download, f"The disk refused it: {error.strerror}. {_GOES_ON}")

    def met(self, download: Download, peer: tuple[str, int]) -> None:
        """Remembers whom it is connected to while it looks for metadata: they are met again at the start with it."""
        if download.content is None and len(download.endpoints) < _ENDPOINTS_MAX:
            download.endpoints[peer] = None

    def introduce(self, download: Download, again: Add) -> None:
        """The same torrent was handed in again: where that says to look is looked at as well, also after a restart."""
        self.session.introduce(download, again.trackers, again.web_seeds, again.peers)
        known = download.record.source
        download.record.source = structs.replace(
            known,
            trackers=_merged(known.trackers, again.trackers),
            web_seeds=_merged(known.web_seeds, again.web_seeds),
            peers=_merged(known.peers, again.peers),
        )
        if download.record.source != known:
            self.records.save(download.record)

    def settle(self, download: Download) -> None:
        """Every wanted byte has arrived: libtorrent empties its cache, then ``cache_flushed`` follows."""
        if download.settling or download.handle is None:
            return
        download.settling = True
        if not self.options.upload_limit:
            download.handle.unset_flags(lt.torrent_flags.auto_managed)
            download.handle.pause()
        download.handle.flush_cache()

    def cache_flushed(self, download: Download) -> None:
        """Has the files written through to the device in the background."""
        if download.settling and download.content is not None:
            folder = self.records.path(download.record)
            wanted = [entry for entry in download.content.entries if download.record.wants(entry.index)]
            files = {folder / entry.disk_name: entry.size for entry in wanted}
            self.disk.secure(files, lambda wrong: self._later(lambda: self._settled(download, bool(wrong))))

    def trouble(self, download: Download, error: lt.error_code) -> None:
        """Libtorrent stopped a transfer: it waits and tries again, unless only a person could help."""
        words = error.message()
        if error.category().name() not in {"system", "generic"}:
            self.fail(download, f"The torrent engine gave up on it: {words}.")
            return
        full = error.value() in Disk.FULL
        download.strikes += 0 if full else 1
        if download.strikes > _STRIKES_MAX:
            self.fail(download, f"The disk refused it {_STRIKES_MAX} times: {words}.")
            return
        self._block(download, f"The disk has no space left. {_GOES_ON}" if full else f"The disk refused it: {words}.")

    def watch_disk(self) -> None:
        """Stops writing before the disk is full, and goes on when there is room again."""
        for download in self:
            if download.record.phase is not Phase.OPEN or download.settling:
                continue
            if download.blocked:
                self._unblock(download)
            elif download.handle is not None and download.content is not None and self.disk.room <= 0:
                self._block(download, f"The disk has no space left. {_GOES_ON}")

    def fail(self, download: Download, words: str) -> None:
        """Ends a transfer for good."""
        self.halt(download)
        download.record.phase = Phase.FAILED
        download.record.words = words
        self.records.save(download.record)

    def halt(self, download: Download, *, delete: bool = False) -> None:
        """Takes it out of libtorrent."""
        if download.handle is not None:
            del self._by_handle[download.handle]
        self.session.drop(download, delete=delete)

    def forget(self, download: Download) -> None:
        """Deletes the transfer with everything it has on disk."""
        self._all.pop(download.id, None)
        self.records.delete(download.record)

    def _learn(self, download: Download, info: lt.torrent_info) -> None:
        content = read_content(info, self.options)
        download.content = content
        download.record.name = content.name
        self.records.save_content(download.record, content)
        self.records.save(download.record)

    def _has_room(self, download: Download) -> bool:
        """Whether its missing bytes fit beside those that other transfers are still promised."""
        assert download.content is not None  # noqa: S101 - checked by the caller
        folder = self.records.path(download.record)
        present = self.disk.occupied(folder / entry.disk_name for entry in download.content.entries)
        missing = max((download.size or 0) - present, 0)
        if missing > self.disk.capacity:
            raise UnsafeSource(f"It needs {amount(missing)}, more than the whole disk can hold.")
        promised = sum(other.missing for other in self if other is not download and other.handle is not None)
        lacking = missing + promised - self.disk.room
        words = (
            f"The disk has no space for it: it needs {amount(missing)}, {amount(lacking)} more than is free. {_GOES_ON}"
        )
        download.blocked = words if missing and lacking > 0 else ""
        return not download.blocked

    def _block(self, download: Download, words: str) -> None:
        download.blocked = words
        if download.handle is not None:
            download.handle.unset_flags(lt.torrent_flags.auto_managed)
            download.handle.pause()

    def _unblock(self, download: Download) -> None:
        if download.handle is None:
            try:
                self.begin(download)
            except UnsafeSource as error:
                self.fail(download, error.detail)
        elif self.disk.room > 0:
            download.blocked = ""
            download.handle.clear_error()
            download.handle.unset_flags(lt.torrent_flags.upload_mode)
            download.handle.set_flags(lt.torrent_flags.auto_managed)
            download.handle.resume()
            download.restarted()

    def _settled(self, download: Download, wrong: bool) -> None:  # noqa: FBT001 - an outcome, not a switch
        if self.find(download.id) is not download or not download.settling:
            return
        download.settling = False
        if not wrong:
            download.record.phase = Phase.READY
            self.records.save(download.record)
            if not self.options.upload_limit:
                self.halt(download)
            return
        download.strikes += 1
        if download.strikes > _STRIKES_MAX or download.handle is None:
            self.fail(download, "Files on disk have other sizes than the torrent promises.")
            return
        download.handle.force_recheck()
        download.handle.set_flags(lt.torrent_flags.auto_managed)
        download.handle.resume()


def _merged(known: tuple[str, ...], further: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *further)))[:_PLACES_MAX]
