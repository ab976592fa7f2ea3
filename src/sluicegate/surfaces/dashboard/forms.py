"""Reading forms: every field is text of bounded length, and what was typed is shown again beside what is wrong."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from litestar import Request

from sluicegate.core.errors import SluicegateError
from sluicegate.surfaces.dashboard.form_body import SentFile, read_form

__all__ = ["Form", "sentence"]

_UNREADABLE: Final = ("\0", "\ufffd")
_T = TypeVar("_T", int, float)


@dataclass(slots=True)
class Form:
    """One sent form.

    Attributes:
        values: the first value of each field, as typed.
        errors: sentences by field name; ``""`` is for the form as a whole.
    """

    values: dict[str, str] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    _all: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _files: Mapping[str, SentFile] = field(default_factory=dict)
    _cut: Collection[str] = ()

    @classmethod
    async def of(cls, request: Request[Any, Any, Any]) -> "Form":
        """Reads the body; of very long fields the beginning is kept, and reading them notes an error.

        Raises:
            InvalidInput: no browser sends a body like this.
        """
        body = await read_form(request)
        many: dict[str, list[str]] = {}
        for name, text in body.fields:
            many.setdefault(name, []).append(text)
        return cls({name: values[0] for name, values in many.items()}, {}, many, body.files, body.cut)

    def text(self, name: str, *, most: int = 500) -> str:
        """A field without surrounding spaces; an empty one when it is missing, a noted error when it is too long."""
        text = self.values.get(name, "").strip()
        if self._too_long(name, text, most):
            return text[:most]
        if any(sign in text for sign in _UNREADABLE):
            self.errors[name] = "This holds a character that cannot be kept."
            return ""
        return text

    def secret(self, name: str, *, most: int = 500) -> str:
        """A field as it was typed, spaces included; it is never shown again."""
        text = self.values.pop(name, "")
        if not self._too_long(name, text, most) and any(sign in text for sign in _UNREADABLE):
            self.errors[name] = "This holds a character that cannot be kept."
        return text[:most]

    def needed(self, name: str, *, most: int = 500) -> str:
        """As ``text``, and an empty one is an error."""
        text = self.text(name, most=most)
        if not text and name not in self.errors:
            self.errors[name] = "Please fill this in."
        return text

    def flag(self, name: str) -> bool:
        """Whether a box was ticked."""
        return name in self.values

    def all(self, name: str) -> list[str]:
        """Every value of a field that may occur several times; at most 100."""
        return list(self._all.get(name, ()))[:100]

    def upload(self, name: str) -> SentFile | None:
        """An uploaded file, or None."""
        return self._files.get(name)

    def _too_long(self, name: str, text: str, most: int) -> bool:
        if len(text) <= most and name not in self._cut:
            return False
        self.errors[name] = f"At most {most:,} characters."
        if name in self._cut:
            self.errors[name] += " This was so long that only its beginning is shown here."
        return True

    def number(self, name: str, kind: type[_T], *, least: _T, most: _T) -> _T | None:
        """A number, None for an empty field; anything else is a noted error."""
        text = self.text(name, most=40)
        if not text:
            return None
        try:
            value = kind(text.replace(",", "."))
        except ValueError:
            self.errors[name] = "This must be a number."
            return None
        if not least <= value <= most:
            self.errors[name] = f"This must be between {least} and {most}."
            return None
        return value

    def refused(self, error: SluicegateError) -> None:
        """Notes an error of a service at its field, or for the form as a whole."""
        name = getattr(error, "field", "") or ""
        self.errors[name if name in self.values else ""] = sentence(error)


def sentence(error: SluicegateError) -> str:
    """What happened and what to do, in one line."""
    return f"{error.detail} {error.action}".strip()
