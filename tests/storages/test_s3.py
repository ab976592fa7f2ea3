"""S3 against SeaweedFS, which checks signatures and permissions."""

from collections.abc import AsyncIterator

import pytest
from tests.storages.cloud_suite import Cloud, CloudSuite
from tests.storages.clouds import guarded_http, s3_bucket, s3_place
from tests.storages.servers import S3Server, seaweed

from sluicegate.core.secrets import Secret


@pytest.fixture(scope="module")
async def server() -> AsyncIterator[S3Server]:
    async with seaweed() as running:
        yield running


class TestS3Storage(CloudSuite):
    @pytest.fixture
    async def cloud(self, server: S3Server) -> AsyncIterator[Cloud]:
        async with guarded_http() as http:
            yield Cloud(
                http,
                s3_place(server, await s3_bucket(http, server)),
                Secret(server.secret_key),
                server.url,
                wrong=(Secret("not-the-secret-at-all"),),
                full=(507, b"<Error><Code>XMinioStorageFull</Code></Error>", {}),
                part_mark="partNumber",
            )
