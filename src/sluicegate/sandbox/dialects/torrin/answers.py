"""Torrin's two error shapes, and times as Go writes them."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["LIMITED", "data", "moment", "native", "read_moment", "refuse_native", "refuse_store", "seconds", "store"]

LIMITED: Final = "rate limit exceeded"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def native(status: int, text: str) -> Answer:
    """A native error; the limiter speaks this on every surface."""
    return Answer.json({"error": text}, status)


def refuse_native(status: int, text: str) -> Refused:
    """The same, to be raised from a handler."""
    return Refused(native(status, text))


def store(status: int, text: str) -> Answer:
    """An error of the store surface: the code is the HTTP status once more."""
    return Answer.json({"error": {"code": status, "message": text}}, status)


def refuse_store(status: int, text: str) -> Refused:
    """The same, to be raised from a handler."""
    return Refused(store(status, text))


def data(value: Any, status: int = 200) -> Answer:  # noqa: ANN401 - JSON
    """What went well on the store surface."""
    return Answer.json({"data": value}, status)


def moment(microseconds: int) -> str:
    """RFC 3339 with the fraction that there is."""
    whole = _EPOCH + timedelta(microseconds=microseconds)
    fraction = f".{whole.microsecond:06}".rstrip("0").rstrip(".")
    return f"{whole:%Y-%m-%dT%H:%M:%S}{fraction}Z"


def seconds(microseconds: int) -> str:
    """RFC 3339 without a fraction."""
    return moment(microseconds // 1_000_000 * 1_000_000)


def read_moment(text: str) -> int | None:
    """Microseconds since 1970; None if the text is no RFC 3339 time with a zone."""
    try:
        found = datetime.fromisoformat(text)
        return (found - _EPOCH) // timedelta(microseconds=1)
    except (ValueError, TypeError):
        return None
