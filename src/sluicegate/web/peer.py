"""Who really is at the other end: forwarded headers count only when a configured proxy sent them."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from sluicegate.core.errors import InvalidInput
from sluicegate.web.asgi import Application, Receive, Scope, Send, header, header_lines

__all__ = ["RealPeer", "TrustedProxies", "caller_address", "came_in_the_clear"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_HOPS_MAX: Final = 32
_UNTOLD: Final = "sluicegate.caller_untold"
_SCHEMES: Final = frozenset({"http", "https"})
_NEAR: Final = tuple(
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "::1/128",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "fc00::/7",
        "fe80::/10",
    )
)
"""This machine and private networks (RFC 1918, 3927, 4193, 4291, 6598): nobody's packets reach us from there over the
internet. Networks between people's machines that encrypt by themselves take their addresses from here, too."""


class TrustedProxies:
    """The reverse proxies of an installation.

    Args:
        networks: addresses or networks; nothing else is believed, the loopback included.
    """

    def __init__(self, networks: Sequence[_Network] = ()) -> None:
        self._networks = tuple(networks)

    @classmethod
    def parse(cls, text: str) -> "TrustedProxies":
        """Reads a comma list (``SLUICEGATE_TRUSTED_PROXIES``).

        Raises:
            InvalidInput: an entry is neither an address nor a network.
        """
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        try:
            return cls([ipaddress.ip_network(entry, strict=False) for entry in entries])
        except ValueError as error:
            raise InvalidInput(
                "The list of trusted proxies holds something that is no address or network.", field="trusted_proxies"
            ) from error

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, host: str) -> bool:
        """Whether ``host`` is one of them."""
        address = _address(host)
        return address is not None and any(
            address.version == network.version and address in network for network in self._networks
        )

    def client_of(self, peer: str, forwarded_for: Sequence[str]) -> str:
        """The nearest address that is not a trusted proxy, walking from the peer through ``X-Forwarded-For`` backwards.

        Whatever stands left of that address was written by somebody we do not trust. Something that is no address ends
        the walk: then the last proxy's own address counts.
        """
        return self._walk(peer, forwarded_for)[0]

    def tells_client_of(self, peer: str, forwarded_for: Sequence[str]) -> bool:
        """Whether ``client_of`` is the caller; else it is a proxy that did not say whom it speaks for."""
        return self._walk(peer, forwarded_for)[1]

    def _walk(self, peer: str, forwarded_for: Sequence[str]) -> tuple[str, bool]:
        if not self.trusts(peer):
            return peer, True
        hops = [hop.strip() for line in forwarded_for for hop in line.split(",")]
        client = peer
        for hop in reversed(hops[-_HOPS_MAX:]):
            address = _address(hop)
            if address is None:
                return client, False
            client = str(address)
            if not self.trusts(client):
                break
        return client, bool(hops)


class RealPeer:
    """Puts the real client and scheme into ``scope``, so that everything behind it sees only them."""

    def __init__(self, app: Application, proxies: TrustedProxies) -> None:
        self._app = app
        self._proxies = proxies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request as the real client's."""
        peer = scope.get("client")
        if scope["type"] == "http" and self._proxies and peer and self._proxies.trusts(peer[0]):
            forwarded = header_lines(scope, b"x-forwarded-for")
            client = self._proxies.client_of(peer[0], forwarded)
            scope[_UNTOLD] = not self._proxies.tells_client_of(peer[0], forwarded)
            scope["client"] = (client, peer[1] if client == peer[0] else 0)
            scheme = (header(scope, b"x-forwarded-proto") or "").strip().lower()
            if scheme in _SCHEMES:
                scope["scheme"] = scheme
        await self._app(scope, receive, send)


def caller_address(scope: Scope) -> str | None:
    """The caller's address where something is decided by it; None when a trusted proxy did not tell it.

    The proxy's own address, which stands in ``scope`` then, would let in whom a deny list shuts out.
    """
    client = scope.get("client")
    return None if client is None or scope.get(_UNTOLD) else client[0] or None


def came_in_the_clear(scope: Scope) -> bool:
    """Whether strangers could read a request on its way: plain HTTP from outside this machine and private networks.

    After ``RealPeer``, so that a trusted proxy's word on scheme and client counts, and nobody else's.
    """
    client = scope.get("client")
    if scope.get("scheme") == "https" or client is None:  # a local socket has no address
        return False
    return not _near(client[0])


@lru_cache(4096)  # every call of the gateway asks
def _near(host: str) -> bool:
    address = _address(host)
    return address is not None and any(address.version == near.version and address in near for near in _NEAR)


def _address(text: str) -> _Address | None:
    """The address in ``1.2.3.4``, ``1.2.3.4:80``, ``2001:db8::1`` or ``[2001:db8::1]:80``; mapped IPv4 as IPv4."""
    host = text.strip()
    if host.startswith("["):
        host = host[1:].partition("]")[0]
    elif host.count(":") == 1:
        host = host.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped if mapped is not None else address
