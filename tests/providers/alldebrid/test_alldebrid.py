"""AllDebrid's quirks: one test for each trap of its sheet."""

from typing import Any

import pytest
from tests.providers.alldebrid.conftest import Answers, Open
from tests.providers.suite.interposer import Interposer, Reply
from tests.sandbox.caller import Caller, torrent

from sluicegate.core.errors import (
    AccountLocked,
    HosterUnsupported,
    LinkExpired,
    ProtocolError,
    SlotsFull,
    SourceRejected,
    TransferFailed,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamQuota,
)
from sluicegate.core.files import Locator
from sluicegate.core.links import Link
from sluicegate.core.provider import Capability
from sluicegate.core.sources import Magnet, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import TransferState
from sluicegate.providers.alldebrid.adapter import AllDebrid

HASH = "3f1c8de0a97b52c4466e0d1b7a9f58c2e4d7031a"
FILE = "https://alldebrid.com/f/Kq7mX2wT4Zb"
PAGE = WebLink("https://slow.example/file")


def item_error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "words"}}


# Errors of an item inside a success


async def test_upload_refused_inside_success(provider: AllDebrid, answers: Answers) -> None:
    answers({"magnets": [{"magnet": "x", **item_error("MAGNET_TOO_MANY_ACTIVE")}]})
    with pytest.raises(SlotsFull) as caught:
        await provider.submit_magnet(Magnet(HASH))
    assert caught.value.upstream_code == "MAGNET_TOO_MANY_ACTIVE"


async def test_torrent_refused_inside_success(provider: AllDebrid, answers: Answers) -> None:
    answers({"files": [{"file": "x", **item_error("MAGNET_INVALID_FILE")}]})
    with pytest.raises(SourceRejected):
        await provider.submit_torrent_file(parse_torrent(torrent()))


async def test_files_refused_inside_success(provider: AllDebrid, answers: Answers) -> None:
    answers({"magnets": [{"id": "1", **item_error("MAGNET_INVALID_ID")}]})
    with pytest.raises(TransferMissing):
        await provider.files("1")


async def test_whole_call_refused(provider: AllDebrid, answers: Answers) -> None:
    """``MAGNET_TOO_MANY`` was seen for the whole call, too."""
    answers(Reply.json({"status": "error", **item_error("MAGNET_TOO_MANY")}))
    with pytest.raises(UpstreamQuota) as caught:
        await provider.submit_magnet(Magnet(HASH))
    assert "1000" in caught.value.action


async def test_item_refused_without_a_code(provider: AllDebrid, answers: Answers) -> None:
    answers({"magnets": [item_error("")]})
    with pytest.raises(ProtocolError) as caught:
        await provider.submit_magnet(Magnet(HASH))
    assert caught.value.upstream_code == "200"


@pytest.mark.parametrize("items", [[], [{"id": 1, "ready": True}, {"id": 2, "ready": True}]])
async def test_one_upload_has_one_answer(provider: AllDebrid, answers: Answers, items: Any) -> None:
    answers({"magnets": items})
    with pytest.raises(ProtocolError) as caught:
        await provider.submit_magnet(Magnet(HASH))
    assert caught.value.provider == "alldebrid"
    assert caught.value.detail == f"AllDebrid answered {len(items)} items to one."


@pytest.mark.parametrize("id_", [None, "1", ""])
async def test_upload_without_an_id(provider: AllDebrid, answers: Answers, id_: Any) -> None:
    answers({"magnets": [{"id": id_, "ready": True}]})
    with pytest.raises(ProtocolError) as caught:
        await provider.submit_magnet(Magnet(HASH))
    assert caught.value.provider == "alldebrid"
    assert caught.value.detail == "AllDebrid accepted it without an id."


async def test_upload_that_does_not_say_ready(provider: AllDebrid, answers: Answers) -> None:
    answers({"magnets": [{"id": 7}]})
    assert (await provider.submit_magnet(Magnet(HASH))).cached is False


# Shapes of ``magnets``

ROW = {"id": 7, "statusCode": 4, "filename": "x"}
OTHER = {"id": "8", "statusCode": 1, "filename": "y"}


