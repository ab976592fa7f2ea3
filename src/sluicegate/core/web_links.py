"""Reads http(s) links as people hand them in, and gives each one spelling and one hash.

Which addresses may be connected to is decided at the door (``net.egress``), on the connected address; a name proves
nothing. Here only the form is checked.
"""

import hashlib
import ipaddress
import re
from typing import Final
from urllib.parse import SplitResult, quote, urlsplit

import idna

from sluicegate.core.errors import MalformedSource, UnsafeSource
from sluicegate.core.sources import WebLink

__all__ = ["link_hash", "parse_link"]

_LENGTH_MAX: Final = 4_096
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_BROKEN: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff\\]")
_HOST: Final = re.compile(
    r"(?=.{1,253}$)[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?(?:\.[0-9a-z_](?:[0-9a-z_-]{0,61}[0-9a-z_])?)*"
)
_SPELLED: Final = "!#$%&'()*+,/:;=?@[]~"
"""Reserved characters of RFC 3986 and the percent sign: what is not percent-encoded again."""

_KEYS_IN_FRAGMENT: Final = ("mega.nz", "mega.co.nz")
"""Hosters whose links carry the decryption key behind '#': without it the link is worthless."""


def parse_link(text: str) -> WebLink:
    """Reads a link and spells it canonically.

    Scheme and host become lower-case ASCII (IDNA 2008 with UTS 46 mapping), the default port and the fragment go, and
    characters that URLs cannot hold are percent-encoded. Existing escapes stay as they are: signatures cover them.

    Raises:
        MalformedSource: not an absolute http(s) URL, or one with credentials, spaces, backslashes or control
            characters.
        UnsafeSource: longer than 4,096 characters.
    """
    text = text.strip()
    if len(text) > _LENGTH_MAX:
        raise UnsafeSource(f"This link is longer than {_LENGTH_MAX:,} characters.")
    if text.startswith("-"):
        raise MalformedSource("A link cannot begin with '-'.")
    if _BROKEN.search(text):
        raise MalformedSource("This link contains a space, a backslash or a control character.")
    parts = _split(text)
    host = _host(parts)
    port = "" if parts.port in {None, _DEFAULT_PORTS[parts.scheme]} else f":{parts.port}"
    path = quote(parts.path or "/", safe=_SPELLED)
    query = "?" + quote(parts.query, safe=_SPELLED) if parts.query else ""
    return WebLink(f"{parts.scheme}://{host}{port}{path}{query}{_kept_fragment(host, parts.fragment)}")


def link_hash(url: str) -> str:
    """SHA-1 of a normalised URL in hex: what stands for an info hash in the job of a link. No security rests on it."""
    return hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest()


def _split(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as cause:
        raise MalformedSource("The host or port of this link cannot be read.") from cause
    if parts.scheme not in _DEFAULT_PORTS:
        raise MalformedSource("Only links that begin with http:// or https:// can be fetched.")
    if "@" in parts.netloc:
        raise MalformedSource("This link carries a user name or password; hand in a link without them.")
    if not parts.hostname or port == 0:
        raise MalformedSource("This link names no host.")
    return parts


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    if parts.netloc.startswith("["):
        return _literal(host)
    try:
        ascii_host = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except UnicodeError as cause:  # idna.IDNAError is one
        raise MalformedSource("The host name of this link is not a valid international name.") from cause
    ascii_host = ascii_host.removesuffix(".")
    if not _HOST.fullmatch(ascii_host):
        raise MalformedSource("The host name of this link is not valid.")
    return ascii_host


def _literal(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(host)
    except ValueError as cause:
        raise MalformedSource("The address in brackets in this link is not an IPv6 address.") from cause
    if address.scope_id is not None:
        raise MalformedSource("The address in this link names a network interface.")
    return f"[{address.compressed}]"


def _kept_fragment(host: str, fragment: str) -> str:
    carries_key = host.removeprefix("www.") in _KEYS_IN_FRAGMENT
    return "#" + quote(fragment, safe=_SPELLED) if fragment and carries_key else ""
