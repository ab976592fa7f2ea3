"""Webhooks over real sockets and the real database, on a clock that is driven; signatures by the reference library."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from tests.services.receiver import Receiver

from sluicegate.core.errors import IllegalMove, InvalidInput, NotFound, QuotaExceeded
from sluicegate.core.media_batches import BatchCounts, BatchState, MediaBatch
from sluicegate.core.media_events import ProgressStage
from sluicegate.core.media_jobs import MediaJob, MediaOptions, MediaResult, MediaState, MediaStep
from sluicegate.core.users import User
from sluicegate.core.webhooks import Delivery, DeliveryState, EventType, receiver_of
from sluicegate.db.database import Database
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.net.webhook_posts import WebhookPosts
from sluicegate.services.media_webhooks import MediaWebhooks
from sluicegate.services.vault import AesVault
from sluicegate.services.webhook_delivery import SCHEDULE, WebhookDelivery
from sluicegate.services.webhook_outbox import WebhookOutbox
from sluicegate.services.webhooks import EndpointChange, WebhookService

_LOOPBACK = "127.0.0.0/8"


@dataclass
class Clock:
    """Moves when told to."""

    time: datetime = field(default_factory=lambda: datetime.now(UTC))

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class World:
    """Everything that delivers webhooks, and one user."""

    database: Database
    clock: Clock
    webhooks: WebhookService
    delivery: WebhookDelivery
    events: MediaWebhooks
    receiver: Receiver
    user: UUID
    stranger: UUID

    async def job(self, state: MediaState = MediaState.COMPLETED, **changes: Any) -> MediaJob:
        """A job that ends now, told to whoever wants to know."""
        options = MediaOptions(
            webhook_url=changes.pop("webhook_url", None),
            enable_progress_webhook=changes.pop("progress", False),
            download_subtitles=True,
        )
        self.clock.pass_(1)
        now = self.clock.now()
        job = MediaJob(uuid4(), self.user, "http://pages.example/watch", state, MediaStep.FINISHED, options, now, now)
        job = replace(job, **changes)
        async with self.database.transactions() as tx:
            await self.events.ended(tx, job)
        return job

    async def deliver(self, url: str | None = None) -> None:
        """One run for everybody who has something due, or for one receiver."""
        if url is not None:
            await self.delivery.run(receiver_of(self.user, url))
            return
        async with self.database.transactions() as tx:
            receivers = await tx.webhooks.due_receivers(self.clock.now(), limit=100)
        await asyncio.gather(*(self.delivery.run(receiver) for receiver in receivers))

    async def log(self, **wanted: Any) -> list[Delivery]:
        """The user's deliveries, newest first."""
        rows = await self.webhooks.log(self.user, limit=1000, offset=0, **wanted)
        return [row.delivery for row in rows]


@pytest.fixture
async def world(database: Database, vault: AesVault) -> AsyncIterator[World]:
    clock = Clock()
    outbox = WebhookOutbox(clock)
    transactions = database.transactions
    webhooks = WebhookService(transactions, vault, outbox, clock, timedelta(days=30))
    user, stranger = uuid4(), uuid4()
    async with transactions() as tx:
        await tx.users.add(User(user, "ann", clock.now()))
        await tx.users.add(User(stranger, "eve", clock.now()))
    async with open_http(EgressPolicy.parse(_LOOPBACK)) as http, Receiver().running() as receiver:
        posts = WebhookPosts(http, seconds=1.0)
        delivery = WebhookDelivery(transactions, vault, posts, webhooks.secret, clock, jitter=lambda: 0.0)
        yield World(database, clock, webhooks, delivery, MediaWebhooks(outbox), receiver, user, stranger)


async def test_a_batch_that_is_over_is_told_as_the_contract_says(world: World):
    batch = MediaBatch(
        uuid4(), world.user, BatchState.FINISHED, 142, world.clock.now(), "https://feeds.example/show",
        folder="my-podcast", webhook_url=world.receiver.url + "/batch",
    )  # fmt: skip
    async with world.database.transactions() as tx:
        await world.events.batch_ended(tx, batch, BatchCounts(140, 2))
        await world.events.batch_ended(tx, replace(batch, webhook_url=None), BatchCounts(140, 2))
    await world.deliver()
    ((_, body),) = world.receiver.at("/batch")
    assert json.loads(body) == {
        "type": "batch_completed", "batch_id": str(batch.id), "show_url": "https://feeds.example/show",
        "folder": "my-podcast", "completed": 140, "failed": 2, "total": 142,
    }  # fmt: skip


