"""The server's side of the extraction child: sends it an order, follows its reports, names its failures."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluicegate.core.errors import (
    ExtractionFailed,
    ForbiddenAddress,
    InternalError,
    MalformedSource,
    MediaError,
    MediaProtected,
    MediaRestricted,
    NoMedia,
    NotReady,
    SluicegateError,
    StorageFull,
    UnsafeSource,
)
from sluicegate.core.media import MediaFacts
from sluicegate.media.child import ChildLimits, Ending, attend_child, python_child, start_child
from sluicegate.media.warm import WarmChildren
from sluicegate.media.wire import Fetched, Order, Progress, Refused, Report, Understood

__all__ = ["Extraction", "checked_url", "extract", "extractor_launcher"]

_MAX_URL: Final = 8_000
_ADDRESS: Final = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE)
_MODULE: Final = "sluicegate.media.extractor"
_ERRORS: Final[dict[str, type[SluicegateError]]] = {
    kind.code: kind
    for kind in (
        ExtractionFailed,
        ForbiddenAddress,
        MediaProtected,
        MediaRestricted,
        NoMedia,
        NotReady,
        StorageFull,
        UnsafeSource,
    )
}


@dataclass(slots=True)
class Extraction:
    """What a child has told so far.

    Attributes:
        on_facts, on_progress: called as reports arrive.
    """

    on_facts: Callable[[MediaFacts], None]
    on_progress: Callable[[Progress], None]
    facts: MediaFacts | None = None
    reading: str | None = field(default=None, repr=False)
    fetched: Fetched | None = None
    refused: Refused | None = None
    _decoder: msgspec.json.Decoder[Report] = field(default_factory=lambda: msgspec.json.Decoder(Report), repr=False)

    def start_over(self) -> None:
        """Forgets what a child has told that got nowhere."""
        self.facts = self.reading = self.fetched = self.refused = None

    def line(self, line: bytes) -> None:
        """Takes one line of the child's output."""
        try:
            report = self._decoder.decode(line)
        except msgspec.DecodeError as error:
            raise InternalError("The extraction child wrote something that is no report.") from error
        match report:
            case Understood():
                self.facts, self.reading = report.facts, report.reading
                self.on_facts(report.facts)
            case Progress():
                self.on_progress(report)
            case Fetched():
                self.fetched = report
            case Refused():
                self.refused = report


def checked_url(url: str) -> str:
    """``url`` when it is http or https with a host and without credentials.

    Raises:
        MalformedSource: it is not.
    """
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.username is None
    except ValueError:
        valid = False
    if not valid or len(url) > _MAX_URL or not url.isprintable() or " " in url:
        raise MalformedSource("This is not an http or https address.", field="url")
    return url


def extractor_launcher() -> list[str]:
    """What starts a launcher of extraction children."""
    return python_child(_MODULE)


async def extract(order: Order, limits: ChildLimits, extraction: Extraction, warm: WarmChildren | None = None) -> None:
    """Runs the child to its end; without ``warm`` it loads everything anew.

    Raises:
        SluicegateError: as listed at ``MediaWorkshop``.
    """
    if warm is not None:
        child = await warm.start()
    else:
        child = await start_child(python_child(_MODULE), folder=Path(order.confinement.folder))
    order = msgspec.structs.replace(order, confinement=replace(order.confinement, parent=child.parent))
    ending = await attend_child(
        child, wall_seconds=limits.wall_seconds, on_line=extraction.line, feed=msgspec.json.encode(order)
    )
    if extraction.refused is not None:
        raise _error(extraction.refused)
    if ending.over_time:
        raise UnsafeSource("Fetching the media takes longer than allowed.")
    if ending.code or extraction.facts is None or (order.fetch and extraction.fetched is None):
        raise _broken(ending)


def _error(refused: Refused) -> SluicegateError:
    kind = _ERRORS.get(refused.code, MediaError)
    return kind(refused.detail, action=refused.action, retry_after=refused.retry_after)


def _broken(ending: Ending) -> ExtractionFailed:
    """The child died without a word: the note is for developers' logs."""
    failure = ExtractionFailed("Reading the page was interrupted.")
    complaint = _ADDRESS.sub("(address)", ending.complaint.decode("utf-8", "replace"))
    failure.add_note(f"The extraction child ended with {ending.code}: {complaint}")
    return failure
