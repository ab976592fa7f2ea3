"""Real-Debrid: what the fact sheet documents, shape by shape."""

import hashlib
import re

import pytest
from tests.sandbox.caller import Caller, magnet, torrent, torrent_info

HASH = "a1" * 20
TOKEN = "sandbox-joe"
ROOT = "/realdebrid/rest/1.0"
FILES = [
    {"path": "Harbour.E01.mkv", "size": 70_000},
    {"path": "Harbour.E02.mkv", "size": 80_000},
    {"path": "readme.txt", "size": 41},
]


async def get(sandbox: Caller, path: str, **more):
    return await sandbox.call("GET", ROOT + path, token=TOKEN, **more)


async def post(sandbox: Caller, path: str, **form):
    return await sandbox.call("POST", ROOT + path, token=TOKEN, form=form)


async def add(sandbox: Caller, info_hash: str = HASH, name: str = "") -> str:
    reply = await post(sandbox, "/torrents/addMagnet", magnet=magnet(info_hash, name))
    assert reply.status == 201, reply.body
    return reply.json["id"]


async def finished(sandbox: Caller, files: str = "all") -> dict:
    code = await add(sandbox)
    await sandbox.advance(1)
    assert (await post(sandbox, f"/torrents/selectFiles/{code}", files=files)).status == 204
    await sandbox.advance(3)
    return (await get(sandbox, f"/torrents/info/{code}")).json


def says(reply, status: int, code: int):
    assert (reply.status, reply.json["error_code"]) == (status, code), reply.body
    assert isinstance(reply.json["error"], str)


