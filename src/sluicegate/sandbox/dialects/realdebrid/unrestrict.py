"""Unrestricting: links in, direct links out; the history of it, and streaming."""

import mimetypes
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sluicegate.sandbox.content import Content
from sluicegate.sandbox.dialect import Call, Dialect, Route
from sluicegate.sandbox.dialects.realdebrid.answers import listing, refuse, shown, stamp
from sluicegate.sandbox.dialects.realdebrid.host_links import HostLinks, is_video
from sluicegate.sandbox.hosters import HosterState, host_of
from sluicegate.sandbox.links import PACKED
from sluicegate.sandbox.transfers import chosen_size
from sluicegate.sandbox.wire import Answer

__all__ = ["UnrestrictCalls"]

_ICON: Final = "https://fcdn.real-debrid.com/images/hosters/{}.png"
_URL: Final = re.compile(rb"https?://[^\s<>\"]+")
_SHELF: Final = "downloads"


@dataclass(frozen=True, slots=True)
class _Target:
    """What stands behind a link."""

    content: Content
    index: int
    name: str
    size: int
    host: str


class UnrestrictCalls:
    """``/unrestrict/*``, ``/downloads``, ``/streaming/*``."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._world = dialect.world
        self._links = HostLinks(dialect.world)

    def routes(self) -> Iterable[Route]:
        """Paths of this part."""
        root = "/rest/1.0"
        return (
            Route("POST", f"{root}/unrestrict/check", self.check, open=True),
            Route("POST", f"{root}/unrestrict/link", self.unrestrict),
            Route("POST", f"{root}/unrestrict/folder", self.folder),
            Route("PUT", f"{root}/unrestrict/containerFile", self.container_file),
            Route("POST", f"{root}/unrestrict/containerLink", self.folder),
            Route("GET", f"{root}/downloads", self.downloads),
            Route("DELETE", f"{root}/downloads/delete/{{id}}", self.delete_download),
            Route("GET", f"{root}/streaming/transcode/{{id}}", self.transcode),
            Route("GET", f"{root}/streaming/mediaInfos/{{id}}", self.media_infos),
        )

    def check(self, call: Call) -> Answer:
        """What a link leads to, without spending anything."""
        url = _link(call)
        if not self._links.is_own(url) and self._world.hoster(url).state is HosterState.UNSUPPORTED:
            told = {"host": host_of(url), "link": url, "filename": "", "filesize": 0, "supported": 0}
            return shown(told)
        target = self._target(url)
        return shown(
            {
                "host": target.host,
                "link": url,
                "filename": target.name,
                "filesize": target.size,
                "supported": 1,
            }
        )

    def unrestrict(self, call: Call) -> Answer:
        """A direct link; every call makes a new one and an entry in the history."""
        url = _link(call)
        if not call.account.premium:
            raise refuse(20)
        target = self._target(url)
        if "realdebrid" in target.content.blocked_on:
            raise refuse(35, 503)
        row = self._row(self._links.short(url), target)
        kept = {**row, "generated": stamp(self._world.clock.now())}
        self._world.keep_record(call.account, _SHELF, row["id"], kept)
        return shown(row)

    def _row(self, url: str, target: _Target) -> dict[str, Any]:
        if target.index == PACKED:
            download = self._dialect.packed_link(target.content, target.name, target.size)
        else:
            download = self._dialect.file_link(target.content, target.index)
        return {
            "id": self._world.code(13),
            "filename": target.name,
            "mimeType": mimetypes.guess_type(target.name)[0],
            "filesize": target.size,
            "link": url,
            "host": target.host,
            "host_icon": _ICON.format(target.host.partition(".")[0].replace("-", "")),
            "chunks": 32,
            "crc": 1,
            "download": download,
            "streamable": int(is_video(target.name)),
        }

    def _target(self, url: str) -> _Target:
        """Follow a link.

        Raises:
            Refused: 19 for own links that died and hosts that are down, 16 for hosts nobody supports.
        """
        if self._links.is_own(url):
            return self._own_target(url)
        link = self._world.hoster(url)
        if link.state is HosterState.UNSUPPORTED:
            raise refuse(16)
        if link.state is HosterState.DOWN:
            raise refuse(19)
        return _Target(self._world.content(url), 0, link.name.rpartition("/")[2], link.size, host_of(url))

    def _own_target(self, url: str) -> _Target:
        found = self._links.find(url)
        transfer = self._world.transfer(found.account, found.transfer_id) if found else None
        if found is None or transfer is None or not self._world.progress(transfer).ready:
            raise refuse(19)
        content = self._world.content(transfer.source)
        if found.index == PACKED:
            name = re.sub(r"[^\w.-]", "_", content.name) + ".rar"
            return _Target(content, PACKED, name, chosen_size(transfer, content), "real-debrid.com")
        file = content.files[found.index]
        return _Target(content, found.index, file.path.rpartition("/")[2], file.size, "real-debrid.com")

    def folder(self, call: Call) -> Answer:
        """Links inside a folder link: one for a link that is known, none for others."""
        url = _link(call)
        return shown([url] if self._world.hoster(url).state is HosterState.OK else [])

    def container_file(self, call: Call) -> Answer:
        """Links inside a container; this world reads any body that holds them as text."""
        links = [found.decode("latin-1") for found in _URL.findall(call.request.body)]
        if not links:
            raise refuse(2)
        return shown(links)

    def downloads(self, call: Call) -> Answer:
        """The history, youngest first."""
        rows = list(self._world.records(call.account, _SHELF).values())[::-1]
        span, headers = listing(call, len(rows))
        answer = shown(rows[span]) if rows[span] else Answer(204)
        answer.headers += headers
        return answer

    def delete_download(self, call: Call) -> Answer:
        """Take an entry out of the history."""
        self._download(call)
        self._world.keep_record(call.account, _SHELF, call.params["id"], None)
        return Answer(204)

    def _download(self, call: Call) -> dict[str, Any]:
        row: dict[str, Any] | None = self._world.record(call.account, _SHELF, call.params["id"])
        if row is None:
            raise refuse(7)
        return row

    def transcode(self, call: Call) -> Answer:
        """Stream addresses of a download; in this world they all lead to the file itself."""
        url = self._download(call)["download"]
        return shown({kind: {"full": url} for kind in ("apple", "dash", "liveMP4", "h264WebM")})

    def media_infos(self, call: Call) -> Answer:
        """What is inside a video; 503 for other files."""
        row = self._download(call)
        if not row["streamable"]:
            raise refuse(25)
        video = {"stream": "0:0", "lang": "Unknown", "lang_iso": "und", "codec": "h264", "colorspace": "yuv420p"}
        audio = {"stream": "0:1", "lang": "English", "lang_iso": "eng", "codec": "aac", "sampling": 48000}
        return shown(
            {
                "filename": row["filename"],
                "hoster": row["host"],
                "link": row["link"],
                "type": "movie",
                "season": None,
                "episode": None,
                "year": None,
                "duration": 2588.416,
                "bitrate": 4978000,
                "size": row["filesize"],
                "details": {
                    "video": {"und1": {**video, "width": 1920, "height": 1080}},
                    "audio": {"eng1": {**audio, "channels": 5.1}},
                    "subtitles": [],
                },
                "poster_path": None,
                "audio_image": None,
                "backdrop_path": None,
            }
        )


def _link(call: Call) -> str:
    url = call.request.form.get("link").strip()
    if not url:
        raise refuse(1)
    if not host_of(url):
        raise refuse(2)
    return url
