"""``sluicegate feeds`` beside a running server."""

import json

from tests import launching
from tests.faults.server import Server
from tests.feeds.samples import item, rss
from tests.net.wire import answer, listen


async def run(house: Server, *arguments: str) -> tuple[int, str]:
    outcome = await launching.run("feeds", *arguments, data=house.data, SLUICEGATE_EGRESS_ALLOW="127.0.0.1")
    return outcome.code, (outcome.out + outcome.err).strip()


async def test_a_feed_is_added_polled_shown_and_removed(house: Server):
    await house.key("library")  # makes the user
    async with listen() as remote:
        remote.scripts["/feed"] = answer(rss(item("Not wanted"), item("Not wanted either")))
        code, feed = await run(house, "add", remote.url("/feed"), "--filter", "^nothing$", "--interval", "3600")
        assert code == 0, feed
        code, polled = await run(house, "poll", feed, "--json")
        if code == 4:  # the running server is polling it at this very moment
            code, polled = await run(house, "poll", feed, "--json")
        # The running server may have been faster: then everything was seen already.
        assert (code, json.loads(polled)["submitted"]) == (0, 0), polled
        code, refused = await run(house, "add", remote.url("/feed"), "--filter", "(?=x)")
        assert (code, "filter_regex" in refused) == (2, True)
        assert (await run(house, "remove", feed))[0] == 0
        assert (await run(house, "poll", feed))[0] == 3
