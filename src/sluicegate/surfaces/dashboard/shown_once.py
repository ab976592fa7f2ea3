"""Secrets that a page shows once, and replacing them while the old ones work on for a while."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.surfaces.dashboard.forms import Form, sentence

__all__ = ["Made", "replaced"]

_HOURS_MAX: Final = 720.0


@dataclass(frozen=True, slots=True)
class Made:
    """Something whose secret is shown this once; ``name`` is what its owner calls it."""

    name: str
    secret: str = field(repr=False)


async def replaced(form: Form, until: str, rotate: Callable[[timedelta], Awaitable[Made]]) -> Made | None:
    """Replaces a secret as ``form`` says; None when it holds an error then.

    Args:
        form: its field ``hours`` says how long the old one works on.
        until: what people read as the name of that field.
        rotate: does it, with that time.

    Raises:
        NotFound: there is no such thing to replace the secret of.
    """
    hours = form.number("hours", float, least=0.0, most=_HOURS_MAX) or 0.0
    if "hours" in form.errors:
        form.errors[""] = f"{until}: {form.errors.pop('hours')}"
        return None
    try:
        return await rotate(timedelta(hours=hours))
    except NotFound:
        raise
    except SluicegateError as error:
        form.errors[""] = sentence(error)
        return None
