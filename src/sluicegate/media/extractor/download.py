"""Fetches the chosen formats with yt-dlp's native downloaders; a title never becomes a file name."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from yt_dlp.downloader.common import FileDownloader
from yt_dlp.downloader.dash import DashSegmentsFD
from yt_dlp.downloader.hls import HlsFD
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError

from sluicegate.core.errors import ExtractionFailed, InvalidInput, StorageError
from sluicegate.media.extractor.clips import cut_fragments
from sluicegate.media.extractor.decryption import decrypted
from sluicegate.media.extractor.failures import explain
from sluicegate.media.extractor.live import record
from sluicegate.media.extractor.plain import TEMPORARY, PlainFile
from sluicegate.media.extractor.playlist import MediaPlaylist
from sluicegate.media.extractor.reader import PageReader
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.extractor.tally import Tally
from sluicegate.media.wire import FetchedTrack, Order

__all__ = ["fetch_track", "read_playlist"]

_FAR: Final = 1e12
_TRIES_OF_MISSING: Final = 2
_STRATEGIES: Final = {"m3u8": "hls", "m3u8_native": "hls", "http_dash_segments": "dash"}


class _Segments:
    """What is ours in yt-dlp's segment downloaders: causes stay errors instead of text, and decryption is fast."""

    def report_retry(self, err: Exception, count: int, retries: int, *rest: Any, **more: Any) -> None:  # noqa: ANN401 - passed on to yt-dlp
        """Gives up on a segment with its cause, and sooner when it is not there at all."""
        missing = isinstance(err, HTTPError) and 300 <= err.status < 500 and err.status not in TEMPORARY
        if count <= (_TRIES_OF_MISSING if missing else retries):
            super().report_retry(err, count, retries, *rest, **more)  # type: ignore[misc]  # of the class that this is mixed into
        elif isinstance(explain(err), InvalidInput | StorageError):
            raise err
        else:
            raise Refusal(ExtractionFailed("A piece of the media could not be fetched.")) from err

    def decrypter(self, info: dict[str, Any]) -> Callable[[dict[str, Any], bytes | None], bytes | None]:
        """Decrypts with the ``cryptography`` package; yt-dlp's own fall-back is written in Python and too slow."""
        headers = info.get("http_headers") or {}

        @functools.cache
        def key_at(url: str) -> bytes:
            with self.ydl.urlopen(Request(url, headers=headers)) as response:  # type: ignore[attr-defined]  # of that class as well
                return bytes(response.read())

        def decrypt(fragment: dict[str, Any], content: bytes | None) -> bytes | None:
            method = fragment.get("decrypt_info") or {}
            if content is None or method.get("METHOD") != "AES-128":
                return content
            key = method.get("KEY") or key_at(info.get("_decryption_key_url") or method["URI"])
            return decrypted(content, key, method.get("IV") or fragment["media_sequence"].to_bytes(16, "big"))

        return decrypt


class _Hls(_Segments, HlsFD):  # type: ignore[misc]  # yt-dlp has no types
    FD_NAME = "hlsnative"


class _Dash(_Segments, DashSegmentsFD):  # type: ignore[misc]  # as above
    FD_NAME = "dashsegments"


def _strategy(form: dict[str, Any]) -> str:
    return _STRATEGIES.get(str(form.get("protocol")), "http")


def fetch_track(reader: PageReader, order: Order, form: dict[str, Any], number: int, tally: Tally) -> FetchedTrack:
    """Fetches one format into the folder; goes on where an earlier run of the same job stopped."""
    path = Path(order.confinement.folder) / f"track{number}-{_fingerprint(order, form)}"
    starts_at = 0.0
    strategy = _strategy(form)
    if strategy == "hls":
        playlist, base = read_playlist(reader, form)
        if not playlist.ended:
            record(reader, order, playlist, base, path, tally.note)
            tally.finish(path.stat().st_size)
            return FetchedTrack(path.name, "live")
        text, starts_at = _cut(playlist, order)
        form |= {"url": base, "hls_media_playlist_data": text}
    elif strategy == "dash":
        starts_at = cut_fragments(form, order.clip_start, order.clip_end)
    if strategy == "http":
        if not path.is_file():
            PlainFile(reader, form, path, tally).fetch()
    else:
        _download({"hls": _Hls, "dash": _Dash}[strategy], reader, form, path, tally)
    tally.finish(path.stat().st_size)
    return FetchedTrack(path.name, strategy, starts_at)


def read_playlist(reader: PageReader, form: dict[str, Any]) -> tuple[MediaPlaylist, str]:
    """The checked media playlist of ``form`` and the address it was really served at."""
    with reader.urlopen(Request(form["url"], headers=form.get("http_headers") or {})) as response:
        text = response.read().decode("utf-8", "replace")
        return MediaPlaylist.parse(text, response.url), response.url


def _cut(playlist: MediaPlaylist, order: Order) -> tuple[str, float]:
    if order.clip_start is None and order.clip_end is None:
        return playlist.text, 0.0
    return playlist.cut(order.clip_start or 0.0, order.clip_end or _FAR)


def _download(
    downloader: type[FileDownloader], reader: PageReader, form: dict[str, Any], path: Path, tally: Tally
) -> None:
    worker = downloader(reader, reader.params)
    worker.add_progress_hook(tally.hook)
    arrived, _ = worker.download(str(path), {**form, "is_live": False})
    if not arrived or not path.is_file():
        raise Refusal(ExtractionFailed("The media could not be fetched."))


def _fingerprint(order: Order, form: dict[str, Any]) -> str:
    """Keeps the remains of a different choice or clip from being continued as this one."""
    wanted = (form.get("format_id"), _strategy(form), order.clip_start, order.clip_end)
    return hashlib.sha256(repr(wanted).encode()).hexdigest()[:12]
