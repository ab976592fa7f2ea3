"""Webhooks over the wire: the running product, a receiver on a real socket, and the reference verifier."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import schemathesis
from hypothesis import given
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from standardwebhooks.webhooks import Webhook
from tests.dice import cases
from tests.faults.server import Server
from tests.services.receiver import Receiver

from sluicegate.surfaces.media_jobs.webhook_routes import WebhookServices, router

PATIENCE = 60.0


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver().running() as running:
        yield running


async def register(house: Server, url: str, **more: Any) -> dict[str, Any]:
    """A new endpoint; the answer with its secret."""
    status, body = await house.call("POST", "/webhooks", {"url": url, **more}, kind="media")
    assert status == 201, body
    return body


async def heard(receiver: Receiver, path: str, kind: str, about: str = "") -> tuple[dict[str, str], bytes]:
    """The first message of a type at ``path``, about a job if one is named."""
    async with asyncio.timeout(PATIENCE):
        while True:
            for headers, raw in receiver.at(path):
                body = json.loads(raw)
                if body["type"] == kind and about in {"", body.get("job_id"), body.get("batch_id")}:
                    return headers, raw
            await asyncio.sleep(0.05)


async def test_an_endpoint_from_registration_to_removal(house: Server, receiver: Receiver):
    made = await register(house, receiver.url + "/mine", events=["job_failed"], description="mine")
    endpoint, secret = made["endpoint"], made["secret"]
    path = f"/webhooks/{endpoint['id']}"
    assert (endpoint["active"], endpoint["events"], endpoint["reason"]) == (True, ["job_failed"], "")
    _, listed = await house.call("GET", "/webhooks", kind="media")
    assert endpoint in listed["endpoints"]
    assert (await house.call("GET", path + "/secret", kind="media"))[1] == {"secret": secret}

    status, sent = await house.call("POST", path + "/test", kind="media")
    assert (status, sent["state"], sent["type"]) == (202, "pending", "webhook_test")
    headers, body = await heard(receiver, "/mine", "webhook_test")
    assert Webhook(secret).verify(body, headers)["endpoint_id"] == endpoint["id"]
    assert headers["webhook-id"] == sent["webhook_id"]
    status, changed = await house.call("PATCH", path, {"active": False}, kind="media")
    assert (status, changed["active"], changed["reason"]) == (200, False, "Switched off by its owner.")
    assert (await house.call("POST", path + "/test", kind="media"))[0] == 400
    assert (await house.call("DELETE", path, kind="media"))[0] == 204
    assert (await house.call("GET", path, kind="media"))[0] == 404


async def test_a_job_tells_its_own_receiver_and_every_endpoint(house: Server, receiver: Receiver):
    made = await register(house, receiver.url + "/all")
    body = {"url": receiver.url + "/nothing-here.mp4", "webhook_url": receiver.url + "/job"}
    receiver.say("/nothing-here.mp4", 404)
    status, accepted = await house.call("POST", "/jobs", body, kind="media")
    assert status == 200, accepted
    job = await house.until(f"/jobs/{accepted['job_id']}", "status", {"Failed", "Skipped", "Warning"}, kind="media")
    kind = {"Failed": "job_failed", "Skipped": "job_skipped", "Warning": "job_warning"}[job["status"]]
    _, secret = await house.call("GET", "/webhooks/secret", kind="media")
    for path, key in (("/all", made["secret"]), ("/job", secret["secret"])):
        headers, raw = await heard(receiver, path, kind, accepted["job_id"])
        told = Webhook(key).verify(raw, headers)
        assert (told["status"], told["url"]) == (job["status"].lower(), body["url"])
    shown = await house.until(f"/jobs/{accepted['job_id']}", "webhook_status", {"delivered"}, kind="media")
    assert shown["webhook_status"] == "delivered"

    _, log = await house.call("GET", f"/webhooks/deliveries?job_id={accepted['job_id']}", kind="media")
    assert {row["url"] for row in log["deliveries"]} == {receiver.url + "/all", receiver.url + "/job"}
    first = log["deliveries"][0]
    _, detail = await house.call("GET", f"/webhooks/deliveries/{first['id']}", kind="media")
    assert detail["payload"]["job_id"] == accepted["job_id"]
    assert [one["status"] for one in detail["attempts"]] == [200]
    status, again = await house.call("POST", f"/webhooks/deliveries/{first['id']}/replay", kind="media")
    assert (status, again["webhook_id"], again["replay_of"]) == (202, first["webhook_id"], first["id"])
    await house.call("DELETE", f"/webhooks/{made['endpoint']['id']}", kind="media")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"url": 5},
        {"url": "ftp://x.example"},
        {"url": "http://x.example", "evil": 1},
        [],
        {"url": "http://x.example", "events": ["nothing"]},
    ],
    ids=["empty", "number", "scheme", "unknown-field", "list", "unknown-event"],
)
async def test_what_cannot_be_registered(house: Server, body: object):
    status, answer = await house.call("POST", "/webhooks", body, kind="media")
    assert status == 400
    assert set(answer) == {"error"}


async def test_ids_of_nobody(house: Server):
    for path in (f"/webhooks/{uuid4()}", "/webhooks/none", f"/webhooks/deliveries/{uuid4()}"):
        status, answer = await house.call("GET", path, kind="media")
        assert status == 404
        assert "There is no such" in answer["error"]


async def test_a_library_key_does_not_open_this(house: Server):
    """T32."""
    assert (await house.call("GET", "/webhooks"))[0] == 401


_APP = Litestar([router(WebhookServices(None))], openapi_config=OpenAPIConfig("x", "1"), logging_config=None)  # type: ignore[arg-type]
_SCHEMA = schemathesis.openapi.from_dict(_APP.openapi_schema.to_schema())
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("label", _OPERATIONS)
async def test_random_requests_find_only_what_is_described(house: Server, label: str):
    key = await house.key("media")

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=schemathesis.GenerationMode.POSITIVE))
    @cases(15)
    def run(case: Any) -> None:
        response = case.call(base_url=house.url, headers={"x-api-key": key})
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
    # Endpoints that were made up on the way go again: a user has fifty at most.
    async with aiohttp.ClientSession(headers={"x-api-key": key}) as session:
        async with session.get(f"{house.url}/webhooks") as answer:
            made = (await answer.json())["endpoints"]
        for endpoint in made:
            await session.delete(f"{house.url}/webhooks/{endpoint['id']}")
