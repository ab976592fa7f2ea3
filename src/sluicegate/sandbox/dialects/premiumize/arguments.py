"""Arguments of a call, in the form or in the query."""

from sluicegate.sandbox.wire import Request

__all__ = ["many", "one"]


def one(request: Request, name: str) -> str:
    """A single argument, empty if it is missing."""
    return request.form.get(name) or request.query.get(name)


def many(request: Request, name: str) -> list[str]:
    """A list argument, ``name[]`` or repeated ``name``."""
    names = (f"{name}[]", name)
    return request.form.all(*names) or request.query.all(*names)
