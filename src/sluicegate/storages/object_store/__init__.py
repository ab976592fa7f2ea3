"""Buckets in the cloud: S3 and its compatibles, Azure Blob, Google Cloud Storage and Alibaba OSS."""

from sluicegate.storages.object_store.adapter import ObjectStorage
from sluicegate.storages.object_store.opening import open_bucket

__all__ = ["ObjectStorage", "open_bucket"]
