"""Logging: one line per event, for people or machines; secrets are taken out by value before anything is written."""

import logging
import sys

import structlog

from sluicegate.net.redact import Redactor

__all__ = ["configure_logging"]

_QUIET = ("pgqueuer", "alembic", "sqlalchemy", "asyncio", "uvicorn.access")


def configure_logging(level: str, form: str) -> None:
    """Sends structlog and the standard library's loggers the same way, to stderr.

    Args:
        level: ``debug``, ``info``, ``warning`` or ``error``.
        form: ``text``, ``json``, or ``auto`` for text on a terminal and JSON elsewhere.
    """
    machine = form == "json" or (form == "auto" and not sys.stderr.isatty())
    shared: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    redactor = Redactor()
    redactor.watch()
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer() if machine else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redactor.process, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
