"""Reading forms: every field is text of bounded length, and what was typed is shown again beside what is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from litestar import Request
from litestar.datastructures import UploadFile

from sluicegate.core.errors import InvalidInput, SluicegateError

__all__ = ["Form", "sentence"]

_TEXT_MAX: Final = 64 * 1024
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
    _files: Mapping[str, UploadFile] = field(default_factory=dict)

    @classmethod
    async def of(cls, request: Request[Any, Any, Any]) -> "Form":
        """Reads the body; fields longer than 64 KiB are refused. Raises InvalidInput."""
        many: dict[str, list[str]] = {}
        uploads: dict[str, UploadFile] = {}
        for name, value in (await request.form()).multi_items():
            if isinstance(value, UploadFile):
                uploads[name] = value
                continue
            text = str(value)
            if len(text) > _TEXT_MAX:
                raise InvalidInput(f"The field '{name[:40]}' is too long.")
            many.setdefault(name, []).append(text)
        return cls({name: values[0] for name, values in many.items()}, {}, many, uploads)

    def text(self, name: str, *, most: int = 500) -> str:
        """A field without surrounding spaces; an empty one when it is missing, a noted error when it is too long."""
        text = self.values.get(name, "").strip()
        if len(text) > most:
            self.errors[name] = f"At most {most} characters."
            return text[:most]
        if "\0" in text:
            self.errors[name] = "This holds a character that cannot be kept."
            return ""
        return text

    def secret(self, name: str, *, most: int = 500) -> str:
        """A field as it was typed, spaces included; it is never shown again."""
        text = self.values.pop(name, "")
        if len(text) > most:
            self.errors[name] = f"At most {most} characters."
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

    def upload(self, name: str) -> UploadFile | None:
        """An uploaded file that is not empty, or None."""
        found = self._files.get(name)
        return found if found is not None and found.filename else None

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
