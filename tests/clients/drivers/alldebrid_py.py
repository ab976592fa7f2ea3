"""Drives the older ``alldebrid-py`` client; only ``API_HOST`` is ours. Its paths are those of the version in it."""

import json
import sys
import urllib.request
from pathlib import Path

from alldebrid import alldebrid as library

told = json.loads(sys.argv[1])
host = told["url"] + "/alldebrid"
library.API_HOST = host + "/v4/"
client = library.AllDebrid(apikey=told["token"])
file = Path(told["folder"]) / "own.torrent"
file.write_bytes(bytes.fromhex(told["torrent"]))


def fetch(url, data=None):
    return urllib.request.urlopen(urllib.request.Request(url, data), timeout=20).read()


def refused(call, *arguments):
    try:
        call(*arguments)
    except library.APIError as error:
        return error.code
    return "taken"


uploaded = client.upload_magnets([told["magnet"], "nonsense"])["data"]["magnets"]
uploaded_file = client.upload_file([str(file)])["data"]["files"][0]
retired = refused(client.get_magnet_status, uploaded[0]["id"])
fetch(told["url"] + "/_control/clock", b'{"advance_seconds": 5}')
library.API_HOST = host + "/v4.1/"
status = client.get_magnet_status(uploaded[0]["id"])["data"]["magnets"]
library.API_HOST = host + "/v4/"
unlocked = client.download_link(status["files"][0]["l"])["data"]
page = client.download_link("https://videoportal.example/watch/771")["data"]
stream = client.streaming_links("", page["id"], "137+140")["data"]
waiting = client.delayed_links(stream["delayed"])["data"]
fetch(told["url"] + "/_control/clock", b'{"advance_seconds": 30}')
client.save_new_link([told["link"]])
saved = client.saved_links()["data"]["links"]
client.delete_saved_link([told["link"]])

print(
    json.dumps(
        {
            "ping": client.ping()["data"],
            "user": client.user()["data"]["user"]["username"],
            "pin": refused(client.get_pin),
            "uploaded": [uploaded[0]["hash"], uploaded[1]["error"]["code"]],
            "file": uploaded_file["hash"],
            "retired": retired,
            "status": [status["statusCode"], status["files"][0]["n"]],
            "bytes": fetch(unlocked["link"]).hex(),
            "delayed": [waiting["status"], client.delayed_links(stream["delayed"])["data"]["status"]],
            "saved": [len(saved), client.saved_links()],
            "history": len(client.recent_links()["data"]["links"]),
            "restart": refused(client.restart_magnet, uploaded[0]["id"]),
            "instant": refused(client.check_magnet_instant, told["magnet"]),
            "deleted": [refused(client.delete_magnet, uploaded[0]["id"]) for _ in range(2)],
        }
    )
)