async def test_a_completed_job_is_told_as_the_contract_says(world: World):
    url = world.receiver.url + "/hook"
    result = MediaResult(title="A title", release_date="2026-01-19T06:00:00Z")
    key = f"media/{world.user}/videos/clip.mp4"
    job = await world.job(webhook_url=url, result=result, storage="local", stored_key=key)

    await world.deliver()

    ((headers, body),) = world.receiver.at("/hook")
    assert json.loads(body) == {
        "type": "job_completed", "job_id": str(job.id), "status": "completed", "url": job.url, "key": "videos/clip.mp4",
        "folder": None, "title": "A title", "description": None, "release_date": "2026-01-19T06:00:00Z",
        "subtitle_key": None,
    }  # fmt: skip
    assert headers["content-type"] == "application/json"
    (sent,) = await world.log()
    assert (sent.state, sent.last_status, sent.attempts) == (DeliveryState.DELIVERED, 200, 1)
    assert await world.webhooks.job_state(job.id) is DeliveryState.DELIVERED


@pytest.mark.parametrize(
    ("state", "kind", "reason"),
    [
        (MediaState.FAILED, "job_failed", "error"),
        (MediaState.SKIPPED, "job_skipped", "reason"),
        (MediaState.WARNING, "job_warning", "reason"),
    ],
)
async def test_every_other_end_is_told_too(world: World, state: MediaState, kind: str, reason: str):
    job = await world.job(state, webhook_url=world.receiver.url + "/hook", error="Video unavailable")
    await world.deliver()
    ((_, body),) = world.receiver.at("/hook")
    assert json.loads(body) == {
        "type": kind, "job_id": str(job.id), "status": state.value.lower(), "url": job.url, reason: "Video unavailable",
    }  # fmt: skip


async def test_progress_goes_only_to_those_who_ask_for_it(world: World):
    """T42: coarse figures, by stage."""
    url = world.receiver.url
    await world.webhooks.add(world.user, url + "/all")
    await world.webhooks.add(world.user, url + "/progress", events=["job_progress"])
    asking = await world.job(webhook_url=url + "/asked", progress=True)
    silent = await world.job(webhook_url=url + "/silent")
    async with world.database.transactions() as tx:
        await world.events.progressed(tx, asking, ProgressStage.MUXING)
        await world.events.progressed(tx, silent, ProgressStage.MUXING)
    await world.deliver()

    def told(path: str) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in world.receiver.at(path)]

    progress = {"type": "job_progress", "job_id": str(asking.id), "stage": "muxing", "progress": 33}
    assert progress in told("/asked")
    assert {body["type"] for body in told("/silent")} == {"job_completed"}
    assert {body["type"] for body in told("/all")} == {"job_completed"}
    assert {body["job_id"] for body in told("/progress")} == {str(asking.id), str(silent.id)}


async def test_the_reference_library_verifies_messages_and_nothing_that_was_altered(world: World):
    """T40."""
    await world.job(webhook_url=world.receiver.url + "/hook")
    await world.deliver()
    ((headers, body),) = world.receiver.at("/hook")
    secret = (await world.webhooks.secret(world.user)).reveal()
    assert secret.startswith("whsec_")
    verifier = Webhook(secret)
    assert verifier.verify(body, headers)["type"] == "job_completed"

    for number in range(len(body)):
        altered = bytearray(body)
        altered[number] ^= 1
        with pytest.raises(WebhookVerificationError):
            verifier.verify(altered.decode("latin-1"), headers)
    later = str(int(headers["webhook-timestamp"]) + 1)
    for name, value in (("webhook-id", headers["webhook-id"] + "0"), ("webhook-timestamp", later)):
        with pytest.raises(WebhookVerificationError):
            verifier.verify(body, {**headers, name: value})
    stranger = (await world.webhooks.secret(world.stranger)).reveal()
    with pytest.raises(WebhookVerificationError):
        Webhook(stranger).verify(body, headers)


