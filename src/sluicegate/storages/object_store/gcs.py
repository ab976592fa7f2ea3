"""Google Cloud Storage through its JSON API: uploads in one request or in a resumable session.

Sources: "Uploads and downloads", "Resumable uploads" and "Objects" in the Cloud Storage documentation.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import ClassVar, Final
from urllib.parse import quote, urlsplit

import msgspec

from sluicegate.core.errors import ObjectMissing, ProtocolError, SizeMismatch, StorageError
from sluicegate.core.ports import Clock
from sluicegate.core.storage import StoredObject, UploadedPart, UploadState
from sluicegate.net.http import Answer
from sluicegate.storages.object_store.bucket import MIB, Body, Bucket, UploadGone
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.faults import fault
from sluicegate.storages.object_store.google_key import GoogleKey, GoogleTokens
from sluicegate.storages.object_store.reading import chunks_of, range_header
from sluicegate.storages.object_store.signing_v4 import canonical_query, quoted

__all__ = ["GcsBucket"]

_BINARY: Final = "application/octet-stream"
_RANGE: Final = re.compile(r"(?:bytes=)?0-(\d{1,18})")


class _Facts(msgspec.Struct):
    """The part of an object resource that we read."""

    size: str
    updated: datetime
    md5: str = msgspec.field(default="", name="md5Hash")
    generation: str = ""


class _Reason(msgspec.Struct):
    reason: str = ""


class _Detail(msgspec.Struct):
    errors: list[_Reason] = []


class _Refusal(msgspec.Struct):
    error: _Detail


class GcsBucket(Bucket):
    """A bucket, reached as a service account.

    Parts go into one session, one after the other; the session appears as an object when its last byte is there.
    The id of an upload is the session's address, which grants access by itself.
    """

    provider: ClassVar[str] = "gcs"
    parts_at_once: ClassVar[int] = 1
    part_size: ClassVar[int] = 8 * MIB
    parts_max: ClassVar[int] = 1_000_000

    def __init__(self, calls: Calls, clock: Clock, *, endpoint: str, bucket: str, key: GoogleKey) -> None:
        parts = urlsplit(endpoint)
        self._calls = calls
        self._clock = clock
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.netloc
        self._bucket = bucket
        self._key = key
        self._tokens = GoogleTokens(calls, key, clock)

    async def put(self, key: str, body: bytes) -> None:
        """See the port: metadata and bytes in one request, so that the storage checks the hash before it keeps them."""
        md5 = await asyncio.to_thread(_md5, body)
        about = msgspec.json.encode({"name": key, "md5Hash": md5, "contentType": _BINARY})
        mark = hashlib.sha256(about).hexdigest()
        head = f"--{mark}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode() + about
        content = head + f"\r\n--{mark}\r\nContent-Type: {_BINARY}\r\n\r\n".encode() + body + f"\r\n--{mark}--".encode()
        headers = {"Content-Type": f"multipart/related; boundary={mark}"}
        url = f"{self._origin}/upload/storage/v1/b/{quote(self._bucket, safe='')}/o?uploadType=multipart"
        _require(await self._send("POST", url, headers, content))

    async def begin(self, key: str) -> str:
        """See the port."""
        url = f"{self._origin}/upload/storage/v1/b/{quote(self._bucket, safe='')}/o?uploadType=resumable&name="
        headers = {"X-Upload-Content-Type": _BINARY}
        answer = _require(await self._send("POST", url + quote(key, safe=""), headers, b""))
        session = answer.headers.get("location", "")
        # A session elsewhere would be sent our bytes: only the endpoint itself is believed.
        if not session.startswith(f"{self._origin}/"):
            raise StorageError("The storage began an upload at an address that is not its own.")
        return session

    async def part(self, key: str, upload_id: str, number: int, offset: int, body: Body, *, last: bool) -> str:
        """See the port; the last part makes the object."""
        del key, number
        end = offset + len(body)
        span = f"{offset}-{end - 1}" if body else "*"
        headers = {"Content-Type": _BINARY, "Content-Range": f"bytes {span}/{end if last else '*'}"}
        answer = await self._send("PUT", upload_id, headers, body)
        if last and answer.ok:
            return _facts(answer).md5
        if not last and answer.status == 308:
            if _received(answer) != end:
                raise StorageError("The storage kept another number of bytes than were sent.")
            return str(end)
        raise _session_fault(answer)

    async def complete(self, key: str, upload_id: str, parts: Sequence[UploadedPart], *, digest: bytes | None) -> None:
        """See the port: the last part has done it; here the whole is compared with what was read."""
        del upload_id
        stored = parts[-1].etag if parts else ""
        if digest is not None and stored and base64.b64encode(digest).decode() != stored:
            await self.delete(key)
            raise SizeMismatch("The storage has other bytes than were sent; they were deleted.")

    async def abort(self, key: str, upload_id: str) -> None:
        """See the port. The answer to a cancelled session is 499."""
        del key
        answer = await self._send("DELETE", upload_id, {}, b"")
        if answer.status not in {404, 410, 499}:
            _require(answer)

    async def confirmed(self, key: str, state: UploadState) -> tuple[UploadedPart, ...]:
        """See the port: the storage knows better than our notes."""
        del key
        answer = await self._send("PUT", state.upload_id, {"Content-Range": "bytes */*"}, b"")
        if answer.ok:
            raise UploadGone("The upload is complete already.")
        if answer.status != 308:
            raise _session_fault(answer)
        count = _received(answer) // state.part_size
        return tuple(UploadedPart(number, state.part_size, "") for number in range(1, count + 1))

    async def head(self, key: str) -> StoredObject:
        """See the port."""
        answer = await self._send("GET", self._url(key), {})
        if answer.status == 404:
            raise ObjectMissing
        facts = _facts(_require(answer))
        etag = facts.generation or facts.md5
        return StoredObject(key, int(facts.size), etag.replace("/", "_"), facts.updated)

    async def read(self, key: str, start: int, stop: int | None) -> AsyncIterator[bytes]:
        """See the port."""
        headers = range_header(start, stop) | await self._tokens.headers()
        async with self._calls.stream(self._url(key) + "?alt=media", headers) as answer:
            async for chunk in chunks_of(answer, start):
                yield chunk

    async def delete(self, key: str) -> None:
        """See the port."""
        answer = await self._send("DELETE", self._url(key), {})
        if answer.status != 404:
            _require(answer)

    async def link(self, key: str, expires_in: int) -> str:
        """See the port."""
        path = f"/{quoted(self._bucket)}/{quoted(key)}"
        query = await asyncio.to_thread(self._key.link, self._host, path, expires_in=expires_in, now=self._clock.now())
        return f"{self._origin}{path}?{canonical_query(query)}"

    async def _send(self, method: str, url: str, headers: dict[str, str], body: Body | None = None) -> Answer:
        return await self._calls.send(method, url, headers | await self._tokens.headers(), body)

    def _url(self, key: str) -> str:
        return f"{self._origin}/storage/v1/b/{quote(self._bucket, safe='')}/o/{quote(key, safe='')}"


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()


def _received(answer: Answer) -> int:
    """Bytes that a session holds, from the ``Range`` of a 308."""
    found = _RANGE.fullmatch(answer.headers.get("range", ""))
    return int(found[1]) + 1 if found else 0


def _facts(answer: Answer) -> _Facts:
    try:
        return answer.json(_Facts)
    except ProtocolError as error:
        raise StorageError("The storage describes an object in an unknown way.") from error


def _session_fault(answer: Answer) -> StorageError:
    if answer.status in {404, 410}:
        return UploadGone("The upload has expired.")
    return _fault(answer)


def _require(answer: Answer) -> Answer:
    """The answer, if it is a success. Raises StorageError."""
    if answer.ok:
        return answer
    raise _fault(answer)


def _fault(answer: Answer) -> StorageError:
    reason = ""
    try:
        refusal = answer.json(_Refusal)
        reason = next((one.reason for one in refusal.error.errors), "")
    except ProtocolError:
        pass  # not every error has a body of ours
    return fault(answer.status, reason, retry_after=answer.retry_after)
