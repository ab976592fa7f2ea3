"""What the extraction child does with an order: read the page, tell its facts, fetch its media."""

import time
from collections.abc import Callable
from typing import Any

from sluicegate.media.extractor.direct import direct_file
from sluicegate.media.extractor.download import fetch_track
from sluicegate.media.extractor.extras import fetch_subtitle, fetch_thumbnail
from sluicegate.media.extractor.facts import facts_of
from sluicegate.media.extractor.reader import PageReader, chosen_formats
from sluicegate.media.extractor.tally import Tally
from sluicegate.media.wire import Fetched, Order, Report, Understood

__all__ = ["perform"]


def perform(order: Order, report: Callable[[Report], None]) -> None:
    """Reports ``Understood``, then, when media is wanted, ``Progress`` and at last ``Fetched``.

    Raises:
        Exception: whatever went wrong, in yt-dlp's classes or as ``Refusal``; ``failures.explain`` reads it.
    """
    begun = time.monotonic()
    with PageReader(order) as reader:
        info = reader.read()
        direct = direct_file(reader, info)
        reading = None if order.fetch or direct else reader.reading(info)
        facts = facts_of(info, direct=direct, max_entries=order.max_entries)
        report(Understood(facts=facts, reading=reading))
        if order.fetch:
            report(_fetch(reader, order, info, report, begun))


def _fetch(
    reader: PageReader, order: Order, info: dict[str, Any], report: Callable[[Report], None], begun: float
) -> Fetched:
    formats = chosen_formats(info)
    started = time.monotonic()
    tally = Tally(report, formats, order.max_bytes)
    tracks = tuple(fetch_track(reader, order, form, number, tally) for number, form in enumerate(formats))
    ended = time.monotonic()
    subtitle = fetch_subtitle(reader, order, info) if order.subtitles else None
    return Fetched(
        tracks=tracks,
        retries=reader.retries.count,
        extract_ms=round((started - begun) * 1000),
        download_ms=round((ended - started) * 1000),
        subtitle_ms=round((time.monotonic() - ended) * 1000) if order.subtitles else None,
        subtitle=subtitle,
        thumbnail=fetch_thumbnail(reader, order, info) if order.thumbnail else None,
    )
