"""Pages from templates: everything a stranger named is text, whatever it looks like."""

import hashlib
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from litestar import Response

from sluicegate.surfaces.dashboard.agents import browser_name

__all__ = ["Flash", "asset_version", "page_headers", "render"]

_PACKAGE: Final = "sluicegate.surfaces.dashboard"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
_KIB: Final = 1024
_BREATH: Final = 0.005
"""Seconds between two templates that are compiled beside other work."""


class Flash(dict[str, str]):
    """A sentence on top of a page: ``kind`` is ``done``, ``note`` or ``error``."""

    @classmethod
    def of(cls, kind: str, words: str) -> "Flash":
        """One sentence."""
        return cls(kind=kind, words=words)


def page_headers() -> dict[str, str]:
    """What every page is sent with: nothing inline runs, nothing is framed, nothing is kept by proxies."""
    return {
        "content-security-policy": _POLICY,
        "cache-control": "no-store",
        # Not "no-referrer": browsers then call the origin of our own forms "null".
        "referrer-policy": "same-origin",
        "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
    }


def render(template: str, context: Mapping[str, Any], *, status: int = 200) -> Response[str]:
    """A whole page."""
    text = _environment().get_template(template).render(context)
    _prepare_others()
    return Response(text, status_code=status, headers=page_headers(), media_type="text/html")


@cache
def asset_version(name: str) -> str:
    """A short digest of a static file, so that browsers keep it until it changes."""
    content = (files(_PACKAGE) / "static" / name).read_bytes()
    return hashlib.blake2b(content, digest_size=6).hexdigest()


@cache
def _prepare_others() -> None:
    """Once somebody looks at a page, the next ones should not wait for their templates to be compiled."""
    threading.Thread(target=_compile_all, name="page templates", daemon=True).start()


def _compile_all() -> None:
    environment = _environment()
    for name in environment.list_templates():
        environment.get_template(name)
        time.sleep(_BREATH)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["asset"] = lambda name: f"/app/static/{asset_version(name)}/{name}"
    environment.filters["browser"] = browser_name
    environment.filters |= {"size": _size, "when": _when, "ago": _ago, "percent": _percent, "seconds": _seconds}
    return environment


def _size(count: int | None) -> str:
    """``1.4 GiB``; nothing for None."""
    if count is None:
        return ""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < _KIB:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"
        amount /= _KIB
    return f"{amount:.1f} TiB"


def _when(at: datetime | None) -> str:
    """``2026-11-22 04:13 UTC``; nothing for None."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""


def _ago(at: datetime | None) -> str:
    """``5 min ago`` or ``in 5 min``; nothing for None."""
    if at is None:
        return ""
    seconds = (datetime.now(UTC) - at).total_seconds()
    words = _seconds(abs(seconds))
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def _seconds(seconds: float | None) -> str:
    """``42 s``, ``5 min``, ``3 h``, ``2 d``; nothing for None."""
    if seconds is None:
        return ""
    for limit, divisor, unit in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"


def _percent(part: float | None) -> str:
    """``42 %`` of a fraction; nothing for None."""
    return "" if part is None else f"{part * 100:.0f} %"
