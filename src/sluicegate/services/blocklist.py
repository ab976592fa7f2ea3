"""The blocklist at work: one copy for all processes, read from the operator's file or URL, asked by every surface."""

import asyncio
import hashlib
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from sluicegate.core.blocklist import Blocklist, BlocklistCopy, names_of, parse_blocklist
from sluicegate.core.documents import Document, DocumentReader, NotChanged, Redirected
from sluicegate.core.errors import InvalidInput, PolicyDenied, SluicegateError
from sluicegate.core.ports import Clock, UnitOfWorkFactory
from sluicegate.core.sources import Source, WebLink

__all__ = ["BlocklistService", "BlocklistStatus"]

_SIZE_MAX: Final = 32 << 20
_FETCH_SECONDS: Final = 30.0
_LOOK_EVERY: Final = 1.0
"""Seconds after which a process asks whether another one has read a newer list."""
_BACK_OFF_MAX: Final = timedelta(days=1)
_on_the_way_to_the_list: Final = ContextVar("on_the_way_to_the_list", default=False)


@dataclass(frozen=True, slots=True)
class BlocklistStatus:
    """The list for the operator's eyes.

    Attributes:
        copy: what was read last, without its content.
        counts: rules in force, by kind.
        problems: lines that cannot be read.
    """

    copy: BlocklistCopy
    counts: Mapping[str, int]
    problems: tuple[str, ...]


