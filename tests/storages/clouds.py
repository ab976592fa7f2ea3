"""Open storages on the servers of this folder, for tests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from tests.storages.servers import S3Server

from sluicegate.core.clock import SystemClock
from sluicegate.core.destinations import Cloud, Place, SecretKind
from sluicegate.core.secrets import Secret
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http
from sluicegate.storages.object_store import ObjectStorage, open_bucket
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.s3 import S3Bucket


def guarded_http() -> Any:
    return open_http(EgressPolicy.parse("127.0.0.0/8"))


async def s3_bucket(http: Http, server: S3Server) -> str:
    """A fresh bucket's name."""
    name = f"bucket-{uuid4().hex[:12]}"
    bucket = raw_s3(http, server, name)
    async with asyncio.timeout(60):
        while not (answer := await bucket._send("PUT", "", body=b"")).ok:
            assert answer.status >= 500, answer.body
            await asyncio.sleep(0.2)
    return name


def raw_s3(http: Http, server: S3Server, bucket: str) -> S3Bucket:
    return S3Bucket(
        Calls(http),
        SystemClock(),
        endpoint=server.url,
        bucket=bucket,
        region=server.region,
        access_key=server.access_key,
        secret_key=Secret(server.secret_key),
    )


def s3_place(server: S3Server, bucket: str, **more: Any) -> Place:
    return Place(Cloud.S3, server.url, bucket, region=server.region, account=server.access_key, **more)


def open_s3(http: Http, server: S3Server, bucket: str) -> ObjectStorage:
    return open_bucket(http, SystemClock(), s3_place(server, bucket), Secret(server.secret_key))


@asynccontextmanager
async def fresh_s3(server: S3Server) -> AsyncIterator[tuple[Http, str]]:
    async with guarded_http() as http:
        yield http, await s3_bucket(http, server)


__all__ = ["Place", "SecretKind", "fresh_s3", "guarded_http", "open_s3", "raw_s3", "s3_bucket", "s3_place"]
