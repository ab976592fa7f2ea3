"""Faults of the wire: what happens to an answer between the dialect and the client."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from sluicegate.sandbox.faults import Fault, FaultKind
from sluicegate.sandbox.wire import Answer

__all__ = ["TRANSPORT", "Receive", "Scope", "Send", "break_off", "damaged", "hang", "send_answer", "send_cut"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

TRANSPORT: Final = "sluicegate.transport"
"""Name of the scope extension that holds the connection's transport."""

_LONGEST_HOLD: Final = 300.0
_GONE_SECONDS: Final = 5.0
_PROMISED_MORE: Final = 64


def _transport(scope: Scope) -> asyncio.Transport:
    transport: asyncio.Transport = scope["extensions"][TRANSPORT]
    return transport


async def _until_gone(receive: Receive, seconds: float) -> None:
    """Wait until the connection is closed, at most ``seconds``."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def break_off(scope: Scope, receive: Receive, *, reset: bool) -> None:
    """End the connection: with a TCP reset, or in good order after what was written."""
    transport = _transport(scope)
    if transport.is_closing():
        return
    if reset:
        connection = transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    else:
        transport.close()
    await _until_gone(receive, _GONE_SECONDS)


async def hang(scope: Scope, receive: Receive, seconds: float) -> None:
    """Answer nothing until the client goes or ``seconds`` (at most five minutes) are over."""
    await _until_gone(receive, min(seconds or _LONGEST_HOLD, _LONGEST_HOLD))
    await break_off(scope, receive, reset=True)


async def send_answer(send: Send, answer: Answer) -> None:
    """The whole answer."""
    await _start(send, answer, len(answer.body))
    await send({"type": "http.response.body", "body": answer.body, "more_body": False})


async def send_cut(scope: Scope, receive: Receive, send: Send, answer: Answer) -> None:
    """Half of the body, although ``Content-Length`` promises all of it, then the end of the connection."""
    answer.status = 200 if answer.status == 204 else answer.status
    await _start(send, answer, len(answer.body) or _PROMISED_MORE)
    await send({"type": "http.response.body", "body": answer.body[: len(answer.body) // 2], "more_body": True})
    await break_off(scope, receive, reset=False)


async def _start(send: Send, answer: Answer, length: int) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status not in {204, 304}:
        headers.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})


def damaged(fault: Fault, answer: Answer) -> Answer:
    """An answer with its body replaced by a page or written twice."""
    if fault.fault is FaultKind.HTML:
        return Answer.html(fault.status or 200)
    if fault.fault is FaultKind.DOUBLED:
        answer.body = answer.body * 2 or b"{}{}"
        answer.status = 200 if answer.status == 204 else answer.status
    if fault.status:
        answer.status = fault.status
    return answer
