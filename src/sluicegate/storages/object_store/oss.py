"""Alibaba Cloud OSS with signatures of version 4."""

import re
from typing import ClassVar
from urllib.parse import urlsplit

from sluicegate.core.ip_text import is_address
from sluicegate.core.ports import Clock
from sluicegate.core.secrets import Secret
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.signing_v4 import OSS, SignerV4, quoted
from sluicegate.storages.object_store.xml_bucket import Place, XmlBucket

__all__ = ["OssBucket", "region_of"]


class OssBucket(XmlBucket):
    """A bucket behind an endpoint such as ``https://oss-cn-hangzhou.aliyuncs.com``.

    OSS wants the bucket in the host, except where the host is an address (as Alibaba's own clients do it).
    """

    provider: ClassVar[str] = "oss"

    def __init__(
        self,
        calls: Calls,
        clock: Clock,
        *,
        endpoint: str,
        bucket: str,
        region: str,
        access_key: str,
        secret_key: Secret,
    ) -> None:
        parts = urlsplit(endpoint)
        place = Place(f"{parts.scheme}://{parts.netloc}", bucket, in_host=not is_address(parts.hostname or ""))
        signer = SignerV4(OSS, access_key=access_key, secret_key=secret_key, region=region or region_of(endpoint))
        super().__init__(calls, place, signer, clock)

    def _signed_path(self, key: str) -> str:
        return f"/{self._place.bucket}/{quoted(key)}"


def region_of(endpoint: str) -> str:
    """``cn-hangzhou`` of ``https://oss-cn-hangzhou-internal.aliyuncs.com``, or Alibaba's first region."""
    host = urlsplit(endpoint).hostname or ""
    found = re.search(r"(?:^|\.)oss-([a-z0-9-]+?)(?:-internal)?\.aliyuncs\.com$", host)
    return found[1] if found else "cn-hangzhou"
