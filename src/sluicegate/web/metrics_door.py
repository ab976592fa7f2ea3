"""Who may read the measurements: direct callers from named networks, and whoever has the operator's token."""

import hmac
from collections.abc import Awaitable, Callable
from ipaddress import ip_address, ip_network
from typing import Any, Final

from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from sluicegate.core.errors import AccessDenied, InvalidInput
from sluicegate.core.secrets import Secret

__all__ = ["metrics_guard"]

_FORWARDED: Final = frozenset({"forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"})
"""A request that came through a proxy is not a local one, even when the proxy is on this machine."""

_Connection = ASGIConnection[Any, Any, Any, Any]


def metrics_guard(networks: str, token: Secret | None) -> Callable[[_Connection, BaseRouteHandler], Awaitable[None]]:
    """A Litestar guard.

    Args:
        networks: comma list; a caller must come from one of them directly, through no proxy.
        token: opens the door from anywhere.

    Raises:
        InvalidInput: the list cannot be read.
    """
    try:
        allowed = [ip_network(entry.strip(), strict=False) for entry in networks.split(",") if entry.strip()]
    except ValueError as error:
        raise InvalidInput(
            "SLUICEGATE_METRICS_FROM is no list of networks.", action="Write networks such as 127.0.0.0/8,10.1.2.3."
        ) from error

    def is_near(connection: _Connection) -> bool:
        try:
            address = ip_address(connection.client.host if connection.client else "")
        except ValueError:
            return False
        near = any(address in network for network in allowed)
        return near and not any(name in connection.headers for name in _FORWARDED)

    async def guard(connection: _Connection, _: BaseRouteHandler) -> None:
        scheme, _space, text = connection.headers.get("authorization", "").partition(" ")
        knows = scheme.lower() == "bearer" and token is not None
        if knows and token is not None and hmac.compare_digest(text.strip().encode(), token.reveal().encode()):
            return
        if not is_near(connection):
            raise AccessDenied(
                "The measurements are not shown here.", action="Send SLUICEGATE_METRICS_TOKEN as a bearer token."
            )

    return guard
