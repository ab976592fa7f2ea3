"""How many bytes have arrived, of all tracks together."""

import time
from collections.abc import Callable
from typing import Any, Final

from sluicegate.core.errors import UnsafeSource
from sluicegate.media.extractor.refusal import Refusal
from sluicegate.media.wire import Progress

__all__ = ["Tally"]

_REPORT_SECONDS: Final = 0.25


class Tally:
    """Adds up the bytes of all tracks and reports them, about four times a second."""

    def __init__(self, report: Callable[[Progress], None], formats: list[dict[str, Any]], max_bytes: int) -> None:
        self._report = report
        self._expected = [form.get("filesize") or form.get("filesize_approx") for form in formats]
        self._max_bytes = max_bytes
        self._finished = 0
        self._next = 0.0

    def hook(self, status: dict[str, Any]) -> None:
        """Takes yt-dlp's report about the track in work.

        Raises:
            Refusal: all tracks together are larger than allowed, or the host promises that they will be.
        """
        self._check(int(status.get("total_bytes") or 0))
        total = status.get("total_bytes") or status.get("total_bytes_estimate")
        self.note(int(status.get("downloaded_bytes") or 0), total, status.get("speed"))

    def note(self, done: int, total: float | None, speed: float | None) -> None:
        """Notes the bytes of the track in work."""
        self._check(done)
        done += self._finished
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_SECONDS
            self._report(Progress(done=done, total=self._total(total), speed=speed))

    def finish(self, size: int) -> None:
        """The track in work is complete with ``size`` bytes."""
        self._finished += size
        self._expected = self._expected[1:]
        self._next = 0.0
        self.note(0, 0, None)

    def _check(self, size: int) -> None:
        if self._finished + size > self._max_bytes:
            raise Refusal(UnsafeSource("The media is larger than allowed."))

    def _total(self, current: float | None) -> int | None:
        parts = [current, *self._expected[1:]]
        return None if None in parts else self._finished + int(sum(part for part in parts if part is not None))
