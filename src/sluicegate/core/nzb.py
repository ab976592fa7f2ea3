"""Checks Usenet index files (NZB): small XML documents that list articles.

Nearly every NZB in the wild names the public NZB document type, so a bare ``<!DOCTYPE nzb …>`` is let through: expat
never fetches it. An internal subset, an entity declaration or a reference to an undeclared entity is refused, which
leaves nothing that could expand.
"""

from typing import Final
from xml.parsers import expat  # the parser itself, without a tree and with every entity refused below

from sluicegate.core.errors import MalformedSource, UnsafeSource
from sluicegate.core.names import safe_segment
from sluicegate.core.sources import Nzb

__all__ = ["parse_nzb"]

_SIZE_MAX: Final = 32 * 1024 * 1024
_DEPTH_MAX: Final = 16
_ELEMENTS_MAX: Final = 1_000_000
_NAMESPACE_SEPARATOR: Final = " "


def parse_nzb(name: str, raw: bytes) -> Nzb:
    """Reads an uploaded NZB.

    Args:
        name: file name as uploaded; untrusted.
        raw: the bytes, kept unchanged.

    Raises:
        MalformedSource: not well-formed XML, not an NZB, or one that lists no articles.
        UnsafeSource: it declares or uses entities, or exceeds a limit.
    """
    if len(raw) > _SIZE_MAX:
        raise UnsafeSource(f"This NZB is larger than {_SIZE_MAX:,} bytes.")
    _Check().run(raw)
    return Nzb(name=safe_segment(name, "upload.nzb"), raw=raw)


class _Check:
    """Counts what matters while expat reads; the handlers raise to stop it."""

    def __init__(self) -> None:
        self._depth = 0
        self._elements = 0
        self._files = 0
        self._segments = 0

    def run(self, raw: bytes) -> None:
        parser = expat.ParserCreate(namespace_separator=_NAMESPACE_SEPARATOR)
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        parser.EntityDeclHandler = self._entity
        parser.SkippedEntityHandler = self._entity
        parser.ExternalEntityRefHandler = self._entity
        try:
            parser.Parse(raw, True)  # noqa: FBT003 - positional in the C signature
        except (expat.ExpatError, LookupError, ValueError) as cause:
            raise MalformedSource("This file is not well-formed XML, so it is not an NZB.") from cause
        if not self._files or not self._segments:
            raise MalformedSource("This NZB lists no articles.")

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        local = name.rpartition(_NAMESPACE_SEPARATOR)[2]
        if self._depth == 0 and local != "nzb":
            raise MalformedSource(f"This is an XML file of kind '{local[:40]}', not an NZB.")
        self._depth += 1
        self._elements += 1
        self._files += local == "file"
        self._segments += local == "segment"
        if self._depth > _DEPTH_MAX:
            raise UnsafeSource(f"This NZB nests elements more than {_DEPTH_MAX} deep.")
        if self._elements > _ELEMENTS_MAX:
            raise UnsafeSource(f"This NZB has more than {_ELEMENTS_MAX:,} elements.")

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _doctype(self, _name: str, _system: str | None, _public: str | None, has_internal_subset: int) -> None:
        if has_internal_subset:
            raise UnsafeSource("This NZB brings its own document type declarations.")

    def _entity(self, *_: object) -> int:
        raise UnsafeSource("This NZB declares or uses XML entities.")
