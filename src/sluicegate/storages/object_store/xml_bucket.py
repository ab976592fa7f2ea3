"""The calls of S3, which Alibaba OSS shares but for its signatures and the names of some headers.

Source: the S3 API reference (PutObject, CreateMultipartUpload, UploadPart, CompleteMultipartUpload,
AbortMultipartUpload, ListMultipartUploads, HeadObject, GetObject, DeleteObject).
"""

import asyncio
import base64
import hashlib
from abc import abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from xml.sax.saxutils import escape

from sluicegate.core.errors import ObjectMissing, StorageError
from sluicegate.core.ports import Clock
from sluicegate.core.storage import StoredObject, UploadedPart
from sluicegate.net.http import Answer
from sluicegate.storages.object_store.bucket import Body, Bucket
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.faults import fault, xml_field, xml_fields
from sluicegate.storages.object_store.reading import chunks_of, range_header
from sluicegate.storages.object_store.signing_v4 import UNSIGNED, Query, SignerV4, canonical_query, quoted

__all__ = ["Place", "XmlBucket", "content_md5", "modified"]

_BINARY: Final = "application/octet-stream"


class Place:
    """Where a bucket's objects are.

    Args:
        endpoint: ``scheme://host[:port]`` without a path.
        bucket: its name.
        in_host: True when the bucket's name is part of the host.
    """

    def __init__(self, endpoint: str, bucket: str, *, in_host: bool) -> None:
        scheme, _, host = endpoint.partition("://")
        self.bucket = bucket
        self.host = f"{bucket}.{host}" if in_host and not host.startswith(f"{bucket}.") else host
        self._root = f"{scheme}://{self.host}"
        self._prefix = "" if in_host else f"/{quoted(bucket)}"

    def path(self, key: str) -> str:
        """The encoded path of an object, or of the bucket itself for an empty key."""
        return f"{self._prefix}/{quoted(key)}"

    def url(self, key: str, query: Query = ()) -> str:
        """The whole URL, with its query in the order in which it is signed."""
        tail = canonical_query(query)
        return self._root + self.path(key) + (f"?{tail}" if tail else "")


class XmlBucket(Bucket):
    """One bucket of a service that speaks the S3 dialect of REST."""

    def __init__(self, calls: Calls, place: Place, signer: SignerV4, clock: Clock) -> None:
        self._calls = calls
        self._place = place
        self._signer = signer
        self._clock = clock

    async def put(self, key: str, body: bytes) -> None:
        """See the port."""
        _require(await self._send("PUT", key, body=body))

    async def begin(self, key: str) -> str:
        """See the port."""
        answer = _require(await self._send("POST", key, [("uploads", "")], body=b""))
        upload_id = xml_field(answer.body, "UploadId")
        if not upload_id:
            raise StorageError("The storage began an upload without telling its id.")
        return upload_id

    async def part(self, key: str, upload_id: str, number: int, offset: int, body: Body, *, last: bool) -> str:
        """See the port."""
        del offset, last
        query = [("partNumber", str(number)), ("uploadId", upload_id)]
        answer = _require(await self._send("PUT", key, query, body=body))
        return answer.headers.get("etag", "")

    async def complete(self, key: str, upload_id: str, parts: Sequence[UploadedPart], *, digest: bytes | None) -> None:
        """See the port. A 200 may hold an error: the answer begins before the work is done."""
        del digest
        items = "".join(
            f"<Part><PartNumber>{part.number}</PartNumber><ETag>{escape(part.etag)}</ETag></Part>" for part in parts
        )
        body = f"<CompleteMultipartUpload>{items}</CompleteMultipartUpload>".encode()
        answer = _require(await self._send("POST", key, [("uploadId", upload_id)], body=body, kind="application/xml"))
        if b"<Error>" in answer.body:
            raise fault(500, xml_field(answer.body, "Code"))

    async def abort(self, key: str, upload_id: str) -> None:
        """See the port."""
        answer = await self._send("DELETE", key, [("uploadId", upload_id)])
        if answer.status != 404:
            _require(answer)

    async def unfinished(self, key: str) -> list[str]:
        """See the port. A key may lack the permission to list: then what a crash left is left to a life-cycle rule."""
        query = [("max-uploads", "1000"), ("prefix", key), ("uploads", "")]
        answer = await self._send("GET", "", query)
        if not answer.ok:
            return []
        uploads = [block.encode() for block in xml_fields(answer.body, "Upload")]
        return [xml_field(upload, "UploadId") for upload in uploads if xml_field(upload, "Key") == key]

    async def head(self, key: str) -> StoredObject:
        """See the port."""
        answer = await self._send("HEAD", key)
        if answer.status == 404:
            raise ObjectMissing
        _require(answer)
        return StoredObject(
            key,
            int(answer.headers.get("content-length", "-1")),
            answer.headers.get("etag", "").strip('"'),
            modified(answer.headers.get("last-modified", "")),
        )

    async def read(self, key: str, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """See the port."""
        headers = self._signed("GET", key, (), range_header(start, stop))
        async with self._calls.stream(self._place.url(key), headers) as answer:
            async for chunk in chunks_of(answer, start):
                yield chunk

    async def delete(self, key: str) -> None:
        """See the port."""
        answer = await self._send("DELETE", key)
        if answer.status != 404:
            _require(answer)

    async def link(self, key: str, expires_in: int) -> str:
        """See the port."""
        query = self._signer.link(
            self._signed_path(key), (), host=self._place.host, expires_in=expires_in, now=self._clock.now()
        )
        return self._place.url(key, query)

    async def _send(
        self, method: str, key: str, query: Query = (), *, body: Body | None = None, kind: str = _BINARY
    ) -> Answer:
        headers: dict[str, str] = {}
        if body is not None:
            headers["Content-Type"] = kind
            headers["Content-MD5"] = await asyncio.to_thread(content_md5, body)
        signed = self._signed(method, key, query, headers)
        return await self._calls.send(method, self._place.url(key, query), signed, body)

    def _signed(self, method: str, key: str, query: Query, headers: dict[str, str]) -> dict[str, str]:
        """The signature covers the body through its ``Content-MD5``; a second hash would only cost time."""
        return self._signer.headers(
            method,
            self._signed_path(key),
            query,
            headers | {"Host": self._place.host},
            payload=UNSIGNED,
            now=self._clock.now(),
        )

    @abstractmethod
    def _signed_path(self, key: str) -> str:
        """The path as the signature wants it."""


def content_md5(body: Body) -> str:
    """Value of a ``Content-MD5`` header (RFC 1864)."""
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def modified(text: str) -> datetime:
    """A ``Last-Modified`` header as aware UTC. Raises StorageError."""
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError as error:
        raise StorageError("The storage does not tell when an object was changed.") from error


def _require(answer: Answer) -> Answer:
    """The answer, if it is a success. Raises StorageError."""
    if answer.ok:
        return answer
    code = xml_field(answer.body, "Code")
    region = xml_field(answer.body, "Region") or answer.headers.get("x-amz-bucket-region", "")
    elsewhere = code in {"AuthorizationHeaderMalformed", "PermanentRedirect"}
    raise fault(answer.status, code, region=region if elsewhere else "", retry_after=answer.retry_after)