@pytest.mark.parametrize(
    ("magnets", "found"),
    [
        ([ROW, OTHER], ["7", "8"]),
        ({"0": ROW, "3": OTHER}, ["7", "8"]),
        (ROW, ["7"]),
        ([], []),
        ({}, []),
    ],
    ids=["array", "map with indices", "object", "empty array", "empty object"],
)
async def test_magnets_as_array_map_or_object(
    provider: AllDebrid, answers: Answers, magnets: Any, found: list[str]
) -> None:
    answers({"magnets": magnets}, {"magnets": magnets})
    assert [one.id for one in (await provider.list_page()).transfers] == found
    if "7" in found:
        assert (await provider.get("7")).id == "7"
    else:
        with pytest.raises(TransferMissing) as caught:
            await provider.get("7")
        assert caught.value.provider == "alldebrid"


async def test_single_magnet_among_others(provider: AllDebrid, answers: Answers) -> None:
    """An id that was not understood is answered with the whole list; an id may be text."""
    answers({"magnets": [ROW, OTHER]}, {"magnets": {"1": OTHER}})
    for _ in range(2):
        assert (await provider.get("8")).state is TransferState.DOWNLOADING


@pytest.mark.parametrize("broken", [{"0": {"id": 7}}, {"id": 7}, {"0": 5}, {"0": {"id": "", "statusCode": 4}}])
async def test_map_of_other_things(provider: AllDebrid, answers: Answers, broken: Any) -> None:
    answers({"magnets": broken})
    with pytest.raises(ProtocolError) as caught:
        await provider.list_page()
    assert caught.value.provider == "alldebrid"
    assert caught.value.detail.startswith("A magnet has another shape than documented: ")


async def test_unknown_id(provider: AllDebrid, answers: Answers) -> None:
    unknown = Reply.json({"status": "error", **item_error("MAGNET_INVALID_ID")})
    answers(unknown, unknown, unknown)
    with pytest.raises(TransferMissing):
        await provider.get("1")
    await provider.remove("1")
    with pytest.raises(TransferMissing):
        await provider.files("1")


async def test_other_errors_of_remove_are_told(provider: AllDebrid, answers: Answers) -> None:
    answers(Reply.json({"status": "error", **item_error("GENERIC")}))
    with pytest.raises(UpstreamError):
        await provider.remove("1")


async def test_noname(provider: AllDebrid, answers: Answers) -> None:
    """Right after a bare hash was uploaded there is neither name nor size."""
    answers({"magnets": {"id": 7, "statusCode": 0, "filename": "noname", "size": 0, "hash": ""}})
    transfer = await provider.get("7")
    assert (transfer.name, transfer.size, transfer.info_hash, transfer.state) == ("", None, None, TransferState.QUEUED)


async def test_figures_that_are_missing(provider: AllDebrid, answers: Answers) -> None:
    answers({"magnets": {"id": 7, "statusCode": 1, "size": 100}})
    transfer = await provider.get("7")
    assert (transfer.progress, transfer.speed, transfer.seeders, transfer.added_at) == (0.0, None, None, None)
    assert (transfer.name, transfer.detail, transfer.info_hash) == ("", "", None)


# Trees


def tree(*roots: Any) -> dict[str, Any]:
    return {"magnets": [{"id": 7, "files": list(roots)}]}


def file(name: str, size: int | None = 1, link: str | None = FILE) -> dict[str, Any]:
    return {"n": name} | ({} if size is None else {"s": size}) | ({} if link is None else {"l": link})


async def paths(provider: AllDebrid) -> list[str]:
    return [one.path for one in await provider.files("7")]


async def test_nested_tree(provider: AllDebrid, answers: Answers) -> None:
    """Folders nest freely; only the root folder is left out of the paths."""
    season = {"n": "S01", "e": [file("e1.mkv"), {"n": "Extras", "e": [file("e1.mkv")]}, {"n": "empty", "e": []}]}
    answers(tree({"n": "Show", "e": [season, file("e1.mkv")]}))
    assert await paths(provider) == ["S01/Extras/e1.mkv", "S01/e1.mkv", "e1.mkv"]


async def test_single_file_stands_bare_at_the_root(provider: AllDebrid, answers: Answers) -> None:
    answers(tree(file("film.mkv")))
    assert await paths(provider) == ["film.mkv"]


