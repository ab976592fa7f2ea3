"""Sync over the wire: the endpoint's five actions, looks at accounts in words, removing and bringing back."""

import asyncio

import pytest

from sluicegate.core.errors import CredentialsRejected, UpstreamServerError
from sluicegate.core.transfers import TransferState
from sluicegate.providers.memory import Content

TOKEN = "sandbox-home"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
_numbers = iter(range(1, 1000))


def new_hash() -> str:
    return f"5c{next(_numbers):038x}"


async def in_flight(world, states=(TransferState.DOWNLOADING,)):
    """A user's client and a placed job that is not over."""
    user_id, client = await world.user()
    info_hash = new_hash()
    world.memory.define(info_hash, Content(name="Film", files={"film.mkv": b"1" * 10}, script=list(states)))
    assert (await client.post("/v1/torrents", json={"magnet": info_hash})).status_code == 201
    job = await world.place(user_id)
    return user_id, client, job


async def sync(client, job):
    answer = await client.post(f"/v1/torrents/{job.id}/sync")
    assert answer.status_code == 200
    assert set(answer.json()) == {"job", "sync"}
    return answer.json()


async def test_the_five_actions(world):
    _, client, job = await in_flight(world)
    world.show(job.transfer_id, progress=0.25, state=TransferState.DOWNLOADING)
    moved = await sync(client, job)
    assert moved["sync"] == {
        "action": "progress_updated", "backend": "torbox", "external_id": job.transfer_id, "note": "25.0% done.",
    }  # fmt: skip
    assert moved["job"]["progress_pct"] == 25.0
    assert (await sync(client, job))["sync"]["action"] == "no_change"

    world.memory.fail("get", UpstreamServerError("It rests."))
    failed = await sync(client, job)
    assert (failed["sync"]["action"], failed["sync"]["reason"]) == ("error", "It rests.")
    assert failed["sync"]["note"]
    assert failed["job"]["status"] == "downloading"

    world.show(job.transfer_id, state=TransferState.READY)
    ready = await sync(client, job)
    assert (ready["sync"]["action"], ready["job"]["status"]) == ("marked_ready", "ready")
    again = await sync(client, job)
    assert again["sync"]["action"] == "no_change"
    assert "reason" not in again["sync"]


async def test_a_transfer_that_nobody_else_can_take_says_marked_failed(world):
    user_id, client, job = await in_flight(world, [TransferState.FAILED])

    async def cascade():
        while not (await world.place(user_id)).state.over:
            await asyncio.sleep(0.01)

    failed, _ = await asyncio.gather(sync(client, job), cascade())
    assert (failed["sync"]["action"], failed["job"]["status"]) == ("marked_failed", "failed")
    assert failed["sync"]["note"] == failed["job"]["error"]
    assert (await sync(client, job))["sync"]["action"] == "no_change"


async def test_progress_over_the_wire_never_runs_backwards(world):
    _, client, job = await in_flight(world)
    seen = []
    for progress, state in [
        (0.5, TransferState.DOWNLOADING), (0.1, TransferState.QUEUED), (0.0, TransferState.STALLED),
        (0.9, TransferState.PROCESSING), (0.2, TransferState.DOWNLOADING),
    ]:  # fmt: skip
        world.show(job.transfer_id, progress=progress, state=state)
        seen.append((await sync(client, job))["job"]["progress_pct"])
    assert seen == [50.0, 50.0, 50.0, 90.0, 90.0]


async def test_a_transfer_that_is_gone_is_told_and_comes_back(world):
    _, client, job = await in_flight(world)
    holding = world.memory.holding(TOKEN, job.transfer_id)
    world.memory.drop(TOKEN, job.transfer_id)
    gone = await sync(client, job)
    assert gone["sync"]["action"] == "no_change"
    assert "does not list this transfer any more" in gone["sync"]["note"]
    assert gone["job"]["missing_since"]
    assert gone["job"]["status"] == "queued"
    world.memory._accounts[TOKEN][job.transfer_id] = holding
    back = await sync(client, job)
    assert (back["job"]["missing_since"], back["job"]["missing"]) == (None, None)


async def test_all_accounts_now_with_one_that_fails(world):
    user_id, client, _ = await in_flight(world)
    whole = (await client.post("/v1/sync")).json()
    assert (whole["status"], whole["items"][0]["outcome"], whole["items"][0]["words"]) == ("complete", "complete", "")
    assert whole["items"][0]["kind"] == "torbox"
    await world._account(user_id, "second")
    world.memory.fail("list_page", UpstreamServerError("It rests."))
    partial = (await client.post("/v1/sync")).json()
    assert partial["status"] == "partial"
    assert sorted(item["outcome"] for item in partial["items"]) == ["complete", "failed"]
    (failed,) = [item for item in partial["items"] if item["outcome"] == "failed"]
    assert failed["words"].startswith("The listing could not be read, nothing has changed: It rests.")
    assert (await client.get("/v1/sync")).json() == partial


