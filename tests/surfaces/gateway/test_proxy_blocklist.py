"""The raw proxy is no way around the operator's blocklist: what it names is refused before anybody is asked."""

import base64

import pytest
from tests.surfaces.gateway.test_proxy import Upstream
from tests.surfaces.serving import serving

from sluicegate.core.blocklist import parse_blocklist

HASH = "0123456789abcdef0123456789abcdef01234567"
BASE32 = base64.b32encode(bytes.fromhex(HASH)).decode()
RULES = f"hash {HASH}\nhost listed.example\nname (?i)forbidden"


@pytest.fixture
async def upstream(stage):
    upstream = Upstream()
    async with serving(upstream) as url:
        stage.upstream = url + "/v1/api"
        stage.listed.rules = parse_blocklist(RULES)
        yield upstream


@pytest.mark.parametrize(
    ("method", "path", "sent"),
    [
        ("POST", "/v1/api/torrents/createtorrent", {"data": {"magnet": f"magnet:?xt=urn:btih:{HASH.upper()}"}}),
        ("POST", "/v1/api/torrents/createtorrent", {"data": {"magnet": f"magnet:?xt=urn:btih:{BASE32}"}}),
        ("POST", "/v1/api/torrents/createtorrent", {"json": {"deep": [{"magnet": f"magnet:?xt=urn:btih:{HASH}"}]}}),
        ("GET", f"/v1/api/transfer/create?src=magnet%3A%3Fxt%3Durn%3Abtih%3A{HASH}", {}),
        ("GET", f"/v1/api/magnet/upload?magnets[]={HASH}", {}),
        ("GET", f"/v1/api/torrents/instantAvailability/{HASH}", {}),
        ("POST", "/v1/api/webdl/createwebdownload", {"data": {"link": "https://a.listed.example/f.bin"}}),
        ("POST", "/v1/api/webdl/createwebdownload", {"content": rb'{"link":"https:\/\/listed.example\/f"}'}),
        ("POST", "/v1/api/webdl/createwebdownload", {"json": {"link": "https://other.example/For%62idden.mkv"}}),
        ("POST", "/v1/api/torrents/add", {"json": {"url": f"magnet:?xt=urn:btih:{'ab' * 20}&dn=Forbidden+Film"}}),
    ],
)
async def test_listed_content_is_refused_wherever_it_stands(stage, upstream, method, path, sent):
    _, key = await stage.user("torbox")
    if "content" in sent:
        sent = {**sent, "headers": {"content-type": "application/json"}}
    response = await stage.ask(method, f"/proxy{path}", "torbox", key=key, **sent)
    assert response.status_code == 400
    assert "operator" in response.text
    assert upstream.calls == []


async def test_everything_else_passes_unchanged(stage, upstream):
    _, key = await stage.user("torbox")
    magnet = f"magnet:?xt=urn:btih:{'ab' * 20}&dn=Film"
    response = await stage.ask(
        "POST", "/proxy/v1/api/torrents/createtorrent", "torbox", key=key, data={"magnet": magnet}
    )
    assert response.status_code == 200
    for body in (b"{not json", b'{"link":"https://[broken"}', b'{"m":"magnet:?nothing"}', b"[]", b""):
        headers = {"content-type": "application/json"}
        response = await stage.ask("POST", "/proxy/v1/api/any", "torbox", key=key, content=body, headers=headers)
        assert response.status_code == 200
    assert [call[4] for call in upstream.calls[1:]] == [
        b"{not json", b'{"link":"https://[broken"}', b'{"m":"magnet:?nothing"}', b"[]", b"",
    ]  # fmt: skip
