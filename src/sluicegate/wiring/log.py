"""Logging: one line per event, for people or machines; secrets are taken out by value before anything is written."""

import json
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Any, Final

from sluicegate.net.redact import Redactor

__all__ = ["configure_logging"]

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_QUIET = ("pgqueuer", "alembic", "sqlalchemy", "asyncio", "uvicorn.access")


def configure_logging(level: str, form: str) -> None:
    """Sends what every logger says to stderr.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``text``, ``json``, or ``auto`` for text on a terminal and JSON elsewhere.
    """
    machine = form == "json" or (form == "auto" and not sys.stderr.isatty())
    redactor = Redactor()
    redactor.watch()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(redactor, machine=machine))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


class _Lines(logging.Formatter):
    """Writes records as lines: JSON objects for machines; time, level, event and logger for people."""

    def __init__(self, redactor: Redactor, *, machine: bool) -> None:
        super().__init__()
        self._redactor = redactor
        self._machine = machine

    def format(self, record: logging.LogRecord) -> str:
        """The record without secrets; in text, a traceback follows on indented lines of its own."""
        event = {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="microseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        more: dict[str, Any] = {"exc_info": record.exc_info, "stack": record.stack_info}
        clean = self._redactor.process(event | {name: value for name, value in more.items() if value})
        if self._machine:
            return json.dumps(clean, ensure_ascii=False, default=str)
        first = f"{clean['timestamp'][:19]}Z {clean['level']:<8} {_in_one_line(clean['event'])} [{clean['logger']}]"
        more_lines = [line for name in ("exception", "stack") for line in clean.get(name, "").splitlines()]
        return "\n".join([first, *(f"  {_in_one_line(line)}" for line in more_lines)])


def _in_one_line(text: str) -> str:
    """Titles and errors of strangers are in it: they begin no line of their own and command no terminal."""
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