async def test_an_account_that_a_person_must_mend_is_paused_and_says_why(world):
    _, client, job = await in_flight(world)
    world.memory.fail("list_page", CredentialsRejected("The token is gone."))
    answer = (await client.post("/v1/sync")).json()
    assert (answer["status"], answer["items"][0]["outcome"]) == ("failed", "paused")
    assert answer["items"][0]["words"].startswith("The token is gone.")
    told = await sync(client, job)
    assert (told["sync"]["action"], told["sync"]["reason"][:18]) == ("error", "The token is gone.")


async def test_removing_hides_and_restoring_brings_back(world):
    _, client, job = await in_flight(world, [TransferState.READY])
    await sync(client, job)
    before = (await client.get(f"/v1/torrents/{job.id}")).json()
    removed = await client.post(f"/v1/torrents/{job.id}/remove")
    assert removed.status_code == 200
    assert removed.json()["at_provider"] is False
    assert removed.json()["erased_after"] > removed.json()["removed_at"]
    stream = f"/v1/torrents/{job.id}/files/{before['files'][0]['id']}/stream"
    for path in (f"/v1/torrents/{job.id}", stream):
        assert (await client.get(path)).status_code == 404
    assert (await client.post(f"/v1/torrents/{job.id}/sync")).status_code == 404
    assert (await client.get("/v1/torrents")).json()["items"] == []
    assert [item["id"] for item in (await client.get("/v1/removed")).json()["items"]] == [str(job.id)]

    back = await client.post(f"/v1/torrents/{job.id}/restore")
    assert (back.status_code, back.json()["status"]) == (200, "ready")
    after = (await client.get(f"/v1/torrents/{job.id}")).json()
    assert after["files"] == before["files"]
    assert (await client.get("/v1/removed")).json()["items"] == []
    assert (await client.post(f"/v1/torrents/{job.id}/restore")).status_code == 200, "twice is fine"


async def test_an_unfinished_job_ends_when_removed_and_goes_on_when_brought_back(world):
    _, client, job = await in_flight(world)
    removed = await client.post(f"/v1/torrents/{job.id}/remove", json={"at_provider": True})
    assert (removed.json()["status"], removed.json()["at_provider"]) == ("cancelled", True)
    back = (await client.post(f"/v1/torrents/{job.id}/restore")).json()
    assert (back["status"], back["external_id"]) == ("queued", job.transfer_id)
    world.show(job.transfer_id, state=TransferState.READY)
    assert (await sync(client, job))["sync"]["action"] == "marked_ready"


async def test_handing_a_removed_source_in_again_brings_it_back(world):
    _, client, job = await in_flight(world, [TransferState.READY])
    await sync(client, job)
    await client.post(f"/v1/torrents/{job.id}/remove")
    again = await client.post("/v1/torrents", json={"magnet": job.info_hash})
    assert (again.status_code, again.json()["id"], again.json()["status"]) == (200, str(job.id), "ready")
    assert len((await client.get("/v1/torrents")).json()["items"]) == 1


async def test_bringing_back_what_was_handed_in_again_is_a_conflict(world):
    _, client, job = await in_flight(world)
    await client.post(f"/v1/torrents/{job.id}/remove")
    assert (await client.post("/v1/torrents", json={"magnet": job.info_hash})).status_code == 201
    answer = await client.post(f"/v1/torrents/{job.id}/restore")
    assert (answer.status_code, list(answer.json())) == (409, ["error"])


@pytest.mark.parametrize("path", ["torrents/{}/sync", "torrents/{}/remove", "torrents/{}/restore", "sync/{}/confirm"])
async def test_foreign_and_unknown_ids_are_alike(world, path):
    """T34: whose an id is does not show."""
    _, _, job = await in_flight(world)
    _, stranger = await world.user()
    answers = [await stranger.post("/v1/" + path.format(some)) for some in (job.id, UNKNOWN, "1", "x" * 3000)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.text for answer in answers[:2]}) == 1


@pytest.mark.parametrize("body", [b"[]", b'{"at_provider": "yes"}', b'{"all": true}', b"{", b"\xff"])
async def test_a_removal_that_cannot_be_read_is_400(world, body):
    _, client, job = await in_flight(world)
    headers = {"content-type": "application/json"}
    answer = await client.post(f"/v1/torrents/{job.id}/remove", content=body, headers=headers)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


async def test_confirming_when_nothing_is_held_is_a_conflict(world):
    _, client, _ = await in_flight(world)
    account = (await client.post("/v1/sync")).json()["items"][0]["account_id"]
    assert (await client.post(f"/v1/sync/{account}/confirm")).status_code == 409
