"""``Idempotency-Key`` on every POST: the first request with a key runs, its answer is kept, the others are given it.

The header is that of the IETF draft "The Idempotency-Key HTTP Header Field": 400 for a key that is none, 409 while the
first request still runs, 422 when the same key comes with another request. Without the header nothing changes.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from sluicegate.core.errors import SluicegateError
from sluicegate.core.repeats import Attempt
from sluicegate.services.repeats import Owner, RepeatService
from sluicegate.web.asgi import Application, Message, Receive, Scope, Send, header, header_lines
from sluicegate.web.limits import BodyTooLarge

__all__ = ["HEADER", "REPLAYED", "Repeatable", "RepeatedRequests"]

HEADER: Final = b"idempotency-key"
REPLAYED: Final = b"idempotency-replayed"

_BODY_MAX: Final = 34 * 1024 * 1024
"""As much as the largest body that any route takes."""
_ANSWER_MAX: Final = 1024 * 1024
_PASSING: Final = frozenset({401, 408, 409, 425, 429})
"""Answers that say "not now": they are not kept, and neither is any fault of ours or of a provider (5xx)."""
_KEPT_HEADERS: Final = frozenset({b"content-type", b"location"})

Identify = Callable[[Scope], Awaitable[Owner | None]]
"""Who sends a request; None for somebody who is refused anyway, in the words of the surface."""
Refuse = Callable[[SluicegateError, Scope, Receive, Send], Awaitable[None]]
"""Answers an error in the dialect of the request's surface."""
Repeatable = Callable[[str], bool]
"""Whether running a POST of this path twice does no more than running it once."""
Repeated = Callable[[Scope, int, bytes], list[tuple[bytes, bytes]]]
"""Told of an answer (status and body) that is given once more; gives headers that belong to this request alone."""


class _Kept(msgspec.Struct):
    """An answer as it is kept."""

    headers: list[tuple[str, str]]
    body: bytes


class RepeatedRequests:
    """An application whose POSTs may be sent again."""

    def __init__(
        self,
        app: Application,
        service: RepeatService,
        *,
        identify: Identify,
        refuse: Refuse,
        repeatable: Repeatable,
        repeated: Repeated = lambda *_: [],
    ) -> None:
        self._repeated = repeated
        self._app = app
        self._service = service
        self._identify = identify
        self._refuse = refuse
        self._repeatable = repeatable

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves the request, or the answer of the one before."""
        keys = header_lines(scope, HEADER) if scope["type"] == "http" and scope["method"] == "POST" else []
        owner = await self._identify(scope) if keys else None
        if owner is None:
            await self._app(scope, receive, send)
            return
        try:
            body = await _whole(receive)
            if body is None:
                return
            attempt, kept = await self._service.begin(
                owner, ",".join(keys).strip(), f"POST {scope['path']}", _digest(scope, body),
                repeatable=self._repeatable(scope["path"]),
            )  # fmt: skip
        except SluicegateError as error:
            await self._refuse(error, scope, receive, send)
            return
        if kept is not None:
            await self._replay(scope, kept[0], kept[1], send)
        else:
            await self._run(attempt, scope, _Again(body, receive), send)

    async def _replay(self, scope: Scope, status: int, content: str, send: Send) -> None:
        kept = msgspec.json.decode(content, type=_Kept)
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers]
        headers += [(b"content-length", b"%d" % len(kept.body)), (REPLAYED, b"true")]
        headers += self._repeated(scope, status, kept.body)
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": kept.body})

    async def _run(self, attempt: Attempt, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer is kept before it is sent: a client that has seen it will see it again."""
        held = _Held(send)
        try:
            async with self._service.holding(attempt):
                await self._app(scope, receive, held)
        except Exception:  # whoever is cancelled may have had an effect: that claim runs out
            await self._service.forget(attempt)
            raise
        if held.status is None or held.sent or held.status in _PASSING or held.status >= 500:
            await self._service.forget(attempt)
        else:
            await self._service.keep(attempt, held.status, held.kept())
        await held.release()


class _Again:
    """A ``receive`` that gives a body that was read already, then whatever comes."""

    def __init__(self, body: bytes, receive: Receive) -> None:
        self._body: bytes | None = body
        self._receive = receive

    async def __call__(self) -> Message:
        if self._body is None:
            message: Message = await self._receive()
            return message
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}


class _Held:
    """A ``send`` that holds an answer back until it is whole; one that grows too large is let go as it comes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self._size = 0
        self.status: int | None = None
        self.sent = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self._size += len(message.get("body", b""))
        if self.sent:
            await self._send(message)
            return
        self._messages.append(message)
        if self._size > _ANSWER_MAX:
            await self.release()
            self.sent = True

    def kept(self) -> str:
        """The answer as text."""
        lines = [line for message in self._messages for line in message.get("headers", ())]
        named = [
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in lines if name.lower() in _KEPT_HEADERS
        ]
        body = b"".join(message.get("body", b"") for message in self._messages)
        return msgspec.json.encode(_Kept(named, body)).decode()

    async def release(self) -> None:
        """Sends what was held back."""
        messages, self._messages = self._messages, []
        for message in messages:
            await self._send(message)


async def _whole(receive: Receive) -> bytes | None:
    """The request's body; None when the client is gone before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if len(body) > _BODY_MAX:
            raise BodyTooLarge
        if not message.get("more_body", False):
            return bytes(body)


def _digest(scope: Scope, body: bytes) -> str:
    """Whatever makes a request this request. The boundary of a form is drawn anew by each try, so it does not count."""
    kind = header(scope, b"content-type") or ""
    kind, _, boundary = kind.partition("boundary=")
    if mark := boundary.strip().strip('"').partition(";")[0]:
        body = body.replace(mark.encode("latin-1"), b"")
    provider = ",".join(header_lines(scope, b"x-relaygate-provider"))
    digest = hashlib.sha256(body).digest()
    parts = [scope.get("query_string", b""), kind.encode("latin-1"), provider.encode("latin-1"), digest]
    return base64.b64encode(hashlib.sha256(b"\x00".join(parts)).digest()).decode("ascii")
