"""Reads what ``POST /v1/torrents`` is handed: JSON, or (ours) a ``.torrent`` or NZB, raw or as a form."""

import asyncio
from typing import Any, Final

import msgspec
from litestar import Request
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException

from sluicegate.core.errors import InvalidInput
from sluicegate.core.magnets import looks_like_info_hash, parse_info_hash, parse_magnet
from sluicegate.core.source_reading import read_upload
from sluicegate.core.sources import Source
from sluicegate.core.web_links import parse_link
from sluicegate.surfaces.library.schemas import SubmitBody

__all__ = ["UPLOAD_MAX", "SubmissionReader"]

UPLOAD_MAX: Final = 33 * 1024 * 1024
"""Bytes of a whole request: the largest NZB and its form around it; .torrent files end at 10 MiB."""

_JSON_MAX: Final = 256 * 1024
_BODY_SECONDS: Final = 120.0
_FORM: Final = "application/x-www-form-urlencoded"
_FILE_TYPES: Final = frozenset({"application/x-bittorrent", "application/x-nzb", "application/octet-stream"})
_PARSERS: Final = 2
"""Reading a large .torrent takes seconds of CPU: a few at a time, or one user could slow everybody down."""

_Request = Request[Any, Any, Any]


class SubmissionReader:
    """Reads request bodies; one per application."""

    def __init__(self) -> None:
        self._parsers = asyncio.Semaphore(_PARSERS)

    async def read(self, request: _Request) -> Source:
        """The one source in a request's body.

        Raises:
            InvalidInput: the body does not parse, or holds not exactly one source.
            HTTPException: 408, 413 or 415.
        """
        kind = request.content_type[0].lower()
        try:
            async with asyncio.timeout(_BODY_SECONDS):
                if kind == "multipart/form-data":
                    return await self._from_form(request)
                if kind in _FILE_TYPES:
                    return await self._from_file("upload", await request.body())
                if kind in {"", "application/json", _FORM} or kind.endswith("+json"):
                    return _from_json(await _limited(request), declared=kind != _FORM)
        except TimeoutError as cause:
            raise HTTPException(status_code=408, detail="The request body took too long to arrive.") from cause
        raise HTTPException(
            status_code=415,
            detail=f"Bodies of type '{kind[:100]}' are not read here. Send JSON, a form, or application/x-bittorrent.",
        )

    async def _from_form(self, request: _Request) -> Source:
        try:
            form = await request.form()
        except (UnicodeError, LookupError) as cause:  # a text field in another charset than it says
            raise InvalidInput("A field of the form is not well-formed text.") from cause
        try:
            return await self._from_fields(list(form.multi_items()))
        finally:
            await form.close()

    async def _from_fields(self, fields: list[tuple[str, Any]]) -> Source:
        name, value = fields[0] if len(fields) == 1 else ("", None)
        if isinstance(value, UploadFile):
            return await self._from_file(value.filename, await value.read())
        if name in {"magnet", "url"} and isinstance(value, str):
            return _one_of(SubmitBody(**{name: value}))
        raise InvalidInput("Send exactly one field: a file, 'magnet' or 'url'.")

    async def _from_file(self, name: str, raw: bytes) -> Source:
        async with self._parsers:
            return await asyncio.to_thread(read_upload, name, raw)


def _from_json(raw: bytes, *, declared: bool) -> Source:
    """``declared`` is off for curl's ``-d``, which calls everything a form: then only a JSON object counts."""
    if not declared and not raw.lstrip().startswith(b"{"):
        raise HTTPException(status_code=415, detail="Send JSON with 'Content-Type: application/json'.")
    try:
        body = msgspec.json.decode(raw, type=SubmitBody)
    except msgspec.ValidationError as cause:
        raise InvalidInput(f"The request body is not as expected: {cause}.") from cause
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as cause:
        raise InvalidInput("The request body is not well-formed JSON.") from cause
    return _one_of(body)


def _one_of(body: SubmitBody) -> Source:
    if (body.magnet is None) == (body.url is None):
        raise InvalidInput("Send exactly one of 'magnet' and 'url'.")
    if body.url is not None:
        return parse_link(body.url)
    text = (body.magnet or "").strip()
    if looks_like_info_hash(text):
        return parse_info_hash(text)
    return parse_magnet(text)


async def _limited(request: _Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _JSON_MAX:
            raise HTTPException(status_code=413, detail=f"A JSON body has at most {_JSON_MAX:,} bytes.")
    return bytes(body)
