"""Arguments of a call: form, multipart or (the older way) query, with bracketed names for lists. JSON is not read."""

import re
from typing import Final

from sluicegate.sandbox.wire import Request, Upload

__all__ = ["many", "one", "uploads"]

_INDEX: Final = r"(\[\d*\])?"


def one(request: Request, name: str) -> str:
    """A single argument, empty if it is missing."""
    return request.form.get(name) or request.query.get(name)


def many(request: Request, name: str) -> list[str]:
    """A list argument as ``name[]``, ``name[0]`` or (clients that forget the brackets) plain ``name``."""
    shape = re.compile(re.escape(name) + _INDEX)
    return [
        value
        for form in (request.form, request.query)
        for key, values in form.fields.items()
        if shape.fullmatch(key)
        for value in values
    ]


def uploads(request: Request, name: str) -> list[Upload]:
    """File parts as ``name[]``, or as ``name[0]`` and ``name[1]``."""
    shape = re.compile(re.escape(name) + _INDEX)
    return [part for key, parts in request.form.files.items() if shape.fullmatch(key) for part in parts]