async def test_several_roots_are_no_root_folder(provider: AllDebrid, answers: Answers) -> None:
    answers(tree({"n": "a", "e": [file("x")]}, {"n": "b", "e": [file("x")]}))
    assert await paths(provider) == ["a/x", "b/x"]


async def test_unstable_order(provider: AllDebrid, answers: Answers) -> None:
    """Files come in another order each time; index and locator of a file stay."""
    files = [file("b", 2, FILE + "b"), file("a", 1, FILE + "a"), file("a", 3, FILE + "c")]
    answers(tree({"n": "r", "e": files}), tree({"n": "r", "e": files[::-1]}))
    first, second = await provider.files("7"), await provider.files("7")
    assert first == second
    assert [(one.index, one.path, one.size) for one in first] == [(0, "a", 1), (1, "a (2)", 3), (2, "b", 2)]


async def test_file_without_link_or_size(provider: AllDebrid, answers: Answers) -> None:
    answers(tree(file("a", None, None)))
    (one,) = await provider.files("7")
    assert (one.size, one.locator) == (-1, None)


@pytest.mark.parametrize("item", [{"id": 7, "files": []}, {"id": 7}, {"id": 7, "files": None}])
async def test_files_before_ready(provider: AllDebrid, answers: Answers, item: Any) -> None:
    answers({"magnets": [item]})
    with pytest.raises(TransferNotReady) as caught:
        await provider.files("7")
    assert caught.value.provider == "alldebrid"


async def test_deep_tree(provider: AllDebrid, answers: Answers) -> None:
    """Nesting without end is a hostile answer, not a crash."""
    body = b'{"n":"a","e":[' * 50_000 + b"]}" * 50_000
    answers(Reply(200, b'{"status":"success","data":{"magnets":[{"id":7,"files":[' + body + b"]}]}}"))
    with pytest.raises(ProtocolError):
        await provider.files("7")


# Links


