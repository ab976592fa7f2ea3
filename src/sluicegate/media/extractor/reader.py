"""Reads a page with yt-dlp under one fixed set of options."""

# ruff: noqa: ANN401  (yt-dlp has no types)

import importlib
import json
from collections.abc import Iterator
from typing import Any, Final

import yt_dlp.globals
from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.YoutubeDL import YoutubeDL

from sluicegate.core.errors import ExtractionFailed, MediaProtected, NoMedia
from sluicegate.media.extractor.failures import not_begun
from sluicegate.media.extractor.network import SluicegateRH
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.wire import Order

__all__ = ["PROTOCOLS", "PageReader", "chosen_formats", "prepare"]

PROTOCOLS: Final = frozenset({"http", "https", "m3u8", "m3u8_native", "http_dash_segments"})
"""What yt-dlp can fetch by itself, through our handler; everything else would start a program or open a raw socket."""

_AUDIO_CHOICES: Final = {
    "m4a": "ba[acodec^=mp4a]/ba[ext=m4a]/ba/b",
    "mp3": "ba[acodec=mp3]/ba[ext=mp3]/ba/b",
    "ogg": "ba[acodec=opus]/ba/b",
    "opus": "ba[acodec=opus]/ba/b",
}
_WEBM_CHOICE: Final = "bv*[vcodec~='^(vp0?[89]|av0?1)']+ba[acodec~='^(opus|vorbis)']/bv*+ba/b"
_SORT_BY_CONTAINER: Final = {
    "mp4": ["vcodec:h264", "acodec:aac"],
    "mov": ["vcodec:h264", "acodec:aac"],
    "webm": ["vcodec:vp9", "acodec:opus"],
}


class Retries:
    """Counts repeated requests and spaces them out."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, n: int) -> float:
        """Seconds to wait before repetition ``n`` (from 0)."""
        self.count += 1
        return float(min(0.5 * 2**n, 8.0))


class _Silence:
    """yt-dlp's log goes nowhere: its lines hold addresses with tokens."""

    def debug(self, message: str) -> None:
        """Drops it."""

    warning = error = debug


class PageReader(YoutubeDL):  # type: ignore[misc]  # yt-dlp has no types
    """yt-dlp with our network handler, our choice of formats and nothing else switched on.

    Attributes:
        retries: repetitions so far.
    """

    def __init__(self, order: Order) -> None:
        self.retries = Retries()
        self._order = order
        yt_dlp.globals.plugin_dirs.value = []
        yt_dlp.globals.all_plugins_loaded.value = True
        super().__init__(_options(order, self.retries) | {"format": self._choose})

    def build_request_director(self, handlers: Any, preferences: Any = None) -> Any:  # noqa: ARG002 - those that it offers are what is refused
        """Only our handler: others that may be installed (requests, curl_cffi, websockets) would bypass it."""
        return super().build_request_director([SluicegateRH])

    def read(self) -> dict[str, Any]:
        """yt-dlp's dictionary of the page; of a collection the first item when media is to be fetched."""
        info = self._handed_over() or self.extract_info(self._order.url, download=False)
        if self._order.fetch and info and info.get("_type") == "playlist":
            info = next(iter(info.get("entries") or ()), None)
            if not info:
                raise Refusal(NoMedia("The collection is empty."))
        if not info:
            raise Refusal(ExtractionFailed("The page was read, but nothing came of it."))
        return dict(info)

    def reading(self, info: dict[str, Any]) -> str | None:
        """``info`` for another child's ``read``; None when it is a collection, holds nothing yet, or cannot travel."""
        if info.get("_type", "video") != "video" or not (info.get("requested_formats") or info.get("url")):
            return None
        kept = {name: value for name, value in info.items() if not name.startswith(("_", "requested_"))}
        try:
            return json.dumps(kept, allow_nan=False)
        except (TypeError, ValueError):
            return None

    def _handed_over(self) -> dict[str, Any] | None:
        """What another child has read, with formats chosen anew for this order."""
        if self._order.reading is None:
            return None
        found: dict[str, Any] | None = self.process_ie_result(json.loads(self._order.reading), download=False)
        return found

    def _choose(self, context: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """yt-dlp's format selection over the formats that can be fetched safely."""
        fetchable = [form for form in context["formats"] if form.get("protocol") in PROTOCOLS]
        selector = self.build_format_selector(_choice(self._order))
        yield from selector({**context, "formats": fetchable})


def prepare(order: Order) -> None:
    """Does ahead of time what pages would wait for: compiles the patterns of two thousand readers, loads their code.

    ``order`` is one that is never carried out.
    """
    with PageReader(order):
        for kind in gen_extractor_classes():
            kind.suitable(order.url)
    importlib.import_module("yt_dlp.extractor._extractors")


def chosen_formats(info: dict[str, Any]) -> list[dict[str, Any]]:
    """The one or two formats to fetch, picture first.

    Raises:
        Refusal: there are none: nothing has begun, all are protected, or none is of the wanted kind.
    """
    chosen = info.get("requested_formats") or ([info] if info.get("url") and info.get("protocol") in PROTOCOLS else [])
    if chosen:
        # With the list still inside, the DASH downloader would fetch all of it for each one.
        page = {name: value for name, value in info.items() if name not in {"requested_formats", "formats"}}
        return [{**page, **form, "requested_formats": []} for form in chosen]
    if info.get("live_status") == "is_upcoming":
        raise Refusal(not_begun(info.get("release_timestamp")))
    if info.get("_has_drm"):
        raise Refusal(MediaProtected())
    if info.get("formats"):
        raise Refusal(MediaProtected("The source has no stream of the wanted kind.", action="Ask for audio_only."))
    raise Refusal(NoMedia())


def _choice(order: Order) -> str:
    if order.audio_only:
        return _AUDIO_CHOICES.get(order.container, "ba/b")
    return _WEBM_CHOICE if order.container == "webm" else "bv*+ba/b"


def _sorting(order: Order) -> list[str]:
    """yt-dlp's ``res`` is the shorter side; ``res:720`` means the best up to 720, else the smallest above it."""
    if order.audio_only:
        return []
    height = f"res:{order.max_height}" if order.max_height else "res"
    return [height, "fps", *_SORT_BY_CONTAINER.get(order.container, [])]


def _options(order: Order, retries: Retries) -> dict[str, Any]:
    """All options there are. What is not named keeps yt-dlp's default, which for a library is off."""
    options: dict[str, Any] = {
        "logger": _Silence(),
        "quiet": True,
        "no_warnings": True,
        "noprogress": True,
        "color": "never",
        "proxy": order.proxy or "",
        "socket_timeout": 20,
        "retries": 5,
        "fragment_retries": 5,
        "extractor_retries": 2,
        "retry_sleep_functions": {"http": retries, "fragment": retries, "extractor": retries},
        "skip_unavailable_fragments": False,
        "concurrent_fragment_downloads": 4,
        "continuedl": True,
        "updatetime": False,
        "cachedir": False,
        "geo_bypass": False,
        "default_search": "error",
        "enable_file_urls": False,
        "js_runtimes": {},
        "remote_components": (),
        "ffmpeg_location": "/nonexistent",
        "hls_prefer_native": True,
        "ignore_no_formats_error": True,
        "format_sort": _sorting(order),
        "noplaylist": order.fetch,
    }
    if order.fetch:
        return options | {"playlist_items": "1"}
    return options | {"extract_flat": "in_playlist", "playlistend": order.max_entries + 1}
