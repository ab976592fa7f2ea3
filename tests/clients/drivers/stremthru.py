"""Drives StremThru's own Python SDK against the Torrin store; only the base URL is ours."""

import asyncio
import json
import sys
import urllib.request
from pathlib import Path

from stremthru import StremThru, StremThruError

told = json.loads(sys.argv[1])
sdk = StremThru(told["url"] + "/torrin", auth={"store": "torrin", "token": told["token"]}, timeout=20)


def fetch(url, data=None):
    return urllib.request.urlopen(urllib.request.Request(url, data), timeout=20).read()


async def refused(call):
    try:
        await call
    except StremThruError as error:
        return [error.status_code, error.body["error"]]
    return "taken"


async def newz():
    file = Path(told["folder"]) / "Said.nzb"
    file.write_bytes(told["nzb"].encode())
    with file.open("rb") as opened:
        added = await sdk.store.newz.add(file=opened)
    linked = await sdk.store.newz.add(link="https://nzb.test/show.nzb")
    fetch(told["url"] + "/_control/clock", b'{"advance_seconds": 5}')
    one = (await sdk.store.newz.get(added.data["id"])).data
    checked = (await sdk.store.newz.check([added.data["hash"]])).data["items"]
    listed = (await sdk.store.newz.list(limit=1)).data
    link = (await sdk.store.newz.generate_link(one["files"][0]["link"])).data["link"]
    removed = await sdk.store.newz.remove(linked.data["id"])
    return {
        "added": [added.meta["status_code"], added.data["hash"]],
        "status": [one["status"], checked[0]["status"], listed["total_items"]],
        "size": len(fetch(link)),
        "removed": [removed.meta["status_code"], removed.data["id"] == linked.data["id"]],
    }


async def main():
    store = sdk.store
    user = (await store.get_user()).data
    checked = (await store.check_magnet([told["magnet"], told["cached"], told["elsewhere"]], sid="tt0111161")).data
    added = await store.add_magnet(told["magnet"])
    twice = (await store.add_magnet(told["magnet"])).data["id"] == added.data["id"]
    fetch(told["url"] + "/_control/clock", b'{"advance_seconds": 5}')
    one = (await store.get_magnet(added.data["id"])).data
    listed = (await store.list_magnets(limit=10)).data
    link = (await store.generate_link(one["files"][0]["link"])).data["link"]
    data = fetch(link)
    removed = await store.remove_magnet(added.data["id"])
    return {
        "health": (await sdk.health()).data,
        "user": [user["email"], user["subscription_status"]],
        "checked": [item["status"] for item in checked["items"]],
        "added": [added.meta["status_code"], added.data["status"], added.data["hash"], added.data["magnet"]],
        "twice": twice,
        "one": [one["status"], [[file["index"], file["path"], file["size"]] for file in one["files"]]],
        "listed": [listed["total_items"], listed["items"][0]["status"]],
        "bytes": data.hex(),
        "removed": [removed.meta["status_code"], removed.data],
        "gone": await refused(store.get_magnet(added.data["id"])),
        "wrong": await refused(store.add_magnet("nonsense")),
        "newz": await newz(),
    }


print(json.dumps(asyncio.run(main())))
