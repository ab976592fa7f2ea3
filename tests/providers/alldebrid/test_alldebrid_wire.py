"""AllDebrid on the wire: what is sent for every operation, and what becomes of every field that is read."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.providers.alldebrid.conftest import TOKEN, Answers
from tests.providers.suite.interposer import Interposer
from tests.sandbox.caller import torrent

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.files import Locator, RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import HosterSupport
from sluicegate.core.sources import Magnet, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.providers.alldebrid.adapter import AllDebrid

HASH = "3f1c8de0a97b52c4466e0d1b7a9f58c2e4d7031a"
FORM = "application/x-www-form-urlencoded"
FILE = "https://alldebrid.com/f/Kq7mX2wT4Zb"
DIRECT = "https://abc3de.debrid.it/dl/4kp0x7qz1m/survey-data.zip"

USER = {
    "username": "marlow77",
    "email": "marlow@example.org",
    "isPremium": True,
    "isSubscribed": False,
    "isTrial": False,
    "premiumUntil": 1_798_041_600,
    "limitedHostersQuotas": {"rapidgator": 15_360, "uploadedto": 51_200},
    "notifications": [],
}
ROW = {
    "id": 318_840_377,
    "filename": "Old.Mill.Documentary.2024",
    "size": 1_610_612_736,
    "hash": HASH.upper(),
    "status": "Downloading",
    "statusCode": 1,
    "downloaded": 402_653_184,
    "uploaded": 0,
    "processingPerc": 0,
    "seeders": 12,
    "downloadSpeed": 7_340_032,
    "uploadSpeed": 0,
    "uploadDate": 1_786_776_069,
    "completionDate": 0,
    "type": "m",
    "version": 2,
}
TRANSFER = Transfer(
    id="318840377",
    state=TransferState.DOWNLOADING,
    name="Old.Mill.Documentary.2024",
    info_hash=HASH,
    size=1_610_612_736,
    progress=0.25,
    speed=7_340_032,
    seeders=12,
    added_at=datetime(2026, 8, 15, 6, 41, 9, tzinfo=UTC),
    detail="Downloading",
)
UNLOCKED = {
    "link": DIRECT,
    "host": "1fichier",
    "hostDomain": "1fichier.com",
    "filename": "survey-data.zip",
    "filesize": 734_003_200,
    "paws": False,
    "streams": [],
    "id": "4kp0x7qz1m",
}


def sent(interposer: Interposer, method: str, path: str) -> Any:
    """The one request, after a look at what every request has: the key in the header only, and the agent."""
    (request,) = interposer.sent
    assert (request.method, request.path) == (method, path)
    assert request.query == {"agent": "sluicegate"}
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert TOKEN.encode() not in request.body
    if method == "POST" and not request.headers["content-type"].startswith("multipart/"):
        assert request.headers["content-type"] == FORM
    return request


async def test_account(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({"user": USER})
    assert await provider.account() == AccountFacts(
        id="marlow77",
        premium=True,
        plan="premium",
        expires_at=datetime(2026, 12, 23, 16, 0, tzinfo=UTC),
        limits=(("rapidgator_mb_left", 15_360.0), ("uploadedto_mb_left", 51_200.0)),
    )
    assert sent(interposer, "GET", "/v4/user").body == b""


async def test_submit_magnet(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({"magnets": [{"magnet": "x", "hash": HASH, "name": "noname", "size": 0, "ready": True, "id": 318_840_021}]})
    magnet = Magnet(HASH.upper(), name="A & B", trackers=("udp://t.example:80/announce",))
    assert await provider.submit_magnet(magnet) == Submission("318840021", existing=None, cached=True)
    assert sent(interposer, "POST", "/v4/magnet/upload").form == {
        "magnets[]": f"magnet:?xt=urn:btih:{HASH}&dn=A%20%26%20B&tr=udp%3A%2F%2Ft.example%3A80%2Fannounce"
    }


async def test_submit_torrent_file(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({"files": [{"file": "x", "name": "n", "size": 1, "hash": HASH, "ready": False, "id": 318_840_022}]})
    file = parse_torrent(torrent())
    assert await provider.submit_torrent_file(file) == Submission("318840022", existing=None, cached=False)
    request = sent(interposer, "POST", "/v4/magnet/upload/file")
    head = f'Content-Disposition: form-data; name="files[]"; filename="{file.info_hash}.torrent"\r\n'.encode()
    assert head in request.body.replace(b"%5B%5D", b"[]")
    assert b"Content-Type: application/x-bittorrent\r\n" in request.body
    assert b"\r\n\r\n" + torrent() + b"\r\n--" in request.body


async def test_list_page(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    bare = {"id": 1, "statusCode": 4}
    answers({"magnets": [ROW, bare]})
    page = await provider.list_page()
    assert page.transfers == (TRANSFER, Transfer("1", TransferState.READY, progress=1.0))
    assert page.next_cursor is None
    assert sent(interposer, "POST", "/v4.1/magnet/status").form == {}


async def test_get(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({"magnets": ROW})
    assert await provider.get("318840377") == TRANSFER
    assert sent(interposer, "POST", "/v4.1/magnet/status").form == {"id": "318840377"}


@pytest.mark.parametrize(
    ("code", "downloaded", "size", "progress"),
    [(0, 0, 0, 0.0), (1, 50, 200, 0.25), (1, 300, 200, 1.0), (2, 0, 200, 1.0), (3, 9, 200, 1.0), (15, 50, 200, 0.25)],
)
async def test_progress(
    provider: AllDebrid, answers: Answers, code: int, downloaded: int, size: int, progress: float
) -> None:
    answers({"magnets": {**ROW, "statusCode": code, "downloaded": downloaded, "size": size}})
    transfer = await provider.get("318840377")
    assert (transfer.progress, transfer.size) == (progress, size or None)


async def test_files(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    tree = [{"n": "Show", "e": [{"n": "e2.mkv", "s": 16, "l": FILE + "2"}, {"n": "e1.mkv", "s": 15, "l": FILE}]}]
    answers({"magnets": [{"id": "318840021", "files": tree}]})
    assert await provider.files("318840021") == (
        RemoteFile(0, "e1.mkv", 15, "alldebrid:https%3A%2F%2Falldebrid.com%2Ff%2FKq7mX2wT4Zb"),
        RemoteFile(1, "e2.mkv", 16, "alldebrid:https%3A%2F%2Falldebrid.com%2Ff%2FKq7mX2wT4Zb2"),
    )
    assert sent(interposer, "POST", "/v4/magnet/files").form == {"id[]": "318840021"}


async def test_remove(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({"message": "gone"})
    await provider.remove("318840021")
    assert sent(interposer, "POST", "/v4/magnet/delete").form == {"id": "318840021"}


async def test_link(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({**UNLOCKED, "host": "magnet"})
    link = await provider.link(str(Locator.of("alldebrid", FILE)), viewer_address="203.0.113.9")
    assert link == Link(DIRECT, name="survey-data.zip", size=734_003_200)
    assert sent(interposer, "POST", "/v4/link/unlock").form == {"link": FILE}


async def test_unlock(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({**UNLOCKED, "filename": "a/b: c.zip", "filesize": 0})
    link = await provider.unlock(WebLink("https://1fichier.com/?a1b2"))
    assert link == Link(DIRECT, name="a_b_ c.zip", size=None)
    assert sent(interposer, "POST", "/v4/link/unlock").form == {"link": "https://1fichier.com/?a1b2"}


HOSTS = {
    "1fichier": {"name": "1fichier", "type": "premium", "domains": ["1fichier.com", "WWW.AlterUpload.com"]},
    "rg": {"name": "Rapidgator", "domains": ["rg.to"], "status": False, "regexp": "x", "quotaType": "traffic"},
    "mega": {"name": "mega", "domains": ["mega.nz"], "status": True, "regexps": ["x"]},
}


@pytest.mark.parametrize("shape", [HOSTS, list(HOSTS.values())], ids=["map", "list"])
async def test_hosters(provider: AllDebrid, interposer: Interposer, answers: Answers, shape: Any) -> None:
    answers({"hosts": shape})
    assert await provider.hosters() == (
        HosterSupport("1fichier", ("1fichier.com", "alterupload.com"), None),
        HosterSupport("Rapidgator", ("rg.to",), up=False),
        HosterSupport("mega", ("mega.nz",), up=True),
    )
    assert sent(interposer, "GET", "/v4.1/user/hosts").body == b""


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"isPremium": False, "premiumUntil": 0}, {"premium": False, "plan": "free", "expires_at": None}),
        ({"premiumUntil": "1798041600"}, {}),
        ({"premiumUntil": 0}, {"expires_at": None}),
        ({"limitedHostersQuotas": []}, {"limits": ()}),
        (
            {"isTrial": True, "remainingTrialQuota": 900, "limitedHostersQuotas": []},
            {"plan": "trial", "limits": (("trial_mb_left", 900.0),)},
        ),
    ],
    ids=["free", "quoted time", "no time", "empty object as list", "trial"],
)
async def test_account_shapes(provider: AllDebrid, answers: Answers, change: Any, expected: Any) -> None:
    answers({"user": {**USER, **change}})
    facts = await provider.account()
    full = AccountFacts(
        "marlow77",
        premium=True,
        plan="premium",
        expires_at=datetime(2026, 12, 23, 16, 0, tzinfo=UTC),
        limits=(("rapidgator_mb_left", 15_360.0), ("uploadedto_mb_left", 51_200.0)),
    )
    assert facts == replace(full, **expected)


async def test_account_leaves_optional_fields_out(provider: AllDebrid, answers: Answers) -> None:
    answers({"user": {"username": "m", "isPremium": False}})
    assert await provider.account() == AccountFacts("m", premium=False, plan="free")


async def test_base_url_with_a_slash(interposer: Interposer, answers: Answers, provider: AllDebrid) -> None:
    answers({"user": USER})
    again = AllDebrid(provider._api._http, provider._api._credential, base_url=interposer.url + "/")
    await again.account()
    assert interposer.sent[0].path == "/v4/user"


def test_published_address(provider: AllDebrid) -> None:
    """Without another one the published address is used."""
    assert AllDebrid(provider._api._http, provider._api._credential)._api._base_url == "https://api.alldebrid.com"
