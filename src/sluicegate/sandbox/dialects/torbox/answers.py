"""TorBox's envelope, error codes, FastAPI's validation body, and dates."""

from datetime import UTC, datetime
from typing import Any, Final

from sluicegate.sandbox.wire import Answer, Form, Refused

__all__ = ["CODES", "deny", "envelope", "flag_of", "invalid", "need", "need_number", "refuse", "stamp"]

CODES: Final[dict[str, tuple[int, str]]] = {
    "UNKNOWN_ERROR": (500, "An unknown error happened on our side."),
    "DATABASE_ERROR": (500, "There was a database error."),
    "NO_AUTH": (403, "No credentials were sent."),
    "BAD_TOKEN": (403, "The token is not valid."),
    "AUTH_ERROR": (403, "The account cannot be used."),
    "INVALID_OPTION": (400, "That option is not valid."),
    "MISSING_REQUIRED_OPTION": (400, "A required option is missing."),
    "TOO_MANY_OPTIONS": (400, "Too many options were given."),
    "ENDPOINT_NOT_FOUND": (404, "Endpoint not found."),
    "ITEM_NOT_FOUND": (404, "The item was not found."),
    "PLAN_RESTRICTED_FEATURE": (403, "Your plan cannot access this API feature."),
    "TOO_MUCH_DATA": (400, "The request is larger than 100 MB."),
    "DOWNLOAD_TOO_LARGE": (400, "The download is larger than your plan allows."),
    "BOZO_TORRENT": (400, "The torrent cannot be read."),
    "BOZO_NZB": (400, "The NZB cannot be read."),
    "MONTHLY_LIMIT": (400, "The downloads of this month are used up."),
    "COOLDOWN_LIMIT": (400, "The account is in cooldown."),
    "ACTIVE_LIMIT": (400, "All slots are in use."),
    "DIFF_ISSUE": (400, "The download could not be added; it may be there already."),
    "DOWNLOAD_NOT_CACHED": (400, "The download is not cached."),
    "NOT_ALLOWED": (400, "This content is refused."),
    "LINK_OFFLINE": (400, "The link is offline."),
    "UNSUPPORTED_SITE": (400, "The site is not supported."),
    "INVALID_LINK": (400, "That is no link."),
    "INVALID_HASH": (500, "That is no hash."),
    "NO_CHANGES": (500, "There is nothing to change."),
    "NAME_TOO_LONG": (500, "The name is too long."),
    "TEMPORARILY_DISABLED": (500, "This is switched off for now."),
    "DEVICE_CODE_NOT_USED": (400, "The code was not used yet."),
    "NOT_OWNER": (409, "You do not own this item."),
}
"""HTTP status and detail of each error code."""


def envelope(data: object, detail: str, status: int = 200, error: object = None, *, success: bool = True) -> Answer:
    """The envelope of every handled answer."""
    return Answer.json({"success": success, "error": error, "detail": detail, "data": data}, status)


def deny(code: str, data: object = None, status: int = 0) -> Answer:
    """The error envelope of a code."""
    usual, detail = CODES[code]
    return envelope(data, detail, status or usual, code, success=False)


def refuse(code: str, data: object = None, status: int = 0) -> Refused:
    """Leave a handler with an error."""
    return Refused(deny(code, data, status))


def invalid(place: str, name: str, kind: str = "missing", given: object = None) -> Refused:
    """FastAPI's 422: a member is missing or of the wrong type."""
    message = "Field required" if kind == "missing" else "Input should be a valid value"
    detail = [{"type": kind, "loc": [place, name], "msg": message, "input": given}]
    return Refused(Answer.json({"detail": detail}, 422))


def need(form: Form, name: str, place: str = "query") -> str:
    """A required text member."""
    text = form.get(name)
    if not text:
        raise invalid(place, name)
    return text


def need_number(form: Form, name: str, default: int | None = None) -> int:
    """An integer member of the query, required when there is no default."""
    if not form.get(name) and default is None:
        raise invalid("query", name)
    number = form.number(name, default or 0)
    if number is None:
        raise invalid("query", name, "int_parsing", form.get(name))
    return number


def flag_of(value: Any) -> bool:  # noqa: ANN401 - JSON
    """A JSON boolean, or its text."""
    return value is True or str(value).lower() == "true"


def stamp(seconds: float) -> str:
    """A date in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
