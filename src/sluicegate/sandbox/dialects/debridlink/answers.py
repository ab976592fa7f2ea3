"""Debrid-Link's envelopes: ``success`` with ``value``, errors with real HTTP statuses."""

from typing import Any, Final

from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["paged", "problem", "refuse", "success"]

_STATUSES: Final = {
    "badToken": 401,
    "serverNotAllowed": 403,
    "disabledServerHost": 403,
    "unknowR": 404,
    "floodDetected": 429,
    "internalError": 500,
}


def success(value: Any) -> Answer:  # noqa: ANN401 - JSON
    """What went well."""
    return Answer.json({"success": True, "value": value})


def paged(value: Any, page: int, pages: int) -> Answer:  # noqa: ANN401 - JSON
    """One page of a list, counted from 0; -1 where there is no next or previous one."""
    following = page + 1 if page + 1 < pages else -1
    place = {"page": page, "pages": pages, "next": following, "previous": page - 1}
    return Answer.json({"success": True, "value": value, "pagination": place})


def problem(code: str) -> Answer:
    """An error: everything without a status of its own is 400."""
    told = {"success": False, "error": code, "error_description": f"Error {code}.", "error_id": "f3a91c"}
    return Answer.json(told, _STATUSES.get(code, 400))


def refuse(code: str) -> Refused:
    """The same, to be raised from a handler."""
    return Refused(problem(code))
