"""Reads the place that a URL points to, and refuses every spelling that two readers could understand differently.

A guard that reads ``http://0x7f.1/`` as a name while the connector reads it as 127.0.0.1 guards nothing. So only one
spelling of a host is accepted: a plain ASCII name, a four-part decimal IPv4 address, or an IPv6 address in brackets.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final
from urllib.parse import quote

from sluicegate.core.errors import ForbiddenAddress
from sluicegate.net.addresses import Address

__all__ = ["URL_LENGTH_MAX", "Target", "read_authority", "read_url"]

URL_LENGTH_MAX: Final = 16_384
"""Characters; signed links of content networks reach a few thousand."""

_SHORT: Final = 200

_URL: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_AUTHORITY: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PRINTABLE: Final = "".join(chr(c) for c in range(0x21, 0x7F))
_QUOTED: Final = re.compile(r"[!-~]*")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads.

    Attributes:
        scheme: ``http`` or ``https``.
        host: lower-case name, or an IP address without brackets.
        port: always known.
        url: the whole URL in ASCII, safe to put into a request line; it may hold secrets, so it is in no repr.
    """

    scheme: str
    host: str
    port: int
    url: str

    def __repr__(self) -> str:
        return f"Target({self.origin})"

    @property
    def origin(self) -> str:
        """``scheme://host:port``: what may be shown, and what credentials are bound to."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def address(self) -> Address | None:
        """The IP address when the host is one, else None."""
        return literal(self.host)


def read_url(url: str) -> Target:
    """Reads an absolute http or https URL.

    Raises:
        ForbiddenAddress: another scheme, credentials in the URL, or a host in any but its plain spelling.
    """
    return _read_again(url) if len(url) <= _SHORT and "?" not in url else _read(url)


def _read(url: str) -> Target:
    if len(url) > URL_LENGTH_MAX:
        raise ForbiddenAddress(f"The URL is longer than {URL_LENGTH_MAX} characters.")
    parts = _URL.fullmatch(url.strip(" "))
    if parts is None or _CONTROL.search(url):
        raise ForbiddenAddress("This is not an absolute http or https URL.")
    scheme = parts["scheme"].lower()
    if scheme not in _DEFAULT_PORTS:
        raise ForbiddenAddress(f"URLs of the scheme '{scheme[:20]}' are not opened; use http or https.")
    host, port = read_authority(parts["authority"], default_port=_DEFAULT_PORTS[scheme])
    rest = parts["rest"].partition("#")[0]
    if not _QUOTED.fullmatch(rest):  # hardly ever: looking is 5 µs cheaper than quoting what needs none
        rest = quote(rest, safe=_PRINTABLE)
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    path = rest if rest.startswith("/") else f"/{rest}"
    return Target(scheme, host, port, f"{scheme}://{shown}{suffix}{path}")


_read_again: Final = lru_cache(512)(_read)
"""For the addresses of a provider's operations, which come again and again; one that has a query may hold a secret."""


@lru_cache(1024)
def read_authority(text: str, *, default_port: int | None = None) -> tuple[str, int]:
    """Reads ``host[:port]``: (lower-case host without brackets, port).

    Raises:
        ForbiddenAddress: credentials, an encoded, numeric or non-ASCII host, a trailing dot, or no usable port.
    """
    if "@" in text:
        raise ForbiddenAddress("The URL carries a user name or password before the host.", action="Leave it out.")
    if not text.isascii():
        raise ForbiddenAddress("The host has non-ASCII letters.", action="Write the name in its ASCII form (xn--…).")
    parts = _AUTHORITY.fullmatch(text)
    if parts is None:
        raise ForbiddenAddress("The host of the URL is not written in its plain form.")
    port = int(parts["port"]) if parts["port"] else default_port
    if port is None or not 0 < port < 65536:
        raise ForbiddenAddress("The port of the URL is missing or out of range.")
    return _read_host(parts["host"].lower()), port


@lru_cache(4096)
def literal(host: str) -> Address | None:
    """The address that ``host`` spells in plain form, or None for a name."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except ValueError:
        return None


def _read_host(host: str) -> str:
    if host.startswith("["):
        address = literal(host[1:-1])
        if address is None:
            raise ForbiddenAddress("The IPv6 address in the URL is malformed.")
        return str(address)
    if literal(host) is not None:
        return host
    labels = host.split(".")
    # A last label that is a number makes every browser and resolver read the whole host as an IPv4 address.
    if _NUMBER.fullmatch(labels[-1]) or len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ForbiddenAddress("The host of the URL is not written in its plain form.")
    return host
