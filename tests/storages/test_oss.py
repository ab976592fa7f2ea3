"""Alibaba OSS against our own fake, which Alibaba's clients accept (``tests/clients``)."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from tests.storages.cloud_suite import Cloud, CloudSuite
from tests.storages.clouds import guarded_http
from tests.storages.fake_oss import FakeOss, fake_oss

from sluicegate.core import destinations
from sluicegate.core.destinations import Place
from sluicegate.core.secrets import Secret
from sluicegate.storages.object_store.oss import region_of


@pytest.fixture(scope="module")
async def oss() -> AsyncIterator[FakeOss]:
    async with fake_oss() as running:
        yield running


class TestOssStorage(CloudSuite):
    @pytest.fixture
    async def cloud(self, oss: FakeOss) -> AsyncIterator[Cloud]:
        bucket = f"bucket-{uuid4().hex[:8]}"
        oss.buckets[bucket] = {}
        async with guarded_http() as http:
            yield Cloud(
                http,
                Place(destinations.Cloud.OSS, oss.url, bucket, account=oss.access_key),
                Secret(oss.secret),
                oss.url,
                wrong=(Secret("not-the-secret-at-all"),),
                full=(507, b"<Error><Code>InsufficientStorage</Code></Error>", {}),
                part_mark="partNumber",
            )


@pytest.mark.parametrize(
    ("endpoint", "region"),
    [
        ("https://oss-cn-hangzhou.aliyuncs.com", "cn-hangzhou"),
        ("https://oss-cn-shanghai-internal.aliyuncs.com", "cn-shanghai"),
        ("https://bucket.oss-eu-central-1.aliyuncs.com", "eu-central-1"),
        ("https://files.example.com", "cn-hangzhou"),
    ],
)
def test_the_region_is_read_from_the_endpoint(endpoint: str, region: str) -> None:
    assert region_of(endpoint) == region
