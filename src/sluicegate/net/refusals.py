"""What answers that are no success have in common at every provider whose errors are JSON."""

from collections.abc import Mapping
from typing import Final, TypeVar

from sluicegate.core.errors import ProtocolError, UpstreamError, UpstreamServerError
from sluicegate.net.answers import Answer

__all__ = ["NO_ROUTE", "Starts", "beginning", "refusal", "unknown_kind"]

T = TypeVar("T")

Starts = Mapping[str, type[UpstreamError]]
"""Meanings of texts by their beginning."""

NO_ROUTE: Final = b"404 page not found"
"""Body of a Go router's 404, which is no answer about a thing: there is no such call."""


def refusal(answer: Answer, shape: type[T], *, provider: str) -> T | None:
    """What the provider says about an answer that is no success.

    A proxy's page has nothing of that shape. With a 5xx it still speaks for the service, and the answer is None; with
    any other status nobody knows for whom it speaks.

    Raises:
        ProtocolError: such a page, or another body that cannot be read, with a status below 500.
    """
    try:
        return answer.json(shape, provider=provider)
    except ProtocolError:
        if answer.status < 500:
            raise
        return None


def unknown_kind(status: int) -> type[UpstreamError]:
    """What a refusal means whose words nobody has seen before."""
    return UpstreamServerError if status >= 500 else ProtocolError


def beginning(text: str, known: Starts) -> str:
    """The one of these texts that ``text`` begins with; empty when none."""
    return next((start for start in known if text.startswith(start)), "")
