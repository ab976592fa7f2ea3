"""What a sent form holds, read within bounds: fields as text and files, in the order in which they came."""

from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from litestar import Request
from multipart import MultipartError, MultipartSegment, PushMultipartParser

from sluicegate.core.errors import InvalidInput

__all__ = ["TEXT_MAX", "FormBody", "SentFile", "read_form"]

TEXT_MAX: Final = 64 * 1024
"""Characters of one field that are looked at and shown again; the rest is let go."""

_ALL_MAX: Final = 256 * 1024
_FIELDS_MAX: Final = 1000
_NAME_MAX: Final = 120
_KEPT: Final = "form_body"


@dataclass(frozen=True, slots=True)
class SentFile:
    """An uploaded file under the name that the browser gave it."""

    name: str
    content: bytes = field(repr=False)


@dataclass(slots=True)
class FormBody:
    """One form.

    Attributes:
        fields: name and text of each field.
        cut: names of fields of which only the beginning is here.
        files: the last file of each name.
    """

    fields: list[tuple[str, str]] = field(default_factory=list)
    cut: set[str] = field(default_factory=set)
    files: dict[str, SentFile] = field(default_factory=dict)
    _left: int = _ALL_MAX

    def take(self, name: str, text: str) -> None:
        """Adds a field, as much of it as there is room for."""
        if len(name) > _NAME_MAX:
            return
        room = min(TEXT_MAX, self._left)
        if len(text) > room:
            text = text[:room]
            self.cut.add(name)
        self._left -= len(text)
        self.fields.append((name, text))


async def read_form(request: Request[Any, Any, Any]) -> FormBody:
    """Reads the body, once for each request; bodies of another kind hold nothing. Raises InvalidInput.

    The framework's own reading is not used: it keeps the last thousand bodies, and with them passwords, in memory,
    and fails on text that is not UTF-8.
    """
    kept = request.scope["state"].get(_KEPT)
    if isinstance(kept, FormBody):
        return kept
    kind, options = request.content_type
    form = FormBody()
    if kind == "application/x-www-form-urlencoded":
        _read_pairs(await request.body(), form)
    elif kind == "multipart/form-data":
        _read_parts(await request.body(), options.get("boundary", ""), form)
    request.scope["state"][_KEPT] = form
    return form


def _read_pairs(body: bytes, form: FormBody) -> None:
    try:
        pairs = parse_qsl(body.decode("latin-1"), keep_blank_values=True, max_num_fields=_FIELDS_MAX)
    except ValueError as error:
        raise InvalidInput("This form has too many fields.") from error
    for name, text in pairs:
        form.take(name, text)


def _read_parts(body: bytes, boundary: str, form: FormBody) -> None:
    content, segment = bytearray(), None
    try:
        with PushMultipartParser(boundary, max_segment_count=_FIELDS_MAX) as parser:
            for part in parser.parse(body):
                if isinstance(part, MultipartSegment):
                    segment, content = part, bytearray()
                elif part:
                    content += part
                elif segment is not None:
                    _take_part(segment, bytes(content), form)
    except MultipartError as error:
        raise InvalidInput("This form cannot be read.") from error


def _take_part(segment: MultipartSegment, content: bytes, form: FormBody) -> None:
    if segment.filename is None:
        form.take(segment.name, content.decode("utf-8", "replace"))
    elif segment.filename:  # a file field that was left alone is sent without a name
        form.files[segment.name] = SentFile(segment.filename, content)
