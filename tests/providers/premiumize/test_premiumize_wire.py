"""Premiumize on the wire: what is sent for every operation, and what becomes of every field that is read."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.providers.premiumize.conftest import TOKEN, Answers
from tests.providers.suite.interposer import Interposer, Reply, Sent
from tests.sandbox.caller import torrent

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.availability import Availability
from sluicegate.core.errors import InvalidInput, ProtocolError
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import HosterSupport
from sluicegate.core.sources import Magnet, Nzb, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import Submission, Transfer, TransferState
from sluicegate.providers.premiumize.adapter import Premiumize

HASH = "0f6b0c1e9e1f4d0c8c5a7f3e2d1b0a9988776655"
OTHER_HASH = "f" * 40
FORM = "application/x-www-form-urlencoded"
CDN = "https://energetic-otter.sto.example-cdn.premiumize.me/dl/9f2c/Example.Film.2024.mkv"
ID = "r7Qk2LxVw0bN5tHjD9cYpg"

ACCOUNT = {
    "customer_id": "204817335",
    "premium_until": 4_102_444_800,
    "limit_used": 0.1837,
    "booster_points": 3,
    "space_used": 52_613_349_376.5,
}
FACTS = AccountFacts(
    id="204817335",
    premium=True,
    plan="premium",
    expires_at=datetime(2100, 1, 1, tzinfo=UTC),
    limits=(("limit_used", 0.1837), ("booster_points", 3.0), ("space_used", 52_613_349_376.5)),
)
RUNNING = {
    "id": ID,
    "name": "Example.Film.2024.1080p.WEB",
    "message": "2,024.00 KB/s from 14 peers, 1.21 GB of 4.02 GB, 00:23:41 left",
    "status": "running",
    "progress": 0.3012,
    "src": f"https://www.premiumize.me/api/job/src?id={ID}",
    "folder_id": None,
    "file_id": None,
    "other_cloud_id": None,
}
FINISHED = {**RUNNING, "status": "finished", "message": "", "progress": 0, "folder_id": "vN4o"}
SINGLE = {**FINISHED, "status": "seeding", "folder_id": "mX2h", "file_id": "aP1d"}
ITEM = {
    "id": "aP1d",
    "name": "single.file.mkv",
    "type": "file",
    "size": 734_003_200,
    "mime_type": "video/x-matroska",
    "link": CDN,
    "stream_link": None,
    "resx": "1920",
}


def seen(interposer: Interposer, *expected: tuple[str, str, dict[str, str], dict[str, str]]) -> list[Sent]:
    """The requests as method, path, query and form; the key travels in the header only."""
    for request in interposer.sent:
        assert request.headers["authorization"] == f"Bearer {TOKEN}"
        assert TOKEN not in request.target
        assert TOKEN.encode() not in request.body
    told = [
        (one.method, one.path, one.query, one.form if one.headers.get("content-type") == FORM else {})
        for one in interposer.sent
    ]
    assert told == list(expected)
    return interposer.sent


async def test_account(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    answers(ACCOUNT)
    assert await provider.account() == FACTS
    seen(interposer, ("GET", "/api/account/info", {}, {}))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"customer_id": 204_817_335}, {}),
        (
            {"premium_until": 1_000_000_000},
            {"premium": False, "plan": "free", "expires_at": datetime(2001, 9, 9, 1, 46, 40, tzinfo=UTC)},
        ),
        ({"premium_until": None}, {"premium": False, "plan": "free", "expires_at": None}),
        ({"premium_until": False}, {"premium": False, "plan": "free", "expires_at": None}),
        ({"premium_until": True}, {"premium": False, "plan": "free", "expires_at": None}),
        ({"premium_until": 0}, {"premium": False, "plan": "free", "expires_at": None}),
        ({"premium_until": 253_402_300_799}, {"expires_at": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)}),
        ({"booster_points": None, "space_used": None}, {"limits": (("limit_used", 0.1837),)}),
    ],
    ids=["number", "lapsed", "null", "false", "true", "zero", "far", "old answer"],
)
async def test_account_shapes(provider: Premiumize, answers: Answers, change: Any, expected: Any) -> None:
    """``premium_until`` stays in place after the end; the customer was a number once."""
    answers({**ACCOUNT, **change})
    assert await provider.account() == replace(FACTS, **expected)


async def test_account_leaves_optional_fields_out(provider: Premiumize, answers: Answers) -> None:
    answers({"customer_id": "1"})
    assert await provider.account() == AccountFacts("1", premium=False, plan="free")


@pytest.mark.parametrize("change", [{"customer_id": ""}, {"premium_until": -1}, {"premium_until": 253_402_300_800}])
async def test_account_nonsense(provider: Premiumize, answers: Answers, change: Any) -> None:
    answers({**ACCOUNT, **change})
    with pytest.raises(ProtocolError):
        await provider.account()


async def test_submit_magnet(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """A bare hash is not documented for create: it is always wrapped into a magnet."""
    answers({"id": ID, "name": "x", "type": "torrent"})
    assert await provider.submit_magnet(Magnet(HASH.upper(), name="A B")) == Submission(ID, existing=False)
    form = {"src": f"magnet:?xt=urn:btih:{HASH}&dn=A%20B"}
    seen(interposer, ("POST", "/api/transfer/create", {}, form))


async def test_submit_torrent_file(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """The file part is called ``src``, as the current documentation says."""
    file = parse_torrent(torrent())
    answers({"id": ID})
    assert await provider.submit_torrent_file(file) == Submission(ID, existing=False)
    (request,) = seen(interposer, ("POST", "/api/transfer/create", {}, {}))
    head = f'Content-Disposition: form-data; name="src"; filename="{file.info_hash}.torrent"\r\n'.encode()
    assert head in request.body
    assert b"Content-Type: application/x-bittorrent\r\n" in request.body
    assert b"\r\n\r\n" + torrent() + b"\r\n--" in request.body


@pytest.mark.parametrize("name", ["show.nzb", "show", "a/../show.nzb"])
async def test_submit_nzb_file(provider: Premiumize, interposer: Interposer, answers: Answers, name: str) -> None:
    answers({"id": ID})
    assert await provider.submit_nzb(Nzb(name, raw=b"<nzb/>")) == Submission(ID, existing=False)
    (request,) = seen(interposer, ("POST", "/api/transfer/create", {}, {}))
    shown = "a_.._show.nzb" if "/" in name else "show.nzb"
    assert f'name="src"; filename="{shown}"\r\n'.encode() in request.body
    assert b"Content-Type: application/x-nzb\r\n" in request.body
    assert b"\r\n\r\n<nzb/>\r\n--" in request.body


async def test_submit_links(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    answers({"id": "a"}, {"id": "b"})
    assert (await provider.submit_web(WebLink("https://1fichier.com/?x"))).transfer_id == "a"
    assert (await provider.submit_nzb(Nzb("n", url="https://nzb.example/s.nzb"))).transfer_id == "b"
    seen(
        interposer,
        ("POST", "/api/transfer/create", {}, {"src": "https://1fichier.com/?x"}),
        ("POST", "/api/transfer/create", {}, {"src": "https://nzb.example/s.nzb"}),
    )


async def test_nzb_without_anything(provider: Premiumize) -> None:
    with pytest.raises(InvalidInput) as caught:
        await provider.submit_nzb(Nzb("x"))
    assert caught.value.field == "nzb"


@pytest.mark.parametrize("operation", ["list", "get"])
async def test_running(provider: Premiumize, interposer: Interposer, answers: Answers, operation: str) -> None:
    """There is no call for one job: it is looked up in the listing."""
    answers({"transfers": [RUNNING]})
    if operation == "list":
        page = await provider.list_page()
        (transfer,), cursor = page.transfers, page.next_cursor
        assert cursor is None
    else:
        transfer = await provider.get(ID)
    assert transfer == Transfer(
        id=ID,
        state=TransferState.DOWNLOADING,
        name="Example.Film.2024.1080p.WEB",
        progress=0.3012,
        detail="running: 2,024.00 KB/s from 14 peers, 1.21 GB of 4.02 GB, 00:23:41 left",
    )
    seen(interposer, ("GET", "/api/transfer/list", {}, {}))


@pytest.mark.parametrize(
    ("change", "progress"),
    [
        ({"progress": None}, 0.0),
        ({"progress": 1.7}, 1.0),
        ({"progress": -3}, 0.0),
        ({"status": "finished", "folder_id": "f", "progress": 0}, 1.0),
        ({"status": "seeding", "file_id": "f", "progress": None}, 1.0),
        ({"status": "finished"}, 1.0),
        ({"status": "error", "progress": 0.5}, 0.5),
    ],
)
async def test_progress_is_not_completion(provider: Premiumize, answers: Answers, change: Any, progress: float) -> None:
    """Once a job is over its progress is 0, 1 or nothing."""
    answers({"transfers": [{**RUNNING, **change}]})
    (transfer,) = (await provider.list_page()).transfers
    assert transfer.progress == progress


@pytest.mark.parametrize(("told", "added"), [(1_785_571_200, 1_785_571_200), ("1785571200", 1_785_571_200), ("", None)])
async def test_created_at(provider: Premiumize, answers: Answers, told: Any, added: int | None) -> None:
    answers({"transfers": [{**RUNNING, "created_at": told}]})
    (transfer,) = (await provider.list_page()).transfers
    assert transfer.added_at == (datetime.fromtimestamp(added, UTC) if added else None)


@pytest.mark.parametrize("told", ["123456789012", -1, 253_402_300_800])
async def test_created_never(provider: Premiumize, answers: Answers, told: Any) -> None:
    answers({"transfers": [{**RUNNING, "created_at": told}]})
    with pytest.raises(ProtocolError):
        await provider.list_page()


async def test_bare_row(provider: Premiumize, answers: Answers) -> None:
    answers({"transfers": [{"id": "x", "status": "queued"}]})
    (transfer,) = (await provider.list_page()).transfers
    assert transfer == Transfer("x", TransferState.QUEUED, detail="queued")


async def test_files_of_a_folder(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """Nested folders are walked, one request each."""
    season = {"id": "s1", "name": "Season 1", "type": "folder"}
    extras = {"id": "x1", "name": "Extras", "type": "folder"}
    file = {**ITEM, "id": "f1", "name": "e1.mkv"}
    answers(
        {"transfers": [FINISHED]},
        {"content": [season, {**file, "id": "f2", "name": "z.nfo", "mime_type": None}], "parent_id": "0"},
        {"content": [extras, file], "parent_id": "vN4o"},
        {"content": [{**file, "id": "f3", "size": "15"}], "parent_id": "s1"},
    )
    assert await provider.files(ID) == (
        RemoteFile(0, "Season 1/Extras/e1.mkv", 15, "premiumize:f3", "video/x-matroska"),
        RemoteFile(1, "Season 1/e1.mkv", 734_003_200, "premiumize:f1", "video/x-matroska"),
        RemoteFile(2, "z.nfo", 734_003_200, "premiumize:f2", None),
    )
    seen(
        interposer,
        ("GET", "/api/transfer/list", {}, {}),
        ("GET", "/api/folder/list", {"id": "vN4o"}, {}),
        ("GET", "/api/folder/list", {"id": "s1"}, {}),
        ("GET", "/api/folder/list", {"id": "x1"}, {}),
    )


async def test_files_of_a_single_file_job(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """``folder_id`` is the destination then, with other jobs' files: it is never listed."""
    answers({"transfers": [SINGLE]}, Reply.json(ITEM))
    assert await provider.files(ID) == (
        RemoteFile(0, "single.file.mkv", 734_003_200, "premiumize:aP1d", "video/x-matroska"),
    )
    seen(
        interposer,
        ("GET", "/api/transfer/list", {}, {}),
        ("GET", "/api/item/details", {"id": "aP1d"}, {}),
    )


