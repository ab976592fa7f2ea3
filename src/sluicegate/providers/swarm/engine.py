"""The child process: ``python -m sluicegate.providers.swarm.engine``, spoken to over stdin and stdout (see ``wire``).

It ends when its parent closes the pipe, dies, or sends SIGTERM. Resume data is saved every few seconds, and once more
when it is asked to end.
"""

import contextlib
import ctypes
import fcntl
import os
import queue
import selectors
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import libtorrent as lt
import msgspec

from sluicegate.providers.swarm.calls import Desk
from sluicegate.providers.swarm.download import Download
from sluicegate.providers.swarm.downloads import Downloads
from sluicegate.providers.swarm.options import SwarmOptions, decode_options
from sluicegate.providers.swarm.records import Phase
from sluicegate.providers.swarm.wire import LINE_MAX, Fault, Hello, Reply, Request

__all__ = ["Engine", "main"]

_TICK: Final = 0.5
_NODES_EVERY: Final = 600.0
_LET_GO: Final = 5.0
_FAREWELL: Final = 5.0
_LOCK_PATIENCE: Final = 10.0
_PR_SET_PDEATHSIG: Final = 1

_RESUME_FLAGS: Final[int] = lt.save_resume_flags_t.flush_disk_cache | lt.save_resume_flags_t.save_info_dict


class Engine:
    """One loop over the parent's calls, libtorrent's alerts and the clock."""

    def __init__(self, options: SwarmOptions) -> None:
        self._options = options
        self._work: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._awake, self._alarm = os.pipe()
        for end in (self._awake, self._alarm):
            os.set_blocking(end, False)
        self._downloads = Downloads(options, self._later)
        self._desk = Desk(self._downloads, self._let_go)
        self._saving: set[lt.torrent_handle] = set()
        self._released: set[lt.torrent_handle] = set()
        self._stopping = False
        self._alerts: dict[type, Callable[[Any], None]] = {
            lt.state_update_alert: self._on_state_update,
            lt.metadata_received_alert: self._on_metadata,
            lt.torrent_finished_alert: self._on_finished,
            lt.cache_flushed_alert: self._on_cache_flushed,
            lt.save_resume_data_alert: self._on_resume_data,
            lt.save_resume_data_failed_alert: self._on_resume_refused,
            lt.torrent_deleted_alert: self._on_released,
            lt.torrent_delete_failed_alert: self._on_released,
            lt.torrent_removed_alert: self._on_removed,
            lt.file_error_alert: self._on_error,
            lt.torrent_error_alert: self._on_error,
            lt.torrent_conflict_alert: self._on_conflict,
            lt.peer_connect_alert: self._on_peer,
        }

    def stop(self) -> None:
        """Ends ``run`` soon; may be called from a signal handler."""
        self._stopping = True
        self._wake()

    def run(self) -> None:
        """Serves until the parent goes away or ``stop`` is called, then saves everything."""
        self._downloads.session.engine.set_alert_fd(self._alarm)
        self._downloads.resume_all()
        self._send(Reply(0, Hello(lt.__version__)))
        due = dict.fromkeys((self._tick, self._save, self._downloads.watch_disk, self._save_nodes), 0.0)
        every = {
            self._tick: _TICK,
            self._save: self._options.save_every,
            self._downloads.watch_disk: self._options.disk_every,
        }
        with selectors.DefaultSelector() as selector, contextlib.suppress(BrokenPipeError):  # nobody listens
            selector.register(0, selectors.EVENT_READ)
            selector.register(self._awake, selectors.EVENT_READ)
            received = bytearray()
            while not self._stopping:
                ready = {key.fd for key, _ in selector.select(_TICK / 2)}
                if 0 in ready:
                    self._receive(received)
                self._drain()
                now = time.monotonic()
                for step in [step for step, at in due.items() if now >= at]:
                    due[step] = now + every.get(step, _NODES_EVERY)
                    _guarded(step)
        self._farewell()

    def _receive(self, received: bytearray) -> None:
        chunk = os.read(0, 1 << 20)
        received += chunk
        *lines, rest = received.split(b"\n")
        received[:] = rest
        if not chunk or len(rest) > LINE_MAX:
            self._stopping = True
            return
        for line in lines:
            self._serve(bytes(line))

    def _serve(self, line: bytes) -> None:
        request = msgspec.json.decode(line, type=Request)
        try:
            result = self._desk.answer(request.call)
        except (RuntimeError, ValueError, KeyError) as error:
            result = Fault("internal", f"The torrent engine stumbled: {type(error).__name__}.")
            print(f"call failed: {error!r}", file=sys.stderr, flush=True)  # noqa: T201 - the parent logs it
        self._send(Reply(request.number, result))

    def _send(self, reply: Reply) -> None:
        rest = memoryview(msgspec.json.encode(reply) + b"\n")
        while rest:
            rest = rest[os.write(1, rest) :]

    def _drain(self) -> None:
        """Everything that was waiting: alerts, and work that other threads handed in."""
        with contextlib.suppress(BlockingIOError):  # woken by something else
            os.read(self._awake, 4096)
        for alert in self._downloads.session.engine.pop_alerts():
            if handler := self._alerts.get(type(alert)):
                _guarded(handler, alert)
        with contextlib.suppress(queue.Empty):  # all done
            while True:
                _guarded(self._work.get_nowait())

    def _tick(self) -> None:
        self._downloads.session.engine.post_torrent_updates()
        for download in self._downloads:
            if download.ends_wanted and download.moving:
                self._downloads.session.prefer_ends(download)

    def _save(self, flags: int = _RESUME_FLAGS | lt.save_resume_flags_t.only_if_modified) -> None:
        for download in self._downloads:
            if download.handle is not None and download.content is not None and download.handle not in self._saving:
                self._saving.add(download.handle)
                download.handle.save_resume_data(flags)

    def _save_nodes(self) -> None:
        if self._options.dht:
            self._downloads.session.save_nodes()

    def _on_state_update(self, alert: lt.state_update_alert) -> None:
        for status in alert.status:
            if download := self._downloads.of(status.handle):
                download.observe(status)
                self._check_complete(download)

    def _on_finished(self, alert: lt.torrent_alert) -> None:
        if download := self._downloads.of(alert.handle):
            download.observe(alert.handle.status())
            self._check_complete(download)

    def _check_complete(self, download: Download) -> None:
        if download.record.phase is Phase.OPEN and not download.blocked and download.complete:
            self._downloads.settle(download)

    def _on_metadata(self, alert: lt.torrent_alert) -> None:
        if download := self._downloads.of(alert.handle):
            self._downloads.metadata_arrived(download)

    def _on_cache_flushed(self, alert: lt.torrent_alert) -> None:
        if download := self._downloads.of(alert.handle):
            self._downloads.cache_flushed(download)

    def _on_resume_data(self, alert: lt.save_resume_data_alert) -> None:
        self._saving.discard(alert.handle)
        if (download := self._downloads.of(alert.handle)) and alert.params.ti is not None:
            self._downloads.records.save_resume(download.record, lt.write_resume_data_buf(alert.params))

    def _on_resume_refused(self, alert: lt.torrent_alert) -> None:
        self._saving.discard(alert.handle)

    def _on_released(self, alert: lt.torrent_alert) -> None:
        self._released.add(alert.handle)

    def _on_removed(self, alert: lt.torrent_alert) -> None:
        self._saving.discard(alert.handle)

    def _on_error(self, alert: lt.file_error_alert | lt.torrent_error_alert) -> None:
        download = self._downloads.of(alert.handle)
        if download is not None and download.record.phase is Phase.OPEN and not download.blocked:
            self._downloads.trouble(download, alert.error)

    def _on_conflict(self, alert: lt.torrent_alert) -> None:
        if download := self._downloads.of(alert.handle):
            self._downloads.fail(download, "This is the v1 or v2 form of a torrent that is being downloaded already.")

    def _on_peer(self, alert: lt.peer_connect_alert) -> None:
        if download := self._downloads.of(alert.handle):
            self._downloads.met(download, alert.endpoint)

    def _let_go(self, download: Download, *, delete: bool) -> None:
        """Takes it out of libtorrent; with ``delete``, waits until libtorrent will not write to its files again."""
        handle = download.handle
        written = download.content is not None
        self._downloads.halt(download, delete=delete and written)
        if handle is None or not delete or not written:
            return
        deadline = time.monotonic() + _LET_GO
        while handle not in self._released and time.monotonic() < deadline:
            self._downloads.session.engine.wait_for_alert(100)
            self._drain()
        self._released.discard(handle)

    def _later(self, work: Callable[[], None]) -> None:
        self._work.put(work)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(BlockingIOError):  # a full pipe wakes it as well
            os.write(self._alarm, b"\0")

    def _farewell(self) -> None:
        self._saving.clear()
        self._save(_RESUME_FLAGS)
        deadline = time.monotonic() + _FAREWELL
        while self._saving and time.monotonic() < deadline:
            self._downloads.session.engine.wait_for_alert(100)
            self._drain()
        self._save_nodes()
        self._downloads.disk.close()


