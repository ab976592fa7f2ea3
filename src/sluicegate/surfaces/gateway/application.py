"""The gateway's data plane as a raw ASGI application: every answer, whatever happens, is an envelope or a problem."""

import logging
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote
from uuid import UUID, uuid4

import msgspec

from sluicegate.core.addons import looks_like_slug
from sluicegate.core.audit import AuditedCall, AuditedProvider
from sluicegate.core.errors import InternalError, SluicegateError, UpstreamError
from sluicegate.core.gateway import GatewayOperation, GatewayRefused, ProblemCode
from sluicegate.core.pacing import WAITED, Waited
from sluicegate.core.ports import Clock
from sluicegate.core.provider import Provider
from sluicegate.net.tap import tapped_answers
from sluicegate.services.gateway_audit import AuditService
from sluicegate.services.gateway_fanout import Answered, FanOut, Target, told
from sluicegate.services.gateway_jobs import GatewayJobs
from sluicegate.surfaces.gateway.admission import Admission, Visitor, visitor_of
from sluicegate.surfaces.gateway.bodies import Query
from sluicegate.surfaces.gateway.debug import upstream_debug
from sluicegate.surfaces.gateway.envelope import Debug, wrap
from sluicegate.surfaces.gateway.headers import presented_credentials
from sluicegate.surfaces.gateway.operations import Arguments, Plan, Route, Work, match, says_nothing
from sluicegate.surfaces.gateway.problems import RETRY_SECONDS, Problem, problem_of
from sluicegate.surfaces.gateway.proxy import METHODS, RawProxy, checked_path
from sluicegate.web.asgi import Receive, Scope, Send, header

__all__ = ["BASE", "GatewayApplication"]

BASE: Final = "/api/v0.6-beta"
_PROXY: Final = "/proxy/"
_DESCRIPTION: Final = "/openapi.json"
_TOTAL_SECONDS: Final = 10.0
"""For a whole call; the known client gives up after fifteen."""
_PROVIDER_SECONDS: Final = 9.0
"""For one provider, so that its lateness is told in time."""
_AUDITED_PATH_MAX: Final = 300
_UNPROVEN_SHOWN: Final = 8
_OUR_KEYS: Final = re.compile(r"(?:as|pk|sk|tf|ts|tu)_[A-Za-z0-9_]{8,}")
_log: Final = logging.getLogger(__name__)
_encode: Final = msgspec.json.Encoder().encode

_Outcome = Answered[tuple[Any, Debug | None]]


@dataclass(slots=True)
class _Answer:
    """What goes onto the wire, and what the audit needs to know about it."""

    status: int
    body: bytes
    kind: bytes = b"application/json"
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    code: str | None = None
    outcomes: Sequence[_Outcome] = ()
    upstream: float = 0.0
    turns: float = 0.0


@dataclass(slots=True)
class _Call:
    """One request on its way."""

    scope: Scope
    receive: Receive
    path: str
    visitor: Visitor
    id: UUID = field(default_factory=uuid4)
    began: float = field(default_factory=time.perf_counter)
    operation: str = ""


