"""Whole answers of remote servers, and the strict reading of their JSON."""

# ruff: noqa: A002, ANN401  (``type`` is msgspec's word; without one the JSON can be anything)

import json
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar, overload

import msgspec
from multidict import CIMultiDictProxy

from sluicegate.core.errors import ProtocolError

__all__ = ["Answer", "Headers"]

Headers = CIMultiDictProxy[str]
"""Answer headers: names in any case, ``getall`` for repeated ones."""

T = TypeVar("T")

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer.

    Attributes:
        status: HTTP status; 4xx and 5xx are answers, not exceptions: what they mean is the adapter's knowledge.
        headers: answer headers.
        body: decoded bytes, within the cap of the request.
        elapsed: seconds from the call to the last byte, look-up and redirects included.
        url: where the answer came from after redirects; it may hold secrets.
    """

    status: int
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    elapsed: float
    url: str = field(repr=False)

    @property
    def ok(self) -> bool:
        """True for a 2xx status."""
        return 200 <= self.status < 300

    @property
    def retry_after(self) -> float | None:
        """Seconds of the ``Retry-After`` header, when it is a number (RFC 9110 also allows a date; nobody sends it)."""
        text = self.headers.get("retry-after", "").strip()
        return float(text) if text.isdecimal() and len(text) < 10 else None

    @overload
    def json(self, *, provider: str = "") -> Any: ...
    @overload
    def json(self, type: type[T], *, provider: str = "") -> T: ...
    def json(self, type: Any = Any, *, provider: str = "") -> Any:
        """The body as exactly one JSON document, checked against ``type`` (a msgspec type; any JSON without one).

        Raises:
            ProtocolError: HTML, empty, cut, several documents, not UTF-8, nested too deep, a number without end, or of
                another shape. No other exception leaves this method, whatever the body is.
        """
        document = self._document(provider)
        try:
            return msgspec.json.decode(document, type=type)
        except msgspec.ValidationError as error:
            raise self._fault(f"The JSON has another shape than documented: {error}.", provider) from None
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
            raise self._fault("The answer is not one valid JSON document.", provider) from None

    @overload
    def first_json(self, *, provider: str = "") -> Any: ...
    @overload
    def first_json(self, type: type[T], *, provider: str = "") -> T: ...
    def first_json(self, type: Any = Any, *, provider: str = "") -> Any:
        """The first JSON document of the body, whatever follows it.

        Real-Debrid answers status 451 with two documents, one after the other; the first one tells the cause.

        Raises:
            ProtocolError: as ``json``, except for what follows the first document.
        """
        try:
            text = self._document(provider).decode()
            value, _ = json.JSONDecoder().raw_decode(text)
            return msgspec.convert(value, type)
        except (msgspec.MsgspecError, ValueError, RecursionError, OverflowError):
            raise self._fault("The answer does not begin with a valid JSON document.", provider) from None

    def _document(self, provider: str) -> bytes:
        document = self.body.removeprefix(_BOM).strip(b" \t\r\n")
        if not document:
            raise self._fault("The answer is empty where JSON was expected.", provider)
        if document.startswith(b"<"):
            raise self._fault("The answer is a web page where JSON was expected.", provider)
        return document

    def _fault(self, detail: str, provider: str) -> ProtocolError:
        return ProtocolError(detail, provider=provider, upstream_code=str(self.status), retry_after=self.retry_after)
