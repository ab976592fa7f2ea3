"""Copies one URL to a bucket as a server does it, and prints seconds and the most resident memory of this process."""

import json
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import uvloop

from sluicegate.core.clock import SystemClock
from sluicegate.core.destinations import Cloud, Place
from sluicegate.core.links import Link
from sluicegate.core.secrets import Secret
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import Http, open_http
from sluicegate.services.store import stream_to_storage
from sluicegate.storages.object_store import open_bucket
from sluicegate.wiring.link_reader import HttpLinkReader


@dataclass(frozen=True)
class Remote:
    """A file behind a URL, as a byte source."""

    http: Http
    url: str
    size: int
    name: str = "file"
    mime_type: str | None = None
    etag: str | None = None
    modified_at: datetime | None = None
    local_path: Path | None = None

    def open(self, start: int, stop: int | None) -> AsyncIterator[bytes]:
        return HttpLinkReader(self.http).read(Link(self.url), start, stop)


async def main() -> None:
    url, endpoint, bucket, access_key, secret_key, size = sys.argv[1:]
    async with open_http(EgressPolicy.parse("127.0.0.0/8")) as http:
        place = Place(Cloud.S3, endpoint, bucket, "us-east-1", access_key)
        storage = open_bucket(http, SystemClock(), place, Secret(secret_key))
        started = time.monotonic()
        stored = await stream_to_storage(Remote(http, url, int(size)), storage, "bench/ours.bin")
        seconds = time.monotonic() - started
        assert stored.size == int(size)
        await storage.delete("bench/ours.bin")
    status = Path("/proc/self/status").read_text()  # the usage that the kernel reports at the end counts the parent in
    resident = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    print(json.dumps({"seconds": seconds, "resident": resident, "cpu": time.process_time()}))


uvloop.run(main())  # as the server runs
