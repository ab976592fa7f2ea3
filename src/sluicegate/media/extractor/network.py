"""The child's only way to the network: yt-dlp's urllib handler, narrowed to http and https through one proxy."""

# ruff: noqa: ANN401  (yt-dlp and urllib hand out untyped objects)

import functools
import zlib
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import urlsplit

from yt_dlp.networking._urllib import HTTPHandler, RedirectHandler, UrllibResponseAdapter, UrllibRH

from sluicegate.core.errors import UnsafeSource
from sluicegate.media.extractor.refusal import Refusal

__all__ = ["MAX_DOCUMENT", "SluicegateRH", "refuse_schemes"]

MAX_DOCUMENT: Final = 32 << 20
"""Bytes of a page, playlist or manifest, unpacked; media goes to disk in blocks and is not counted here."""

_MAX_REDIRECTS: Final = 5
_FOREIGN_SCHEMES: Final = ("ftp", "data", "file")


def refuse_schemes(url: str) -> None:
    """Lets http and https pass.

    Raises:
        Refusal: a playlist or page names anything else (``file:``, ``data:``, ``concat:``, ``subfile:`` …).
    """
    if urlsplit(url).scheme.lower() not in {"http", "https"}:
        raise Refusal(UnsafeSource("The page or playlist names an address that is neither http nor https."))


class SluicegateRH(UrllibRH):  # type: ignore[misc]  # yt-dlp has no types
    """Handles every request of the child.

    yt-dlp's own handler would also open ftp and data addresses, follow ten redirects with credentials, read documents
    of any size and unpack them in memory.
    """

    _SUPPORTED_URL_SCHEMES = ("http", "https")

    def _validate(self, request: Any) -> None:
        refuse_schemes(request.url)
        super()._validate(request)

    def _get_proxies(self, request: Any) -> dict[str, str]:  # noqa: ARG002  (a request may not choose another way)
        return dict(self.proxies)

    def _create_instance(self, *args: Any, **kwargs: Any) -> Any:
        opener = super()._create_instance(*args, **kwargs)
        for scheme in _FOREIGN_SCHEMES:
            opener.handle_open.pop(scheme, None)
        for handler in opener.handlers:
            if isinstance(handler, RedirectHandler):
                handler.max_redirections = _MAX_REDIRECTS
                handler.redirect_request = functools.partial(_redirect, handler.redirect_request)
            elif isinstance(handler, HTTPHandler):
                handler.gz = functools.partial(_unpack, zlib.MAX_WBITS | 16)
                handler.deflate = _inflate
                handler.brotli = _no_brotli
        return opener

    def _prepare_headers(self, _: Any, headers: Any) -> None:
        headers.setdefault("Accept-Encoding", "gzip, deflate")

    def _send(self, request: Any) -> Any:
        return _BoundedResponse(super()._send(request))


class _BoundedResponse(UrllibResponseAdapter):  # type: ignore[misc]  # as above
    """A response that cannot be read whole when it is larger than any document has a right to be."""

    def __init__(self, response: Any) -> None:
        super().__init__(response.fp)
        self._origin = response  # closes the connection when it is collected, so it must live as long as this

    def read(self, amt: int | None = None) -> bytes:
        if amt is not None and amt >= 0:
            return bytes(super().read(amt))
        document = bytes(super().read(MAX_DOCUMENT + 1))
        if len(document) > MAX_DOCUMENT:
            raise Refusal(UnsafeSource("The page or playlist is larger than allowed."))
        return document


def _redirect(follow: Callable[..., Any], request: Any, fp: Any, code: int, msg: str, headers: Any, url: str) -> Any:
    """Follows a redirect within http and https; credentials stay with the host they were meant for."""
    refuse_schemes(url)
    onward = follow(request, fp, code, msg, headers, url)
    if onward is not None and urlsplit(url).netloc != urlsplit(request.full_url).netloc:
        onward.headers.pop("Authorization", None)
    return onward


def _unpack(window: int, packed: bytes) -> bytes:
    reader = zlib.decompressobj(window)
    plain = reader.decompress(packed, MAX_DOCUMENT + 1)
    if len(plain) > MAX_DOCUMENT:
        raise Refusal(UnsafeSource("The page or playlist unpacks to more than allowed."))
    return plain


def _inflate(packed: bytes) -> bytes:
    try:
        return _unpack(-zlib.MAX_WBITS, packed)
    except zlib.error:
        return _unpack(zlib.MAX_WBITS, packed)


def _no_brotli(packed: bytes) -> bytes:  # noqa: ARG001 - one of several ways to unpack
    raise Refusal(UnsafeSource("The server used a compression that was not offered."))
