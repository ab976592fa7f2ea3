"""Posting webhooks: guarded, bounded, and deaf to whatever a receiver has to say beyond its status."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from sluicegate.core.errors import UpstreamTimeout
from sluicegate.core.webhooks import Reply
from sluicegate.net.http import Http

__all__ = ["WebhookPosts"]

_SECONDS: Final = 30.0
_CONNECT_SECONDS: Final = 10.0
_USER_AGENT: Final = ("User-Agent", "Sluicegate-Webhooks/1")


class WebhookPosts:
    """Implements ``core.webhooks.WebhookSender``."""

    def __init__(self, http: Http, *, seconds: float = _SECONDS) -> None:
        self._http = http
        self._seconds = seconds

    async def post(self, url: str, *, headers: Sequence[tuple[str, str]], body: bytes) -> Reply:
        """See the port. The answer's body is never read, so its size and speed are of no consequence."""
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._http.stream(
                    "POST",
                    url,
                    headers=(*headers, _USER_AGENT),
                    content=body,
                    connect_timeout=_CONNECT_SECONDS,
                    idle_timeout=self._seconds,
                    follow=0,
                ) as answer,
            ):
                return Reply(answer.status, _wait(answer.headers.get("retry-after", "")))
        except TimeoutError:
            raise UpstreamTimeout(f"No answer within {self._seconds:g} seconds.") from None


def _wait(text: str) -> float | None:
    """Seconds of a ``Retry-After`` header in either form (RFC 9110, section 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdecimal():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, ((at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC)).total_seconds())
