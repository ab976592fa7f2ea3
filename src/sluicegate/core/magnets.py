"""Reads magnet links (BEP 9, BEP 52, BEP 53) and bare info hashes, and writes canonical magnet links."""

import base64
import ipaddress
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from sluicegate.core.errors import MalformedSource, UnsafeSource
from sluicegate.core.names import display_text
from sluicegate.core.sources import Magnet

__all__ = ["looks_like_info_hash", "parse_info_hash", "parse_magnet", "render_magnet", "tracker_urls"]

_LENGTH_MAX: Final = 65_536
_PARAMETERS_MAX: Final = 1_000
_LIST_MAX: Final = 100
_URL_LENGTH_MAX: Final = 2_048
_SIZE_MAX: Final = 2**63 - 1

_SCHEME: Final = "magnet:?"
_V1_URN: Final = "urn:btih:"
_V2_URN: Final = "urn:btmh:"
_SHA256_MULTIHASH: Final = "1220"
"""Multihash prefix of SHA-256 (code 0x12) with 32 bytes (0x20), the only one BEP 52 uses."""

_HEX_40: Final = re.compile(r"[0-9a-f]{40}", re.IGNORECASE)
_HEX_64: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_BASE32: Final = re.compile(r"[a-z2-7]{32}", re.IGNORECASE)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x20\x7f\ufffd]")
_HOST_NAME: Final = re.compile(r"[0-9A-Za-z._-]{1,253}")

_TRACKER_SCHEMES: Final = frozenset({"http", "https", "udp", "ws", "wss"})
_WEB_SCHEMES: Final = frozenset({"http", "https"})


def parse_magnet(text: str) -> Magnet:
    """Reads a magnet link.

    Parameters that torrents do not need (``kt``, ``mt``, ``so``, other kinds of ``xt``) are ignored, and so are
    trackers, web seeds, peers and sizes that cannot be used. At most 100 of each list are kept.

    Raises:
        MalformedSource: it is not a magnet link, or does not name exactly one torrent.
        UnsafeSource: it is longer than 65,536 characters or has more than 1,000 parameters.
    """
    text = text.strip()
    if len(text) > _LENGTH_MAX:
        raise UnsafeSource(f"This magnet is longer than {_LENGTH_MAX:,} characters.")
    if not text.lower().startswith(_SCHEME):
        raise MalformedSource("A magnet link begins with 'magnet:?'.")
    if _CONTROLS.search(text):
        raise MalformedSource("This magnet contains a line break or another control character.")
    values = _parameters(text[len(_SCHEME) :])
    v1, v2 = _hashes(values["xt"])
    return Magnet(
        info_hash=v1 or v2[:40],
        info_hash_v2=v2 or None,
        name=display_text(next((unquote(name.replace("+", " ")) for name in values["dn"] if name), "")),
        trackers=tracker_urls(unquote(url) for url in values["tr"]),
        web_seeds=_kept((unquote(url) for url in values["ws"]), _is_web_seed),
        size=_size(values["xl"]),
        peers=_kept((unquote(peer) for peer in values["x.pe"]), _is_peer),
    )


def parse_info_hash(text: str) -> Magnet:
    """Reads a bare info hash: 40 hex digits or 32 base32 characters (v1), or 64 hex digits (v2).

    Raises:
        MalformedSource: it is none of these.
    """
    text = text.strip()
    if _HEX_64.fullmatch(text):
        _refuse_blank(text)
        return Magnet(info_hash=text[:40].lower(), info_hash_v2=text.lower())
    return Magnet(info_hash=_v1_hash(text))


def looks_like_info_hash(text: str) -> bool:
    """True for one run of letters and digits: a hash, whole or broken, and nothing else that we accept."""
    return text.isascii() and text.isalnum()


def render_magnet(magnet: Magnet) -> str:
    """The canonical magnet link: lower-case hashes first, then name, size, trackers, web seeds and peers."""
    parts = [] if magnet.v2_only else [f"xt={_V1_URN}{magnet.info_hash}"]
    if magnet.info_hash_v2 is not None:
        parts.append(f"xt={_V2_URN}{_SHA256_MULTIHASH}{magnet.info_hash_v2}")
    if magnet.name:
        parts.append(f"dn={quote(magnet.name, safe='')}")
    if magnet.size is not None:
        parts.append(f"xl={magnet.size}")
    for key, values in (("tr", magnet.trackers), ("ws", magnet.web_seeds), ("x.pe", magnet.peers)):
        parts += [f"{key}={quote(value, safe='')}" for value in values]
    return _SCHEME + "&".join(parts)