class GatewayApplication:
    """Answers everything below ``/api/v0.6-beta``.

    Args:
        admission: decides who gets in.
        fanout: asks providers.
        jobs: what can be asked.
        proxy: the raw way.
        audit: remembers every call.
        clock: dates audited calls.
        description: makes the OpenAPI document.
    """

    def __init__(
        self,
        admission: Admission,
        fanout: FanOut,
        jobs: GatewayJobs,
        proxy: RawProxy,
        audit: AuditService,
        clock: Clock,
        description: Callable[[], dict[str, Any]],
    ) -> None:
        self._admission = admission
        self._fanout = fanout
        self._jobs = jobs
        self._proxy = proxy
        self._audit = audit
        self._clock = clock
        self._description = description

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        path = _path(scope)
        if path == _DESCRIPTION and scope["method"] == "GET":
            scope["path_template"] = BASE + _DESCRIPTION
            await _send(send, _Answer(200, _encode(self._description())))
            return
        call = _Call(scope, receive, path, visitor_of(scope))
        try:
            answer = await self._answer(call)
        except SluicegateError as error:
            answer = _problem(error, call)
        except Exception as error:  # noqa: BLE001 - the contract's shape holds for our own faults as well
            _log.error("an unexpected error ended a gateway call", exc_info=error)
            answer = _problem(InternalError(), call)
        total = time.perf_counter() - call.began
        answer.headers += _measured(call, answer, total)
        try:
            await _send(send, answer)
        finally:  # after the answer, which waits for nothing that it does not need
            self._note(call, answer, total)

    def note_answered(self, scope: Scope, visitor: Visitor, status: int, code: str | None) -> UUID:
        """Audits a call that was answered before it came here, and gives it an id."""
        call = _Call(scope, _no_body, _path(scope), visitor)
        call.operation = next((route.operation for route, _ in match(call.path) if route.method == scope["method"]), "")
        self._note(call, _Answer(status, b"", code=code), 0.0)
        return call.id

    async def _answer(self, call: _Call) -> _Answer:
        if call.path.startswith(_PROXY):
            return await self._forward(call)
        routes = match(call.path)
        if not routes:
            self._admission.count(call.visitor)
            raise GatewayRefused(ProblemCode.RESOURCE_NOT_FOUND, "There is no such path.")
        call.scope["path_template"] = BASE + routes[0][0].path
        for route, ids in routes:
            if route.method == call.scope["method"]:
                return await self._ask(call, route, ids)
        self._admission.count(call.visitor)
        return _not_allowed(call, sorted(route.method for route, _ in routes))

    async def _ask(self, call: _Call, route: Route, ids: tuple[str, ...]) -> _Answer:
        call.operation = route.operation
        await self._admission.admit(call.scope, call.visitor)
        query = Query(call.scope)
        query.deadline()  # a wrong one is told before anything is asked
        work = await route.prepare(self._jobs, Arguments(call.scope, call.receive, query, ids))
        outcomes, upstream, turns = _told(call, work), 0.0, 0.0
        if outcomes is None:
            work = work.prepare() if isinstance(work, Plan) else work
            began = time.perf_counter()
            outcomes = await self._fanout.run(call.visitor.targets, self._work(call, work), deadline=_left(call, query))
            turns = max(outcomes, key=lambda outcome: outcome.seconds + outcome.waited).waited
            upstream = time.perf_counter() - began - turns
        envelope = wrap(route.operation, str(call.id), outcomes)
        return _Answer(200, _encode(envelope), outcomes=outcomes, upstream=upstream, turns=turns)

    def _work(self, call: _Call, work: Work) -> Callable[[Target, Provider], Any]:
        show = header(call.scope, b"x-relaygate-include-provider-response") == "true"

        async def plain(target: Target, provider: Provider) -> tuple[msgspec.Struct, Debug | None]:
            return await work(target, provider), None

        async def shown(target: Target, provider: Provider) -> tuple[msgspec.Struct, Debug | None]:
            secrets = [*call.visitor.presented, target.credential.token.reveal() if target.credential else ""]
            with tapped_answers() as answers:
                body = await work(target, provider)
            return body, upstream_debug(answers, secrets)

        return shown if show else plain

    async def _forward(self, call: _Call) -> _Answer:
        call.operation = GatewayOperation.PROXY
        call.scope["path_template"] = BASE + _PROXY + "{path}"
        if call.scope["method"] not in METHODS:
            self._admission.count(call.visitor)
            return _not_allowed(call, sorted(METHODS))
        await self._admission.admit(call.scope, call.visitor, single=True)
        path = checked_path(call.path.removeprefix(_PROXY[:-1]))
        query = Query(call.scope)
        query.deadline()
        (target,) = call.visitor.targets
        WAITED.set(waited := Waited())
        began = time.perf_counter()
        forwarded = await self._proxy.forward(call.scope, call.receive, target, path, deadline=_left(call, query))
        upstream = time.perf_counter() - began - waited.seconds
        return _Answer(forwarded.status, forwarded.body, upstream=upstream, turns=waited.seconds)

    def _note(self, call: _Call, answer: _Answer, total: float) -> None:
        visitor = call.visitor
        self._audit.note(
            AuditedCall(
                request_id=call.id,
                created_at=self._clock.now(),
                addon=_shown_addon(visitor),
                addon_proven=visitor.proven,
                user_id=visitor.user_id,
                key_id=visitor.key_id,
                caller_ip=visitor.address,
                operation=str(call.operation),
                method=call.scope["method"][:16],
                path=_shown_path(call),
                providers=visitor.providers,
                http_status=answer.status,
                error_code=answer.code,
                duration_ms=total * 1000,
                upstream_ms=answer.upstream * 1000,
                answers=tuple(_audited(outcome, call) for outcome in answer.outcomes),
            )
        )


