"""Both of Alibaba's own clients accept our stand-in for OSS: what it demands is what they send."""

import json
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from tests.clients.conftest import HERE, interpreter_of, run
from tests.storages.fake_oss import FakeOss, fake_oss
from yarl import URL


@pytest.fixture
async def oss() -> AsyncIterator[FakeOss]:
    async with fake_oss() as running:
        running.buckets["box"] = {}
        yield running


@pytest.mark.parametrize(("client", "script"), [("oss2", "oss2_client"), ("alibabacloud-oss-v2", "oss_v2_client")])
async def test_an_alibaba_client(oss: FakeOss, tmp_path: Path, client: str, script: str):
    told = {"endpoint": oss.url, "bucket": "box", "access_key": oss.access_key, "secret": oss.secret}
    python = await interpreter_of(client)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*"}
    driver = str(HERE / "drivers" / f"{script}.py")
    got = json.loads(await run(str(python), "-P", driver, json.dumps(told), seconds=90, env=env))
    link = got.pop("link")
    assert got == {
        "read": "hello",
        "range": "ell",
        "size": 5,
        "open": [True],
        "large": 200_100,
        "aborted": "NoSuchUpload",
        "deleted": "NoSuchKey",
        "wrong": "SignatureDoesNotMatch",
    }
    async with aiohttp.ClientSession() as session:
        async with session.get(URL(link, encoded=True)) as answer:
            assert (answer.status, await answer.read()) == (200, b"hello")
        longer = re.sub(r"x-oss-expires=\d+", "x-oss-expires=9999", link)
        assert longer != link
        async with session.get(URL(longer, encoded=True)) as answer:
            assert answer.status == 403
