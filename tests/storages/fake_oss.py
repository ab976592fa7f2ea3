"""A small Alibaba OSS: objects, uploads in parts, links; every request is verified by its V4 signature.

It reads signatures by Alibaba's description and shares no code with ours; both of Alibaba's own clients are tested
against it, so that what it accepts is what they send. Source: "V4 signature" in the documentation of OSS.
"""

import asyncio
import base64
import email.utils
import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote

from aiohttp import web

NOW_SKEW = timedelta(minutes=15)


@dataclass
class FakeOss:
    """Its content, and the one key that it knows."""

    url: str = ""
    access_key: str = "LTAIsluicegate"
    secret: str = "oss-secret-0123456789"
    buckets: dict[str, dict[str, tuple[bytes, datetime]]] = field(default_factory=dict)
    uploads: dict[str, tuple[str, str, dict[int, bytes]]] = field(default_factory=dict)
    count: int = 0

    async def handle(self, request: web.Request) -> web.Response:
        bucket, _, key = unquote(request.raw_path.partition("?")[0]).removeprefix("/").partition("/")
        body = await request.read()
        query = dict(parse_qsl(request.raw_path.partition("?")[2], keep_blank_values=True))
        refusal = self._verify(request, query)
        if refusal:
            return _error(403, refusal)
        md5 = request.headers.get("content-md5")
        if md5 and base64.b64decode(md5) != hashlib.md5(body).digest():
            return _error(400, "InvalidDigest")
        if request.method == "PUT" and not key and bucket not in self.buckets:
            self.buckets[bucket] = {}
            return web.Response()
        if bucket not in self.buckets:
            return _error(404, "NoSuchBucket")
        if "uploads" in query or "uploadId" in query:
            return self._multipart(request, bucket, key, query, body)
        return self._object(request, bucket, key, body)

    def _object(self, request: web.Request, bucket: str, key: str, body: bytes) -> web.Response:
        objects = self.buckets[bucket]
        if request.method == "PUT":
            objects[key] = (body, datetime.now(UTC))
            return web.Response(headers={"ETag": _etag(body)})
        if request.method == "DELETE":
            objects.pop(key, None)
            return web.Response(status=204)
        if key not in objects:
            return _error(404, "NoSuchKey")
        content, at = objects[key]
        headers = {"ETag": _etag(content), "Last-Modified": email.utils.format_datetime(at, usegmt=True)}
        headers["Accept-Ranges"] = "bytes"
        if request.method == "HEAD":
            return web.Response(headers=headers | {"Content-Length": str(len(content))})
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
        if not wanted:
            return web.Response(body=content, headers=headers)
        start, stop = int(wanted[1]), int(wanted[2] or len(content) - 1)
        if start >= len(content):
            return _error(416, "InvalidRange")
        part = content[start : stop + 1]
        headers["Content-Range"] = f"bytes {start}-{start + len(part) - 1}/{len(content)}"
        return web.Response(status=206, body=part, headers=headers)

    def _multipart(
        self, request: web.Request, bucket: str, key: str, query: dict[str, str], body: bytes
    ) -> web.Response:
        if request.method == "GET":
            found = [(one, place) for one, place in self.uploads.items() if place[0] == bucket]
            items = "".join(
                f"<Upload><Key>{place[1]}</Key><UploadId>{one}</UploadId>"
                "<Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload>"
                for one, place in found
                if place[1].startswith(query.get("prefix", ""))
            )
            return _xml(
                f"<ListMultipartUploadsResult><Bucket>{bucket}</Bucket><KeyMarker></KeyMarker>"
                "<UploadIdMarker></UploadIdMarker><NextKeyMarker></NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker>"
                f"<MaxUploads>1000</MaxUploads><IsTruncated>false</IsTruncated>{items}</ListMultipartUploadsResult>"
            )
        if "uploads" in query:
            self.count += 1
            upload_id = f"UPLOAD{self.count:026d}"
            self.uploads[upload_id] = (bucket, key, {})
            return _xml(
                f"<InitiateMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key>"
                f"<UploadId>{upload_id}</UploadId></InitiateMultipartUploadResult>"
            )
        if query["uploadId"] not in self.uploads:
            return _error(404, "NoSuchUpload")
        parts = self.uploads[query["uploadId"]][2]
        if request.method == "PUT":
            parts[int(query["partNumber"])] = body
            return web.Response(headers={"ETag": _etag(body)})
        del self.uploads[query["uploadId"]]
        if request.method == "DELETE":
            return web.Response(status=204)
        named = re.findall(rb"<PartNumber>(\d+)</PartNumber>\s*<ETag>(.*?)</ETag>", body, re.DOTALL)
        named = named or [(number, etag) for etag, number in re.findall(
            rb"<ETag>(.*?)</ETag>\s*<PartNumber>(\d+)</PartNumber>", body, re.DOTALL)]  # fmt: skip
        for number, etag in named:
            if _etag(parts.get(int(number), b"?")).strip('"') != etag.decode().replace("&quot;", "").strip('"'):
                return _error(400, "InvalidPart")
        content = b"".join(parts[int(number)] for number, _ in named)
        self.buckets[bucket][key] = (content, datetime.now(UTC))
        return _xml(
            f"<CompleteMultipartUploadResult><Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>{_etag(content)}</ETag>"
            "</CompleteMultipartUploadResult>"
        )

    def _verify(self, request: web.Request, query: dict[str, str]) -> str:
        """The error's word, or nothing when the request is genuine."""
        by_link = "x-oss-signature" in query
        if by_link:
            credential, stamp, given = query["x-oss-credential"], query["x-oss-date"], query["x-oss-signature"]
            lifetime = timedelta(seconds=int(query["x-oss-expires"]))
            additional = query.get("x-oss-additional-headers", "")
        else:
            fields = re.fullmatch(
                r"OSS4-HMAC-SHA256 Credential=([^,]+),\s*(?:AdditionalHeaders=([^,]*),\s*)?Signature=([0-9a-f]{64})",
                request.headers.get("authorization", ""),
            )
            if not fields:
                return "AccessDenied"
            credential, additional, given = fields[1], fields[2] or "", fields[3]
            stamp, lifetime = request.headers["x-oss-date"], NOW_SKEW
        access_key, day, region, product, end = credential.split("/")
        if access_key != self.access_key:
            return "InvalidAccessKeyId"
        at = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if not at - NOW_SKEW < datetime.now(UTC) < at + lifetime or (product, end) != ("oss", "aliyun_v4_request"):
            return "AccessDenied"
        text = "\n".join(
            ["OSS4-HMAC-SHA256", stamp, f"{day}/{region}/{product}/{end}", self._canonical(request, query, additional)]
        )
        key = f"aliyun_v4{self.secret}".encode()
        for step in (day, region, product, end):
            key = hmac.new(key, step.encode(), hashlib.sha256).digest()
        genuine = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return "" if hmac.compare_digest(genuine, given) else "SignatureDoesNotMatch"

    def _canonical(self, request: web.Request, query: dict[str, str], additional: str) -> str:
        path = quote(unquote(request.raw_path.partition("?")[0]), safe="/-_.~")
        pairs = sorted(
            (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
            for name, value in query.items()
            if name != "x-oss-signature"
        )
        names = set(filter(None, additional.split(";")))
        lower = {name.lower(): value.strip() for name, value in request.headers.items()}
        signed = sorted(
            (name, value)
            for name, value in lower.items()
            if name in {"content-type", "content-md5"} | names or name.startswith("x-oss-")
        )
        lines = [
            request.method,
            path,
            "&".join(f"{name}={value}" if value else name for name, value in pairs),
            "".join(f"{name}:{value}\n" for name, value in signed),
            ";".join(sorted(names)),
            lower.get("x-oss-content-sha256", "UNSIGNED-PAYLOAD"),
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@asynccontextmanager
async def fake_oss() -> AsyncIterator[FakeOss]:
    """Runs one on a free port."""
    oss = FakeOss()
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", oss.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert site._server is not None
    oss.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]
    try:
        yield oss
    finally:
        await runner.cleanup()
        await asyncio.sleep(0)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body).hexdigest().upper()}"'


def _xml(text: str) -> web.Response:
    return web.Response(text=f'<?xml version="1.0" encoding="UTF-8"?>{text}', content_type="application/xml")


def _error(status: int, code: str) -> web.Response:
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message><RequestId>1</RequestId></Error>"
    return web.Response(status=status, text=body, content_type="application/xml", headers={"x-oss-request-id": "1"})