async def test_answers_are_tab_indented_json_with_etag(sandbox: Caller):
    reply = await get(sandbox, "/user")
    assert reply.body.startswith(b'{\n\t"id": ')
    assert reply.headers["content-type"] == "application/json"
    again = await get(sandbox, "/user", headers={"If-None-Match": reply.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


async def test_user(sandbox: Caller):
    user = (await get(sandbox, "/user")).json
    assert list(user) == ["id", "username", "email", "points", "locale", "avatar", "type", "premium", "expiration"]
    assert user["type"] == "premium"
    assert user["premium"] > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", user["expiration"])
    free = (await sandbox.call("GET", ROOT + "/user", token="sandbox-free-x")).json
    assert (free["type"], free["premium"]) == ("free", 0)


async def test_credentials(sandbox: Caller):
    says(await sandbox.call("GET", ROOT + "/user"), 401, 8)
    says(await sandbox.call("GET", ROOT + "/user", token="nobody"), 401, 8)
    says(await sandbox.call("GET", ROOT + "/user", token="sandbox-locked-x"), 403, 14)
    assert (await sandbox.call("GET", ROOT + f"/user?auth_token={TOKEN}")).status == 200
    says(await sandbox.call("GET", ROOT + "/torrents", token="sandbox-free-x"), 403, 9)
    says(await sandbox.call("GET", ROOT + "/torrents", token="sandbox-expired-x"), 403, 9)


async def test_a_disabled_token_is_dead(sandbox: Caller):
    assert (await get(sandbox, "/disable_access_token")).status == 204
    says(await get(sandbox, "/user"), 401, 8)
    assert (await sandbox.call("GET", ROOT + "/user", token="sandbox-other")).status == 200


async def test_time_is_plain_text_and_open(sandbox: Caller):
    plain, iso = await sandbox.call("GET", ROOT + "/time"), await sandbox.call("GET", ROOT + "/time/iso")
    assert re.fullmatch(rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", plain.body)
    assert re.fullmatch(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+\d{4}", iso.body)


async def test_add_magnet_waits_for_metadata_then_for_a_choice(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour", files=FILES, seconds_to_ready=10)
    reply = await post(sandbox, "/torrents/addMagnet", magnet=magnet(HASH.upper(), "Given"))
    assert reply.status == 201
    code = reply.json["id"]
    assert re.fullmatch(r"[A-Z0-9]{13}", code)
    assert reply.json["uri"].endswith(f"{ROOT}/torrents/info/{code}")
    early = (await get(sandbox, f"/torrents/info/{code}")).json
    assert (early["status"], early["files"], early["filename"]) == ("magnet_conversion", [], "Given")
    assert (await post(sandbox, f"/torrents/selectFiles/{code}", files="all")).status == 404
    await sandbox.advance(1)
    info = (await get(sandbox, f"/torrents/info/{code}")).json
    assert (info["status"], info["filename"], info["hash"]) == ("waiting_files_selection", "Harbour", HASH)
    assert info["files"][0] == {"id": 1, "path": "/Harbour.E01.mkv", "bytes": 70_000, "selected": 0}


async def test_the_states_of_a_download(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour", files=FILES, seconds_to_ready=100)
    code = await add(sandbox)
    await sandbox.advance(10)
    await post(sandbox, f"/torrents/selectFiles/{code}", files="1,2")
    seen = []
    for step in (1, 40, 51, 10):
        await sandbox.advance(step)
        seen.append((await get(sandbox, f"/torrents/info/{code}")).json)
    assert [info["status"] for info in seen] == ["queued", "downloading", "uploading", "downloaded"]
    assert 0 < seen[1]["progress"] < 100
    assert seen[1]["speed"] > 0
    assert "ended" not in seen[1]
    done = seen[-1]
    assert (done["progress"], done["bytes"], done["original_bytes"]) == (100, 150_000, 150_041)
    assert [file["selected"] for file in done["files"]] == [1, 1, 0]
    assert len(done["links"]) == 2
    assert "ended" in done
    assert list(done)[:5] == ["id", "filename", "original_filename", "hash", "bytes"]


async def test_cached_content_is_downloaded_on_the_first_look(sandbox: Caller):
    await sandbox.define(HASH, files=FILES, cached_on=["realdebrid"])
    code = await add(sandbox)
    assert (await get(sandbox, f"/torrents/info/{code}")).json["status"] == "waiting_files_selection"
    await post(sandbox, f"/torrents/selectFiles/{code}", files="1")
    assert (await get(sandbox, f"/torrents/info/{code}")).json["status"] == "downloaded"


async def test_a_dying_torrent_is_dead(sandbox: Caller):
    await sandbox.define(HASH, dies=True)
    assert (await finished(sandbox))["status"] == "dead"


async def test_torrent_upload_needs_no_metadata(sandbox: Caller):
    put = await sandbox.call("PUT", ROOT + "/torrents/addTorrent", token=TOKEN, body=torrent())
    assert put.status == 201
    info = (await get(sandbox, f"/torrents/info/{put.json['id']}")).json
    assert info["status"] == "waiting_files_selection"
    assert info["hash"] == hashlib.sha1(torrent_info()).hexdigest()
    says(await sandbox.call("PUT", ROOT + "/torrents/addTorrent", token=TOKEN, body=b"no"), 400, 30)


async def test_the_verb_may_come_in_a_header(sandbox: Caller):
    code = await add(sandbox)
    reply = await get(sandbox, f"/torrents/delete/{code}", headers={"X-HTTP-Verb": "DELETE"})
    assert reply.status == 204


async def test_bad_input(sandbox: Caller):
    says(await post(sandbox, "/torrents/addMagnet"), 400, 1)
    says(await post(sandbox, "/torrents/addMagnet", magnet=HASH), 400, 2)
    says(await get(sandbox, "/torrents/info/NOTHERE000000"), 404, 7)
    says(await sandbox.call("DELETE", ROOT + "/torrents/delete/NOTHERE000000", token=TOKEN), 404, 7)
    says(await get(sandbox, "/no/such"), 404, 3)
    says(await post(sandbox, "/user"), 405, 4)
    code = await add(sandbox)
    await sandbox.advance(1)
    says(await post(sandbox, f"/torrents/selectFiles/{code}"), 400, 1)
    says(await post(sandbox, f"/torrents/selectFiles/{code}", files="9"), 404, 2)
    await post(sandbox, f"/torrents/selectFiles/{code}", files="all")
    says(await post(sandbox, f"/torrents/selectFiles/{code}", files="all"), 202, 31)


async def test_the_same_hash_twice_is_two_torrents(sandbox: Caller):
    assert await add(sandbox) != await add(sandbox)


async def test_blocked_content_is_a_451(sandbox: Caller):
    await sandbox.define(HASH, blocked_on=["realdebrid"])
    says(await post(sandbox, "/torrents/addMagnet", magnet=magnet(HASH)), 451, 35)


async def test_availability_is_retired(sandbox: Caller):
    says(await get(sandbox, f"/torrents/instantAvailability/{HASH}"), 403, 37)
    says(await get(sandbox, f"/torrents/instantAvailability/{HASH}/{HASH}"), 403, 37)


async def test_empty_lists_are_204(sandbox: Caller):
    for path in ("/torrents", "/torrents?page=4", "/downloads"):
        reply = await get(sandbox, path)
        assert (reply.status, reply.body, reply.headers["x-total-count"]) == (204, b"", "0")


async def test_paging(sandbox: Caller):
    codes = [await add(sandbox, f"{number:040x}") for number in range(5)][::-1]
    assert [row["id"] for row in (await get(sandbox, "/torrents")).json] == codes
    for query, expected in (
        ("limit=2", codes[:2]),
        ("limit=2&offset=3", codes[3:]),
        ("limit=2&page=2", codes[2:4]),
        ("limit=2&page=2&offset=0", codes[2:4]),
        ("limit=2&page=3", codes[4:]),
    ):
        reply = await get(sandbox, "/torrents?" + query)
        assert [row["id"] for row in reply.json] == expected
        assert reply.headers["x-total-count"] == "5"
    past = await get(sandbox, "/torrents?limit=2&page=4")
    assert (past.status, past.headers["x-total-count"]) == (204, "5")
    says(await get(sandbox, "/torrents?limit=5001"), 400, 2)
    assert "files" not in (await get(sandbox, "/torrents")).json[0]


async def test_only_running_ones(sandbox: Caller):
    done = await finished(sandbox)
    running = await add(sandbox, "b2" * 20)
    await sandbox.advance(1)
    await post(sandbox, f"/torrents/selectFiles/{running}", files="all")
    rows = (await get(sandbox, "/torrents?filter=active")).json
    assert [row["id"] for row in rows] == [running]
    assert done["id"] != running
    assert (await get(sandbox, "/torrents/activeCount")).json == {"nb": 1, "limit": 25}


async def test_slots(sandbox: Caller):
    await sandbox.control("POST", "/limits", {"provider": "realdebrid", "enabled": False})
    codes = [await add(sandbox, f"{number:040x}") for number in range(27)]
    await sandbox.advance(1)
    for code in codes[:25]:
        await post(sandbox, f"/torrents/selectFiles/{code}", files="all")
    await sandbox.control("POST", "/limits", {"provider": "realdebrid", "enabled": True})
    says(await post(sandbox, f"/torrents/selectFiles/{codes[25]}", files="all"), 509, 21)
    says(await post(sandbox, "/torrents/addMagnet", magnet=magnet(HASH)), 509, 21)
    await sandbox.advance(30)
    assert (await post(sandbox, f"/torrents/selectFiles/{codes[25]}", files="all")).status == 204


async def test_videos_have_links_of_their_own_and_mixed_choices_are_packed(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour Lights!", files=FILES)
    videos, mixed = await finished(sandbox, "1,2"), await finished(sandbox, "all")
    assert len(videos["links"]) == 2
    assert len(mixed["links"]) == 1
    assert re.fullmatch(r"https://real-debrid\.com/d/[A-Z0-9]{16}", videos["links"][0])
    packed = (await post(sandbox, "/unrestrict/link", link=mixed["links"][0])).json
    assert (packed["filename"], packed["filesize"]) == ("Harbour_Lights_.rar", 150_041)
    assert len((await sandbox.call("GET", packed["download"])).body) == 150_041


async def test_unrestrict_gives_the_bytes(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour", files=FILES)
    info = await finished(sandbox, "1,2")
    long = info["links"][1]
    first = (await post(sandbox, "/unrestrict/link", link=long)).json
    second = (await post(sandbox, "/unrestrict/link", link=long[:39])).json
    assert list(first) == (
        [
            "id",
            "filename",
            "mimeType",
            "filesize",
            "link",
            "host",
            "host_icon",
            "chunks",
            "crc",
            "download",
            "streamable",
        ]
    )
    assert (first["filename"], first["link"], first["host"]) == ("Harbour.E02.mkv", long[:39], "real-debrid.com")
    assert first["id"] != second["id"]
    assert first["download"] != second["download"]
    body = (await sandbox.call("GET", first["download"])).body
    truth = (await sandbox.control("GET", f"/content/{HASH}"))["files"][1]["sha256"]
    assert hashlib.sha256(body).hexdigest() == truth


async def test_links_die_with_their_torrent(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour", files=FILES)
    info = await finished(sandbox, "1")
    check = (await sandbox.call("POST", ROOT + "/unrestrict/check", form={"link": info["links"][0]})).json
    assert (check["supported"], check["filesize"]) == (1, 70_000)
    await sandbox.call("DELETE", f"{ROOT}/torrents/delete/{info['id']}", token=TOKEN)
    says(await post(sandbox, "/unrestrict/link", link=info["links"][0]), 503, 19)
    says(await post(sandbox, "/unrestrict/check", link=info["links"][0]), 503, 19)


async def test_hoster_links(sandbox: Caller):
    url = "https://files.test/x"
    await sandbox.control("POST", "/hosters", {"url": url, "name": "x.zip", "size": 900})
    made = (await post(sandbox, "/unrestrict/link", link=url)).json
    assert (made["filename"], made["filesize"], made["host"], made["streamable"]) == ("x.zip", 900, "files.test", 0)
    truth = (await sandbox.control("GET", f"/hosters?url={url}"))["sha256"]
    assert hashlib.sha256((await sandbox.call("GET", made["download"])).body).hexdigest() == truth
    await sandbox.control("POST", "/hosters", {"url": url, "state": "down"})
    says(await post(sandbox, "/unrestrict/link", link=url), 503, 19)
    says(await post(sandbox, "/unrestrict/link", link="https://nobody.test/y"), 503, 16)
    check = await sandbox.call("POST", ROOT + "/unrestrict/check", form={"link": "https://nobody.test/y"})
    assert check.json["supported"] == 0
    says(await post(sandbox, "/unrestrict/link"), 400, 1)
    free = await sandbox.call("POST", ROOT + "/unrestrict/link", token="sandbox-free-x", form={"link": url})
    says(free, 503, 20)


async def test_folders_and_containers(sandbox: Caller):
    known = "https://1fichier.com/?abc"
    assert (await post(sandbox, "/unrestrict/folder", link=known)).json == [known]
    assert (await post(sandbox, "/unrestrict/containerLink", link="https://nobody.test/f")).json == []
    container = await sandbox.call("PUT", ROOT + "/unrestrict/containerFile", token=TOKEN, body=known.encode())
    assert container.json == [known]


async def test_history_and_streaming(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour", files=FILES)
    info = await finished(sandbox, "1")
    made = (await post(sandbox, "/unrestrict/link", link=info["links"][0])).json
    rows = await get(sandbox, "/downloads")
    assert [row["id"] for row in rows.json] == [made["id"]]
    assert "generated" in rows.json[0]
    streams = (await get(sandbox, f"/streaming/transcode/{made['id']}")).json
    assert set(streams) == {"apple", "dash", "liveMP4", "h264WebM"}
    infos = (await get(sandbox, f"/streaming/mediaInfos/{made['id']}")).json
    assert infos["details"]["subtitles"] == []
    traffic = (await get(sandbox, "/traffic/details")).json
    assert next(iter(traffic.values()))["bytes"] == 70_000
    assert (await sandbox.call("DELETE", f"{ROOT}/downloads/delete/{made['id']}", token=TOKEN)).status == 204
    says(await get(sandbox, f"/streaming/transcode/{made['id']}"), 404, 7)


async def test_hosts(sandbox: Caller):
    hosts = (await sandbox.call("GET", ROOT + "/hosts")).json
    assert set(hosts["1fichier.com"]) == {"id", "name", "image", "image_big"}
    assert (await get(sandbox, "/hosts/status")).json["1fichier.com"]["status"] == "up"
    pattern = (await sandbox.call("GET", ROOT + "/hosts/regex")).json[0]
    assert re.search(pattern[1:-1], "https://www.1fichier.com/?abc")
    assert "rg.to" in (await sandbox.call("GET", ROOT + "/hosts/domains")).json
    assert isinstance((await sandbox.call("GET", ROOT + "/hosts/regexFolder")).json, list)


async def test_traffic_and_settings(sandbox: Caller):
    traffic = (await get(sandbox, "/traffic")).json
    assert set(traffic["remote"]) == {"left", "bytes", "links", "limit", "type", "extra", "reset"}
    assert (await get(sandbox, "/traffic/details")).json == []
    says(await get(sandbox, "/traffic/details?start=2026-01-01&end=2026-06-01"), 400, 2)
    assert (await post(sandbox, "/settings/update", setting_name="locale", setting_value="fr")).status == 204
    assert (await get(sandbox, "/settings")).json["locale"] == "fr"
    assert (await get(sandbox, "/torrents/availableHosts")).json[0]["host"] == "real-debrid.com"


async def test_device_login(sandbox: Caller):
    root = "/realdebrid/oauth/v2"
    code = (await sandbox.call("GET", f"{root}/device/code?client_id=X&new_credentials=yes")).json
    assert code["interval"] == 5
    asked = f"{root}/device/credentials?client_id=X&code={code['device_code']}"
    pending = await sandbox.call("GET", asked)
    assert (pending.status, pending.json) == (403, {"error": None, "error_code": None})
    await sandbox.advance(10)
    granted = (await sandbox.call("GET", asked)).json
    form = {**granted, "code": code["device_code"], "grant_type": "http://oauth.net/grant_type/device/1.0"}
    tokens = (await sandbox.call("POST", f"{root}/token", form=form)).json
    assert set(tokens) == {"access_token", "expires_in", "token_type", "refresh_token"}
    assert (await sandbox.call("GET", ROOT + "/user", token=tokens["access_token"])).status == 200
    refreshed = await sandbox.call("POST", f"{root}/token", form={**form, "code": tokens["refresh_token"]})
    assert refreshed.status == 200


async def test_limits_count_refused_calls_and_know_world_time(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for _ in range(250):
        await get(sandbox, "/user")
    refused = await get(sandbox, "/user")
    says(refused, 429, 34)
    assert "retry-after" not in refused.headers
    await sandbox.advance(59)
    says(await get(sandbox, "/user"), 429, 34)
    await sandbox.advance(1.5)
    assert (await get(sandbox, "/user")).status == 200
    assert (await sandbox.call("GET", ROOT + "/user", token="sandbox-other")).status == 200


async def test_adding_has_a_tighter_limit(sandbox: Caller):
    await sandbox.control("POST", "/clock", {"rate": 0})
    for number in range(22):
        await add(sandbox, f"{number:040x}")
    says(await post(sandbox, "/torrents/addMagnet", magnet=magnet(HASH)), 429, 34)
    await sandbox.control("POST", "/limits", {"provider": "*", "enabled": False})
    assert (await post(sandbox, "/torrents/addMagnet", magnet=magnet(HASH))).status == 201


@pytest.mark.parametrize(
    ("fault", "path", "status", "code"),
    [
        ("rate_limited", "/user", 429, 34),
        ("server_error", "/user", 503, 25),
        ("quota", "/user", 503, 36),
        ("quota", "/unrestrict/link", 503, 23),
        ("slots_full", "/user", 509, 21),
        ("bad_token", "/user", 401, 8),
        ("gone", "/user", 403, 37),
    ],
)
async def test_faults_in_its_own_words(sandbox: Caller, fault: str, path: str, status: int, code: int):
    await sandbox.fault("realdebrid", fault)
    method = "POST" if "unrestrict" in path else "GET"
    says(await sandbox.call(method, ROOT + path, token=TOKEN), status, code)


async def test_expired_link_fault_on_unrestrict_and_on_the_bytes(sandbox: Caller):
    await sandbox.define(HASH, name="Harbour", files=FILES)
    link = (await finished(sandbox, "1"))["links"][0]
    await sandbox.fault("realdebrid", "expired_link", call="*/unrestrict/link")
    says(await post(sandbox, "/unrestrict/link", link=link), 503, 19)
    made = (await post(sandbox, "/unrestrict/link", link=link)).json
    await sandbox.fault("realdebrid", "expired_link")
    assert (await sandbox.call("GET", made["download"])).status == 404
    assert (await sandbox.call("GET", made["download"])).status == 200
    await sandbox.advance(48 * 3600)
    assert (await sandbox.call("GET", made["download"])).status == 404


async def test_the_451_with_two_bodies(sandbox: Caller):
    await sandbox.fault("realdebrid", "doubled", status=451)
    reply = await post(sandbox, "/torrents/addMagnet", magnet=magnet(HASH))
    assert reply.status == 451
    assert reply.body.count(b'"error_code": 35') == 2
    assert (await get(sandbox, "/torrents")).status == 204
