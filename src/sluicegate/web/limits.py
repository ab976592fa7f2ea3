"""Bounds on what strangers may send: how large, how deep, how slowly, how often wrongly."""

import asyncio
import ipaddress
import re
import time
from collections import OrderedDict
from typing import Any, Final

from sluicegate.core.errors import InvalidInput, RateLimited
from sluicegate.web.asgi import Application, Receive, Scope, Send, header

__all__ = ["BODY_SECONDS", "JSON_DEPTH_MAX", "BodyTooLarge", "BoundedBody", "FailedAttempts", "JsonDepth"]

JSON_DEPTH_MAX: Final = 64
"""Levels of nesting in a JSON body; our deepest request has five."""

BODY_SECONDS: Final = 30.0
"""Longest silence within a request body."""

_TOKENS: Final = re.compile(rb'["\\\[\]{}]')
_OPENING: Final = frozenset(b"[{")
_CLOSING: Final = frozenset(b"]}")


class BodyTooLarge(InvalidInput):
    """The request body is larger than this operation takes."""

    code = "body_too_large"
    action = "Send less."


class JsonDepth:
    """Follows the nesting of a JSON text that comes in pieces; wrong JSON is somebody else's finding."""

    def __init__(self, limit: int = JSON_DEPTH_MAX) -> None:
        self._limit = limit
        self._depth = 0
        self._opened = 0
        self._held = bytearray()
        self._in_text = False
        self._escaped = False

    def feed(self, piece: bytes) -> None:
        """Reads on.

        Raises:
            InvalidInput: the text is nested too deeply.
        """
        # Most bodies do not even have as many brackets as the limit allows levels: then nothing needs to be followed.
        self._opened += piece.count(b"[") + piece.count(b"{")
        self._held += piece
        if self._opened > self._limit:
            text, self._held = bytes(self._held), bytearray()
            self._follow(text)

    def _follow(self, text: bytes) -> None:
        escaped_at = 0 if self._escaped else -1
        self._escaped = False
        for found in _TOKENS.finditer(text):
            place, byte = found.start(), text[found.start()]
            if place == escaped_at:
                continue
            if byte == 0x5C:
                escaped_at = place + 1
            elif byte == 0x22:
                self._in_text = not self._in_text
            elif not self._in_text:
                self._step(byte)
        self._escaped = escaped_at == len(text)

    def _step(self, byte: int) -> None:
        self._depth += 1 if byte in _OPENING else -1 if byte in _CLOSING else 0
        if self._depth > self._limit:
            raise InvalidInput(f"The JSON body is nested more than {self._limit} levels deep.")


class BoundedBody:
    """An application whose request bodies are bounded in size, silence and, for JSON, depth.

    The errors are raised where the application reads the body, so that its surface answers them in its own words.
    """

    def __init__(self, app: Application, *, limit: int, seconds: float = BODY_SECONDS) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request; the body is checked as it is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        reader = _Reader(receive, self._limit, self._seconds, JsonDepth() if _is_json(scope) else None)
        await self._app(scope, reader, send)


class _Reader:
    """A ``receive`` that counts."""

    def __init__(self, receive: Receive, limit: int, seconds: float, depth: JsonDepth | None) -> None:
        self._receive = receive
        self._left = limit
        self._seconds = seconds
        self._depth = depth
        self._complete = False

    async def __call__(self) -> Any:  # noqa: ANN401 - an ASGI message
        if self._complete:
            return await self._receive()
        try:
            async with asyncio.timeout(self._seconds):
                message = await self._receive()
        except TimeoutError:
            raise InvalidInput("The request body does not come.", action="Send the body without pauses.") from None
        if message["type"] == "http.request":
            self._take(message.get("body", b""))
            self._complete = not message.get("more_body", False)
        return message

    def _take(self, piece: bytes) -> None:
        self._left -= len(piece)
        if self._left < 0:
            raise BodyTooLarge
        if self._depth is not None and piece:
            self._depth.feed(piece)


class FailedAttempts:
    """Counts wrong keys by peer (IPv6: by its /64), in memory, for a sliding time.

    Args:
        allowed: wrong keys within ``seconds`` before the peer has to wait.
    """

    def __init__(self, *, allowed: int = 30, seconds: float = 60.0, peers: int = 10_000) -> None:
        self._allowed = allowed
        self._seconds = seconds
        self._peers = peers
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    def check(self, peer: str) -> None:
        """Raises RateLimited while the peer has failed too often."""
        recent = self._recent(_network(peer))
        if len(recent) >= self._allowed:
            wait = self._seconds - (time.monotonic() - recent[0])
            raise RateLimited("Too many wrong keys came from this address.", retry_after=max(wait, 1.0))

    def failed(self, peer: str) -> None:
        """Counts one."""
        network = _network(peer)
        recent = self._recent(network)
        self._failures[network] = [*recent, time.monotonic()][-self._allowed :]
        self._failures.move_to_end(network)
        while len(self._failures) > self._peers:
            self._failures.popitem(last=False)

    def _recent(self, network: str) -> list[float]:
        since = time.monotonic() - self._seconds
        return [moment for moment in self._failures.get(network, []) if moment > since]


def _network(peer: str) -> str:
    try:
        address = ipaddress.ip_address(peer.partition("%")[0])
    except ValueError:
        return peer[:64]
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _is_json(scope: Scope) -> bool:
    """Also without a media type: the framework then takes a body for JSON."""
    kind = (header(scope, b"content-type") or "application/json").partition(";")[0].strip().lower()
    return kind.endswith(("/json", "+json"))
