"""A server between adapter and sandbox: it shows what an adapter really sent and can put other words into an answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any, Self
from urllib.parse import parse_qs, parse_qsl, urlsplit


@dataclass(frozen=True)
class Reply:
    """An answer on the wire; the length is added."""

    status: int = 200
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("content-type", "application/json"),)

    @classmethod
    def json(cls, value: Any, status: int = 200, **headers: str) -> Self:
        pairs = tuple((name.replace("_", "-"), text) for name, text in headers.items())
        return cls(status, json.dumps(value).encode(), (("content-type", "application/json"), *pairs))

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    def with_json(self, value: Any) -> "Reply":
        return replace(self, body=json.dumps(value).encode())

    def with_body(self, body: bytes, status: int = 0) -> "Reply":
        return replace(self, body=body, status=status or self.status)


@dataclass(frozen=True)
class Sent:
    """A request as it was on the wire."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def queries(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Alter = Callable[[Sent, Reply], Reply]
Script = Callable[[Sent], Reply | Awaitable[Reply | None] | None]


class Interposer:
    """Forwards every request to ``target``. Connections are not kept alive, so each one is one request.

    Attributes:
        sent: requests in order.
        replies: answers in order, before they were altered.
        alter: changes an answer of the target on its way back.
        script: answers instead of the target, unless it gives None.
        open: connections that are open now.
    """

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._server: asyncio.Server | None = None
        self.url = ""
        self.open = 0
        self.renew()

    def renew(self) -> None:
        """Forwards unchanged, and forgets what was sent."""
        self.sent: list[Sent] = []
        self.replies: list[Reply] = []
        self.alter: Alter = lambda _, reply: reply
        self.script: Script = lambda _: None

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            sent = await _read_request(reader)
            if sent is None:
                return
            self.sent.append(sent)
            scripted = self.script(sent)
            reply = await scripted if isinstance(scripted, Awaitable) else scripted
            if reply is None:
                reply = await self._forward(sent)
                self.replies.append(reply)
                reply = self.alter(sent, reply)
            writer.write(_render(reply))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            self.open -= 1
            writer.close()

    async def _forward(self, sent: Sent) -> Reply:
        reader, writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            drop = {"connection", "transfer-encoding", "content-length", "host", "accept-encoding"}
            lines = [f"{sent.method} {sent.target} HTTP/1.1", f"Host: {self._target.netloc}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in sent.headers.items() if name not in drop]
            lines.append(f"Content-Length: {len(sent.body)}")
            writer.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + sent.body)
            return _read_reply(await asyncio.wait_for(reader.read(-1), 30))
        finally:
            writer.close()


async def _read_request(reader: asyncio.StreamReader) -> Sent | None:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "chunked" in headers.get("transfer-encoding", ""):
        body = await _read_chunks(reader)
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Sent(method, target, headers, body)


async def _read_chunks(reader: asyncio.StreamReader) -> bytes:
    body = b""
    while size := int((await reader.readline()).split(b";")[0], 16):
        body += (await reader.readexactly(size + 2))[:-2]
    await reader.readline()
    return body


def _read_reply(raw: bytes) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    kept = tuple(pair for pair in pairs if pair[0] not in {"content-length", "connection", "date"})
    return Reply(int(first.split(" ")[1]), body, kept)


def _render(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} .", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in reply.headers]
    if reply.status not in {204, 304}:
        lines.append(f"Content-Length: {len(reply.body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body
