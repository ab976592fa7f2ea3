"""Which title an IMDb id stands for: told by a Cinemeta-compatible address and remembered, or by names alone.

The address is only asked for the title that a client has opened, never for the library's own names.
"""

import asyncio
import json
import logging
import re
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from sluicegate.core.documents import Document, DocumentReader
from sluicegate.core.errors import FileGone, ProtocolError, SluicegateError
from sluicegate.core.names import display_text
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.titles import Title, TitleKind

__all__ = ["TitleService"]

_log: Final = logging.getLogger(__name__)

_BODY_MAX: Final = 4 << 20
"""A long series comes with all of its episodes."""
_SECONDS: Final = 5.0
_FRESH: Final = timedelta(days=30)
_UNKNOWN_FRESH: Final = timedelta(days=1)
_PAUSE: Final = 60.0
"""Seconds for which an address that does not answer is left alone."""
_FLIGHTS_MAX: Final = 8
_YEAR: Final = re.compile(r"(?:18|19|20|21)[0-9]{2}")


@dataclass(frozen=True, slots=True)
class _Answer:
    name: str
    year: int | None


class TitleService:
    """Finds titles.

    Args:
        transactions: the database.
        reader: the guarded way out.
        source: base address; empty for none.
        clock: the time.
    """

    def __init__(self, transactions: UnitOfWorkFactory, reader: DocumentReader, source: str, clock: Clock) -> None:
        self._transactions = transactions
        self._reader = reader
        self._source = source.rstrip("/")
        self._clock = clock
        self._silent_until = 0.0
        self._flights: OrderedDict[tuple[str, TitleKind], asyncio.Task[Title | None]] = OrderedDict()
        self._asking = asyncio.Semaphore(_FLIGHTS_MAX)

    async def find(self, imdb_id: str, kind: TitleKind) -> Title | None:
        """The title, or None when nobody knows it or nobody can be asked now."""
        async with self._transactions() as tx:
            known = await tx.titles.get(imdb_id, kind)
        if known is not None and self._clock.now() - known.fetched_at < (_FRESH if known.name else _UNKNOWN_FRESH):
            return known if known.name else None
        if not self._source or self._clock.monotonic() < self._silent_until:
            return known if known is not None and known.name else None
        asked = await self._together(imdb_id, kind)
        return asked if asked is not None and asked.name else None

    async def _together(self, imdb_id: str, kind: TitleKind) -> Title | None:
        """Who asks for the same title at the same time waits for one answer."""
        key = (imdb_id, kind)
        if key not in self._flights:
            self._flights[key] = asyncio.create_task(self._ask(imdb_id, kind))
        flight = self._flights[key]
        try:
            return await asyncio.shield(flight)
        finally:
            if flight.done():
                self._flights.pop(key, None)

    async def _ask(self, imdb_id: str, kind: TitleKind) -> Title | None:
        try:
            async with self._asking:
                found = await self._answer(f"{self._source}/meta/{kind}/{imdb_id}.json")
        except SluicegateError as error:
            _log.warning("the title source does not answer: %s", error.code)
            self._silent_until = self._clock.monotonic() + _PAUSE
            return None
        title = Title(imdb_id, kind, found.name, found.year, self._clock.now())
        async with self._transactions() as tx:
            await tx.titles.put(title)
        return title

    async def _answer(self, url: str) -> _Answer:
        try:
            found = await self._reader.read(url, limit=_BODY_MAX, seconds=_SECONDS, accept="application/json")
        except FileGone:
            return _Answer("", None)
        if not isinstance(found, Document):
            raise ProtocolError("The title source answers something else than metadata.")
        return await asyncio.to_thread(_read, found.body)


def _read(body: bytes) -> _Answer:
    try:
        document: Any = json.loads(body)
        meta = document.get("meta") or {}
        name = meta.get("name") or ""
    except (ValueError, RecursionError, AttributeError) as error:
        raise ProtocolError("The title source answers something that is no metadata.") from error
    if not isinstance(name, str):
        raise ProtocolError("The title source answers something that is no metadata.")
    year = _YEAR.search(str(meta.get("releaseInfo") or meta.get("year") or ""))
    return _Answer(display_text(name, 300), int(year[0]) if year else None)
