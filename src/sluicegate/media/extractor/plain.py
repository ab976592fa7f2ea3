"""Fetches a plain file over HTTP; goes on where an earlier run stopped, but only in the same version of the file.

yt-dlp's own downloader appends to whatever an earlier run left behind. When the file on the host has changed since,
that gives a mixture of two files, or a range beyond the end that fails again on every try.
"""

import re
import time
from pathlib import Path
from typing import Any, Final

import msgspec
from yt_dlp.networking import Request
from yt_dlp.networking.exceptions import HTTPError, TransportError

from sluicegate.core.errors import ExtractionFailed
from sluicegate.media.extractor.reader import PageReader
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.extractor.tally import Tally

__all__ = ["TEMPORARY", "PlainFile"]

TEMPORARY: Final = frozenset({408, 425, 429})
"""Statuses below 500 that may pass by themselves."""

_BLOCK: Final = 256 * 1024
_TRIES: Final = 6
"""In a row without a single new byte."""
_RESTARTS: Final = 3
_BEYOND_END: Final = 416
_SPAN: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")


class _Origin(msgspec.Struct, frozen=True):
    """Which version of the file the partial one belongs to: its size and its validator (RFC 9110, section 8.8)."""

    total: int | None
    validator: str | None


class _Changed(Exception):
    """The host has another version than the one that was begun, or cannot go on in it."""


class PlainFile:
    """One file on its way to ``path``; the bytes so far are in ``path.part``, their origin beside it."""

    def __init__(self, reader: PageReader, form: dict[str, Any], path: Path, tally: Tally) -> None:
        self._reader = reader
        self._url = form["url"]
        self._headers = dict(form.get("http_headers") or {}) | {"Accept-Encoding": "identity"}
        # Some hosts slow down whoever asks for the whole file at once; their extractors say how much to ask for.
        self._chunk = int((form.get("downloader_options") or {}).get("http_chunk_size") or 0)
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._note = path.with_name(f"{path.name}.origin")
        self._tally = tally
        self._began = time.monotonic()
        self._received = 0

    def fetch(self) -> None:
        """Fetches the file whole.

        Raises:
            Refusal: it is larger than allowed, or breaks or changes again and again.
            HTTPError, TransportError: the host's last answer.
        """
        failures = restarts = 0
        while True:
            before = self._received
            try:
                if self._piece():
                    break
            except _Changed:
                restarts += 1
                self._forget()
                if restarts > _RESTARTS:
                    raise Refusal(ExtractionFailed("The file changes on its host while it is fetched.")) from None
            except (HTTPError, TransportError) as error:
                if isinstance(error, HTTPError) and error.status == _BEYOND_END:
                    self._forget()
                failures = 1 if self._received > before else failures + 1
                if not _may_pass(error) or failures >= _TRIES:
                    raise
                time.sleep(self._reader.retries(failures - 1))
        self._part.replace(self._path)
        self._note.unlink(missing_ok=True)

    def _piece(self) -> bool:
        """Asks for what is missing, or the next chunk of it; True when the file is whole."""
        done, origin = self._state()
        received = self._received
        if origin is not None and origin.total == done:
            return True
        with self._reader.urlopen(self._request(done, origin)) as response:
            done, total = self._placed(response, done, origin)
            with self._part.open("ab" if done else "wb") as file:
                while block := response.read(_BLOCK):
                    file.write(block)
                    done += len(block)
                    self._received += len(block)
                    self._told(done, total)
        if total is not None and done < total and not (self._chunk and self._received > received):
            raise TransportError("the body ended early")
        if total is not None and done > total:
            raise _Changed
        return total is None or done == total

    def _state(self) -> tuple[int, _Origin | None]:
        """How many bytes are here and of which version; none when that is unknown."""
        try:
            origin = msgspec.json.decode(self._note.read_bytes(), type=_Origin)
            done = self._part.stat().st_size
        except (OSError, msgspec.DecodeError):
            return 0, None
        known = origin.total is not None and done <= origin.total
        return (done, origin) if known else (0, None)

    def _request(self, done: int, origin: _Origin | None) -> Request:
        headers = dict(self._headers)
        if done or self._chunk:
            last = done + self._chunk - 1 if self._chunk else ""
            headers["Range"] = f"bytes={done}-{last}"
            if done and origin is not None and origin.validator:
                headers["If-Range"] = origin.validator
        return Request(self._url, headers=headers)

    def _placed(self, response: Any, done: int, origin: _Origin | None) -> tuple[int, int | None]:  # noqa: ANN401 - yt-dlp has no types
        """Where the body belongs and how long the file is; notes the version when it is a new one."""
        span = _SPAN.fullmatch(str(response.get_header("Content-Range") or "")) if response.status == 206 else None
        if response.status == 206 and (span is None or int(span[1]) != done):
            raise _Changed
        found = _Origin(_total(response, span), _validator(response))
        if span is not None and done and origin is not None and found != origin:
            raise _Changed
        start = done if span is not None else 0
        if not start:
            self._note.write_bytes(msgspec.json.encode(found))
        return start, found.total

    def _told(self, done: int, total: int | None) -> None:
        speed = self._received / max(time.monotonic() - self._began, 1e-3)
        self._tally.hook({"downloaded_bytes": done, "total_bytes": total, "speed": speed})

    def _forget(self) -> None:
        self._part.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _may_pass(error: Exception) -> bool:
    return not isinstance(error, HTTPError) or error.status >= 500 or error.status in {*TEMPORARY, _BEYOND_END}


def _total(response: Any, span: re.Match[str] | None) -> int | None:  # noqa: ANN401 - yt-dlp has no types
    packed = response.get_header("Content-Encoding") not in {None, "", "identity"}
    text = span[2] if span else str(response.get_header("Content-Length") or "")
    return int(text) if text.isdecimal() and not packed else None


def _validator(response: Any) -> str | None:  # noqa: ANN401 - yt-dlp has no types
    """A strong one: weak tags promise the same meaning, not the same bytes."""
    tag = str(response.get_header("ETag") or "")
    return tag if tag.startswith('"') else str(response.get_header("Last-Modified") or "") or None