def _path(scope: Scope) -> str:
    """The path below ``BASE``, still percent-encoded."""
    raw = bytes(scope.get("raw_path") or scope["path"].encode()).partition(b"?")[0]
    return raw.decode("latin-1").removeprefix(BASE)


async def _no_body() -> Any:  # noqa: ANN401 - an ASGI message
    return {"type": "http.disconnect"}


def _told(call: _Call, plan: Work | Plan) -> Sequence[_Outcome] | None:
    """The answers, where no provider needs to be asked for any of them."""
    if not isinstance(plan, Plan):
        return None
    tell = plan.known

    def known(target: Target) -> tuple[Any, Debug | None] | None:
        body = tell(target)
        return None if body is None else (body, None)

    return told(call.visitor.targets, known)


def _left(call: _Call, query: Query) -> float:
    """Seconds for the providers: what the caller's own deadline leaves, or what ours do."""
    passed = time.perf_counter() - call.began
    wanted = query.deadline()
    left = min(_TOTAL_SECONDS - passed, _PROVIDER_SECONDS) if wanted is None else wanted - passed
    return max(left, 0.0)


def _problem(error: SluicegateError, call: _Call) -> _Answer:
    problem = problem_of(error, str(call.id))
    answer = _Answer(problem.status, _encode(problem), b"application/problem+json", code=str(problem.code))
    if problem.retry_after is not None:
        answer.headers.append((b"retry-after", b"%d" % RETRY_SECONDS))
    if problem.status == 401:
        answer.headers.append((b"www-authenticate", b'Bearer realm="sluicegate"'))
    return answer


def _not_allowed(call: _Call, methods: Sequence[str]) -> _Answer:
    words = f"This path takes {', '.join(methods)}."
    answer = _problem(GatewayRefused(ProblemCode.VALIDATION_ERROR, words, status=405), call)
    answer.headers.append((b"allow", ", ".join(methods).encode()))
    return answer


def _measured(call: _Call, answer: _Answer, total: float) -> list[tuple[bytes, bytes]]:
    """Our own time apart from the providers' and from what the slowest of them waited for turns in its ledger."""
    own = max(0.0, total - answer.upstream - answer.turns)
    parts = [f"own;dur={own * 1000:.2f}", f"turns;dur={answer.turns * 1000:.2f}"]
    parts += [f"upstream;dur={answer.upstream * 1000:.2f}", f"total;dur={total * 1000:.2f}"]
    parts += [f"{outcome.target.slug};dur={outcome.seconds * 1000:.2f}" for outcome in answer.outcomes]
    return [(b"x-request-id", str(call.id).encode()), (b"server-timing", ", ".join(parts).encode())]


def _audited(outcome: _Outcome, call: _Call) -> AuditedProvider:
    problem: Problem | None = problem_of(outcome.error, str(call.id)) if outcome.error else None
    upstream_code = _printable(outcome.error.upstream_code[:60]) if isinstance(outcome.error, UpstreamError) else ""
    return AuditedProvider(
        provider=outcome.target.slug,
        status=problem.status if problem else 200,
        error_code=str(problem.code) if problem else None,
        upstream_code=upstream_code,
        duration_ms=outcome.seconds * 1000,
    )


def _shown_addon(visitor: Visitor) -> str:
    """The identifier; of one that was not proven only the beginning, as a secret may have landed in that header."""
    if visitor.proven:
        return visitor.addon
    start = visitor.addon[:_UNPROVEN_SHOWN]
    return start + "…" * (len(visitor.addon) > _UNPROVEN_SHOWN) if looks_like_slug(start.strip("._-") or "-") else ""


def _shown_path(call: _Call) -> str:
    """The path as it may be kept: printable, without credentials of this call and without keys that we issue."""
    if says_nothing(call.path):
        return call.path
    path = unquote(call.path, errors="replace")
    for secret in (*call.visitor.presented, *presented_credentials(call.scope)):
        path = path.replace(secret, "[REDACTED]")
    path = _OUR_KEYS.sub("[REDACTED]", path)
    return _printable(path[:_AUDITED_PATH_MAX])


def _printable(text: str) -> str:
    """Without NUL and other characters that the audit could not keep, or whoever reads it could not see."""
    return text if text.isprintable() else "".join(each if each.isprintable() else "?" for each in text)


async def _send(send: Send, answer: _Answer) -> None:
    headers = [
        (b"content-type", answer.kind),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        *answer.headers,
    ]
    if answer.status == 204:
        del headers[:2]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
