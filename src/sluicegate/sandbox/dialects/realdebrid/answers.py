"""Real-Debrid's envelopes: tab-indented JSON, dates, and errors by code."""

from datetime import UTC, datetime
from typing import Final

from sluicegate.sandbox.dialect import Call
from sluicegate.sandbox.wire import Answer, Refused

__all__ = ["CODES", "error", "listing", "refuse", "shown", "stamp"]

CODES: Final[dict[int, tuple[int, str]]] = {
    -1: (500, "internal_error"),
    1: (400, "parameter_missing"),
    2: (400, "wrong_parameter"),
    3: (404, "unknown_method"),
    4: (405, "method_not_allowed"),
    7: (404, "unknown_ressource"),
    8: (401, "bad_token"),
    9: (403, "permission_denied"),
    14: (403, "account_locked"),
    16: (503, "hoster_unsupported"),
    19: (503, "hoster_unavailable"),
    20: (503, "hoster_not_free"),
    21: (509, "too_many_active_downloads"),
    23: (503, "traffic_exhausted"),
    24: (503, "file_unavailable"),
    25: (503, "service_unavailable"),
    30: (400, "torrent_file_invalid"),
    31: (202, "action_already_done"),
    34: (429, "too_many_requests"),
    35: (451, "infringing_file"),
    36: (503, "fair_usage_limit"),
    37: (403, "disabled_endpoint"),
}
"""HTTP status and slug of each error code; unconfirmed ones are the fact sheet's sandbox defaults."""

_MAX_LIMIT: Final = 5000


def error(code: int, status: int = 0) -> Answer:
    """The error envelope of a code, with another status where the provider varies."""
    usual, slug = CODES[code]
    return Answer.json({"error": slug, "error_code": code}, status or usual, tabs=True)


def refuse(code: int, status: int = 0) -> Refused:
    """Leave a handler with an error."""
    return Refused(error(code, status))


def shown(value: object, status: int = 200) -> Answer:
    """A success."""
    return Answer.json(value, status, tabs=True)


def stamp(seconds: float) -> str:
    """A date as JavaScript's ``toJSON`` writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def listing(call: Call, total: int) -> tuple[slice, list[tuple[str, str]]]:
    """The rows a paged call asks for (``page`` wins over ``offset``), and the header that tells the total.

    Raises:
        Refused: for a limit above 5000 or numbers that are none.
    """
    query = call.request.query
    limit, page, offset = query.number("limit", 100), query.number("page", 0), query.number("offset", 0)
    if limit is None or page is None or offset is None or not 0 <= limit <= _MAX_LIMIT or offset < 0 or page < 0:
        raise refuse(2)
    start = (page - 1) * limit if page else offset
    return slice(start, start + limit), [("x-total-count", str(total))]
