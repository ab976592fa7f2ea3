"""One try to fetch the missing bytes of one segment."""

from collections.abc import Mapping
from typing import Final

from sluicegate.core.errors import ConnectionFailed, ProtocolError, SourceRejected
from sluicegate.net.http import Http, StreamedAnswer
from sluicegate.providers.direct.headers import content_range, declared_length, validator
from sluicegate.providers.direct.meter import Meter
from sluicegate.providers.direct.part import Part
from sluicegate.providers.direct.plan import Segment
from sluicegate.providers.direct.probe import refusal
from sluicegate.providers.direct.records import Record

__all__ = ["Changed", "Fetch"]

_BATCH: Final = 1024 * 1024
"""Bytes gathered before a thread writes them."""


class Changed(Exception):
    """The host now has another version of the file; everything starts again."""


class Fetch:
    """Fetches segments of one download into its part file."""

    def __init__(
        self, http: Http, record: Record, part: Part, meter: Meter, *, idle_timeout: float, max_bytes: int
    ) -> None:
        self._http = http
        self._record = record
        self._part = part
        self._meter = meter
        self._idle_timeout = idle_timeout
        self._max_bytes = max_bytes

    async def run(self, segment: Segment) -> None:
        """Goes on at the segment's position until it is complete.

        Raises:
            Changed: the bytes that are here belong to another version.
            SluicegateError: the host or the network failed; its ``retry`` tells whether another try may succeed.
            OSError: the disk refuses.
        """
        whole = not self.resumable
        if whole:
            segment.done = 0
        headers = () if whole else self._range(segment)
        async with self._http.stream(
            "GET", self._record.url, headers=headers, idle_timeout=self._idle_timeout, provider="direct"
        ) as answer:
            self._check(answer, segment, whole=whole)
            await self._receive(answer, segment)

    @property
    def resumable(self) -> bool:
        """Parts of different versions must never meet: without anything to compare, a file is fetched in one go."""
        return self._record.ranges and self._record.validator.known

    def _range(self, segment: Segment) -> tuple[tuple[str, str], ...]:
        last = "" if segment.stop is None else segment.stop - 1
        wanted = (("Range", f"bytes={segment.position}-{last}"),)
        strong = self._record.validator.strong
        return (*wanted, ("If-Range", strong)) if strong else wanted

    def _check(self, answer: StreamedAnswer, segment: Segment, *, whole: bool) -> None:
        if answer.status == 200:
            self._check_whole(answer.headers, segment)
        elif answer.status == 206 and not whole:
            self._check_part(answer.headers, segment)
        elif answer.status == 206:
            words = "The host sent a part of the file although all of it was asked for."
            raise ProtocolError(words, provider="direct", upstream_code="206")
        elif answer.status == 416 and not whole:
            raise Changed
        else:
            raise refusal(answer.status, answer.headers)

    def _check_whole(self, headers: Mapping[str, str], segment: Segment) -> None:
        """All of the file: right for one segment at its very beginning, else something has changed."""
        if len(self._record.segments) > 1 or segment.position > 0:
            raise Changed
        segment.stop = self._record.size = declared_length(headers)
        self._record.validator = validator(headers)

    def _check_part(self, headers: Mapping[str, str], segment: Segment) -> None:
        told = content_range(headers)
        if told is None or told.first != segment.position:
            words = "The host answered another range than the one asked for."
            raise ProtocolError(words, provider="direct", upstream_code="206")
        if told.total != self._record.size or not self._record.validator.matches(validator(headers)):
            raise Changed

    async def _receive(self, answer: StreamedAnswer, segment: Segment) -> None:
        batch = bytearray()
        broken: ConnectionFailed | None = None
        try:
            async for chunk in answer.chunks():
                self._check_size(segment.position + len(batch) + len(chunk), segment.stop)
                batch += chunk
                if len(batch) >= _BATCH:
                    await self._keep(segment, batch)
                    batch = bytearray()
        except ConnectionFailed as error:
            broken = error
        finally:
            await self._keep(segment, batch)
        self._conclude(segment, broken)

    def _conclude(self, segment: Segment, broken: ConnectionFailed | None) -> None:
        """The end of the answer is the end of the segment, or the host has not kept its promise."""
        if segment.stop is None and broken is None:
            segment.stop = segment.position
        elif segment.stop is None:
            raise ConnectionFailed(f"The connection broke after {segment.done:,} bytes.", provider="direct") from broken
        elif not segment.complete:
            promised = segment.stop - segment.start
            words = f"The host promised {promised:,} bytes and broke off after {segment.done:,}."
            raise ConnectionFailed(words, provider="direct") from broken

    async def _keep(self, segment: Segment, batch: bytearray) -> None:
        if batch:
            await self._part.write(segment.position, batch)
            segment.done += len(batch)
            self._meter.count(len(batch))

    def _check_size(self, position: int, stop: int | None) -> None:
        if stop is not None and position > stop:
            raise ProtocolError(f"The host sends more than the {stop:,} bytes it promised.", provider="direct")
        if position > self._max_bytes:
            raise SourceRejected(
                f"The file is larger than the {self._max_bytes:,} bytes allowed here; the host promised no size.",
                provider="direct",
                action="Let the operator raise the limit, or use another source.",
            )
