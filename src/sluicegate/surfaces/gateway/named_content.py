"""What a raw call names: magnets, hashes and links anywhere in its path, its query and its body.

Which parameter of which call carries content differs from provider to provider and changes with them; a listed hash is
refused wherever it stands.
"""

import base64
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl, unquote

import msgspec

from sluicegate.core.blocklist import ContentGate
from sluicegate.core.errors import InvalidInput
from sluicegate.core.magnets import parse_magnet

__all__ = ["check_named", "texts_of"]

_HASH: Final = re.compile(r"(?<![0-9A-Za-z])(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{40})(?![0-9A-Za-z])")
_BASE32: Final = re.compile(r"urn:btih:([A-Za-z2-7]{32})(?![0-9A-Za-z])", re.IGNORECASE)
_LINK: Final = re.compile(r"https?://[^\s\"'<>\\]+", re.IGNORECASE)


def texts_of(path: str, query: Iterable[tuple[str, str]], body: bytes | None) -> Iterator[str]:
    """Every text of a call, as the provider will read it."""
    yield unquote(path)
    for name, value in query:
        yield from (name, value)
    if not body:
        return
    raw = body.decode("utf-8", "replace")
    yield raw
    try:
        yield from _strings(msgspec.json.decode(body))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        # No JSON, so a form. A name may hold what matters, as a provider may read a text without "=" as either.
        for name, value in parse_qsl(raw, keep_blank_values=True):
            yield from (name, value)


async def check_named(gate: ContentGate, texts: Iterable[str]) -> None:
    """Raises ContentBlocked for the first thing named in ``texts`` that is on the operator's list."""
    hashes: set[str] = set()
    links: set[str] = set()
    for text in texts:
        hashes |= {found.lower() for found in _HASH.findall(text)}
        hashes |= {base64.b32decode(found.upper()).hex() for found in _BASE32.findall(text)}
        links |= set(_LINK.findall(text))
        if text.lstrip()[:8].lower() == "magnet:?":
            await _check_magnet(gate, text.strip())
    for info_hash in hashes:
        await gate.check_job(info_hash, "", "")
    for link in links:
        await _check_link(gate, link)


async def _check_magnet(gate: ContentGate, text: str) -> None:
    try:
        magnet = parse_magnet(text)
    except InvalidInput:
        return  # the provider's to refuse; its hashes are looked at all the same
    await gate.check_source(magnet)


async def _check_link(gate: ContentGate, link: str) -> None:
    try:
        await gate.check_link(link)
    except ValueError:
        return  # no URL at all, whatever it begins with


def _strings(value: object) -> Iterator[str]:
    """All texts in a JSON value, names of fields included."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as fields:
                waiting += [*fields.keys(), *fields.values()]
            case list() as items:
                waiting += items
