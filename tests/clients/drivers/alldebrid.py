"""Drives the asynchronous ``alldebrid`` client through a whole job; only ``BASE`` is ours."""

import asyncio
import json
import os
import sys
import urllib.request

from alldebrid.client import Client
from alldebrid.response import ApiError
from pydantic import ValidationError

told = json.loads(sys.argv[1])
Client.BASE = told["url"] + "/alldebrid"
os.chdir(told["folder"])  # the client drops last_error.json into the working folder


def fetch(url, data=None):
    return urllib.request.urlopen(urllib.request.Request(url, data), timeout=20).read()


async def refused(call):
    try:
        await call
    except ApiError as error:
        return error.args[0].code
    except ValidationError as error:
        return sorted({".".join(map(str, found["loc"])) for found in error.errors()})
    return "taken"


async def login():
    guest = Client(None)
    pin = await guest.pin_get()
    pending = await refused(guest.pin_check(pin.check, pin.pin))
    fetch(pin.user_url)
    return pending, (await guest.pin_check(pin.check, pin.pin)).activated


async def main():
    client = Client(told["token"])
    pending, activated = await login()
    uploaded = await client.magnet_upload([told["magnet"], told["cached"], "nonsense"])
    file = (await client.magnet_upload_raw(("own.torrent", bytes.fromhex(told["torrent"])))).files[0]
    early = await client.magnet_status(uploaded.magnets[0].id)
    fetch(told["url"] + "/_control/clock", b'{"advance_seconds": 5}')
    listed = await client.magnet_status()
    await client.magnet_upload([told["slow"]])
    filtered = await client.magnet_status(status="ready")
    files = (await client.magnet_files([row.id for row in uploaded.magnets[:2]])).magnets
    unlocked = await client.link_unlock(files[0].files[0].link)
    infos = (await client.link_info([told["link"], "https://nohost.example/x"])).infos
    redirected = await client.link_redirect("https://short.example/abc")
    await client.magnet_delete(file.id)
    return {
        "login": [pending, activated],
        "uploaded": [row.hash if hasattr(row, "hash") else row.error.code for row in uploaded.magnets],
        "ready": [row.ready for row in uploaded.magnets[:2]],
        "file": [file.hash, file.ready],
        "early": [[row.statusCode, row.filename] for row in early.magnets],
        "listed": sorted(row.statusCode for row in listed.magnets),
        "filtered": [row.statusCode for row in filtered.magnets],
        "files": [sorted([one.path + one.fname, one.size] for one in row.files) for row in files],
        "bytes": [unlocked.filename, fetch(unlocked.link).hex()],
        "infos": [infos[0].size, infos[1].error.code],
        "redirected": (await client.link_unlock(redirected.links[0])).host,
        "deleted": await refused(client.magnet_delete(file.id)),
        "delayed": await refused(client.link_unlock(told["delayed"])),
        "bad": await refused(Client("nonsense").magnet_status()),
    }


print(json.dumps(asyncio.run(main())))
