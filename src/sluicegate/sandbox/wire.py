"""What a dialect reads and writes: requests, forms, answers, without a web framework."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import parse_qsl

import msgspec

__all__ = ["Answer", "Form", "Refused", "Request", "Upload"]

_ENCODE: Final = msgspec.json.Encoder().encode
_INDENT: Final = re.compile(rb"\n +")
_MAX_PARTS: Final = 500
_DISPOSITION: Final = re.compile(r'(\w+)\*?="((?:[^"\\]|\\.)*)"|(\w+)=([^;"\s]+)')


@dataclass(frozen=True, slots=True)
class Upload:
    """A file part of a multipart form."""

    filename: str
    content_type: str
    data: bytes


@dataclass(slots=True)
class Form:
    """Repeatable text fields and file parts, from a body or a query string."""

    fields: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, list[Upload]] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """The first value of a field."""
        values = self.fields.get(name)
        return values[0] if values else default

    def all(self, *names: str) -> list[str]:
        """All values of the named fields, name by name."""
        return [value for name in names for value in self.fields.get(name, [])]

    def number(self, name: str, default: int) -> int | None:
        """A field as an integer; None if it is there and is none."""
        text = self.get(name)
        if not text:
            return default
        return int(text) if re.fullmatch(r"[+-]?\d{1,18}", text.strip()) else None

    def flag(self, name: str, *, default: bool = False) -> bool:
        """A field as a boolean: ``true`` and ``1`` in any case."""
        text = self.get(name).lower()
        return text in {"true", "1"} if text else default

    def file(self, *names: str) -> Upload | None:
        """The first file part under one of the names."""
        return next((parts[0] for name in names if (parts := self.files.get(name))), None)

    @classmethod
    def of_query(cls, text: str) -> "Form":
        """Read ``a=1&b=2``."""
        form = cls()
        for name, value in parse_qsl(text, keep_blank_values=True):
            form.fields.setdefault(name, []).append(value)
        return form

    @classmethod
    def of_multipart(cls, body: bytes, boundary: str) -> "Form":
        """Read ``multipart/form-data``; broken parts are left out, as lenient servers do."""
        form = cls()
        for part in body.split(b"--" + boundary.encode("latin-1"))[1 : _MAX_PARTS + 1]:
            head, found, data = part.partition(b"\r\n\r\n")
            if not found:
                continue
            headers = _part_headers(head)
            named = _disposition(headers.get("content-disposition", ""))
            data = data.removesuffix(b"\r\n")
            name = named.get("name", "")
            if "filename" in named:
                upload = Upload(named["filename"], headers.get("content-type", ""), data)
                form.files.setdefault(name, []).append(upload)
            else:
                form.fields.setdefault(name, []).append(data.decode("utf-8", "replace"))
        return form


def _part_headers(head: bytes) -> dict[str, str]:
    lines = head.decode("utf-8", "replace").split("\r\n")
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _disposition(text: str) -> dict[str, str]:
    return {a or c: (b or d).replace('\\"', '"') for a, b, c, d in _DISPOSITION.findall(text)}


@dataclass
class Request:
    """One call to a dialect.

    Attributes:
        method: upper case.
        path: below the provider's prefix, percent-decoded, beginning with a slash.
        query: of the URL.
        headers: lower-case names; the first of equal ones.
        body: as received.
        root: the sandbox's own address, ``http://host:port``.
        counted: limits that the call was counted against (for the tap).
    """

    method: str
    path: str
    query: Form
    headers: Mapping[str, str]
    body: bytes = b""
    root: str = ""
    counted: list[tuple[str, int, float]] = field(default_factory=list)

    @property
    def content_type(self) -> str:
        """The media type alone, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @cached_property
    def form(self) -> Form:
        """The body as a form, urlencoded or multipart; empty for other bodies."""
        kind = self.content_type
        if kind == "multipart/form-data":
            boundary = _disposition(self.headers["content-type"]).get("boundary", "")
            return Form.of_multipart(self.body, boundary) if boundary else Form()
        if kind in {"application/x-www-form-urlencoded", ""}:
            return Form.of_query(self.body.decode("utf-8", "replace"))
        return Form()

    @cached_property
    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        """The body as JSON; None when it is none."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError:
            return None

    @property
    def bearer(self) -> str:
        """The token of ``Authorization: Bearer``, or empty."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""


@dataclass(slots=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def json(cls, value: object, status: int = 200, *, tabs: bool = False) -> "Answer":
        """A JSON body; with ``tabs`` laid out in lines with tab indents (Real-Debrid)."""
        body = _ENCODE(value)
        if tabs:
            laid_out = msgspec.json.format(body, indent=1)
            body = _INDENT.sub(lambda found: b"\n" + b"\t" * (len(found[0]) - 1), laid_out)
        return cls(status, body, [("content-type", "application/json")])

    @classmethod
    def text(cls, text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> "Answer":
        """A text body."""
        return cls(status, text.encode(), [("content-type", content_type)])

    @classmethod
    def html(cls, status: int = 200) -> "Answer":
        """The page that a proxy in front of a provider shows."""
        page = (
            "<!DOCTYPE html>\n<html><head><title>Just a moment</title></head><body><h1>Please wait</h1></body></html>\n"
        )
        return cls.text(page, status, "text/html; charset=utf-8")

    @classmethod
    def redirect(cls, url: str, status: int = 307) -> "Answer":
        """Another address."""
        return cls(status, b"", [("location", url)])


class Refused(Exception):
    """Leave a handler with an answer that refuses the call."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer
