r"""The operator's blocklist: what is refused here before any provider is asked.

One rule a line; empty lines and what follows ``#`` at a line's start are skipped::

    hash 0123456789abcdef0123456789abcdef01234567
    host example.com
    name (?i)\bforbidden\b

``hash`` takes a v1 info hash (hex or base32) or a v2 hash (64 hex characters); a bare hash is one, too. ``host`` means
the name and everything below it. ``name`` is an RE2 expression over names of releases and files. A line that cannot be
read is told and skipped: the rest of a list is better than none.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol
from urllib.parse import unquote, urlsplit

from sluicegate.core.errors import ContentBlocked, InvalidInput
from sluicegate.core.expressions import Expression
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.sources import Magnet, Nzb, Source, TorrentFile, WebLink

if TYPE_CHECKING:
    import re2

__all__ = [
    "OPEN_GATE",
    "Blocklist",
    "BlocklistCopy",
    "BlocklistRepository",
    "ContentGate",
    "OpenGate",
    "names_of",
    "parse_blocklist",
]

_PATTERNS_MAX: Final = 10_000
_PROBLEMS_MAX: Final = 50
_NAME_MAX: Final = 1_000
"""Characters of a name that are looked at."""
_MEMORY: Final = 256 << 20
"""Bytes that all expressions together may take, compiled."""
_V2_HASH: Final = re.compile(r"[0-9a-f]{64}")
_HOST: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|[0-9a-f:]+")


class ContentGate(Protocol):
    """Decides whether content may be worked with here."""

    async def check_source(self, source: Source) -> None:
        """Raises ContentBlocked before anybody was asked about it."""
        ...

    async def check_names(self, names: Iterable[str]) -> None:
        """Raises ContentBlocked for names that became known later."""
        ...

    async def check_link(self, url: str) -> None:
        """Raises ContentBlocked for a link's host or name."""
        ...

    async def check_job(self, info_hash: str, name: str, uri: str) -> None:
        """Raises ContentBlocked for a job that is there already, by what is known about it now."""
        ...


class OpenGate:
    """Refuses nothing: an installation without a blocklist."""

    async def check_source(self, source: Source) -> None:
        """See ``ContentGate``."""

    async def check_names(self, names: Iterable[str]) -> None:
        """See ``ContentGate``."""

    async def check_link(self, url: str) -> None:
        """See ``ContentGate``."""

    async def check_job(self, info_hash: str, name: str, uri: str) -> None:
        """See ``ContentGate``."""


OPEN_GATE: Final = OpenGate()


@dataclass(frozen=True, slots=True)
class BlocklistCopy:
    """What was last read from the operator's file or URL.

    Attributes:
        source: the file or URL.
        content: the list; empty until it was read once.
        version: changes with the content; 0 until it was read once.
        checked_at: when the source was last asked.
        error: why it could not be read the last time, or empty.
    """

    source: str
    content: str = field(default="", repr=False)
    version: int = 0
    etag: str = ""
    last_modified: str = ""
    checked_at: datetime | None = None
    failures: int = 0
    error: str = ""


class BlocklistRepository(Protocol):
    """Keeps the copy, so that every process has the same list."""

    async def get(self, source: str) -> BlocklistCopy | None:
        """The copy with its content."""
        ...

    async def facts(self, source: str) -> BlocklistCopy | None:
        """The copy without its content, which may be large."""
        ...

    async def version(self, source: str) -> int:
        """Its version alone; 0 when there is none."""
        ...

    async def put(self, copy: BlocklistCopy) -> None:
        """Keeps it."""
        ...


class Blocklist:
    """Compiled rules; ``problems`` names the lines that could not be read."""

    def __init__(
        self, hashes: dict[str, int], hosts: dict[str, int], patterns: list[tuple[int, str]], problems: list[str]
    ) -> None:
        self._hashes = hashes
        self._hosts = hosts
        self._lines = [line for line, _ in patterns]
        self._names = _compiled([pattern for _, pattern in patterns])
        self.problems = tuple(problems)

    @property
    def counts(self) -> dict[str, int]:
        """How many rules there are of each kind."""
        return {"hash": len(self._hashes), "host": len(self._hosts), "name": len(self._lines)}

    def check_source(self, source: Source) -> None:
        """Raises ContentBlocked."""
        match source:
            case Magnet() | TorrentFile():
                self.check_hash(source.info_hash)
                self.check_hash(source.info_hash_v2)
                for url in source.web_seeds if isinstance(source, Magnet) else ():
                    self.check_host(url)
            case WebLink():
                self.check_host(source.url)
            case Nzb():
                self.check_host(source.url or "")
        self.check_names(names_of(source))

    def check_host(self, url: str) -> None:
        """Raises ContentBlocked when the URL's host, or a name above it, is listed."""
        host = (urlsplit(url).hostname or "").rstrip(".").lower()
        labels = host.split(".")
        for start in range(len(labels)):
            line = self._hosts.get(".".join(labels[start:]))
            if line is not None:
                raise _blocked(f"the host {host}", line)

    def check_names(self, names: Iterable[str]) -> None:
        """Raises ContentBlocked."""
        if self._names is None:
            return
        for name in names:
            found = self._names.Match(name[:_NAME_MAX].encode("utf-8", "replace"))
            if found:
                raise _blocked("its name", self._lines[min(found)])

    def check_hash(self, info_hash: str | None) -> None:
        """Raises ContentBlocked."""
        line = self._hashes.get(info_hash) if info_hash else None
        if line is not None:
            raise _blocked("its hash", line)


def parse_blocklist(text: str) -> Blocklist:
    """Reads a list; large ones take a moment, so call it in a thread."""
    hashes: dict[str, int] = {}
    hosts: dict[str, int] = {}
    patterns: list[tuple[int, str]] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        try:
            _read(rule, number, hashes, hosts, patterns)
        except InvalidInput as error:
            if len(problems) < _PROBLEMS_MAX:
                problems.append(f"line {number}: {error.detail}")
    return Blocklist(hashes, hosts, patterns, problems)


def names_of(source: Source) -> list[str]:
    """Every name that a source tells by itself."""
    match source:
        case Magnet():
            return [source.name] if source.name else []
        case TorrentFile():
            return [source.name, *(entry.path for entry in source.files)]
        case WebLink():
            return [*([source.name] if source.name else []), *_names_in(source.url)]
        case Nzb():
            return [source.name, *_names_in(source.url or "")]


def _names_in(url: str) -> list[str]:
    path = unquote(urlsplit(url).path)
    return [path] if path.strip("/") else []


def _read(
    rule: str, number: int, hashes: dict[str, int], hosts: dict[str, int], patterns: list[tuple[int, str]]
) -> None:
    word, _, value = rule.partition(" ")
    value = value.strip()
    match word.lower():
        case "hash":
            hashes.setdefault(_hash(value), number)
        case "host":
            hosts.setdefault(_host(value), number)
        case "name":
            if len(patterns) >= _PATTERNS_MAX:
                raise InvalidInput(f"there are more than {_PATTERNS_MAX:,} name rules.")
            Expression(value, field="name")
            if not value:
                raise InvalidInput("a name rule needs an expression.")
            patterns.append((number, value))
        case _:
            hashes.setdefault(_hash(rule), number)


def _hash(text: str) -> str:
    if _V2_HASH.fullmatch(text.lower()):
        return text.lower()
    try:
        return parse_info_hash(text).info_hash
    except InvalidInput:
        raise InvalidInput("this is neither an info hash nor a rule 'hash', 'host' or 'name'.") from None


def _host(text: str) -> str:
    host = text.strip("[]").rstrip(".").removeprefix("*.").lower()
    if not _HOST.fullmatch(host):
        raise InvalidInput("this is not a host name.")
    return host


def _compiled(patterns: list[str]) -> "re2.Set | None":
    """All expressions as one automaton: a name is read once, however many rules there are."""
    if not patterns:
        return None
    import re2  # see core.expressions

    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    together = re2.Set.SearchSet(options)
    for pattern in patterns:
        together.Add(pattern)
    together.Compile()
    return together


def _blocked(what: str, line: int) -> ContentBlocked:
    return ContentBlocked(
        f"The operator of this installation refuses this content: {what} is on the blocklist (rule in line {line})."
    )
