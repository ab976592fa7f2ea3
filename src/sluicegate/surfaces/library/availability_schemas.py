"""Wire shapes of the bulk cache check (library sheet, section 5.12). Its ``true``, ``false`` and ``null`` are ours."""

from datetime import UTC, datetime

import msgspec

from sluicegate.core.availability import Availability
from sluicegate.services.availability import AccountAnswer, HashAnswer

__all__ = ["AvailabilityPageBody", "availability_body"]


class AvailableFileBody(msgspec.Struct):
    """A file, as far as the provider told."""

    file_index: int
    name: str
    size_bytes: int | None


class BackendAnswerBody(msgspec.Struct, kw_only=True):
    """What one provider says.

    Attributes:
        cached: null when nobody knows.
        origin: ``provider``, ``learned`` or ``held``; null when nothing is known.
        age_seconds: how old the answer is.
        error: why the provider could not be asked, null when it could.
    """

    backend: str
    cached: bool | None
    origin: str | None
    checked_at: str | None
    age_seconds: int | None
    error: str | None


class AvailabilityBody(msgspec.Struct, kw_only=True):
    """What is known about one hash; from ``origin`` on the fields are ours.

    Attributes:
        cached: true when anybody has it at once, false when all say no, null when nobody knows.
        toru: whether this installation's own storage has it.
        backends: the connected providers that have it at once.
        origin: where ``cached`` comes from: ``stored``, ``held``, ``provider`` or ``learned``; null when unknown.
        age_seconds: how old that answer is.
        answers: by provider.
        error: why nobody was asked, null when somebody was.
    """

    info_hash: str
    cached: bool | None
    toru: bool
    backends: list[str]
    name: str
    size_bytes: int | None
    files: list[AvailableFileBody]
    origin: str | None
    checked_at: str | None
    age_seconds: int | None
    answers: list[BackendAnswerBody]
    error: str | None


class AvailabilityPageBody(msgspec.Struct):
    """One item for each different hash, in the order asked."""

    items: list[AvailabilityBody]


def availability_body(answer: HashAnswer, now: datetime) -> AvailabilityBody:
    """One hash as the contract shows it."""
    hits = [one.answer for one in answer.answers if one.answer.cached]
    told = [*([answer.best] if answer.best else []), *hits]
    return AvailabilityBody(
        info_hash=answer.info_hash,
        cached=answer.cached,
        toru=answer.stored,
        backends=[one.provider for one in answer.answers if one.answer.cached],
        name=next((one.name for one in told if one.name), ""),
        size_bytes=next((one.size for one in told if one.size is not None), None),
        files=next((_files(one) for one in told if one.files), []),
        origin=answer.best.origin if answer.best and answer.cached is not None else None,
        checked_at=_instant(answer.best),
        age_seconds=_age(answer.best, now),
        answers=[_backend(one, now) for one in answer.answers],
        error=answer.error or None,
    )


def _backend(one: AccountAnswer, now: datetime) -> BackendAnswerBody:
    known = one.answer.cached is not None
    return BackendAnswerBody(
        backend=one.provider,
        cached=one.answer.cached,
        origin=one.answer.origin if known else None,
        checked_at=_instant(one.answer),
        age_seconds=_age(one.answer, now),
        error=one.error or None,
    )


def _files(answer: Availability) -> list[AvailableFileBody]:
    return [AvailableFileBody(file.index, file.path, file.size if file.size >= 0 else None) for file in answer.files]


def _instant(answer: Availability | None) -> str | None:
    if answer is None or answer.cached is None or answer.checked_at is None:
        return None
    return answer.checked_at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _age(answer: Availability | None, now: datetime) -> int | None:
    if answer is None or answer.cached is None or answer.checked_at is None:
        return None
    return max(0, int((now - answer.checked_at).total_seconds()))
