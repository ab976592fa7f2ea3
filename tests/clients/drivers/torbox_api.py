"""Drives TorBox's own SDK through a whole job; only ``base_url`` is ours."""

import json
import sys
import urllib.request

from torbox_api import TorboxApi
from torbox_api.models import CreateTorrentRequest, CreateUsenetDownloadRequest, CreateWebDownloadRequest
from torbox_api.models.utils.base_model import BaseModel
from torbox_api.models.utils.json_map import JsonMap
from torbox_api.net.transport.request_error import RequestError

told = json.loads(sys.argv[1])
sdk = TorboxApi(access_token=told["token"], base_url=told["url"] + "/torbox", timeout=20_000)


@JsonMap({})
class Operation(BaseModel):
    """A control body: the SDK types it as the builtin ``any`` and fails on a plain dictionary."""

    def __init__(self, **members):
        self.__dict__.update(members)
        self._kwargs = {}


def control(path, data):
    request = urllib.request.Request(told["url"] + "/_control" + path, json.dumps(data).encode(), method="POST")
    urllib.request.urlopen(request, timeout=20).read()


def refused(call, **arguments):
    try:
        call("v1", **arguments)
    except RequestError as error:
        return {"status": error.status, "body": error.response.body}
    return {"status": 200}


user = sdk.user.get_user_data("v1", settings="true").data
empty = refused(sdk.torrents.get_torrent_list)
checked = sdk.torrents.get_torrent_cached_availability("v1", hash=told["cached"], format="list", list_files="true")
created = sdk.torrents.create_torrent("v1", CreateTorrentRequest(magnet=told["magnet"], seed="1", allow_zip="false"))
twice = refused(sdk.torrents.create_torrent, request_body=CreateTorrentRequest(magnet=told["magnet"]))
uploaded = sdk.torrents.create_torrent("v1", CreateTorrentRequest(file=bytes.fromhex(told["torrent"])))
control("/clock", {"advance_seconds": 5})
listed = sdk.torrents.get_torrent_list("v1", bypass_cache="true", offset="0", limit="10").data
by_id = {int(one.id_): one for one in listed}
mine = by_id[int(created.data.torrent_id)]
link = sdk.torrents.request_download_link(
    "v1", token=told["token"], torrent_id=str(int(mine.id_)), file_id=str(int(mine.files[0].id_)), zip_link="false"
)
body = urllib.request.urlopen(link.data, timeout=20).read()
queued = sdk.torrents.create_torrent("v1", CreateTorrentRequest(magnet=told["other"], as_queued="true"))
sdk.queued.get_queued_downloads("v1", type_="torrent")
web = sdk.web_downloads_debrid.create_web_download("v1", CreateWebDownloadRequest(link=told["link"]))
usenet = sdk.usenet.create_usenet_download("v1", CreateUsenetDownloadRequest(link=told["nzb"]))
control("/clock", {"advance_seconds": 5})
webs = sdk.web_downloads_debrid.get_web_download_list("v1", bypass_cache="true").data
nzbs = sdk.usenet.get_usenet_list("v1", bypass_cache="true").data
hosters = sdk.web_downloads_debrid.get_hoster_list("v1").data
gone = sdk.torrents.control_torrent("v1", Operation(torrent_id=int(mine.id_), operation="delete", all=False))
stats = sdk.general.get_stats("v1")
up = sdk.general.get_up_status()

print(
    json.dumps(
        {
            "plan": user.plan,
            "email": user.email,
            "empty": empty["status"],
            "checked": [one["hash"] for one in checked.data],
            "created": {"hash": created.data.hash, "detail": created.detail},
            "twice": twice["body"]["error"],
            "uploaded": uploaded.data.hash,
            "listed": [[one.hash, one.download_finished, one.download_present, one.progress] for one in listed],
            "files": [[one.name, one.size] for one in mine.files],
            "bytes": body.hex(),
            "queued": queued.data.queued_id,
            "web": [web.data.hash, [one.download_finished for one in webs]],
            "usenet": [usenet.data.hash, [one.download_finished for one in nzbs]],
            "hosters": [one.name for one in hosters][:2],
            "gone": gone.success,
            "stats": stats.success,
            "up": up.success,
        }
    )
)
