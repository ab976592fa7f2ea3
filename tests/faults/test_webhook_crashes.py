"""kill -9 while a webhook is on its way: it arrives, under the id it had before."""

import asyncio
import json

from tests.faults.server import Server
from tests.services.receiver import Receiver


async def test_a_message_that_was_sent_but_not_noted_is_sent_again_under_its_id(server: Server):
    """T42: at least once; the receiver knows a repeated one by its id."""
    async with Receiver().running() as receiver:
        receiver.say("/gone.mp4", 404)
        await server.start(crash_at="told")
        body = {"url": receiver.url + "/gone.mp4", "webhook_url": receiver.url + "/hook"}
        _, accepted = await server.call("POST", "/jobs", body, kind="media")
        assert await server.died() == -9
        await server.start()
        path = f"/webhooks/deliveries?job_id={accepted['job_id']}"
        async with asyncio.timeout(60):
            while True:
                _, log = await server.call("GET", path, kind="media")
                if [row["state"] for row in log["deliveries"]] == ["delivered"]:
                    break
                await asyncio.sleep(0.1)
        messages = receiver.at("/hook")
        assert len(messages) == 2
        assert len({headers["webhook-id"] for headers, _ in messages}) == 1
        assert {json.loads(raw)["job_id"] for _, raw in messages} == {accepted["job_id"]}
        assert log["deliveries"][0]["webhook_id"] == messages[0][0]["webhook-id"]
