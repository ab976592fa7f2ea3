"""From a storage target and its secret to the storage itself."""

from sluicegate.core.destinations import Cloud, Place, SecretKind
from sluicegate.core.ports import Clock
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.storages.object_store.adapter import ObjectStorage
from sluicegate.storages.object_store.azure import AzureBucket
from sluicegate.storages.object_store.azure_signing import AccountKey, SasToken
from sluicegate.storages.object_store.bucket import Bucket
from sluicegate.storages.object_store.calls import Calls
from sluicegate.storages.object_store.oss import OssBucket
from sluicegate.storages.object_store.s3 import S3Bucket

__all__ = ["open_bucket"]


def open_bucket(http: Http, clock: Clock, place: Place, secret: Secret) -> ObjectStorage:
    """The storage behind ``place``; nothing is sent yet.

    Raises:
        InvalidInput: the secret has not the form that this cloud gives out.
    """
    return ObjectStorage(_bucket(Calls(http), clock, place, secret), clock)


def _bucket(calls: Calls, clock: Clock, place: Place, secret: Secret) -> Bucket:
    match place.cloud:
        case Cloud.S3 | Cloud.OSS:
            kind = S3Bucket if place.cloud is Cloud.S3 else OssBucket
            return kind(
                calls,
                clock,
                endpoint=place.endpoint,
                bucket=place.bucket,
                region=place.region,
                access_key=place.account,
                secret_key=secret,
            )
        case Cloud.BLOB:
            by_sas = place.secret_kind is SecretKind.SAS
            credential = SasToken(secret) if by_sas else AccountKey(place.account, secret)
            return AzureBucket(calls, clock, endpoint=place.endpoint, container=place.bucket, credential=credential)
        case Cloud.GCS:
            # Google's keys need certificates and RSA: two megabytes, which uploads to other clouds save.
            from sluicegate.storages.object_store.gcs import GcsBucket
            from sluicegate.storages.object_store.google_key import read_google_key

            key = read_google_key(secret)
            return GcsBucket(calls, clock, endpoint=place.endpoint, bucket=place.bucket, key=key)