def _guarded(step: Callable[..., None], *arguments: object) -> None:
    """One stumble (a full disk, a handle that has just gone) must not end all transfers: it is told and passed over."""
    try:
        step(*arguments)
    except (OSError, RuntimeError) as error:
        print(f"{step.__name__}: {error!r}", file=sys.stderr, flush=True)  # noqa: T201 - the parent logs it


def main() -> None:
    """Reads the options from the first line on stdin, takes the folder and serves."""
    _die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    options = decode_options(_first_line())
    options.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with (options.folder / "engine.lock").open("w") as lock:
        _take(lock.fileno(), options.folder)
        engine = Engine(options)
        signal.signal(signal.SIGTERM, lambda *_: engine.stop())
        engine.run()


def _first_line() -> bytes:
    """One line, byte by byte, so that nothing of the next line is taken away from the selector loop."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte or len(line) > 1 << 20:
            sys.exit(0)
        line += byte
    return bytes(line)


def _take(lock: int, folder: Path) -> None:
    """One engine per folder: waits for a predecessor that is on its way out."""
    deadline = time.monotonic() + _LOCK_PATIENCE
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"another torrent engine holds {folder}")
            time.sleep(0.05)
        else:
            return


def _die_with_parent() -> None:
    """On Linux the kernel ends us with our parent, even when we hang; resume data is never older than seconds."""
    parent = os.getppid()
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            sys.exit(0)


if __name__ == "__main__":
    main()