async def test_delayed_link_still_running(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    """No waiting here: the error tells when to come again, five seconds at the least."""
    for left, wait in ((25, 25.0), (2, 5.0)):
        answers({"link": "", "filename": "x", "delayed": 551_209}, {"status": 1, "time_left": left})
        with pytest.raises(TransferNotReady) as caught:
            await provider.unlock(PAGE)
        assert caught.value.retry_after == wait
        assert caught.value.upstream_code == "delayed 1"
        assert caught.value.provider == "alldebrid"
    first, second = interposer.sent[:2]
    assert (first.path, first.form) == ("/v4/link/unlock", {"link": PAGE.url})
    assert (second.method, second.path, second.form) == ("POST", "/v4/link/delayed", {"id": "551209"})
    assert len(interposer.sent) == 4


async def test_delayed_link_is_there(provider: AllDebrid, answers: Answers) -> None:
    direct = "https://abc3de.debrid.it/dl/7z/Talk.mp4"
    answers({"link": "", "filename": "Talk.mp4", "filesize": 9, "delayed": "d1"}, {"status": 2, "link": direct})
    link = await provider.link(str(Locator.of("alldebrid", FILE)))
    assert (link.url, link.name, link.size) == (direct, "Talk.mp4", 9)


async def test_delayed_link_failed(provider: AllDebrid, answers: Answers) -> None:
    answers({"link": "", "delayed": 1}, {"status": 3, "time_left": 0})
    with pytest.raises(TransferFailed) as caught:
        await provider.unlock(PAGE)
    assert (caught.value.provider, caught.value.upstream_code) == ("alldebrid", "delayed 3")


async def test_delayed_link_forgotten(provider: AllDebrid, answers: Answers) -> None:
    answers({"delayed": 1}, Reply.json({"status": "error", **item_error("DELAYED_INVALID_ID")}))
    with pytest.raises(LinkExpired):
        await provider.unlock(PAGE)


async def test_direct_link_beside_a_delayed_one(provider: AllDebrid, interposer: Interposer, answers: Answers) -> None:
    answers({"link": "https://x.debrid.it/a", "delayed": 1})
    assert (await provider.unlock(PAGE)).url == "https://x.debrid.it/a"
    assert len(interposer.sent) == 1


async def test_page_with_streams(provider: AllDebrid, answers: Answers) -> None:
    """Which stream is a choice, and adapters choose nothing."""
    answers({"link": "", "host": "stream", "filename": "Talk", "streams": [{"id": "1", "quality": 1080}]})
    with pytest.raises(HosterUnsupported) as caught:
        await provider.unlock(PAGE)
    assert caught.value.action == "Hand it in as a media page, or use a link to a file."
    assert (caught.value.provider, caught.value.upstream_code) == ("alldebrid", "streams")


@pytest.mark.parametrize("link", ["", "ftp://x.example/a", "https://", "https://[", "javascript:alert(1)"])
async def test_unlocked_to_nowhere(provider: AllDebrid, answers: Answers, link: str) -> None:
    answers({"link": link, "filename": "x"})
    with pytest.raises(ProtocolError) as caught:
        await provider.unlock(PAGE)
    assert caught.value.provider == "alldebrid"


async def test_unlocked_without_name_and_size(provider: AllDebrid, answers: Answers) -> None:
    answers({"link": "https://x.debrid.it/a"})
    assert await provider.unlock(PAGE) == Link("https://x.debrid.it/a", name="", size=None)


@pytest.mark.parametrize("size", [-1, 2**63, "7", 1.5])
async def test_sizes_that_are_none(provider: AllDebrid, answers: Answers, size: Any) -> None:
    answers({"link": "https://x.debrid.it/a", "filesize": size})
    with pytest.raises(ProtocolError):
        await provider.unlock(PAGE)


async def test_largest_size(provider: AllDebrid, answers: Answers) -> None:
    answers({"link": "https://x.debrid.it/a", "filesize": 2**63 - 1})
    assert (await provider.unlock(PAGE)).size == 2**63 - 1


# Against the sandbox


async def test_delayed_link_in_the_sandbox(sandbox: Caller, opened: Open) -> None:
    url = "https://1fichier.com/?slow"
    slow = {"url": url, "name": "s", "files": [{"path": "s", "size": 5}], "seconds_to_ready": 60}
    await sandbox.control("POST", "/content", slow)
    with pytest.raises(TransferNotReady) as caught:
        await opened("sandbox-slow").unlock(WebLink(url))
    assert caught.value.retry_after == 60.0


@pytest.mark.parametrize(("token", "code"), [("server", "NO_SERVER"), ("vpn", "MAGNET_NO_SERVER")])
async def test_servers_may_not_upload(sandbox: Caller, opened: Open, token: str, code: str) -> None:
    """Other calls from the same address work, so a test of the key reveals nothing."""
    provider = opened(f"sandbox-{token}-joe")
    assert (await provider.account()).premium is True
    with pytest.raises(AccountLocked) as caught:
        await provider.submit_magnet(Magnet(HASH))
    assert caught.value.upstream_code == code
    assert "egress proxy" in caught.value.action


async def test_new_place_is_no_bad_key(sandbox: Caller, opened: Open) -> None:
    with pytest.raises(AccountLocked) as caught:
        await opened("sandbox-place-joe").account()
    assert caught.value.upstream_code == "AUTH_BLOCKED"
    assert "mail" in caught.value.action


async def test_free_account(sandbox: Caller, opened: Open) -> None:
    provider = opened("sandbox-free-joe")
    facts = await provider.account()
    assert (facts.premium, facts.plan, facts.expires_at, facts.limits) == (False, "free", None, ())
    with pytest.raises(UpstreamPlanRequired):
        await provider.submit_magnet(Magnet(HASH))
    with pytest.raises(UpstreamPlanRequired):
        await provider.unlock(WebLink("https://1fichier.com/?a"))


async def test_thirty_active_magnets(sandbox: Caller, opened: Open) -> None:
    """The limit is told at the item, inside a success."""
    provider = opened("sandbox-busy")
    for number in range(30):
        if number % 10 == 0:
            await sandbox.advance(1)
        await provider.submit_magnet(Magnet(f"{number + 1:040x}"))
    with pytest.raises(SlotsFull):
        await provider.submit_magnet(Magnet("f" * 40))


def test_what_alldebrid_has_not() -> None:
    """``magnet/instant`` is gone, there is no choice of files and no pause, and links are no transfers."""
    lacking = {Capability.AVAILABILITY, Capability.SELECT, Capability.WEB, Capability.NZB, Capability.CONTROL}
    assert AllDebrid.capabilities() == frozenset(Capability) - lacking
