"""The Range header (RFC 9110, section 14), read against a known size."""

import re
from dataclasses import dataclass
from typing import Final

__all__ = ["RANGES_MAX", "Span", "Unsatisfiable", "read_ranges"]

RANGES_MAX: Final = 8
"""More ranges than this in one request are refused; no player asks for more than two."""

_HEADER: Final = re.compile(r"\s*bytes\s*=(.*)", re.IGNORECASE | re.ASCII | re.DOTALL)
_RANGE: Final = re.compile(r"[ \t]*(?:([0-9]+)-([0-9]*)|-([0-9]+))[ \t]*")
_DIGITS_MAX: Final = 19
_BEYOND: Final = 10**_DIGITS_MAX


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes ``start`` (inclusive) to ``stop`` (exclusive) of a file."""

    start: int
    stop: int

    @property
    def length(self) -> int:
        """Bytes in it."""
        return self.stop - self.start


class Unsatisfiable(Exception):
    """No byte of the file is asked for, or too much is: answer 416."""


def read_ranges(text: str, size: int) -> tuple[Span, ...] | None:
    """The spans that a Range header asks for, in its order, clipped to ``size``.

    Returns None for what must be ignored: another unit, or a value that is not well-formed. As section 14.2 allows,
    many ranges, or ranges that overlap so much that more than the whole file would be sent, are refused.

    Raises:
        Unsatisfiable: nothing of it can or should be served.
    """
    matched = _HEADER.fullmatch(text)
    if matched is None:
        return None
    parts = [part for part in matched[1].split(",") if part.strip(" \t")]
    if len(parts) > RANGES_MAX:
        raise Unsatisfiable
    spans = []
    for part in parts:
        found = _RANGE.fullmatch(part)
        if found is None:
            return None
        first, last, suffix = found.groups()
        if last and _number(last) < _number(first):
            return None
        spans.append(_suffix(suffix, size) if suffix else _span(first, last, size))
    if not parts:
        return None
    wanted = tuple(span for span in spans if span.length > 0)
    if not wanted or sum(span.length for span in wanted) > size:
        raise Unsatisfiable
    return wanted


def _span(first: str, last: str, size: int) -> Span:
    return Span(_number(first), min(_number(last) + 1, size) if last else size)


def _suffix(length: str, size: int) -> Span:
    return Span(max(size - _number(length), 0), size)


def _number(digits: str) -> int:
    """The number; a very long one is only known to be beyond every file."""
    return int(digits) if len(digits.lstrip("0")) < _DIGITS_MAX else _BEYOND
