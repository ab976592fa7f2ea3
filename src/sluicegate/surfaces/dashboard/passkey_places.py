"""Where passkeys work: browsers bind them to a host name, and hand them out on secure pages only.

A reverse proxy may change host and scheme on the way here, so the configured public address counts; without one, what
the browser has asked for. Whoever asks under a false name gains nothing: the browser signs the name that it sees.
"""

from typing import Any
from urllib.parse import urlsplit

from litestar import Request

from sluicegate.core.ip_text import is_address
from sluicegate.core.passkeys import RelyingParty

__all__ = ["party_of"]


def party_of(request: Request[Any, Any, Any], public_url: str | None) -> RelyingParty | None:
    """What passkeys are bound to here; None where browsers have none: without https, and at bare addresses."""
    try:
        parts = urlsplit(public_url or f"{request.url.scheme}://{request.headers.get('host', '')}")
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if not host or is_address(host) or not (parts.scheme == "https" or _is_own_machine(host)):
        return None
    usual = {"https": 443, "http": 80}.get(parts.scheme)
    return RelyingParty(host, f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else ""))


def _is_own_machine(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")
