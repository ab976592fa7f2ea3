"""Drives rd-wrapper; its base URL is an attribute set in ``__init__``, so a subclass pins ours.

It sends every form as ``application/json`` (httpx keeps the client's header), which the real service takes.
"""

import json
import sys
import urllib.request

from rd_wrapper.rd_wrapper import RDW

told = json.loads(sys.argv[1])


class Local(RDW):
    @property
    def _base_api_url(self):
        return told["url"] + "/realdebrid/rest/1.0"

    @_base_api_url.setter
    def _base_api_url(self, value):
        """The client's constant is not wanted."""


def refused(call):
    try:
        call()
    except Exception as error:
        return type(error).__name__
    return "accepted"


rd = Local(api_token=told["token"])
data = rd.get_unlimited_url_data(told["link"])
print(
    json.dumps(
        {
            "type": rd.account_type,
            "username": rd.account_username,
            "id": rd.account_id,
            "expires": rd.premium_plan_expiration_timestamp,
            "time": rd.get_server_time(unix_timestamp=True),
            "iso": rd.get_server_iso_time(unix_timestamp=True),
            "supported": rd.is_supported_url(told["link"]),
            "data": data,
            "bytes": urllib.request.urlopen(data["unrestrictedUrl"], timeout=20).read().hex(),
            "unsupported": refused(lambda: rd.get_unlimited_url_data("https://nobody.test/x")),
            "bad_token": refused(lambda: Local(api_token="nobody")),
            "free": Local(api_token="sandbox-free-x").account_type,
            "disabled": refused(rd.disable_current_api_token),
            "after": refused(lambda: Local(api_token=told["token"])),
        }
    )
)
