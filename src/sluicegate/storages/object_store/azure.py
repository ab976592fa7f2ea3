"""Azure Blob Storage: block blobs, by account key or shared access signature.

Source: the Azure Storage REST reference (Put Blob, Put Block, Put Block List, Get Blob, Delete Blob).
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

from sluicegate.core.errors import ObjectMissing
from sluicegate.core.ports import Clock
from sluicegate.core.storage import StoredObject, UploadedPart
from sluicegate.net.http import Answer
from sluicegate.storages.object_store.azure_signing import VERSION, AccountKey, Query, SasToken, encoded
from sluicegate.storages.object_store.bucket import Body, Bucket
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.faults import fault
from sluicegate.storages.object_store.reading import chunks_of, range_header
from sluicegate.storages.object_store.xml_bucket import content_md5, modified

__all__ = ["AzureBucket"]

_BINARY: Final = "application/octet-stream"


class AzureBucket(Bucket):
    """A container.

    Blocks that no list names are invisible; Azure drops them after a week, and there is no call to do so earlier.

    Args:
        endpoint: the account's blob endpoint, ``https://ACCOUNT.blob.core.windows.net``; it may have a path.
    """

    provider: ClassVar[str] = "blob"

    def __init__(
        self, calls: Calls, clock: Clock, *, endpoint: str, container: str, credential: AccountKey | SasToken
    ) -> None:
        parts = urlsplit(endpoint)
        self._calls = calls
        self._clock = clock
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._root = parts.path.rstrip("/")
        self._https = parts.scheme == "https"
        self._container = container
        self._credential = credential

    async def put(self, key: str, body: bytes) -> None:
        """See the port."""
        _require(await self._send("PUT", key, headers={"x-ms-blob-type": "BlockBlob"}, body=body))

    async def begin(self, key: str) -> str:
        """See the port: only a mark that keeps the blocks of two uploads apart."""
        del key
        return secrets.token_hex(8)

    async def part(self, key: str, upload_id: str, number: int, offset: int, body: Body, *, last: bool) -> str:
        """See the port; the etag of a block is its name."""
        del offset, last
        name = base64.b64encode(f"{upload_id}-{number:06d}".encode()).decode()
        _require(await self._send("PUT", key, [("blockid", name), ("comp", "block")], body=body))
        return name

    async def complete(self, key: str, upload_id: str, parts: Sequence[UploadedPart], *, digest: bytes | None) -> None:
        """See the port."""
        del upload_id, digest
        names = "".join(f"<Uncommitted>{part.etag}</Uncommitted>" for part in parts)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{names}</BlockList>'.encode()
        _require(await self._send("PUT", key, [("comp", "blocklist")], body=body))

    async def abort(self, key: str, upload_id: str) -> None:
        """See the port: nothing can be done, and nothing is visible."""

    async def head(self, key: str) -> StoredObject:
        """See the port."""
        answer = await self._send("HEAD", key)
        if answer.status == 404:
            raise ObjectMissing
        _require(answer)
        size = int(answer.headers.get("content-length", "-1"))
        etag = answer.headers.get("etag", "").strip('"')
        return StoredObject(key, size, etag, modified(answer.headers.get("last-modified", "")))

    async def read(self, key: str, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """See the port."""
        url, headers = self._signed("GET", key, (), range_header(start, stop))
        async with self._calls.stream(url, headers) as answer:
            async for chunk in chunks_of(answer, start):
                yield chunk

    async def delete(self, key: str) -> None:
        """See the port."""
        answer = await self._send("DELETE", key)
        if answer.status != 404:
            _require(answer)

    async def link(self, key: str, expires_in: int) -> str:
        """See the port."""
        query = self._credential.link(
            self._container, key, https=self._https, expires_in=expires_in, now=self._clock.now()
        )
        return f"{self._origin}{self._path(key)}?{encoded(query)}"

    async def _send(
        self,
        method: str,
        key: str,
        query: Query = (),
        *,
        headers: dict[str, str] | None = None,
        body: Body | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if body is not None:
            md5 = await asyncio.to_thread(content_md5, body)
            sent |= {"Content-Length": str(len(body)), "Content-MD5": md5, "Content-Type": _BINARY}
        url, signed = self._signed(method, key, query, sent)
        return await self._calls.send(method, url, signed, body)

    def _signed(self, method: str, key: str, query: Query, headers: dict[str, str]) -> tuple[str, dict[str, str]]:
        now = self._clock.now().strftime("%a, %d %b %Y %H:%M:%S GMT")
        path = self._path(key)
        full, signed = self._credential.sign(method, path, query, headers | {"x-ms-date": now, "x-ms-version": VERSION})
        tail = encoded(full)
        return self._origin + path + (f"?{tail}" if tail else ""), signed

    def _path(self, key: str) -> str:
        return f"{self._root}/{self._container}/{quote(key, safe='/-._~')}"


def _require(answer: Answer) -> Answer:
    """The answer, if it is a success. Raises StorageError."""
    if answer.ok:
        return answer
    raise fault(answer.status, answer.headers.get("x-ms-error-code", ""), retry_after=answer.retry_after)
