"""The sandbox as one ASGI application: control API, dialects, files."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from sluicegate.sandbox.accounts import Account
from sluicegate.sandbox.control import PREFIX, Control
from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.files import FileServer
from sluicegate.sandbox.limits import Rate
from sluicegate.sandbox.links import LinkSigner
from sluicegate.sandbox.misbehave import Receive, Scope, Send, break_off, damaged, hang, send_answer, send_cut
from sluicegate.sandbox.tap import TappedCall, masked, masked_query
from sluicegate.sandbox.wire import Answer, Form, Request
from sluicegate.sandbox.world import World

__all__ = ["SandboxApp"]

_MAX_BODY: Final = 110 * 1024 * 1024
_BODY_SECONDS: Final = 60.0
_OWN_ANSWERS: Final = frozenset(
    {
        FaultKind.RATE_LIMITED,
        FaultKind.SERVER_ERROR,
        FaultKind.QUOTA,
        FaultKind.SLOTS_FULL,
        FaultKind.EXPIRED_LINK,
        FaultKind.BAD_TOKEN,
        FaultKind.GONE,
    }
)


class SandboxApp:
    """Routes a request by its first path segment.

    Args:
        world: the one world.
        root: the sandbox's own address, ``http://host:port``; direct links begin with it.
        dialects: classes of the dialects to speak.
    """

    def __init__(self, world: World, root: str, dialects: Sequence[Callable[[World, LinkSigner], Dialect]]) -> None:
        self._world = world
        self._root = root
        links = LinkSigner(world.secret, root)
        made = [dialect(world, links) for dialect in dialects]
        self._dialects = {dialect.name: dialect for dialect in made}
        self._control = Control(world, frozenset(d.name for d in made if d.any_token))
        self._files = FileServer(world, links, self._dialects)
        self._recount()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI entry."""
        if scope["type"] != "http":
            return
        path: str = scope["path"]
        if path == PREFIX or path.startswith(PREFIX + "/"):
            request = await self._request(scope, receive, path.removeprefix(PREFIX).rstrip("/"))
            answer = await self._control.answer(request) if request else Answer.text("Body too large\n", 413)
            await send_answer(send, answer)
        elif path.startswith("/files/"):
            await self._fetch(scope, receive, send)
        else:
            await self._call(scope, receive, send)

    async def _fetch(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = self._tapped("files", scope)
        self._world.tap.arrive(call)
        try:
            call.status = await self._files.serve(scope, receive, send)
        finally:
            self._world.tap.done(call)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        name, _, rest = scope["path"].lstrip("/").partition("/")
        dialect = self._dialects.get(name)
        if dialect is None:
            known = ", ".join(sorted(self._dialects))
            await send_answer(send, Answer.text(f"No such provider. Dialects: {known}\n", 404))
            return
        call = self._tapped(name, scope)
        self._world.tap.arrive(call)
        try:
            await self._answer(dialect, call, "/" + rest, scope, receive, send)
        finally:
            self._world.tap.done(call)

    async def _answer(
        self, dialect: Dialect, call: TappedCall, path: str, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Answer a dialect's call, noting on the tap whose it was and how it ended."""
        request = await self._request(scope, receive, path)
        if request is None:
            call.status = 413
            await send_answer(send, Answer.text("Request Entity Too Large\n", 413))
            return
        token = dialect.token(request)
        account = dialect.account(token)
        call.token, call.account = masked(token), account.id if account else "-"
        try:
            call.status = await self._exchange(dialect, request, account, scope, receive, send)
        finally:
            call.rates = tuple(request.counted)

    async def _exchange(
        self, dialect: Dialect, request: Request, account: Account | None, scope: Scope, receive: Receive, send: Send
    ) -> int:
        """Limits, faults, the dialect; the status that was sent, 0 for a broken connection."""
        refused = dialect.over(request, account)
        fault = self._take_fault(dialect.name, scope)
        if fault is not None and fault.fault is FaultKind.HANG:
            await hang(scope, receive, fault.seconds)
            return 0
        if fault is not None and fault.fault is FaultKind.RESET:
            await break_off(scope, receive, reset=True)
            return 0
        if fault is not None and fault.fault is FaultKind.SLOW:
            await asyncio.sleep(fault.seconds or 1.0)
        if fault is not None and fault.fault in _OWN_ANSWERS:
            answer = dialect.fault(fault, request)
            answer.status = fault.status or answer.status
        elif refused is not None:
            answer = dialect.over_limit(refused, request)
        elif fault is not None and fault.fault is FaultKind.HTML:
            answer = damaged(fault, Answer())
        else:
            answer = self._doubled_error(dialect, fault, request) or dialect.answer(request, account)
        answer = dialect.finished(answer, request, account)
        if fault is not None and fault.fault is FaultKind.DOUBLED:
            answer = damaged(fault, answer)
        if fault is not None and fault.fault is FaultKind.CUT:
            await send_cut(scope, receive, send, answer)
            return answer.status
        await send_answer(send, answer)
        return answer.status

    @staticmethod
    def _doubled_error(dialect: Dialect, fault: Fault | None, request: Request) -> Answer | None:
        """The error that is about to be doubled; None lets the call act."""
        wanted = fault is not None and fault.fault is FaultKind.DOUBLED and fault.status >= 400
        return dialect.doubled_error(fault, request) if wanted and fault is not None else None

    def _take_fault(self, provider: str, scope: Scope) -> Fault | None:
        fault = self._world.faults.take(provider, scope["method"], scope["path"])
        if fault is not None:
            self._world.keep_faults()
        return fault

    def _tapped(self, provider: str, scope: Scope) -> TappedCall:
        return TappedCall(
            at=self._world.clock.now(),
            provider=provider,
            method=scope["method"],
            path=scope["path"],
            query=masked_query(scope["query_string"].decode("latin-1")),
        )

    async def _request(self, scope: Scope, receive: Receive, path: str) -> Request | None:
        """The whole request; None if its body is larger than any provider takes."""
        body = bytearray()
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    break
                body += message.get("body", b"")
                if len(body) > _MAX_BODY:
                    return None
                if not message.get("more_body"):
                    break
        headers: dict[str, str] = {}
        for name, value in scope["headers"]:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        return Request(
            method=scope["method"],
            path=path if path == "/" else path.rstrip("/"),
            query=Form.of_query(scope["query_string"].decode("latin-1")),
            headers=headers,
            body=bytes(body),
            root=self._root,
        )

    def _recount(self) -> None:
        """Fill the limit counters from the tap, so that a restart forgives nothing."""
        for call in self._world.tap.calls():
            for name, count, per in call.rates:
                self._world.limits.remember(call.provider, call.account, Rate(name, count, per), call.at)
