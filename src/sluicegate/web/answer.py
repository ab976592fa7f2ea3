"""Deciding what a request for a file's bytes gets: status, headers, and which spans follow. No input or output here."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from sluicegate.core.byte_source import ByteSource
from sluicegate.web.asgi import Scope, header
from sluicegate.web.conditions import Validators
from sluicegate.web.disposition import content_headers
from sluicegate.web.ranges import Span, Unsatisfiable, read_ranges

__all__ = ["Answer", "Part", "plan_answer"]

_Lines = list[tuple[bytes, bytes]]
_CACHING: Final = (b"cache-control", b"private, no-transform")


@dataclass(frozen=True, slots=True)
class Part:
    """One stretch of a body: ``before`` goes first, then the file's bytes ``start`` to ``stop`` (None: to the end)."""

    before: bytes
    start: int
    stop: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """A decided answer; ``after`` ends the body. Without parts there is no body."""

    status: int
    headers: _Lines
    parts: tuple[Part, ...] = field(default=())
    after: bytes = b""


def plan_answer(source: ByteSource, scope: Scope, *, download: bool = False) -> Answer:
    """The answer to a GET or HEAD.

    Range is defined for GET alone, so HEAD is answered as the GET without it (RFC 9110, section 14.2). A source of
    unknown size is sent whole.
    """
    validators = Validators.of(source)
    kept = [*validators.headers(), _CACHING]
    status = validators.precondition(lambda name: header(scope, name))
    if status is not None:
        return Answer(status, kept if status == 304 else [*kept, _length(0)])
    content = content_headers(source.name, source.mime_type, download=download)
    if source.size is None:
        return Answer(200, [*kept, *content, (b"accept-ranges", b"none")], (Part(b"", 0, None),))
    headers = [*kept, (b"accept-ranges", b"bytes")]
    try:
        spans = _wanted(scope, validators, source.size)
    except Unsatisfiable:
        unsatisfied = (b"content-range", b"bytes */%d" % source.size)
        return Answer(416, [*headers, unsatisfied, _length(0)])
    if spans is None:
        whole = (Part(b"", 0, source.size),)
        return Answer(200, [*headers, *content, _length(source.size)], whole)
    if len(spans) == 1:
        return _single([*headers, *content], spans[0], source.size)
    return _multiple(headers, content, spans, source.size)


def _wanted(scope: Scope, validators: Validators, size: int) -> tuple[Span, ...] | None:
    wanted = header(scope, b"range")
    if wanted is None or scope["method"] != "GET" or not validators.range_applies(header(scope, b"if-range")):
        return None
    return read_ranges(wanted, size)


def _single(headers: _Lines, span: Span, size: int) -> Answer:
    lines = [*headers, (b"content-range", _content_range(span, size)), _length(span.length)]
    return Answer(206, lines, (Part(b"", span.start, span.stop),))


def _multiple(headers: _Lines, content: Sequence[tuple[bytes, bytes]], spans: tuple[Span, ...], size: int) -> Answer:
    """``multipart/byteranges`` (RFC 9110, section 14.6)."""
    boundary = secrets.token_hex(16).encode("ascii")
    kind = dict(content)[b"content-type"]
    parts = []
    for number, span in enumerate(spans):
        before = b"%s--%s\r\ncontent-type: %s\r\ncontent-range: %s\r\n\r\n" % (
            b"\r\n" if number else b"",
            boundary,
            kind,
            _content_range(span, size),
        )
        parts.append(Part(before, span.start, span.stop))
    after = b"\r\n--%s--\r\n" % boundary
    length = sum(len(part.before) for part in parts) + sum(span.length for span in spans) + len(after)
    others = [line for line in content if line[0] != b"content-type"]
    multipart = (b"content-type", b"multipart/byteranges; boundary=" + boundary)
    return Answer(206, [*headers, multipart, *others, _length(length)], tuple(parts), after)


def _content_range(span: Span, size: int) -> bytes:
    return b"bytes %d-%d/%d" % (span.start, span.stop - 1, size)


def _length(count: int) -> tuple[bytes, bytes]:
    return b"content-length", b"%d" % count
