"""Google Cloud Storage against an emulator, with a token service that checks what our keys sign."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from tests.storages.cloud_suite import Cloud, CloudSuite
from tests.storages.clouds import guarded_http
from tests.storages.front import Front, fronted
from tests.storages.google_accounts import key_file, new_key, token_service
from tests.storages.servers import fake_gcs

from sluicegate.core import destinations
from sluicegate.core.clock import SystemClock
from sluicegate.core.destinations import Place
from sluicegate.core.errors import InvalidInput
from sluicegate.core.secrets import Secret
from sluicegate.storages.object_store import open_bucket

WHOLE = -1


@pytest.fixture(scope="module")
def private() -> RSAPrivateKey:
    return new_key()


@pytest.fixture(scope="module")
def stranger() -> RSAPrivateKey:
    """The key of an account that the token service does not know."""
    return new_key()


@pytest.fixture(scope="module")
async def places(private: RSAPrivateKey) -> AsyncIterator[tuple[str, str]]:
    """Addresses of the storage and of the token service."""
    async with fake_gcs() as url, token_service(private) as tokens:
        yield url, tokens


class TestGcsStorage(CloudSuite):
    @pytest.fixture
    async def front(self, cloud: Cloud) -> AsyncIterator[Front]:
        """The emulator takes a question about a session for its end; in front of it the question is answered."""
        ends: dict[str, int] = {}

        def answer_question(request: web.Request) -> tuple[int, bytes, dict[str, str]] | None:
            span = request.headers.get("content-range", "")
            session = request.raw_path
            if span == "bytes */*" and ends.get(session) != WHOLE:
                return 308, b"", {"Range": f"bytes=0-{ends[session]}"} if session in ends else {}
            return None

        def count(request: web.Request) -> None:
            if sent := re.match(r"bytes \d+-(\d+)/(.*)", request.headers.get("content-range", "")):
                ends[request.raw_path] = int(sent[1]) if sent[2] == "*" else WHOLE

        async with fronted(cloud.origin) as front:
            front.refuse, front.answered = answer_question, count
            yield front

    @pytest.fixture
    async def cloud(
        self, places: tuple[str, str], private: RSAPrivateKey, stranger: RSAPrivateKey
    ) -> AsyncIterator[Cloud]:
        url, tokens = places
        name = f"bucket-{uuid4().hex[:8]}"
        async with guarded_http() as http:
            made = await http.request("POST", f"{url}/storage/v1/b?project=p", json={"name": name})
            assert made.ok
            yield Cloud(
                http,
                Place(destinations.Cloud.GCS, url, name, account="project"),
                Secret(key_file(private, tokens)),
                url,
                wrong=(Secret(key_file(stranger, tokens)),),
                full=(403, b'{"error":{"code":403,"errors":[{"reason":"quotaExceeded"}]}}', {}),
                part_mark="upload_id",
                links_checked=False,
            )


async def test_a_link_is_signed_as_the_documentation_says(private: RSAPrivateKey) -> None:
    """The emulator serves any link, so the signature is checked here with the public key."""
    async with guarded_http() as http:
        place = Place(destinations.Cloud.GCS, "https://storage.googleapis.com", "box", account="project")
        storage = open_bucket(http, SystemClock(), place, Secret(key_file(private, "https://example.com/token")))
        url = urlsplit(str(await storage.presign("a folder/ü.mkv", expires_in=60)))
    query = dict(parse_qsl(url.query))
    signature = bytes.fromhex(query.pop("X-Goog-Signature"))
    signed = url.query.rpartition("&X-Goog-Signature=")[0]
    if "&X-Goog-Signature=" in url.query and not url.query.endswith(signature.hex()):
        signed = url.query.replace(f"&X-Goog-Signature={signature.hex()}", "")
    canonical = f"GET\n{url.path}\n{signed}\nhost:storage.googleapis.com\n\nhost\nUNSIGNED-PAYLOAD"
    stamp = query["X-Goog-Date"]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"GOOG4-RSA-SHA256\n{stamp}\n{stamp[:8]}/auto/storage/goog4_request\n{digest}"
    private.public_key().verify(signature, text.encode(), PKCS1v15(), SHA256())
    assert url.path == "/box/a%20folder/%C3%BC.mkv"
    assert query["X-Goog-Expires"] == "60"


async def test_a_key_file_may_be_given_as_base64(private: RSAPrivateKey) -> None:
    text = base64.b64encode(key_file(private, "https://example.com/token").encode()).decode()
    async with guarded_http() as http:
        place = Place(destinations.Cloud.GCS, "https://storage.googleapis.com", "box", account="project")
        assert await open_bucket(http, SystemClock(), place, Secret(text)).presign("a", expires_in=60)


@pytest.mark.parametrize("text", ["", "{", "not json", '{"type":"service_account"}', "e30=", '{"type":1}'])
async def test_something_else_than_a_key_file_is_refused(text: str) -> None:
    async with guarded_http() as http:
        place = Place(destinations.Cloud.GCS, "https://storage.googleapis.com", "box", account="project")
        with pytest.raises(InvalidInput, match="service_account_json"):
            open_bucket(http, SystemClock(), place, Secret(text))
