"""``debug.upstream``: what a provider really said, without what nobody else may know."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sluicegate.net.answers import Answer
from sluicegate.surfaces.gateway.envelope import Debug

__all__ = ["scrubbed", "upstream_debug"]

_MASK: Final = "[REDACTED]"
_SENSITIVE: Final = re.compile(
    r".*(token|password|secret|api_?key|auth|session|cookie|mail|user_?name|referral).*|customer|pin", re.IGNORECASE
)
_DEPTH_MAX: Final = 40
_SHORTEST: Final = 6


def upstream_debug(answers: Sequence[Answer], secrets: Sequence[str]) -> Debug:
    """The JSON documents that were answered; null when none was (the answer was known, or shared with another call)."""
    documents = []
    for answer in answers:
        try:
            documents.append(scrubbed(msgspec.json.decode(answer.body), secrets))
        except (msgspec.MsgspecError, ValueError, RecursionError):
            continue
    return Debug(documents[0] if len(documents) == 1 else documents or None)


def scrubbed(document: object, secrets: Sequence[str], depth: int = _DEPTH_MAX) -> Any:  # noqa: ANN401 - any JSON
    """A JSON document without the fields that hold credentials or name a person, and without these values anywhere."""
    if not depth:
        return _MASK
    if isinstance(document, dict):
        return {
            name: _MASK if _SENSITIVE.fullmatch(str(name)) else scrubbed(value, secrets, depth - 1)
            for name, value in document.items()
        }
    if isinstance(document, list):
        return [scrubbed(value, secrets, depth - 1) for value in document]
    if isinstance(document, str):
        for secret in secrets:
            if len(secret) >= _SHORTEST:
                document = document.replace(secret, _MASK)
    return document