def tracker_urls(urls: Iterable[str]) -> tuple[str, ...]:
    """The usable announce URLs among ``urls``, in order, without repetitions, at most 100."""
    return _kept(urls, _is_tracker)


def _parameters(query: str) -> dict[str, list[str]]:
    """Raw values by lower-case key; ``tr.1`` counts as ``tr``, and ``amp;tr`` (copied out of HTML) as well."""
    pairs = query.split("&", _PARAMETERS_MAX)
    if len(pairs) > _PARAMETERS_MAX:
        raise UnsafeSource(f"This magnet has more than {_PARAMETERS_MAX:,} parameters.")
    values: dict[str, list[str]] = defaultdict(list)
    for pair in pairs:
        key, _, value = pair.partition("=")
        key = unquote(key).lower().removeprefix("amp;")
        stem, _, number = key.rpartition(".")
        values[stem if number.isdecimal() else key].append(value)
    return values


def _hashes(topics: Iterable[str]) -> tuple[str, str]:
    """The v1 and the v2 hash that the exact topics (``xt``) name, empty where there is none."""
    v1, v2 = set(), set()
    for topic in (unquote(raw).strip() for raw in topics):
        if topic.lower().startswith(_V1_URN):
            v1.add(_v1_hash(topic[len(_V1_URN) :]))
        elif topic.lower().startswith(_V2_URN):
            v2.add(_v2_hash(topic[len(_V2_URN) :]))
    if not v1 and not v2:
        raise MalformedSource("This magnet names no torrent: it has no 'xt=urn:btih:…' and no 'xt=urn:btmh:…'.")
    if len(v1) > 1 or len(v2) > 1:
        raise MalformedSource("This magnet names more than one torrent; hand them in one by one.")
    return "".join(v1), "".join(v2)


def _v1_hash(text: str) -> str:
    if _BASE32.fullmatch(text):
        text = base64.b32decode(text.upper()).hex()
    if not _HEX_40.fullmatch(text):
        raise MalformedSource(
            f"An info hash has 40 hexadecimal digits, 32 base32 characters, or 64 digits for v2; {_told(text)}."
        )
    _refuse_blank(text)
    return text.lower()


def _v2_hash(text: str) -> str:
    if not text.startswith(_SHA256_MULTIHASH) or not _HEX_64.fullmatch(text[len(_SHA256_MULTIHASH) :]):
        raise MalformedSource(f"A v2 info hash is '1220' and 64 hexadecimal digits after 'urn:btmh:'; {_told(text)}.")
    _refuse_blank(text[len(_SHA256_MULTIHASH) :])
    return text[len(_SHA256_MULTIHASH) :].lower()


def _told(text: str) -> str:
    wrong = "" if re.fullmatch(r"[0-9A-Fa-f]*", text) else ", not all of them hexadecimal"
    return f"this one has {len(text)} characters{wrong}"


def _refuse_blank(digits: str) -> None:
    if not digits.strip("0"):
        raise MalformedSource("This info hash is all zeros, which names no torrent.")


def _size(values: Iterable[str]) -> int | None:
    """The first usable exact length; a broken one is no reason to refuse a magnet."""
    for value in values:
        if value.isascii() and value.isdecimal() and len(value) < 20 and 0 < int(value) <= _SIZE_MAX:
            return int(value)
    return None


def _kept(values: Iterable[str], usable: Callable[[str], bool]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if usable(value)))[:_LIST_MAX]


def _is_tracker(url: str) -> bool:
    return _has_shape(url, _TRACKER_SCHEMES)


def _is_web_seed(url: str) -> bool:
    return _has_shape(url, _WEB_SCHEMES)


def _has_shape(url: str, schemes: frozenset[str]) -> bool:
    """An absolute URL of one of ``schemes`` with a host, without credentials, spaces or control characters."""
    if len(url) > _URL_LENGTH_MAX or _UNPRINTABLE.search(url):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def _is_peer(text: str) -> bool:
    """``host:port``, ``address:port`` or ``[IPv6 address]:port``."""
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65_536):
        return False
    if host.startswith("[") and host.endswith("]"):
        try:
            return ipaddress.ip_address(host[1:-1]).version == 6 and "%" not in host
        except ValueError:
            return False
    return _HOST_NAME.fullmatch(host) is not None
