"""Drives pyrd; only ``base_url`` is ours, a documented argument.

pyrd reads JSON from every answer, so it raises on the documented 204 and on plain text after the call has succeeded,
and it hands ``None`` to aiohttp for optional form fields, which refuses it: they are all given here.
"""

import asyncio
import json
import sys
import urllib.request
from pathlib import Path

import aiohttp
from realdebrid import RealDebrid
from realdebrid.exceptions import APIError, RealDebridError

told = json.loads(sys.argv[1])


def advance(seconds):
    data = json.dumps({"advance_seconds": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(told["url"] + "/_control/clock", data), timeout=20).read()


async def outcome(call):
    """What a call ended with: its JSON, or the name of the client's exception."""
    try:
        return await (await call).json()
    except (APIError, RealDebridError, aiohttp.ContentTypeError, TypeError) as error:
        return type(error).__name__


async def main():
    async with RealDebrid(told["token"], base_url=told["url"] + "/realdebrid/rest/1.0") as rd:
        path = Path(told["folder"]) / "x.torrent"
        path.write_bytes(bytes.fromhex(told["torrent"]))
        added = await outcome(rd.torrents.add_magnet(told["hash"], host="real-debrid.com"))
        uploaded = await outcome(rd.torrents.add_torrent(path, host="real-debrid.com"))
        await asyncio.to_thread(advance, 1)
        selected = await outcome(rd.torrents.select_files(added["id"], "1"))
        await asyncio.to_thread(advance, 3)
        info = await outcome(rd.torrents.info(added["id"]))
        link = await outcome(rd.unrestrict.link(info["links"][0], password="", remote="0"))
        return {
            "user": (await outcome(rd.user.get()))["type"],
            "added": sorted(added),
            "uploaded": sorted(uploaded),
            "selected": selected,
            "info": info,
            "listed": [row["hash"] for row in await outcome(rd.torrents.get(limit=10, page=1))],
            "link": link,
            "check": (await outcome(rd.unrestrict.check(info["links"][0], password="")))["supported"],
            "downloads": [row["id"] for row in await outcome(rd.downloads.get())],
            "active": await outcome(rd.torrents.active_count()),
            "availability": await outcome(rd.torrents.instant_availability(told["hash"])),
            "traffic": sorted(await outcome(rd.traffic.get())),
            "hosts": len(await outcome(rd.hosts.get())),
            "settings": (await outcome(rd.settings.get()))["locale"],
            "time": await outcome(rd.system.time()),
            "deleted": await outcome(rd.torrents.delete(added["id"])),
            "missing": await outcome(rd.torrents.info(added["id"])),
        }


print(json.dumps(asyncio.run(main())))
