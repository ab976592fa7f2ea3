"""A caller that shows what is on the wire: status, headers and bytes exactly as they came."""

import asyncio
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Caller:
    """Calls a sandbox; one connection per call."""

    def __init__(self, url: str) -> None:
        self.url = url

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str = "",
        query: Any = None,
        form: Any = None,
        data: Any = None,
        parts: list[tuple[str, str, bytes]] | None = None,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """``form`` is sent urlencoded, ``data`` as JSON, ``parts`` (name, file name or empty, bytes) as multipart."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        if form is not None:
            body, sent["Content-Type"] = urlencode(form, doseq=True).encode(), "application/x-www-form-urlencoded"
        if data is not None:
            body, sent["Content-Type"] = json.dumps(data).encode(), "application/json"
        if parts is not None:
            body, sent["Content-Type"] = _multipart(parts), "multipart/form-data; boundary=xyzzy"
        address = urlsplit(path if path.startswith("http") else self.url + path)
        target = address.path + ("?" + address.query if address.query else "")
        if query is not None:
            target += "?" + urlencode(query, doseq=True)
        raw = await self._exchange(address.hostname, address.port, method, target, sent, body)
        return _read(raw, method)

    async def _exchange(
        self, host: Any, port: Any, method: str, target: str, sent: dict[str, str], body: bytes
    ) -> bytes:
        reader, writer = await asyncio.open_connection(host, port)
        try:
            lines = [f"{method} {target} HTTP/1.1", f"Host: {host}:{port}", "Connection: close"]
            lines += [f"{name}: {value}" for name, value in sent.items()]
            if body or method in {"POST", "PUT"}:
                lines.append(f"Content-Length: {len(body)}")
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            return await asyncio.wait_for(reader.read(-1), 30)
        finally:
            writer.close()

    async def control(self, method: str, path: str, data: Any = None) -> Any:
        reply = await self.call(method, "/_control" + path, data=data)
        assert reply.status == 200, reply.body
        return reply.json

    async def fault(self, provider: str, fault: str, **more: Any) -> None:
        await self.control("POST", "/faults", {"provider": provider, "fault": fault, **more})

    async def define(self, info_hash: str, **more: Any) -> None:
        await self.control("POST", "/content", {"info_hash": info_hash, **more})

    async def advance(self, seconds: float) -> None:
        await self.control("POST", "/clock", {"advance_seconds": seconds})

    async def calls(self, provider: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = (await self.control("GET", f"/calls?provider={provider}"))["items"]
        return items


def _multipart(parts: list[tuple[str, str, bytes]]) -> bytes:
    out = b""
    for name, filename, value in parts:
        file = f'; filename="{filename}"\r\nContent-Type: application/octet-stream' if filename else ""
        out += f'--xyzzy\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode() + value + b"\r\n"
    return out + b"--xyzzy--\r\n"


def _read(raw: bytes, method: str) -> Reply:
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "transfer-encoding" not in headers, "the sandbox always knows the length"
    length = int(headers.get("content-length", 0))
    if method != "HEAD" and len(body) != length:
        raise EOFError(f"{len(body)} of {length} bytes")
    return Reply(int(first.split(" ")[1]), headers, body)


def magnet(info_hash: str, name: str = "") -> str:
    return f"magnet:?xt=urn:btih:{info_hash}" + (f"&dn={name}" if name else "")


def torrent(name: bytes = b"Own.Name.mkv", length: int = 10) -> bytes:
    """A small v1 ``.torrent``; its hash is the SHA-1 of ``torrent_info(name, length)``."""
    return b"d8:announce14:http://t.test/4:info" + torrent_info(name, length) + b"e"


def torrent_info(name: bytes = b"Own.Name.mkv", length: int = 10) -> bytes:
    pieces = b"\x01" * 20
    return b"d6:lengthi%de4:name%d:%s12:piece lengthi16384e6:pieces20:%se" % (length, len(name), name, pieces)