async def test_after_a_rotation_both_secrets_verify_for_a_day(world: World):
    """T40."""
    url = world.receiver.url + "/hook"
    endpoint, first = await world.webhooks.add(world.user, url)
    second = await world.webhooks.rotate(world.user, endpoint.id)
    assert await world.webhooks.secret(world.user, endpoint.id) == second
    await world.job()
    await world.deliver()
    third = await world.webhooks.rotate(world.user, endpoint.id)
    await world.job()
    await world.deliver()
    world.clock.pass_(24 * 3600 + 1)
    await world.job()
    await world.deliver()

    def verified_by(message: tuple[dict[str, str], bytes]) -> list[bool]:
        headers, body = message
        headers = headers | {"webhook-timestamp": headers["webhook-timestamp"]}
        return [_verifies(key.reveal(), headers, body) for key in (first, second, third)]

    rotated, again, later = world.receiver.at("/hook")
    assert verified_by(rotated) == [True, True, False]
    assert verified_by(again) == [False, True, True], "the second rotation ends the first secret"
    assert len(later[0]["webhook-signature"].split()) == 1


def _verifies(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def test_a_failing_receiver_is_tried_by_the_schedule_and_then_given_up(world: World):
    """T41, T42: ten attempts, always the same id, each signed when it is made."""
    world.receiver.say("/hook", 500)
    await world.job(webhook_url=world.receiver.url + "/hook")
    await world.deliver()
    for number, pause in enumerate(SCHEDULE, 1):
        (now,) = await world.log()
        assert (now.state, now.attempts) == (DeliveryState.PENDING, number)
        assert now.next_at == world.clock.now() + timedelta(seconds=pause)
        world.clock.pass_(pause - 1)
        await world.deliver()
        assert len(world.receiver.got) == number, "not before its time"
        world.clock.pass_(1)
        await world.deliver()
    (end,) = await world.log()
    assert (end.state, end.attempts, end.last_status) == (DeliveryState.FAILED, len(SCHEDULE) + 1, 500)
    messages = world.receiver.at("/hook")
    assert len({headers["webhook-id"] for headers, _ in messages}) == 1
    assert len({headers["webhook-timestamp"] for headers, _ in messages}) == len(messages)
    _, _, attempts = await world.webhooks.show(world.user, end.id)
    assert [one.status for one in attempts] == [500] * (len(SCHEDULE) + 1)


@pytest.mark.parametrize("status", [429, 503])
async def test_a_receiver_that_asks_for_a_pause_gets_it(world: World, status: int):
    """T41."""
    world.receiver.say("/hook", status, retry_after="900")
    await world.job(webhook_url=world.receiver.url + "/hook")
    await world.deliver()
    (waiting,) = await world.log()
    assert waiting.next_at == world.clock.now() + timedelta(seconds=900)


async def test_gone_switches_the_endpoint_off(world: World):
    """T41."""
    world.receiver.say("/hook", 410)
    endpoint, _ = await world.webhooks.add(world.user, world.receiver.url + "/hook")
    await world.job()
    await world.job()
    await world.deliver()
    assert {one.state for one in await world.log()} == {DeliveryState.FAILED}
    endpoint = await world.webhooks.get(world.user, endpoint.id)
    assert not endpoint.active
    assert "410" in endpoint.reason
    await world.job()
    await world.deliver()
    assert len(await world.log()) == 2, "nothing is written for an endpoint that is off"

    world.receiver.say("/hook", 200)
    await world.webhooks.change(world.user, endpoint.id, EndpointChange(active=True))
    await world.job()
    await world.deliver()
    assert (await world.log())[0].state is DeliveryState.DELIVERED


async def test_an_endpoint_that_fails_for_days_is_switched_off(world: World):
    world.receiver.say("/hook", 500)
    endpoint, _ = await world.webhooks.add(world.user, world.receiver.url + "/hook")
    await world.job()
    await world.deliver()
    world.clock.pass_(5 * 24 * 3600)
    await world.deliver()
    assert not (await world.webhooks.get(world.user, endpoint.id)).active
    await world.deliver()
    world.clock.pass_(SCHEDULE[-1])
    await world.deliver()
    assert {one.state for one in await world.log()} == {DeliveryState.FAILED}


async def test_redirects_are_failures(world: World):
    """T41: the address that was checked is the only one that is told."""
    world.receiver.say("/hook", 307, location=world.receiver.url + "/elsewhere")
    await world.job(webhook_url=world.receiver.url + "/hook")
    await world.deliver()
    (waiting,) = await world.log()
    assert (waiting.state, waiting.last_status) == (DeliveryState.PENDING, 307)
    assert "redirect" in waiting.words
    assert world.receiver.at("/elsewhere") == []


async def test_an_endless_answer_costs_nothing(world: World):
    """T41: only the status counts, the body is not read."""
    world.receiver.endless.add("/hook")
    await world.job(webhook_url=world.receiver.url + "/hook")
    await world.deliver()
    assert (await world.log())[0].state is DeliveryState.DELIVERED


async def test_forbidden_closed_and_hanging_receivers_read_the_same(world: World):
    """T1, T6: the log is no map of the network behind the server."""
    world.receiver.hang.add("/hook")
    urls = ("http://169.254.169.254/latest", "http://10.0.0.1/", "http://127.0.0.1:1/", world.receiver.url + "/hook")
    for url in urls:
        await world.job(webhook_url=url)
    await world.deliver()
    rows = await world.log()
    assert len(rows) == len(urls)
    assert {(row.state, row.last_status, row.words) for row in rows} == {(DeliveryState.PENDING, None, rows[0].words)}


async def test_a_hanging_receiver_delays_nobody(world: World):
    """T41."""
    async with Receiver().running() as slow:
        slow.hang.add("/hook")
        for _ in range(20):
            await world.job(webhook_url=slow.url + "/hook")
        await world.job(webhook_url=world.receiver.url + "/hook")
        hanging = asyncio.create_task(world.deliver(slow.url))
        async with asyncio.timeout(60):
            while len(slow.got) < 4:
                await asyncio.sleep(0.01)
            await world.deliver(world.receiver.url)
        assert not hanging.done() or len(slow.got) == 4
        assert len(world.receiver.at("/hook")) == 1
        await hanging
        assert len(slow.got) == 4, "it is left alone after it could not be reached"
        waiting = [one for one in await world.log() if one.state is DeliveryState.PENDING]
        assert len(waiting) == 20
        assert all(one.next_at > world.clock.now() for one in waiting)


async def test_a_message_that_was_sent_but_not_noted_is_sent_again_under_its_id(world: World, monkeypatch: Any):
    """T42: at least once, with one id."""
    await world.job(webhook_url=world.receiver.url + "/hook")

    class Death(Exception):
        """Between two steps."""

    def die(_: object) -> None:
        raise Death

    with monkeypatch.context() as patch:
        patch.setattr("sluicegate.services.webhook_delivery.crash_point", die)
        with pytest.raises(Death):
            await world.deliver()
    await world.deliver()
    ids = [headers["webhook-id"] for headers, _ in world.receiver.at("/hook")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_a_replay_keeps_the_id_and_has_a_log_of_its_own(world: World):
    await world.job(webhook_url=world.receiver.url + "/hook")
    (first,) = await world.log()
    with pytest.raises(IllegalMove):
        await world.webhooks.replay(world.user, first.id)
    await world.deliver()
    world.clock.pass_(1)
    again = await world.webhooks.replay(world.user, first.id)
    await world.deliver()
    (one, two) = world.receiver.at("/hook")
    assert one[0]["webhook-id"] == two[0]["webhook-id"]
    assert one[1] == two[1]
    newest = (await world.log())[0]
    assert (newest.id, newest.replay_of, newest.state) == (again.id, first.id, DeliveryState.DELIVERED)


async def test_filters_and_tests_of_endpoints(world: World):
    url = world.receiver.url
    failures, _ = await world.webhooks.add(world.user, url + "/failures", events=["job_failed"])
    await world.webhooks.add(world.user, url + "/same")
    await world.job(webhook_url=url + "/same")
    await world.job(MediaState.FAILED, error="no")
    await world.webhooks.test(world.user, failures.id)
    await world.deliver()
    told = [json.loads(body)["type"] for _, body in world.receiver.at("/failures")]
    assert sorted(told) == ["job_failed", "webhook_test"]
    assert len(world.receiver.at("/same")) == 2, "once for each job, though it is endpoint and webhook_url at once"


async def test_nothing_of_one_user_reaches_another(world: World):
    """T25."""
    endpoint, _ = await world.webhooks.add(world.user, world.receiver.url + "/mine")
    await world.webhooks.add(world.stranger, world.receiver.url + "/theirs")
    await world.job()
    await world.deliver()
    (sent,) = await world.log()
    assert world.receiver.at("/theirs") == []
    eve = world.stranger
    assert await world.webhooks.log(eve, limit=10, offset=0) == []
    for attempt in (
        world.webhooks.get(eve, endpoint.id),
        world.webhooks.change(eve, endpoint.id, EndpointChange(active=False)),
        world.webhooks.remove(eve, endpoint.id),
        world.webhooks.test(eve, endpoint.id),
        world.webhooks.secret(eve, endpoint.id),
        world.webhooks.rotate(eve, endpoint.id),
        world.webhooks.show(eve, sent.id),
        world.webhooks.replay(eve, sent.id),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await world.webhooks.get(world.user, endpoint.id)).active


async def test_removing_an_endpoint_stops_what_is_on_its_way(world: World):
    endpoint, _ = await world.webhooks.add(world.user, world.receiver.url + "/hook")
    await world.job()
    await world.webhooks.remove(world.user, endpoint.id)
    await world.deliver()
    assert world.receiver.got == []
    assert await world.log() == []


@pytest.mark.parametrize(
    "url", ["", "ftp://x.example/", "http://user:pw@x.example/", "http:///x", "javascript:alert(1)"]
)
async def test_addresses_that_cannot_be_told(world: World, url: str):
    with pytest.raises(InvalidInput, match="url"):
        await world.webhooks.add(world.user, url)


async def test_unknown_types_long_texts_and_too_many_endpoints(world: World):
    url = world.receiver.url
    with pytest.raises(InvalidInput, match="events"):
        await world.webhooks.add(world.user, url, events=["everything"])
    with pytest.raises(InvalidInput, match="description"):
        await world.webhooks.add(world.user, url, description="x" * 201)
    for _ in range(50):
        await world.webhooks.add(world.user, url)
    with pytest.raises(QuotaExceeded):
        await world.webhooks.add(world.user, url)


async def test_a_payload_stays_small_and_holds_no_open_link(world: World):
    """T42."""
    result = MediaResult(title="é" * 50_000, description="\N{GRINNING FACE}" * 50_000)
    await world.job(webhook_url=world.receiver.url + "/hook", result=result, url="http://x.example/" + "a" * 4000)
    await world.deliver()
    ((_, body),) = world.receiver.at("/hook")
    assert len(body) < 20_000
    assert json.loads(body)["type"] == "job_completed"
    assert b"/bytes/" not in body


async def test_old_messages_are_forgotten_and_unfinished_ones_kept(world: World):
    world.receiver.say("/down", 500)
    await world.job(webhook_url=world.receiver.url + "/hook")
    await world.job(webhook_url=world.receiver.url + "/down")
    await world.deliver()
    world.clock.pass_(31 * 24 * 3600)
    assert await world.webhooks.prune() == 1
    assert [one.state for one in await world.log()] == [DeliveryState.PENDING]


async def test_a_stored_secret_does_not_show(world: World):
    _, secret = await world.webhooks.add(world.user, world.receiver.url + "/hook?token=hunter2hunter2")
    (endpoint,) = await world.webhooks.page(world.user)
    assert "hunter2" not in repr(endpoint)
    async with world.database.transactions() as tx:
        (kept,) = await tx.webhooks.secrets(world.user, endpoint.id, world.clock.now())
    assert secret.reveal().encode() not in kept.sealed
    assert EventType.JOB_PROGRESS not in endpoint.events
