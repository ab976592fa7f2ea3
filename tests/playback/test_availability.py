"""``GET /v1/availability``: three values with origin and age, bad input, and probing that leaves nothing behind."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from tests.playback.conftest import Player, Stage, settled

from sluicegate.core.clock import SystemClock
from sluicegate.services.availability_probing import AvailabilityProbing
from sluicegate.services.gateway_learned import LearnedAvailability


async def ask(player: Player, hashes: str, **more: str) -> tuple[int, Any]:
    headers = {"authorization": f"Bearer {player.secret}"}
    url = f"{player.stage.url}/v1/availability"
    async with player.stage.session.get(url, params={"hashes": hashes, **more}, headers=headers) as answer:
        return answer.status, await answer.json()


async def one(player: Player, info_hash: str) -> dict[str, Any]:
    status, answer = await ask(player, info_hash)
    assert status == 200, answer
    (item,) = answer["items"]
    return dict(item)


async def test_three_values_with_origin_and_age(stage: Stage):
    player = await stage.player()
    await player.account("torbox")
    here, nowhere = await stage.torrent(cached_on=("torbox",)), await stage.torrent(cached_on=())
    assert (await one(player, here)).items() >= {
        "info_hash": here, "cached": True, "toru": False, "backends": ["torbox"], "origin": "provider",
        "age_seconds": 0, "name": "Film", "size_bytes": 3_000_000,
    }.items()  # fmt: skip
    missing = await one(player, nowhere)
    assert (missing["cached"], missing["backends"], missing["origin"]) == (False, [], "provider")
    again = await one(player, here)
    assert (again["cached"], again["origin"]) == (True, "learned")
    await player.account("realdebrid")
    unknown = await one(player, nowhere)
    assert (unknown["cached"], unknown["origin"], unknown["age_seconds"]) == (None, None, None)
    assert [(a["backend"], a["cached"]) for a in unknown["answers"]] == [("torbox", False), ("realdebrid", None)]


async def test_without_accounts_nobody_knows(stage: Stage):
    player = await stage.player()
    item = await one(player, await stage.torrent(cached_on=("torbox",)))
    assert (item["cached"], item["answers"]) == (None, [])


async def test_what_an_own_account_holds_is_known_though_it_cannot_be_asked(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(cached_on=("realdebrid",))
    await stage.ready(player, await player.account("realdebrid"), info_hash)
    item = await one(player, info_hash)
    assert (item["cached"], item["origin"], item["backends"]) == (True, "held", ["realdebrid"])
    stranger = await stage.player()
    await stranger.account("realdebrid")
    assert (await one(stranger, info_hash))["cached"] is None, "what one user holds is not told to another"


async def test_an_own_stored_copy_counts(stage: Stage):
    player = await stage.player()
    info_hash = await stage.torrent(cached_on=())
    account = await player.account("torbox")
    other = await stage.torrent(cached_on=("torbox",))
    _, file = await stage.ready(player, account, other)
    async with stage.database.transactions() as tx:
        await tx.files.stored(file.id, storage="local", key="k", size=1)
    item = await one(player, other)
    assert (item["toru"], item["cached"], item["origin"]) == (True, True, "stored")
    assert (await one(player, info_hash))["toru"] is False
    assert (await one(await stage.player(), other))["toru"] is False


@pytest.mark.parametrize("fault", ["server_error", "html", "bad_token", "rate_limited", "reset"])
async def test_one_backend_that_fails_is_unknown_and_no_other(stage: Stage, fault: str):
    player = await stage.player()
    await player.account("torbox")
    await player.account("premiumize")
    info_hash = await stage.torrent(cached_on=("torbox", "premiumize"))
    await stage.sandbox.fault("torbox", fault, call="*", times=100)
    item = await one(player, info_hash)
    assert (item["cached"], item["backends"]) == (True, ["premiumize"])
    failed = next(answer for answer in item["answers"] if answer["backend"] == "torbox")
    assert failed["cached"] is None
    assert failed["error"]
    assert "sandbox-" not in str(item), "no token shows"


async def test_two_accounts_at_one_provider_cost_one_call(stage: Stage):
    player = await stage.player()
    await player.account("torbox")
    second = await player.account("torbox", "sandbox-second", label="second")
    assert second.label == "second"
    hashes = [await stage.torrent(cached_on=("torbox",)) for _ in range(5)]
    status, answer = await ask(player, ",".join(hashes))
    assert (status, [item["cached"] for item in answer["items"]]) == (200, [True] * 5)
    assert await stage.links_made("torbox", "checkcached") == 1


@pytest.mark.parametrize(
    "hashes",
    [
        "",
        ",,,",
        "xyz",
        "a" * 39,
        "a" * 41,
        "g" * 40,
        "a" * 10_000,
        ",".join(["aa" * 20, "../../x"]),
        ",".join(f"{n:040x}" for n in range(1, 102)),
    ],
    ids=["none", "commas", "word", "short", "long", "not-hex", "huge", "climbing", "101"],
)
async def test_bad_hashes_are_refused_before_anybody_is_asked(stage: Stage, hashes: str):
    player = await stage.player()
    await player.account("torbox")
    status, answer = await ask(player, hashes)
    assert (status, answer.keys()) == (400, {"error"})
    assert await stage.links_made("torbox", "checkcached") == 0


async def test_hashes_are_normalised_and_answered_once(stage: Stage):
    player = await stage.player()
    await player.account("torbox")
    info_hash = await stage.torrent(cached_on=("torbox",))
    base32 = base64.b32encode(bytes.fromhex(info_hash)).decode()
    headers = {"authorization": f"Bearer {player.secret}"}
    params = [("hashes", info_hash.upper()), ("hashes", f" {base32} , {info_hash}")]
    async with stage.session.get(f"{stage.url}/v1/availability", params=params, headers=headers) as answer:
        items = (await answer.json())["items"]
    assert [(item["info_hash"], item["cached"]) for item in items] == [(info_hash, True)]
    hundred = ",".join(f"{n:040x}" for n in range(1, 101))
    status, answer = await ask(player, hundred)
    assert (status, len(answer["items"])) == (200, 100)


async def test_nobody_is_asked_about_what_the_operator_blocks(stage: Stage):
    player = await stage.player()
    await player.account("torbox")
    blocked, other = await stage.torrent(cached_on=("torbox",)), await stage.torrent(cached_on=("torbox",))
    stage.gate.blocked.add(blocked)
    item = await one(player, blocked)
    assert (item["cached"], item["answers"]) == (None, [])
    assert "refuses this content" in item["error"]
    assert await stage.links_made("torbox", "checkcached") == 0
    _, answer = await ask(player, f"{blocked},{other}")
    assert [(item["info_hash"], item["cached"]) for item in answer["items"]] == [(blocked, None), (other, True)]


async def test_without_a_key_nothing_is_told(stage: Stage):
    async with stage.session.get(f"{stage.url}/v1/availability", params={"hashes": "aa" * 20}) as answer:
        assert (answer.status, (await answer.json()).keys()) == (401, {"error"})


class Bench:
    """Probing with a budget, and what it has learnt."""

    def __init__(self, stage: Stage, per_day: int) -> None:
        transactions, clock = stage.database.transactions, SystemClock()
        self.stage = stage
        self.learned = LearnedAvailability(transactions, clock)
        ledger = stage.database.ledger()
        self.probing = AvailabilityProbing(transactions, stage.providers, ledger, self.learned, per_day=per_day)

    async def done(self) -> None:
        task = self.probing._task
        if task is not None:
            await settled(task.done)

    async def known(self, provider: str, info_hash: str) -> bool | None:
        found = await self.learned._known(provider, [info_hash], stale=True)
        return found[info_hash].cached if info_hash in found else None

    async def held(self, token: str) -> list[str]:
        listed = await self.stage.sandbox.control("GET", f"/transfers?provider=realdebrid&token={token}")
        return [item["info_hash"] for item in listed["items"]]


@pytest.fixture
async def bench(stage: Stage) -> AsyncIterator[Bench]:
    made = Bench(stage, per_day=3)
    yield made
    await made.probing.aclose()


async def test_probing_is_off_by_default(stage: Stage):
    player = await stage.player()
    account = await player.account("realdebrid")
    bench = Bench(stage, per_day=0)
    bench.probing.consider(account, [await stage.torrent(cached_on=("realdebrid",))])
    assert bench.probing._task is None


async def test_probing_finds_out_and_leaves_nothing_behind(stage: Stage, bench: Bench):
    player = await stage.player()
    token = f"sandbox-{uuid4().hex[:10]}"
    account = await player.account("realdebrid", token)
    here, away = await stage.torrent(cached_on=("realdebrid",)), await stage.torrent(cached_on=())
    await stage.sandbox.control("POST", "/clock", {"rate": 1})
    bench.probing.consider(account, [here, away])
    await bench.done()
    assert await bench.known("realdebrid", here) is True
    assert await bench.known("realdebrid", away) is not True
    assert await bench.held(token) == []


async def test_probing_never_touches_what_was_there(stage: Stage, bench: Bench):
    player = await stage.player()
    token = f"sandbox-{uuid4().hex[:10]}"
    account = await player.account("realdebrid", token)
    listed, wanted = await stage.torrent(cached_on=("realdebrid",)), await stage.torrent(cached_on=("realdebrid",))
    await stage.hold(account, listed)
    await stage.ready(player, account, wanted)
    bench.probing.consider(account, [listed, wanted])
    await bench.done()
    assert sorted(await bench.held(token)) == sorted([listed, wanted])
    calls = (await stage.sandbox.control("GET", "/calls?provider=realdebrid"))["items"]
    assert not [call for call in calls if call["method"] == "DELETE"]


async def test_probing_keeps_within_its_budget(stage: Stage, bench: Bench):
    player = await stage.player()
    account = await player.account("realdebrid", f"sandbox-{uuid4().hex[:10]}")
    bench.probing.consider(account, [await stage.torrent(cached_on=("realdebrid",)) for _ in range(6)])
    await bench.done()
    assert await stage.links_made("realdebrid", "/addMagnet") == 3


async def test_probing_that_is_ended_cleans_up(stage: Stage, bench: Bench):
    player = await stage.player()
    token = f"sandbox-{uuid4().hex[:10]}"
    account = await player.account("realdebrid", token)
    info_hash = await stage.torrent(cached_on=())
    await stage.sandbox.control("POST", "/clock", {"rate": 0.001})
    bench.probing.consider(account, [info_hash])
    async with asyncio.timeout(60):
        while info_hash not in await bench.held(token):
            await asyncio.sleep(0.02)
    await bench.probing.aclose()
    await stage.sandbox.control("POST", "/clock", {"rate": 1})
    async with asyncio.timeout(60):
        while await bench.held(token):
            await asyncio.sleep(0.05)
