"""The resolver's layers in their order, with a real MediaFlow proxy and with one that speaks as StremThru documents."""

import asyncio
import base64
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest
from tests.clients.conftest import HERE, interpreter_of
from tests.playback.conftest import Player, Stage
from tests.playback.stremthru_twin import StremThruTwin

from sluicegate.core.accounts import AccountState
from sluicegate.core.files import JobFile
from sluicegate.core.jobs import Job
from sluicegate.core.stream_proxies import ProxyKind

SIZE = 300_000
PASSWORD = "hush-hush-hush-1234"
USER = "ann:secret-of-ann-99"


@pytest.fixture(scope="module")
async def mediaflow(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The address of a running MediaFlow proxy."""
    python = await interpreter_of("mediaflow-proxy")
    home = str(tmp_path_factory.mktemp("mediaflow"))
    environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, "API_PASSWORD": PASSWORD}
    with Path(home, "log").open("wb") as log:
        child = await asyncio.create_subprocess_exec(
            str(python), "-P", str(HERE / "drivers" / "mediaflow.py"),
            stdout=asyncio.subprocess.PIPE, stderr=log, env=environment, cwd=home,
        )  # fmt: skip
    assert child.stdout is not None
    async with asyncio.timeout(90):
        port = int(await child.stdout.readline())
    yield f"http://127.0.0.1:{port}"
    child.terminate()
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(child.wait(), 20)
    if child.returncode is None:
        child.kill()
        await child.wait()


@pytest.fixture
async def stremthru() -> AsyncIterator[StremThruTwin]:
    async with StremThruTwin(USER).running() as twin:
        yield twin


async def playing(stage: Stage, provider: str = "torbox") -> tuple[Player, Job, JobFile]:
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=(provider,))
    job, file = await stage.ready(player, await player.account(provider), info_hash, SIZE)
    return player, job, file


async def bytes_of(stage: Stage, url: str, **headers: str) -> tuple[int, bytes]:
    async with stage.session.get(url, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_layer_1_the_own_copy_is_never_wrapped(stage: Stage):
    player, job, file = await playing(stage)
    await player.prefer(use_proxy=True)
    key = f"torrents/{job.info_hash}/film.mkv"
    body = os.urandom(SIZE)

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    await stage.storage.write(key, chunks(), size=SIZE)
    async with stage.database.transactions() as tx:
        await tx.files.stored(file.id, storage="local", key=key, size=SIZE)
    status, link = await player.stream(job, file)
    assert (status, link["source"], link["expires_in_seconds"]) == (200, "r2", 900)
    assert "backend" not in link
    assert await bytes_of(stage, link["url"]) == (200, body)
    await player.connect(ProxyKind.STREMTHRU, "https://proxy.example", USER)
    assert (await player.stream(job, file))[1]["source"] == "r2"


async def test_a_stored_copy_that_is_gone_plays_from_the_account(stage: Stage):
    player, job, file = await playing(stage)
    async with stage.database.transactions() as tx:
        await tx.files.stored(file.id, storage="local", key="torrents/gone/film.mkv", size=SIZE)
    _, link = await player.stream(job, file)
    status, body = await bytes_of(stage, link["url"])
    assert (status, hashlib.sha256(body).hexdigest()) == (200, await stage.sha256(job.info_hash))


async def test_layer_2_torrins_link_is_external(stage: Stage):
    player, job, file = await playing(stage, "torrin")
    status, link = await player.stream(job, file)
    assert (status, link["source"]) == (200, "external"), link
    assert "backend" not in link
    assert (await bytes_of(stage, link["url"]))[0] == 200


async def test_layer_4_the_own_accounts_link(stage: Stage):
    player, job, file = await playing(stage)
    status, link = await player.stream(job, file)
    assert (status, link["source"], link["backend"]) == (200, "upstream", "torbox")
    assert link["url"].startswith(stage.sandbox.url)
    assert link["file"] == {"name": "film.mkv", "size": SIZE, "mime_type": "video/x-matroska"}
    assert 0 < link["expires_in_seconds"] <= 900


@pytest.mark.parametrize("how", ["disabled", "removed"])
async def test_an_account_that_is_switched_off_or_gone_serves_nothing_not_even_from_the_cache(stage: Stage, how: str):
    player, job, file = await playing(stage)
    account = player.accounts["torbox"]
    assert (await player.stream(job, file))[0] == 200
    async with stage.database.transactions() as tx:
        if how == "removed":
            await tx.accounts.remove(account.id)
        else:
            await tx.accounts.update(replace(account, state=AccountState.DISABLED))
    status, error = await player.stream(job, file)
    assert (status, error.keys()) == (409 if how == "removed" else 502, {"error"})


async def test_layer_4_another_account_answers_when_the_first_cannot(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(SIZE, cached_on=("torbox", "realdebrid"))
    job, file = await stage.ready(player, await player.account("torbox"), info_hash, SIZE)
    await stage.hold(await player.account("realdebrid"), info_hash)
    await stage.sandbox.fault("torbox", "server_error", call="*", times=1000)
    status, link = await player.stream(job, file)
    assert (status, link["source"], link["backend"]) == (200, "upstream", "realdebrid")


@pytest.mark.parametrize("plain", [False, True], ids=["encrypted", "plain"])
async def test_layer_3_mediaflow_plays_the_wrapped_link(stage: Stage, mediaflow: str, plain: bool):
    player, job, file = await playing(stage)
    await player.connect(ProxyKind.MEDIAFLOW, mediaflow, PASSWORD)
    await player.prefer(use_proxy=True, proxy_kind="mediaflow", plain_proxy_links=plain)
    status, link = await player.stream(job, file)
    assert (status, link["source"], link["backend"]) == (200, "mediaflow", "torbox")
    assert link["url"].startswith(f"{mediaflow}/proxy/stream/film.mkv?" if plain else f"{mediaflow}/_token_")
    assert ("api_password" in link["url"]) is plain
    status, body = await bytes_of(stage, link["url"])
    assert (status, hashlib.sha256(body).hexdigest()) == (200, await stage.sha256(job.info_hash))
    assert await bytes_of(stage, link["url"], Range="bytes=100-299") == (206, body[100:300])


async def test_mediaflow_refuses_an_altered_or_foreign_token(stage: Stage, mediaflow: str):
    """T37: the wrapped link is sealed; a byte changed, or another password, ends it."""
    player, job, file = await playing(stage)
    await player.prefer(use_proxy=True)
    await player.connect(ProxyKind.MEDIAFLOW, mediaflow, PASSWORD)
    _, link = await player.stream(job, file)
    token = link["url"].split("/")[3]
    altered = token[:-8] + ("A" if token[-8] != "A" else "B") + token[-7:]
    assert (await bytes_of(stage, link["url"].replace(token, altered)))[0] in {401, 403}
    await player.connect(ProxyKind.MEDIAFLOW, mediaflow, "another-password-123")
    _, link = await player.stream(job, file)
    assert (await bytes_of(stage, link["url"]))[0] == 401


@pytest.mark.parametrize("stored", [USER, base64.b64encode(USER.encode()).decode()], ids=["plain", "base64"])
async def test_layer_3_stremthru_plays_the_wrapped_link(stage: Stage, stremthru: StremThruTwin, stored: str):
    player, job, file = await playing(stage)
    await player.connect(ProxyKind.STREMTHRU, stremthru.url, stored)
    await player.prefer(use_proxy=True)
    status, link = await player.stream(job, file)
    assert (status, link["source"], link["backend"]) == (200, "stremthru-proxy", "torbox")
    assert link["url"].endswith("/film.mkv")
    status, body = await bytes_of(stage, link["url"])
    assert (status, hashlib.sha256(body).hexdigest()) == (200, await stage.sha256(job.info_hash))
    assert await bytes_of(stage, link["url"], Range="bytes=100-299") == (206, body[100:300])
    assert stremthru.forms[0]["exp"] == "900s"


async def test_stremthru_makes_plain_links_when_asked(stage: Stage, stremthru: StremThruTwin):
    player, job, file = await playing(stage)
    await player.connect(ProxyKind.STREMTHRU, stremthru.url, USER)
    await player.prefer(use_proxy=True, plain_proxy_links=True)
    _, link = await player.stream(job, file)
    token = link["url"].split("/")[5]
    assert stage.sandbox.url.encode() in base64.urlsafe_b64decode(token + "==")


@pytest.mark.parametrize(
    "answer",
    [[], {}, {"data": None}, {"data": {"items": []}}, {"items": ["javascript:alert(1)"]}, {"items": ["a", "b"]}, "x"],
    ids=str,
)
async def test_a_stream_proxy_that_talks_nonsense_is_an_upstream_error(
    stage: Stage, stremthru: StremThruTwin, answer: object
):
    player, job, file = await playing(stage)
    await player.connect(ProxyKind.STREMTHRU, stremthru.url, USER)
    await player.prefer(use_proxy=True)
    stremthru.answer = answer
    status, error = await player.stream(job, file)
    assert (status, error.keys()) == (502, {"error"})
    assert stage.sandbox.url not in error["error"]


async def test_without_the_wanted_proxy_there_is_no_link(stage: Stage, stremthru: StremThruTwin):
    """Whoever hides behind a proxy is not handed the provider's link because the proxy is away."""
    player, job, file = await playing(stage)
    await player.prefer(use_proxy=True)
    status, error = await player.stream(job, file)
    assert status == 409
    assert "none is connected" in error["error"]
    await player.connect(ProxyKind.STREMTHRU, stremthru.url, "ann:wrong")
    status, error = await player.stream(job, file)
    assert status == 502
    assert "ann:wrong" not in error["error"]


async def test_proxied_links_are_ours_and_bound_when_asked(stage: Stage):
    player, job, file = await playing(stage)
    await player.prefer(playback="proxied", bind_address=True)
    status, link = await player.stream(job, file)
    assert (status, link["source"], link["backend"]) == (200, "upstream", "torbox")
    assert link["url"].startswith(f"{stage.url}/bytes/")
    assert link["expires_in_seconds"] == 21_600
    assert (await bytes_of(stage, link["url"]))[0] == 200
    assert await stage.links_made("torbox", "/requestdl") == 1


async def test_blocked_content_is_not_played_though_it_was_let_in(stage: Stage):
    player, job, file = await playing(stage)
    await player.prefer(playback="proxied")
    _, link = await player.stream(job, file)
    stage.gate.blocked.add(job.info_hash)
    status, error = await player.stream(job, file)
    assert (status, error.keys()) == (422, {"error"})
    assert "refuses this content" in error["error"]
    assert (await bytes_of(stage, link["url"]))[0] == 403
    assert await stage.links_made("torbox", "/requestdl") == 0


async def test_what_is_not_ready_or_not_ours_is_not_played(stage: Stage):
    """T25: another user's job and an unknown one get the same answer."""
    player, job, file = await playing(stage)
    stranger = await stage.player()
    foreign, unknown = await stranger.stream(job, file), await stranger.stream(replace(job, id=uuid4()), file)
    assert foreign == unknown
    assert foreign[0] == 404
    assert (await player.stream(job, replace(file, id=uuid4())))[0] == 404
    for path in ("not-a-uuid", "../../etc/passwd", "0" * 32, "%00", "'; DROP TABLE jobs; --"):
        headers = {"authorization": f"Bearer {player.secret}"}
        url = f"{stage.url}/v1/torrents/{job.id}/files/{path}/stream"
        async with stage.session.get(url, headers=headers) as answer:
            assert answer.status == 404
