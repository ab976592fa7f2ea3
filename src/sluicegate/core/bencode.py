"""A strict bencode codec (BEP 3) for bytes from strangers: iterative, bounded, and exact about where things lie.

Recursion would let 20,000 nested lists end the process, and an unbounded integer would keep it busy for hours, so
nesting, items and digits have limits and the decoder keeps its own stack. It accepts keys out of order, because
torrents in the wild have them and every engine does, but no key twice: two readers could disagree about its value.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sluicegate.core.errors import MalformedSource, UnsafeSource

__all__ = ["Bencoded", "Document", "Limits", "decode", "encode"]

Bencoded = int | bytes | list["Bencoded"] | dict[bytes, "Bencoded"]
"""A decoded value."""

_DIGITS: Final = frozenset(b"0123456789")
_LENGTH_DIGITS: Final = 10


@dataclass(frozen=True, slots=True)
class Limits:
    """What the decoder puts up with.

    Attributes:
        size: bytes of input.
        depth: lists and dictionaries inside each other.
        items: values and keys in all.
        digits: digits of one integer; 20 are enough for 64 bits.
    """

    size: int = 10 * 1024 * 1024
    depth: int = 100
    items: int = 1_500_000
    digits: int = 20


@dataclass(frozen=True, slots=True)
class Document:
    """A decoded dictionary.

    Attributes:
        root: its values.
        spans: for each of its keys, the byte range (start inclusive, stop exclusive) of the encoded value.
    """

    root: dict[bytes, Bencoded]
    spans: dict[bytes, tuple[int, int]]


def decode(raw: bytes, limits: Limits | None = None) -> Document:
    """Decodes one dictionary that fills ``raw``.

    Raises:
        MalformedSource: it is not exactly one well-formed dictionary.
        UnsafeSource: it exceeds a limit.
    """
    limits = limits or Limits()
    if len(raw) > limits.size:
        raise UnsafeSource(f"This file is larger than {limits.size:,} bytes.")
    return _Decoder(raw, limits).document()


def encode(value: Bencoded | Mapping[bytes, Bencoded]) -> bytes:
    """Canonical bencode of ``value``: keys sorted as raw bytes. Meant for values of our own making, so it recurses."""
    parts: list[bytes] = []
    _append(value, parts)
    return b"".join(parts)


def _append(value: Bencoded | Mapping[bytes, Bencoded], parts: list[bytes]) -> None:
    if isinstance(value, bytes):
        parts.append(b"%d:%s" % (len(value), value))
    elif isinstance(value, int):
        parts.append(b"i%de" % value)
    elif isinstance(value, list):
        parts.append(b"l")
        for item in value:
            _append(item, parts)
        parts.append(b"e")
    else:
        parts.append(b"d")
        for key, item in sorted(value.items()):
            _append(key, parts)
            _append(item, parts)
        parts.append(b"e")


@dataclass(slots=True)
class _Open:
    """A list or dictionary that is still being filled; ``key`` is the key whose value comes next."""

    container: list[Bencoded] | dict[bytes, Bencoded]
    start: int
    key: bytes | None = None


class _Decoder:
    def __init__(self, raw: bytes, limits: Limits) -> None:
        self._raw = raw
        self._limits = limits
        self._at = 0
        self._items = 0
        self._open: list[_Open] = []
        self._spans: dict[bytes, tuple[int, int]] = {}

    def document(self) -> Document:
        if self._raw[:1] != b"d":
            raise MalformedSource("This is not a bencoded dictionary, so it is not a .torrent file.")
        root: Bencoded | None = None
        while root is None:
            root = self._step()
        if self._at != len(self._raw):
            raise MalformedSource(f"This file has {len(self._raw) - self._at:,} stray bytes behind its end.")
        if not isinstance(root, dict):  # the first byte was 'd'
            raise MalformedSource("This is not a bencoded dictionary.")
        return Document(root, self._spans)

    def _step(self) -> Bencoded | None:
        """Reads one token; the root when this token closed it."""
        token = self._byte()
        start = self._at
        if token == ord("e"):
            return self._close()
        self._count()
        if token == ord("i"):
            self._place(self._integer(), start)
        elif token in _DIGITS:
            self._string(start)
        elif token == ord("l"):
            self._enter([], start)
        elif token == ord("d"):
            self._enter({}, start)
        else:
            raise self._malformed("an unexpected byte")
        return None

    def _enter(self, container: list[Bencoded] | dict[bytes, Bencoded], start: int) -> None:
        if len(self._open) >= self._limits.depth:
            raise UnsafeSource(f"This file nests lists more than {self._limits.depth} deep.")
        self._refuse_as_key()
        self._at += 1
        self._open.append(_Open(container, start))

    def _close(self) -> Bencoded | None:
        if self._open[-1].key is not None:
            raise self._malformed("a key without a value")
        self._at += 1
        closed = self._open.pop()
        if not self._open:
            return closed.container
        self._place(closed.container, closed.start)
        return None

    def _string(self, start: int) -> None:
        value = self._bytes()
        top = self._open[-1]
        if isinstance(top.container, dict) and top.key is None:
            if value in top.container:
                raise MalformedSource("This file has the same key twice in one dictionary.")
            top.key = value
        else:
            self._place(value, start)

    def _place(self, value: Bencoded, start: int) -> None:
        top = self._open[-1]
        if isinstance(top.container, list):
            top.container.append(value)
            return
        if top.key is None:
            raise self._malformed("a key that is not a string")
        top.container[top.key] = value
        if len(self._open) == 1:
            self._spans[top.key] = (start, self._at)
        top.key = None

    def _refuse_as_key(self) -> None:
        if self._open and isinstance(self._open[-1].container, dict) and self._open[-1].key is None:
            raise self._malformed("a key that is not a string")

    def _integer(self) -> int:
        end = self._raw.find(b"e", self._at, self._at + self._limits.digits + 3)
        digits = self._raw[self._at + 1 : end] if end != -1 else b""
        plain = digits.removeprefix(b"-")
        if end == -1 or len(plain) > self._limits.digits:
            raise self._malformed(f"an integer that does not end within {self._limits.digits} digits")
        if not plain.isdigit() or (plain.startswith(b"0") and digits != b"0"):
            raise self._malformed("a malformed integer")
        self._at = end + 1
        return int(digits)

    def _bytes(self) -> bytes:
        colon = self._raw.find(b":", self._at, self._at + _LENGTH_DIGITS + 1)
        digits = self._raw[self._at : colon] if colon != -1 else b""
        if not digits.isdigit() or (digits.startswith(b"0") and digits != b"0"):
            raise self._malformed("a malformed string length")
        end = colon + 1 + int(digits)
        if end > len(self._raw):
            raise self._malformed("a string longer than the file")
        self._at = end
        return self._raw[colon + 1 : end]

    def _count(self) -> None:
        self._items += 1
        if self._items > self._limits.items:
            raise UnsafeSource(f"This file has more than {self._limits.items:,} items.")

    def _byte(self) -> int:
        if self._at >= len(self._raw):
            raise MalformedSource("This file ends too early; it was not copied whole.")
        return self._raw[self._at]

    def _malformed(self, what: str) -> MalformedSource:
        return MalformedSource(f"This file is not well-formed bencode: {what} at byte {self._at:,}.")