class BlocklistService:
    """Implements ``core.blocklist.ContentGate``.

    Args:
        transactions: the database.
        reader: for a list behind a URL.
        source: path or http(s) URL of the list; empty for none, and then nothing is refused.
        interval: seconds between two conditional requests for a URL; a file is looked at each time.
        clock: the time.
    """

    def __init__(
        self, transactions: UnitOfWorkFactory, reader: DocumentReader, source: str, interval: float, clock: Clock
    ) -> None:
        self._transactions = transactions
        self._reader = reader
        self._source = source
        self._interval = timedelta(seconds=interval)
        self._clock = clock
        self._rules = Blocklist({}, {}, [], [])
        self._version = 0
        self._looked_at = -_LOOK_EVERY
        self._lock = asyncio.Lock()

    @property
    def source(self) -> str:
        """The file or URL that the operator named; empty for none."""
        return self._source

    async def check_source(self, source: Source) -> None:
        """Raises ContentBlocked, or PolicyDenied while the list could not be read at all."""
        if self._source:
            rules = await self.rules()
            # A .torrent may name a hundred thousand files.
            await asyncio.to_thread(rules.check_source, source)

    async def check_names(self, names: Iterable[str]) -> None:
        """See ``check_source``."""
        if self._source:
            rules = await self.rules()
            await asyncio.to_thread(rules.check_names, list(names))

    async def check_link(self, url: str) -> None:
        """See ``check_source``."""
        if self._source:
            rules = await self.rules()
            rules.check_host(url)
            rules.check_names(names_of(WebLink(url)))

    async def check_hop(self, url: str) -> None:
        """As ``check_link``, for a place on the way; the way to the list itself is free."""
        if not _on_the_way_to_the_list.get():
            await self.check_link(url)

    async def check_job(self, info_hash: str, name: str, uri: str) -> None:
        """See ``check_source``."""
        if self._source:
            rules = await self.rules()
            rules.check_hash(info_hash)
            rules.check_names([name] if name else [])
            if _is_url(uri):
                rules.check_host(uri)

    async def rules(self) -> Blocklist:
        """The rules in force.

        Raises:
            PolicyDenied: a list is set, but was never read: nothing is let through then.
        """
        if not self._source or self._clock.monotonic() - self._looked_at < _LOOK_EVERY:
            return self._rules
        async with self._lock:
            if self._clock.monotonic() - self._looked_at >= _LOOK_EVERY:
                await self._look()
        return self._rules

    async def refresh(self, *, force: bool = False) -> BlocklistCopy | None:
        """Reads the source if its time has come, or at once; None without a source.

        A source that cannot be read leaves the last list in force and says why in the copy.
        """
        if not self._source:
            return None
        async with self._transactions() as tx:
            old = await tx.blocklists.get(self._source) or BlocklistCopy(self._source)
        if not force and not self._is_due(old):
            return old
        new = replace(await self._read(old), checked_at=self._clock.now())
        if not new.error and (new.content != old.content or not old.version):
            new = replace(new, version=old.version + 1)
        async with self._transactions() as tx:
            await tx.blocklists.put(new)
        self._looked_at = -_LOOK_EVERY
        return new

    async def status(self) -> BlocklistStatus | None:
        """The list in force, without asking its source; None without one."""
        if not self._source:
            return None
        async with self._transactions() as tx:
            copy = await tx.blocklists.facts(self._source) or BlocklistCopy(self._source)
        if copy.version != self._version:
            await self._load()
        return BlocklistStatus(copy, self._rules.counts, self._rules.problems)

    async def _look(self) -> None:
        async with self._transactions() as tx:
            version = await tx.blocklists.version(self._source)
        if not version:
            copy = await self.refresh(force=not self._version)
            if copy is None or not copy.version:
                reason = copy.error if copy else ""
                raise PolicyDenied(
                    f"The operator's blocklist could not be read yet, so nothing is accepted. {reason}".rstrip(),
                    action="Ask the operator to correct SLUICEGATE_BLOCKLIST.",
                    retry_after=30,
                )
            version = copy.version
        if version != self._version:
            await self._load()
        self._looked_at = self._clock.monotonic()

    async def _load(self) -> None:
        async with self._transactions() as tx:
            copy = await tx.blocklists.get(self._source)
        if copy is not None:
            self._rules = await asyncio.to_thread(parse_blocklist, copy.content)
            self._version = copy.version

    def _is_due(self, copy: BlocklistCopy) -> bool:
        if copy.checked_at is None or not _is_url(self._source):
            return True
        factor = 1 << min(copy.failures, 10)
        pause = min(self._interval * factor, max(_BACK_OFF_MAX, self._interval))
        return copy.checked_at + pause <= self._clock.now()

    async def _read(self, old: BlocklistCopy) -> BlocklistCopy:
        try:
            read = self._from_url if _is_url(self._source) else self._from_file
            return await read(old)
        except SluicegateError as error:
            return replace(old, failures=old.failures + 1, error=f"{error.detail} {error.action}")

    async def _from_url(self, old: BlocklistCopy) -> BlocklistCopy:
        mark = _on_the_way_to_the_list.set(True)
        try:
            found = await self._reader.read(
                self._source,
                limit=_SIZE_MAX,
                seconds=_FETCH_SECONDS,
                accept="text/plain, */*;q=0.5",
                etag=old.etag if old.version else "",
                last_modified=old.last_modified if old.version else "",
            )
        finally:
            _on_the_way_to_the_list.reset(mark)
        match found:
            case Document():
                content = _text(found.body)
                return replace(
                    old,
                    content=content,
                    etag=found.etag,
                    last_modified=found.last_modified,
                    failures=0,
                    error="",
                )
            case NotChanged():
                return replace(old, failures=0, error="")
            case Redirected():
                raise InvalidInput("The blocklist's address leads to a magnet.")

    async def _from_file(self, old: BlocklistCopy) -> BlocklistCopy:
        try:
            raw = await asyncio.to_thread(_read_file, self._source)
        except OSError as error:
            raise InvalidInput(f"The blocklist's file cannot be read: {error.strerror}.") from error
        digest = hashlib.sha256(raw).hexdigest()
        if digest == old.etag and old.version:
            return replace(old, failures=0, error="")
        return replace(old, content=_text(raw), etag=digest, failures=0, error="")


def _is_url(source: str) -> bool:
    return source.lower().startswith(("http://", "https://"))


def _read_file(path: str) -> bytes:
    with Path(path).expanduser().open("rb") as file:
        raw = file.read(_SIZE_MAX + 1)
    if len(raw) > _SIZE_MAX:
        raise InvalidInput(f"A blocklist has at most {_SIZE_MAX >> 20} MiB.")
    return raw


def _text(raw: bytes) -> str:
    """A page where a list is expected is a mistake somewhere: it must not replace a list by nothing."""
    start = raw[:512].lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        raise InvalidInput("There is a web page where the blocklist should be.")
    return raw.decode("utf-8", "replace").replace("\0", "")
