"""Amazon S3 and what speaks its language: R2, B2, MinIO, Wasabi, Spaces, SeaweedFS, Ceph, OVH and others."""

from typing import ClassVar
from urllib.parse import urlsplit

from sluicegate.core.ports import Clock
from sluicegate.core.secrets import Secret
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.signing_v4 import S3, SignerV4
from sluicegate.storages.object_store.xml_bucket import Place, XmlBucket

__all__ = ["S3Bucket"]


class S3Bucket(XmlBucket):
    """A bucket behind an endpoint such as ``https://s3.eu-west-1.amazonaws.com``.

    The bucket goes into the path, which every S3 service understands, unless the endpoint's host begins with it.
    """

    provider: ClassVar[str] = "s3"

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
        place = Place(f"{parts.scheme}://{parts.netloc}", bucket, in_host=parts.netloc.startswith(f"{bucket}."))
        super().__init__(calls, place, SignerV4(S3, access_key=access_key, secret_key=secret_key, region=region), clock)

    def _signed_path(self, key: str) -> str:
        return self._place.path(key)