async def test_link(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    answers(Reply.json(ITEM))
    link = await provider.link("premiumize:aP1d", viewer_address="203.0.113.9")
    assert link == Link(CDN, name="single.file.mkv", size=734_003_200)
    seen(interposer, ("GET", "/api/item/details", {"id": "aP1d"}, {}))


@pytest.mark.parametrize("size", [4_316_852_224, "4316852224"])
@pytest.mark.parametrize("more", [{}, {"stream_link": None}, {"stream_link": "https://transcoded.example/x"}])
async def test_unlock(provider: Premiumize, interposer: Interposer, answers: Answers, size: Any, more: Any) -> None:
    """Sizes as text; ``stream_link`` is deprecated, null or absent, and never used; so is ``location``."""
    content = [{"path": "a/Example.Film.2024.mkv", "size": size, "link": CDN, **more}]
    answers({"content": content, "location": "https://elsewhere.example/"})
    link = await provider.unlock(WebLink("https://1fichier.com/?x"))
    assert link == Link(CDN, name="Example.Film.2024.mkv", size=4_316_852_224)
    seen(interposer, ("POST", "/api/transfer/directdl", {}, {"src": "https://1fichier.com/?x"}))


async def test_hosters(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """Only what can be unlocked at once; the answer has no ``status``."""
    services = {
        "cache": ["mega.nz"],
        "directdl": ["rapidgator.net", "WWW.Mega.nz"],
        "queue": ["youtube.com"],
        "aliases": {"rapidgator.net": ["rapidgator.net", "RG.to", "www.rapidgator.asia"]},
    }
    answers(Reply.json(services))
    assert await provider.hosters() == (
        HosterSupport("rapidgator.net", ("rapidgator.net", "rg.to", "rapidgator.asia")),
        HosterSupport("WWW.Mega.nz", ("mega.nz",)),
    )
    seen(interposer, ("GET", "/api/services/list", {}, {}))


@pytest.mark.parametrize("aliases", [{"aliases": []}, {}])
async def test_hosters_without_aliases(provider: Premiumize, answers: Answers, aliases: Any) -> None:
    answers({"directdl": ["mega.nz"], **aliases})
    assert await provider.hosters() == (HosterSupport("mega.nz", ("mega.nz",)),)


async def test_availability(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """Parallel arrays, correlated by position, asked as a form: long queries are refused with 414."""
    answers(
        {
            "response": [True, False],
            "transcoded": [True, False],
            "filename": ["Example.Film", None],
            "filesize": ["4316852224", None],
        }
    )
    assert await provider.availability([HASH.upper(), OTHER_HASH]) == (
        Availability(HASH, cached=True, name="Example.Film", size=4_316_852_224),
        Availability(OTHER_HASH, cached=False),
    )
    request = interposer.sent[0]
    assert (request.method, request.target) == ("POST", "/api/cache/check")
    assert request.body.decode() == f"items%5B%5D={HASH}&items%5B%5D={OTHER_HASH}"


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ({"response": [True]}, [(True, "", None), (None, "", None)]),
        ({"response": []}, [(None, "", None), (None, "", None)]),
        (
            {"response": [True, True], "filename": ["a", ""], "filesize": [12, ""]},
            [(True, "a", 12), (True, "", None)],
        ),
    ],
    ids=["shorter", "empty", "numbers and empty text"],
)
async def test_short_availability_arrays(
    provider: Premiumize, answers: Answers, arrays: Any, expected: list[Any]
) -> None:
    """What the answer leaves out is unknown, not absent."""
    answers(arrays)
    found = await provider.availability([HASH, OTHER_HASH])
    assert [(one.cached, one.name, one.size) for one in found] == expected


async def test_longer_availability_arrays(provider: Premiumize, answers: Answers) -> None:
    answers({"response": [True, False]})
    with pytest.raises(ProtocolError) as caught:
        await provider.availability([HASH])
    assert caught.value.provider == "premiumize"


async def test_batches_of_a_hundred(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    answers({"response": [True] * 100}, {"response": [False]})
    hashes = [f"{number + 1:040x}" for number in range(101)]
    found = await provider.availability(hashes)
    assert [one.cached for one in found] == [True] * 100 + [False]
    assert [one.info_hash for one in found] == hashes
    assert len(interposer.sent) == 2


async def test_base_url_with_a_slash(interposer: Interposer, answers: Answers, provider: Premiumize) -> None:
    answers(ACCOUNT)
    again = Premiumize(provider._api._http, provider._api._credential, base_url=interposer.url + "/api/")
    await again.account()
    assert interposer.sent[0].path == "/api/account/info"


def test_published_address(provider: Premiumize) -> None:
    """Without another one the published address is used."""
    adapter = Premiumize(provider._api._http, provider._api._credential)
    assert adapter._api._base_url == "https://www.premiumize.me/api"
