"""Takes secrets out of everything that is logged, by value: whatever path a token took into a text, it stays inside.

A value becomes known at the moment it is revealed (``core.secrets.watch_reveals``). That is the choice because an
unrevealed secret cannot be in a text, every use reveals it again, and so the most recently used ones are exactly those
that can appear. The redactor remembers a bounded number of them and forgets the one that was not used for longest.
Values that never were a ``Secret`` (keys that clients present to us, ``Authorization`` lines of libraries) are caught
by patterns.
"""

import base64
import json
import logging
import re
import sys
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Final
from urllib.parse import quote, quote_plus

from sluicegate.core.secrets import watch_reveals

__all__ = ["MASK", "RedactingFilter", "Redactor"]

MASK: Final = "[redacted]"

_CAPACITY: Final = 4096
_WINDOW: Final = 8
"""Shortest secret that is known by value; replacing shorter ones would tear harmless words apart."""
_READ_MAX: Final = 1024 * 1024
_TEXT_MAX: Final = 64 * 1024
_DEPTH_MAX: Final = 6

_NAMES: Final = (
    r"(?:[a-z0-9_-]{0,40}(?:token|api[_-]?key|secret|password|passwd|credential|signature|auth_key)"
    r"|auth|pass|pwd|pin|sig|jwt|sid)"
)
_HEADERS: Final = r"(?:(?:proxy-)?authorization|(?:set-)?cookie|x-[a-z-]{0,40}(?:key|token|secret|auth|signature)s?)"
_PATTERNS: Final = (
    # Keys that we issue, and webhook signing secrets; the prefix stays, so that a reader knows what was there.
    (re.compile(r"\b(tu_|sk_|pk_|as_|tf_|ts_|whsec_)[A-Za-z0-9+/=_-]{8,}"), rf"\1{MASK}"),
    # Headers, as text, as JSON or as a Python dictionary; the value goes to the end of the line or of the quotes.
    (re.compile(rf"""(?i)(?<![a-z0-9_-])({_HEADERS})(['"]?\s*[:=,]\s*b?['"]?)[^\r\n'"]+"""), rf"\1\2{MASK}"),
    (re.compile(r"\b([Bb]earer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}"), rf"\1 {MASK}"),
    # Query parameters, form fields and JSON members.
    (
        re.compile(rf"""(?i)(?<![a-z0-9_-])({_NAMES})(['"]?\s*[=:]\s*['"]?)(?!\[redacted\])[^\s&;,'"}})\]]+"""),
        rf"\1\2{MASK}",
    ),
    # Credentials in front of a host.
    (re.compile(r"(://)[^/\s@:]{0,256}:[^/\s@]{0,256}@"), rf"\1{MASK}@"),
)
_SENSITIVE_FIELD: Final = re.compile(rf"(?i){_NAMES}|{_HEADERS}")


class Redactor:
    """Knows live secrets and cleans texts and log events of them.

    Args:
        capacity: how many values are remembered.
    """

    def __init__(self, *, capacity: int = _CAPACITY) -> None:
        self._capacity = capacity
        self._values: OrderedDict[str, tuple[str, ...]] = OrderedDict()
        self._by_window: dict[str, dict[str, int]] = {}

    def watch(self) -> Callable[[], None]:
        """Learns every secret that is revealed from now on; the returned function ends it."""
        return watch_reveals(self.learn)

    def learn(self, value: str) -> None:
        """Remembers a secret, in every form it may take in a text; cheap when it is known already."""
        if len(value) < _WINDOW:
            return
        if value in self._values:
            self._values.move_to_end(value)
            return
        forms = tuple(form for form in dict.fromkeys(_forms(value)) if len(form) >= _WINDOW)
        self._values[value] = forms
        for form in forms:
            holders = self._by_window.setdefault(form[:_WINDOW], {})
            holders[form] = holders.get(form, 0) + 1
        if len(self._values) > self._capacity:
            self._forget(self._values.popitem(last=False)[1])

    def clean(self, text: str) -> str:
        """The text without secrets; very long ones are cut."""
        text = self._without_values(text[:_READ_MAX])
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text if len(text) <= _TEXT_MAX else text[:_TEXT_MAX] + "… (cut)"

    def clean_exception(self, error: BaseException) -> str:
        """The traceback of an exception and of all its causes, as clean text."""
        return self.clean("".join(traceback.format_exception(error)).rstrip("\n"))

    def process(self, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Cleans the fields of an event in place, right before it is written; ``exc_info`` becomes ``exception``."""
        error = _exception_of(event.pop("exc_info", None))
        if error is not None:
            event["exception"] = self.clean_exception(error)
        for name, value in event.items():
            event[name] = MASK if _SENSITIVE_FIELD.fullmatch(name) else self._clean_value(value, _DEPTH_MAX)
        return event

    def _clean_value(self, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, BaseException):
            return self.clean(repr(value))
        if isinstance(value, Mapping) and depth:
            return {
                self.clean(str(name)): MASK
                if _SENSITIVE_FIELD.fullmatch(str(name))
                else self._clean_value(member, depth - 1)
                for name, member in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset) and depth:
            return [self._clean_value(member, depth - 1) for member in value]
        return self.clean(value if isinstance(value, str) else str(value))

    def _without_values(self, text: str) -> str:
        windows = self._by_window
        clean: list[str] = []
        start = at = 0
        while at <= len(text) - _WINDOW:
            holders = windows.get(text[at : at + _WINDOW])
            found = (
                max((form for form in tuple(holders) if text.startswith(form, at)), key=len, default="")
                if holders
                else ""
            )
            if found:
                clean += (text[start:at], MASK)
                start = at = at + len(found)
            else:
                at += 1
        return "".join((*clean, text[start:])) if clean else text

    def _forget(self, forms: tuple[str, ...]) -> None:
        for form in forms:
            holders = self._by_window[form[:_WINDOW]]
            holders[form] -= 1
            if not holders[form]:
                del holders[form]
            if not holders:
                del self._by_window[form[:_WINDOW]]


class RedactingFilter(logging.Filter):
    """Cleans records for handlers that are not ours: message, arguments, traceback and stack."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrites the record in place; keeps every record."""
        try:
            message = record.getMessage()
        except (TypeError, ValueError, KeyError):
            message = f"{record.msg} {record.args}"
        record.msg, record.args = self._redactor.clean(message), None
        error = _exception_of(record.exc_info)
        if error is not None:
            record.exc_text, record.exc_info = self._redactor.clean_exception(error), None
        elif record.exc_text:
            record.exc_text = self._redactor.clean(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redactor.clean(record.stack_info)
        return True


def _exception_of(exc_info: object) -> BaseException | None:
    if exc_info is True:
        return sys.exc_info()[1]
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        exc_info = exc_info[1]
    return exc_info if isinstance(exc_info, BaseException) else None


def _forms(value: str) -> Iterator[str]:
    """How a secret looks in texts: as it is, in URLs, in JSON, in a Python repr, and inside Base64."""
    yield value
    yield quote(value, safe="")
    yield quote(value)
    yield quote_plus(value)
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield repr(value)[1:-1]
    yield repr(value.encode())[2:-1]
    for before in range(3):
        # Within "user:secret" the secret starts at any of three positions of a group; only groups that consist of
        # nothing but the secret look the same whatever is around it.
        encoded = base64.b64encode(bytes(before) + value.encode()).decode()
        whole = encoded[(0, 4, 4)[before] : (before + len(value.encode())) // 3 * 4]
        yield whole
        yield whole.replace("+", "-").replace("/", "_")
