"""Arguments of a call: query, form, multipart and JSON are all taken; lists are comma texts or JSON arrays."""

import re
from typing import Any, Final

import msgspec

from sluicegate.sandbox.wire import Request

__all__ = ["MOST_IDS", "flag", "id_filter", "listed", "many", "one", "place"]

MOST_IDS: Final = 100
_ID: Final = re.compile(r"[a-z0-9]{8}")
_SMALLEST_PAGE, _LARGEST_PAGE = 20, 100


def _told(request: Request, name: str) -> Any:  # noqa: ANN401 - JSON
    """A value as it was sent, None if it was not."""
    for form in (request.form, request.query):
        if name in form.fields:
            return form.get(name)
    return request.json.get(name) if isinstance(request.json, dict) else None


def one(request: Request, name: str) -> str:
    """A single argument as text, empty if it is missing."""
    value = _told(request, name)
    return "" if value is None else str(value)


def flag(request: Request, name: str) -> bool:
    """``true`` and ``1`` in any case; false if it is missing."""
    return one(request, name).lower() in {"true", "1"}


def listed(value: object) -> list[str]:
    """The items of ``a,b``, of ``["a","b"]`` as text, or of a JSON array."""
    if isinstance(value, list):
        return [str(item) for item in value]
    text = str(value or "").strip()
    if text.startswith("["):
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return [text]
        return [str(item) for item in found] if isinstance(found, list) else [text]
    return [item.strip() for item in text.split(",") if item.strip()]


def many(request: Request, name: str) -> list[str]:
    """A list argument."""
    return listed(_told(request, name))


def id_filter(request: Request) -> list[str] | None:
    """The ids asked for; None is no filter, and that is also what one malformed id or the 101st makes of it."""
    ids = many(request, "ids")
    usable = 0 < len(ids) <= MOST_IDS and all(_ID.fullmatch(id_) for id_ in ids)
    return ids if usable else None


def place(request: Request) -> tuple[int, int]:
    """Page (from 0) and rows per page, pressed into 20 to 100."""
    page, size = one(request, "page"), one(request, "perPage")
    rows = int(size) if size.isdecimal() else _SMALLEST_PAGE
    return int(page) if page.isdecimal() else 0, min(max(rows, _SMALLEST_PAGE), _LARGEST_PAGE)
