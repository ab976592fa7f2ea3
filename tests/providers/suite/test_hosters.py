"""Hoster links: three different ways of not getting one."""

import hashlib

import pytest
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import HosterDown, HosterUnsupported, Retry
from sluicegate.core.provider import Capability
from sluicegate.core.sources import WebLink

EXPECTED = {"unsupported": (HosterUnsupported, Retry.NEVER), "down": (HosterDown, Retry.LATER)}


async def test_unlock(stage: Stage) -> None:
    """A supported hoster link leads to its bytes."""
    stage.need(Capability.UNLOCK)
    link = await stage.hoster(size=777)
    found = await stage.adapter.unlock(link)
    told = await stage.sandbox.control("GET", f"/hosters?url={link.url.replace('?', '%3F')}")
    body = (await stage.http.request("GET", found.url)).body
    assert hashlib.sha256(body).hexdigest() == told["sha256"]
    assert found.size == 777
    assert found.name == "file name.zip"


@pytest.mark.parametrize("state", list(EXPECTED))
async def test_unlock_refused(stage: Stage, state: str) -> None:
    """An unsupported hoster and one that is down are two errors."""
    stage.need(Capability.UNLOCK)
    error, retry = EXPECTED[state]
    link = await stage.hoster(state)
    with pytest.raises(error) as caught:
        await stage.adapter.unlock(link)
    assert caught.value.retry is retry
    assert caught.value.provider == stage.name
    assert caught.value.upstream_code


@pytest.mark.parametrize("state", list(EXPECTED))
async def test_web_refused(stage: Stage, state: str) -> None:
    """The same for links that the provider downloads as a transfer."""
    stage.need(Capability.WEB)
    error, _ = EXPECTED[state]
    link: WebLink = await stage.hoster(state)
    if stage.case.takes_any_link:
        assert (await stage.adapter.submit_web(link)).transfer_id
        return
    with pytest.raises(stage.case.web_errors.get(state, error)):
        await stage.adapter.submit_web(link)
    assert await stage.truth() == []


async def test_hosters_follow(stage: Stage) -> None:
    """The list of hosters is what the provider tells now."""
    stage.need(Capability.HOSTERS)
    before = {domain for one in await stage.adapter.hosters() for domain in one.domains}
    await stage.sandbox.control("POST", "/hosters", {"url": "https://brand-new-hoster.example/x", "name": "x"})
    after = {domain for one in await stage.adapter.hosters() for domain in one.domains}
    assert after - before == {"brand-new-hoster.example"}
