"""Who gets in, put together: one guard in front of every surface, and requests that may be sent again."""

import math
from collections.abc import Sequence
from typing import Final

import msgspec
from litestar import Router

from sluicegate.core.errors import SluicegateError, Unauthenticated
from sluicegate.core.keys import KeyKind
from sluicegate.services.repeats import DifferentRequest, Owner
from sluicegate.surfaces.gateway.admission import visitor_of
from sluicegate.surfaces.gateway.application import BASE as GATEWAY_BASE
from sluicegate.surfaces.gateway.application import GatewayApplication
from sluicegate.surfaces.gateway.problems import problem_of
from sluicegate.surfaces.library.errors import status_of
from sluicegate.web.asgi import Application, Receive, Scope, Send, header
from sluicegate.web.auth import Carrier, behind_guards, key_guard, presented_key
from sluicegate.web.limits import BodyTooLarge
from sluicegate.web.repeats import RepeatedRequests
from sluicegate.wiring.gateway import admission_of
from sluicegate.wiring.installation import Installation

__all__ = ["guarded", "repeatable_requests"]

_MEDIA_WORDS: Final = ("Missing x-api-key header", "Invalid API Key")
"""Fixed by the media contract (its sheet, section 1.1)."""
_HARMLESS: Final = ("/sync", "/test", "/poll", "/fetch", "/refresh", "/simulate", "/v1/torrents")
"""POSTs that find what is there: after a crash in the middle they are simply run again."""


def guarded(installation: Installation, routers: Sequence[Router]) -> list[Router]:
    """``routers``, each behind the guard for the kind of key that its description names.

    One guard for all: a surface that is added later cannot forget to count wrong keys, or to ask about revoked ones.
    """
    people = installation.people
    guards = {
        "library_key": key_guard(people.callers, KeyKind.LIBRARY, Carrier.BEARER, attempts=people.attempts),
        "media_key": key_guard(
            people.callers, KeyKind.MEDIA, Carrier.API_KEY, attempts=people.attempts, words=_MEDIA_WORDS
        ),
    }
    return behind_guards(routers, guards)


def repeatable_requests(installation: Installation, app: Application, at: GatewayApplication) -> Application:
    """``app`` whose POSTs honour ``Idempotency-Key``; the gateway's calls answered here are audited ``at`` it."""
    callers = installation.people.callers
    admission = admission_of(installation)

    async def identify(scope: Scope) -> Owner | None:
        try:
            if _is_gateways(scope):
                return await at_gateway(scope)
            if header(scope, b"x-api-key"):
                key = await callers.verify(presented_key(scope, Carrier.API_KEY), KeyKind.MEDIA)
            else:
                key = await callers.verify(presented_key(scope, Carrier.BEARER), KeyKind.LIBRARY)
        except SluicegateError:
            return None  # the surface says it in its own words
        return Owner(str(key.user_id), key.user_id)

    async def at_gateway(scope: Scope) -> Owner | None:
        """Whoever would not be let in now is not given an answer from before either. Raw calls belong to providers."""
        if scope["path"].startswith(GATEWAY_BASE + "/proxy"):
            return None
        visitor = visitor_of(scope)
        await admission.admit(scope, visitor)
        who = str(visitor.user_id or installation.vault.fingerprint("\n".join(visitor.presented)).hex())
        return Owner(f"gateway:{visitor.addon}:{who}", visitor.user_id)

    def audited(scope: Scope, status: int, code: str | None) -> bytes:
        return str(at.note_answered(scope, visitor_of(scope), status, code)).encode()

    def repeated(scope: Scope, status: int, body: bytes) -> list[tuple[bytes, bytes]]:
        if not _is_gateways(scope):
            return []
        code = None if status == 200 else str(msgspec.json.decode(body).get("code"))
        return [(b"x-request-id", audited(scope, status, code)), (b"cache-control", b"no-store")]

    async def refuse(error: SluicegateError, scope: Scope, _: Receive, send: Send) -> None:
        status = _status(error)
        if not _is_gateways(scope):
            words = f"{error.detail} {error.action}".strip()
            await _send(error, status, b"application/json", {"error": words}, [], send)
            return
        code = str(problem_of(error, "").code)
        request_id = audited(scope, status, code)
        problem = msgspec.structs.replace(problem_of(error, request_id.decode()), status=status)
        headers = [(b"x-request-id", request_id), (b"cache-control", b"no-store")]
        await _send(error, status, b"application/problem+json", problem, headers, send)

    return RepeatedRequests(
        app,
        installation.people.repeats,
        identify=identify,
        refuse=refuse,
        repeatable=_is_harmless,
        repeated=repeated,
    )


def _is_gateways(scope: Scope) -> bool:
    return str(scope["path"]).startswith(GATEWAY_BASE + "/")


def _is_harmless(path: str) -> bool:
    return path.rstrip("/").endswith(_HARMLESS)


def _status(error: SluicegateError) -> int:
    if isinstance(error, DifferentRequest):
        return 422
    return 413 if isinstance(error, BodyTooLarge) else status_of(error)


async def _send(
    error: SluicegateError,
    status: int,
    kind: bytes,
    answer: object,
    headers: list[tuple[bytes, bytes]],
    send: Send,
) -> None:
    body = msgspec.json.encode(answer)
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *headers]
    if error.retry_after is not None:
        headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after)))
    if isinstance(error, Unauthenticated):
        headers.append((b"www-authenticate", b'Bearer realm="sluicegate"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
