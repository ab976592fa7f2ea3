"""Nothing secret shows: not in logs at their most talkative, and not in what players are answered."""

import logging
from uuid import uuid4

import pytest
from tests.playback.conftest import Stage
from tests.playback.stremthru_twin import StremThruTwin

from sluicegate.core.stream_proxies import ProxyKind


async def test_links_tokens_and_passwords_stay_out_of_logs_and_errors(stage: Stage, caplog: pytest.LogCaptureFixture):
    """T34, T35, T36: canaries in every credential that playback touches; the access log knows no link."""
    caplog.set_level(logging.DEBUG)
    token, password = f"sandbox-canary-{uuid4().hex}", f"ann:canary-{uuid4().hex}"
    player = await stage.player()
    info_hash = await stage.torrent(300_000, cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox", token), info_hash, 300_000)
    told: list[str] = []
    links: list[str] = []
    async with StremThruTwin(password).running() as twin:
        await player.connect(ProxyKind.STREMTHRU, twin.url, password)
        for chosen in ({"playback": "direct"}, {"playback": None, "use_proxy": True}, {"playback": "proxied"}):
            await player.prefer(**chosen)
            status, link = await player.stream(job, file)
            assert status == 200
            links.append(link["url"])
            async with stage.session.get(link["url"]) as answer:
                assert (answer.status, len(await answer.read())) == (200, 300_000)
        await stage.sandbox.fault("torbox", "expired_link", call="*", times=1000)
        async with stage.session.get(links[-1]) as answer:
            told.append(await answer.text())
        await stage.sandbox.fault("torbox", "bad_token", call="*", times=1000)
        await player.prefer(playback="direct", use_proxy=False)
        stranger = await stage.player()
        told += [str(await player.stream(job, file)), str(await stranger.stream(job, file))]
    secrets = [token, password.partition(":")[2], player.secret, *(url.split("/", 3)[3] for url in links)]
    # The access logs of the sandbox and of the twin are the other side's; the product writes none at all.
    others = [record.getMessage() for record in caplog.records if record.name.endswith(".access")]
    assert not any("/bytes/" in line or "/v1/torrents" in line for line in others)
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.endswith(".access"))
    for secret in secrets:
        assert secret not in logged
        assert all(secret not in words for words in told)


async def test_answers_about_links_are_never_stored_by_proxies(stage: Stage):
    """T36: a link in a shared cache would play for everybody who asks that cache."""
    player = await stage.player()
    info_hash = await stage.torrent(300_000, cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, 300_000)
    await player.prefer(playback="proxied")
    headers = {"authorization": f"Bearer {player.secret}"}
    asked = f"{stage.url}/v1/torrents/{job.id}/files/{file.id}/stream"
    async with stage.session.get(asked, headers=headers) as answer:
        assert answer.headers["Cache-Control"] == "no-store"
        url = (await answer.json())["url"]
    async with stage.session.get(url) as answer:
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "private" in answer.headers.get("Cache-Control", "private")
        assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "suffix", ["?url=https://evil.example/", "/https://evil.example/x", "?redirect=//evil.example"]
)
async def test_a_link_leads_nowhere_but_to_its_file(stage: Stage, suffix: str):
    """T37: no open redirect, and no use as a general proxy."""
    player = await stage.player()
    info_hash = await stage.torrent(300_000, cached_on=("torbox",))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, 300_000)
    await player.prefer(playback="proxied")
    _, link = await player.stream(job, file)
    async with stage.session.get(link["url"] + suffix, allow_redirects=False) as answer:
        assert (answer.status, len(await answer.read())) == (200, 300_000)
    token = link["url"].split("/")[4]
    for place in range(0, len(token), 7):
        forged = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        async with stage.session.get(link["url"].replace(token, forged)) as answer:
            assert answer.status == 403
