"""``GET`` and ``HEAD`` of ``/bytes/<token>[/<file name>]``: from a signed link to a file's bytes.

This is raw ASGI: a player sends many small range requests, and the framework's request object, injection and rendering
would cost more than the answer.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Final, Protocol
from uuid import UUID

from litestar import Router, asgi
from litestar.types import Receive as LitestarReceive
from litestar.types import Scope as LitestarScope
from litestar.types import Send as LitestarSend

from sluicegate.core.byte_source import ByteSource
from sluicegate.core.errors import InternalError, InvalidInput, SluicegateError, Unauthenticated
from sluicegate.surfaces.bytes.errors import send_error
from sluicegate.surfaces.bytes.open_streams import OpenStreams
from sluicegate.surfaces.bytes.recent_sources import RecentSources
from sluicegate.web.asgi import ZERO_COPY, Application, Message, Receive, Scope, Send
from sluicegate.web.signing import Grant, TokenSigner
from sluicegate.web.streaming import send_bytes

__all__ = ["KeyStanding", "Playback", "application", "router"]

_log: Final = logging.getLogger(__name__)


class Playback(Protocol):
    """The use case behind a link (``services.playback``)."""

    async def open(self, user_id: UUID, job_kind: str, job_id: UUID, file_id: str) -> ByteSource:
        """The bytes of a file, if this user still may read it. Raises core errors."""
        ...


class KeyStanding(Protocol):
    """Whether the key on whose behalf a link was made is still good."""

    async def check(self, key_id: UUID) -> None:
        """Raises AccessDenied when it is revoked or gone."""
        ...


def router(
    playback: Playback, signer: TokenSigner, *, streams: OpenStreams | None = None, keys: KeyStanding | None = None
) -> Router:
    """The application below ``/bytes``, for mounting beside other surfaces."""
    serve = application(playback, signer, streams=streams, keys=keys)

    @asgi("/", is_mount=True, copy_scope=False)
    async def file_bytes(scope: LitestarScope, receive: LitestarReceive, send: LitestarSend) -> None:
        await serve(scope, receive, send)  # type: ignore[arg-type]  # Litestar's words for the same three

    return Router(path="/bytes", route_handlers=[file_bytes], include_in_schema=False)


def application(
    playback: Playback,
    signer: TokenSigner,
    *,
    streams: OpenStreams | None = None,
    keys: KeyStanding | None = None,
    sent: Callable[[UUID, int], None] | None = None,
) -> Application:
    """The byte server as an ASGI application that takes paths beginning with ``/bytes/``.

    Args:
        playback: opens files.
        signer: reads tokens.
        streams: limits and ends open streams.
        keys: asked for links that were made on behalf of a key; without it such links are refused.
        sent: told how many bytes a user was sent, at the end of each response.
    """
    open_streams = streams if streams is not None else OpenStreams()

    async def open_source(grant: Grant) -> ByteSource:
        return await playback.open(grant.user_id, grant.job_kind, grant.job_id, grant.file_id)

    recent = RecentSources(open_source)
    open_streams.on_end(recent.forget)

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Started(send)
        try:
            grant = _granted(signer, scope)
            with open_streams.hold(grant) as stream, _counting(grant, answer, sent):
                await _check_key(keys, grant)
                source = await recent.get(grant)
                await send_bytes(source, scope, receive, answer, download=_wants_download(scope))
            if stream.ended and not answer.started:
                raise Unauthenticated("The right to read this file was withdrawn.")  # noqa: TRY301 - as any refusal
        except _WrongMethod as error:
            await send_error(error, scope, send, status=405)
        except SluicegateError as error:
            await send_error(error, scope, send)
        except Exception:  # noqa: BLE001 - the last stop before a server that would log the request's target
            # Once an answer has begun, returning without its end closes the connection: a broken transfer.
            _log.exception("An unexpected error ended a request for bytes.")
            if not answer.started:
                await send_error(InternalError(), scope, send)

    return serve


class _Started:
    """A ``send`` that remembers whether an answer has begun, and how many bytes of it were sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False
        self.sent = 0

    async def __call__(self, message: Message) -> None:
        self.started = True
        await self._send(message)
        self.sent += message["count"] if message["type"] == ZERO_COPY else len(message.get("body", b""))


@contextlib.contextmanager
def _counting(grant: Grant, answer: _Started, sent: Callable[[UUID, int], None] | None) -> Iterator[None]:
    try:
        yield
    finally:
        if sent is not None:
            sent(grant.user_id, answer.sent)


class _WrongMethod(InvalidInput):
    """Bytes are read with GET or HEAD only."""


def _granted(signer: TokenSigner, scope: Scope) -> Grant:
    if scope["method"] not in {"GET", "HEAD"}:
        raise _WrongMethod
    segments: list[str] = scope["path"].strip("/").split("/")
    token = segments[1] if segments[0] == "bytes" and len(segments) > 1 else segments[0]
    client = scope.get("client")
    return signer.read(token, method=scope["method"], address=client[0] if client else None)


async def _check_key(keys: KeyStanding | None, grant: Grant) -> None:
    if grant.key_id is None:
        return
    if keys is None:
        raise Unauthenticated("This link belongs to a key that cannot be checked here.")
    await keys.check(grant.key_id)


def _wants_download(scope: Scope) -> bool:
    """``?download`` asks to save the file instead of showing it."""
    query: bytes = scope.get("query_string", b"")
    return any(field.partition(b"=")[0] == b"download" for field in query.split(b"&"))
