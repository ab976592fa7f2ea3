"""Drives rd-api-py through a whole torrent and a hoster link; only ``base_url`` is ours."""

import json
import logging
import os
import sys
import urllib.request
from pathlib import Path

logging.disable(logging.CRITICAL)
told = json.loads(sys.argv[1])
os.environ |= {"RD_APITOKEN": told["token"], "SLEEP": "0", "LONG_SLEEP": "0"}

from rdapi import RD  # noqa: E402 - the client reads its token from the environment

rd = RD()
rd.base_url = told["url"] + "/realdebrid/rest/1.0"


def advance(seconds):
    data = json.dumps({"advance_seconds": seconds}).encode()
    urllib.request.urlopen(urllib.request.Request(told["url"] + "/_control/clock", data), timeout=20).read()


torrent_path = Path(told["folder"]) / "x.torrent"
torrent_path.write_bytes(bytes.fromhex(told["torrent"]))
empty = rd.torrents.get()
added = rd.torrents.add_magnet(told["hash"])
early = rd.torrents.select_files(added.json()["id"], "all")
advance(1)
selected = rd.torrents.select_files(added.json()["id"], "1,2")
again = rd.torrents.select_files(added.json()["id"], "all")
uploaded = rd.torrents.add_file(str(torrent_path), host="real-debrid.com")
advance(3)
info = rd.torrents.info(added.json()["id"]).json()
listed = rd.torrents.get(limit=1, page=2)
link = rd.unrestrict.link(info["links"][0]).json()
hoster = rd.unrestrict.link(told["link"]).json()

print(
    json.dumps(
        {
            "user": rd.user.get().json(),
            "time": rd.system.time().text,
            "iso": rd.system.iso_time().text,
            "empty": [empty.status_code, empty.text, empty.headers["X-Total-Count"]],
            "added": added.status_code,
            "early": early.status_code,
            "selected": [selected.status_code, selected.text],
            "again": again.status_code,
            "uploaded": uploaded.status_code,
            "info": info,
            "listed": [[row["hash"] for row in listed.json()], listed.headers["X-Total-Count"]],
            "check": rd.unrestrict.check(info["links"][0]).json(),
            "bytes": urllib.request.urlopen(link["download"], timeout=20).read().hex(),
            "hoster": hoster,
            "downloads": [row["id"] for row in rd.downloads.get().json()],
            "forgotten": rd.downloads.delete(link["id"]).status_code,
            "transcode": sorted(rd.streaming.transcode(hoster["id"]).json()),
            "availability": rd.torrents.instant_availability(told["hash"]).json(),
            "active": rd.torrents.active_count().json(),
            "hosts": rd.torrents.available_hosts().json(),
            "traffic": sorted(rd.traffic.get().json()),
            "details": rd.traffic.details().status_code,
            "all_hosts": len(rd.hosts.get().json()),
            "status": rd.hosts.status().json()["1fichier.com"]["status"],
            "regex": len(rd.hosts.regex().json()),
            "regex_folder": len(rd.hosts.regex_folder().json()),
            "domains": len(rd.hosts.domains().json()),
            "settings": rd.settings.get().json()["locale"],
            "updated": rd.settings.update("locale", "fr").status_code,
            "folder": rd.unrestrict.folder(told["link"]).json(),
            "deleted": rd.torrents.delete(added.json()["id"]).status_code,
            "missing": rd.torrents.info(added.json()["id"]).json(),
            "disabled": rd.system.disable_token().status_code,
            "after": rd.user.get().status_code,
        }
    )
)
