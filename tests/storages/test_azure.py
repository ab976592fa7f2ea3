"""Azure Blob Storage against Azurite, by account key and by shared access signature."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode, urlsplit
from uuid import uuid4

import pytest
from tests.storages.azure_sas import account_sas
from tests.storages.cloud_suite import Cloud, CloudSuite
from tests.storages.clouds import guarded_http
from tests.storages.servers import AZURE_ACCOUNT, AZURE_KEY, azurite

from sluicegate.core import destinations
from sluicegate.core.clock import SystemClock
from sluicegate.core.destinations import Place, SecretKind
from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.storages.object_store import open_bucket
from sluicegate.storages.object_store.azure_signing import AccountKey, encoded

FULL = (507, b"", {"x-ms-error-code": "InsufficientStorage"})


@pytest.fixture(scope="module")
async def endpoint() -> AsyncIterator[str]:
    async with azurite() as url:
        yield url


async def container(http: Http, endpoint: str) -> str:
    name = f"box-{uuid4().hex[:8]}"
    path = f"{urlsplit(endpoint).path}/{name}"
    now = SystemClock().now().strftime("%a, %d %b %Y %H:%M:%S GMT")
    headers = {"x-ms-date": now, "x-ms-version": "2021-12-02", "Content-Length": "0"}
    headers["Content-Type"] = "application/octet-stream"
    query, signed = AccountKey(AZURE_ACCOUNT, Secret(AZURE_KEY)).sign("PUT", path, [("restype", "container")], headers)
    answer = await http.request("PUT", f"{endpoint}/{name}?{encoded(query)}", headers=signed, content=b"")
    assert answer.status == 201, answer.body
    return name


def cloud_of(http: Http, endpoint: str, place: Place, secret: str, wrong: str) -> Cloud:
    parts = urlsplit(endpoint)
    return Cloud(
        http, place, Secret(secret), f"{parts.scheme}://{parts.netloc}", wrong=(Secret(wrong),), full=FULL,
        part_mark="comp=block", links_checked=place.secret_kind is SecretKind.KEY,
    )  # fmt: skip


class TestAzureByKey(CloudSuite):
    @pytest.fixture
    async def cloud(self, endpoint: str) -> AsyncIterator[Cloud]:
        async with guarded_http() as http:
            place = Place(destinations.Cloud.BLOB, endpoint, await container(http, endpoint), account=AZURE_ACCOUNT)
            yield cloud_of(http, endpoint, place, AZURE_KEY, "AAAA" * 10)


class TestAzureBySas:
    """Only what differs: the token in the query of every call."""

    async def test_objects_by_token(self, endpoint: str) -> None:
        async with guarded_http() as http:
            name = await container(http, endpoint)
            place = Place(destinations.Cloud.BLOB, endpoint, name, account=AZURE_ACCOUNT, secret_kind=SecretKind.SAS)
            token = "?" + urlencode(account_sas(AZURE_ACCOUNT, AZURE_KEY, "rwdlc"))
            cloud = cloud_of(http, endpoint, place, token, token[:-8] + "AAAA%3D%3D")
            suite = CloudSuite()
            await suite.test_what_is_written_can_be_read(cloud.open(), 3_000_001)
            await suite.test_deleting(cloud.open())
            await suite.test_an_unknown_length_goes_in_parts_as_well(cloud)
            await suite.test_wrong_secrets_are_told_without_being_shown(cloud)
            link = await cloud.open().presign("u", expires_in=60)
            assert link is not None
            assert (await http.request("GET", link, max_body=64 << 20)).status == 200

    async def test_a_token_that_may_not_write_is_told(self, endpoint: str) -> None:
        async with guarded_http() as http:
            name = await container(http, endpoint)
            place = Place(destinations.Cloud.BLOB, endpoint, name, account=AZURE_ACCOUNT, secret_kind=SecretKind.SAS)
            token = urlencode(account_sas(AZURE_ACCOUNT, AZURE_KEY, "rl"))
            await CloudSuite().test_wrong_secrets_are_told_without_being_shown(
                cloud_of(http, endpoint, place, token, token)
            )


@pytest.mark.parametrize(("kind", "secret"), [(SecretKind.KEY, "not base64!"), (SecretKind.SAS, "sv=1&sp=r")])
async def test_malformed_secrets_are_refused_before_anybody_is_asked(kind: SecretKind, secret: str) -> None:
    async with guarded_http() as http:
        place = Place(destinations.Cloud.BLOB, "http://127.0.0.1:1", "box", account="a", secret_kind=kind)
        with pytest.raises(InvalidInput):
            open_bucket(http, SystemClock(), place, Secret(secret))
