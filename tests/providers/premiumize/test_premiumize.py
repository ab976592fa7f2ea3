"""Premiumize's quirks: one test for each trap of its sheet."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.providers.premiumize.conftest import Answers, Open, problem
from tests.providers.suite.interposer import Interposer, Reply
from tests.sandbox.caller import Caller, torrent

from sluicegate.core.errors import (
    AccountLocked,
    CredentialsRejected,
    FileGone,
    HosterUnsupported,
    ProtocolError,
    SlotsFull,
    TransferFailed,
    TransferMissing,
    TransferNotReady,
    UpstreamError,
    UpstreamPlanRequired,
    UpstreamRateLimited,
)
from sluicegate.core.magnets import parse_info_hash
from sluicegate.core.provider import Capability
from sluicegate.core.sources import Magnet, Nzb, WebLink
from sluicegate.core.torrent_files import parse_torrent
from sluicegate.core.transfers import TransferState
from sluicegate.providers.premiumize.adapter import Premiumize

HASH = "0f6b0c1e9e1f4d0c8c5a7f3e2d1b0a9988776655"
MAGNET = f"magnet:?xt=urn:btih:{HASH}&dn=Film"
CDN = "https://energetic-otter.sto.example-cdn.premiumize.me/dl/9f2c/film.mkv"
DUPLICATE = problem("permanent_error", "You already added this job.")
UNTOLD = problem("not_found", "This job was made from a file.")


def row(id_: str = "r1", **more: Any) -> dict[str, Any]:
    return {"id": id_, "status": "running", "name": "Film", "src": f"https://x.example/api/job/src?id={id_}", **more}


def redirect(place: str, status: int = 302) -> Reply:
    return Reply(status, b"", (("location", place),))


def file(id_: str = "f1", name: str = "film.mkv", link: str | None = CDN) -> dict[str, Any]:
    return {"id": id_, "name": name, "type": "file", "size": 5, "link": link}


def paths(interposer: Interposer) -> list[str]:
    return [
        f"{one.method} {one.path.removeprefix('/api')} {(one.query or one.form).get('id', '')}"
        for one in interposer.sent
    ]


# The same job twice: refused, without an id, and no hash in the listing


async def test_duplicate_is_found_by_its_source(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """``src`` of the listing leads to the magnet; jobs of the same name are asked first."""
    rows = [row("r1", name="Other"), row("r2"), row("r3")]
    answers(DUPLICATE, {"transfers": rows}, redirect("magnet:?xt=urn:btih:" + "e" * 40), redirect(MAGNET, 307))
    submission = await provider.submit_magnet(Magnet(HASH, name="Film"))
    assert (submission.transfer_id, submission.existing) == ("r3", True)
    assert paths(interposer) == ["POST /transfer/create ", "GET /transfer/list ", "GET /job/src r2", "GET /job/src r3"]


@pytest.mark.parametrize("status", [301, 303, 308])
async def test_source_may_be_any_redirect(provider: Premiumize, answers: Answers, status: int) -> None:
    answers(DUPLICATE, {"transfers": [row()]}, redirect(MAGNET, status))
    assert (await provider.submit_magnet(Magnet(HASH))).transfer_id == "r1"


async def test_duplicate_of_the_older_generation(
    provider: Premiumize, interposer: Interposer, answers: Answers
) -> None:
    """There ``src`` was the source itself, and the refusal had no code."""
    older = problem(None, "You already added this job.")
    answers(older, {"transfers": [row("r1", src="https://a.example/x"), row("r2", src=MAGNET)]})
    assert (await provider.submit_magnet(Magnet(HASH))).transfer_id == "r2"
    assert len(interposer.sent) == 2


@pytest.mark.parametrize(
    "hand_in",
    [
        lambda provider: provider.submit_web(WebLink("https://1fichier.com/?x")),
        lambda provider: provider.submit_nzb(Nzb("n", url="https://1fichier.com/?x")),
    ],
    ids=["web", "nzb"],
)
async def test_duplicate_link(provider: Premiumize, answers: Answers, hand_in: Callable[[Premiumize], Any]) -> None:
    answers(
        DUPLICATE,
        {"transfers": [row("r1"), row("r2")]},
        redirect("https://1fichier.com/?y"),
        redirect("https://1fichier.com/?x"),
    )
    assert (await hand_in(provider)).transfer_id == "r2"


FILE = parse_torrent(torrent())


@pytest.mark.parametrize(
    ("hand_in", "name"),
    [
        (lambda provider: provider.submit_torrent_file(FILE), FILE.name),
        (lambda provider: provider.submit_nzb(Nzb("show.nzb", raw=b"<nzb/>")), "show"),
    ],
    ids=["torrent", "nzb"],
)
async def test_duplicate_file(
    provider: Premiumize, answers: Answers, hand_in: Callable[[Premiumize], Any], name: str
) -> None:
    """A job that was made from a file has no source: then its name must do, if only one has it."""
    told = [row("r1", name="Other"), row("r2", name=name)]
    answers(DUPLICATE, {"transfers": told}, UNTOLD, UNTOLD)
    assert (await hand_in(provider)).transfer_id == "r2"
    answers(DUPLICATE, {"transfers": [*told, row("r3", name=name)]}, UNTOLD, UNTOLD, UNTOLD)
    with pytest.raises(UpstreamError):
        await hand_in(provider)


async def test_duplicate_torrent_that_came_as_magnet(provider: Premiumize, answers: Answers) -> None:
    answers(
        DUPLICATE,
        {"transfers": [row("r1", name=FILE.name), row("r2", name="Provisional")]},
        UNTOLD,
        redirect(f"magnet:?xt=urn:btih:{FILE.info_hash.upper()}"),
    )
    assert (await provider.submit_torrent_file(FILE)).transfer_id == "r2"


@pytest.mark.parametrize("reply", [UNTOLD, redirect("https://a.example/"), Reply.json({"status": "success"})])
async def test_duplicate_that_is_not_found(provider: Premiumize, answers: Answers, reply: Reply) -> None:
    """A magnet's name is anybody's: it identifies nothing."""
    answers(DUPLICATE, {"transfers": [row()]}, reply)
    with pytest.raises(UpstreamError) as caught:
        await provider.submit_magnet(Magnet(HASH, name="Film"))
    assert (caught.value.provider, caught.value.upstream_code) == ("premiumize", "duplicate")
    assert caught.value.action.startswith("Remove it at Premiumize")
    assert caught.value.transient


async def test_search_for_a_duplicate_is_bounded(
    provider: Premiumize, interposer: Interposer, answers: Answers
) -> None:
    answers(DUPLICATE, {"transfers": [row(f"r{n}") for n in range(60)]}, *[UNTOLD] * 60)
    with pytest.raises(UpstreamError):
        await provider.submit_magnet(Magnet(HASH))
    assert len(interposer.sent) == 2 + 25


async def test_fault_during_the_search_is_told(provider: Premiumize, answers: Answers) -> None:
    answers(DUPLICATE, {"transfers": [row()]}, problem("rate_limit_reached"))
    with pytest.raises(UpstreamRateLimited):
        await provider.submit_magnet(Magnet(HASH))


async def test_words_of_a_duplicate_in_a_success(provider: Premiumize, answers: Answers) -> None:
    answers({"id": "r9", "message": "You already added this job."})
    assert (await provider.submit_magnet(Magnet(HASH))).transfer_id == "r9"


@pytest.mark.parametrize(
    ("src", "info_hash"),
    [
        (MAGNET.replace(HASH, HASH.upper()), HASH),
        ("https://www.premiumize.me/api/job/src?id=x", None),
        ("https://1fichier.com/?x", None),
        (None, None),
        ("", None),
    ],
)
async def test_no_hash_in_the_listing(
    provider: Premiumize, answers: Answers, src: str | None, info_hash: str | None
) -> None:
    """Except in the older generation."""
    answers({"transfers": [row(src=src)]})
    assert (await provider.get("r1")).info_hash == info_hash


# States


async def test_error_without_a_reason_is_looked_at_twice(
    provider: Premiumize, interposer: Interposer, answers: Answers
) -> None:
    """A spurious ``error`` with an empty message has been seen."""
    for message in (None, ""):
        answers({"transfers": [row(status="error", message=message)]}, {"transfers": [row(progress=0.5)]})
        assert (await provider.get("r1")).state is TransferState.DOWNLOADING
    answers(*[{"transfers": [row(status="error", message="")]}] * 2)
    (transfer,) = (await provider.list_page()).transfers
    assert (transfer.state, transfer.detail) == (TransferState.FAILED, "error")
    answers({"transfers": [row(status="error", message="no peers")]})
    assert (await provider.get("r1")).detail == "error: no peers"
    assert len(interposer.sent) == 7


@pytest.mark.parametrize("nowhere", [None, "", "0"])
@pytest.mark.parametrize("status", ["finished", "seeding"])
async def test_finished_before_visible(
    provider: Premiumize, interposer: Interposer, answers: Answers, nowhere: str | None, status: str
) -> None:
    """Neither file nor folder yet (or just the root): the job is not ready, and the root is never walked."""
    told = {"transfers": [row(status=status, folder_id=nowhere, file_id=nowhere and "")]}
    answers(told, told)
    transfer = await provider.get("r1")
    assert (transfer.state, transfer.progress, transfer.detail) == (TransferState.PROCESSING, 1.0, status)
    with pytest.raises(TransferNotReady) as caught:
        await provider.files("r1")
    assert caught.value.provider == "premiumize"
    assert len(interposer.sent) == 2


@pytest.mark.parametrize("status", ["finished", "seeding"])
async def test_files_in_another_cloud(provider: Premiumize, answers: Answers, status: str) -> None:
    """No link can be made: another provider has to do it."""
    told = {"transfers": [row(status=status, other_cloud_id="c")]}
    answers(told, told)
    transfer = await provider.get("r1")
    assert transfer.state is TransferState.FAILED
    assert transfer.detail == "its files go to another cloud, which gives no links"
    with pytest.raises(TransferFailed) as caught:
        await provider.files("r1")
    assert caught.value.provider == "premiumize"
    assert caught.value.detail == "Premiumize gave up on it: its files go to another cloud, which gives no links."


async def test_running_towards_another_cloud(provider: Premiumize, answers: Answers) -> None:
    answers({"transfers": [row(other_cloud_id="c", message="half")]})
    assert (await provider.get("r1")).detail == "running: half"


async def test_missing_from_the_listing(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    answers(*[{"transfers": [row("r10"), row("r")]}] * 3)
    for operation in (provider.get, provider.files):
        with pytest.raises(TransferMissing) as caught:
            await operation("r1")
        assert caught.value.provider == "premiumize"
    await provider.remove("r1")
    assert paths(interposer) == ["GET /transfer/list "] * 3


# Files


DONE = {"transfers": [row(status="finished", folder_id="c1", name="Film")]}


@pytest.mark.parametrize("state", ["waiting", "running"])
async def test_folder_of_an_unfinished_job(
    provider: Premiumize, interposer: Interposer, answers: Answers, state: str
) -> None:
    answers({"transfers": [row(status=state, folder_id="c1")]})
    with pytest.raises(TransferNotReady):
        await provider.files("r1")
    assert len(interposer.sent) == 1


async def test_single_file_folder_trap_at_the_root(provider: Premiumize, answers: Answers) -> None:
    """A folder without parent is the root, whatever its id: its files are not this job's."""
    answers(DONE, {"content": [file()], "parent_id": None})
    with pytest.raises(TransferNotReady) as caught:
        await provider.files("r1")
    assert caught.value.provider == "premiumize"


async def test_folder_that_does_not_name_its_parent(provider: Premiumize, answers: Answers) -> None:
    answers(DONE, {"content": [file()]})
    assert [one.path for one in await provider.files("r1")] == ["film.mkv"]


async def test_files_that_have_no_link_yet(provider: Premiumize, answers: Answers) -> None:
    """Ready is what has at least one link; a locator stays good for the others."""
    folder = [file("f1", "a", link=None), file("f2", "b", link=None)]
    answers(DONE, {"content": folder, "parent_id": "0"})
    with pytest.raises(TransferNotReady) as caught:
        await provider.files("r1")
    assert caught.value.provider == "premiumize"
    answers(DONE, {"content": [*folder, file("f3", "c")], "parent_id": "0"})
    assert [one.locator for one in await provider.files("r1")] == ["premiumize:f1", "premiumize:f2", "premiumize:f3"]


async def test_link_that_is_not_there_yet(provider: Premiumize, answers: Answers) -> None:
    for told in (None, ""):
        answers(Reply.json(file(link=told)))
        with pytest.raises(TransferNotReady) as caught:
            await provider.link("premiumize:f1")
        assert caught.value.provider == "premiumize"


@pytest.mark.parametrize("reply", [problem("not_found", "gone"), Reply(404, b""), Reply(404, b"gone")])
async def test_item_is_gone(provider: Premiumize, answers: Answers, reply: Reply) -> None:
    answers(reply)
    with pytest.raises(FileGone):
        await provider.link("premiumize:f1")


async def test_equal_names_in_one_folder(provider: Premiumize, answers: Answers) -> None:
    """The cloud ignores case, file systems may not: both survive, always in the same order."""
    content = [file("f2", "A.mkv"), file("f1", "A.mkv"), file("f3", "a.MKV")]
    answers(DONE, {"content": content, "parent_id": "0"}, DONE, {"content": content[::-1], "parent_id": "0"})
    first, second = await provider.files("r1"), await provider.files("r1")
    assert first == second
    assert [(one.index, one.path, one.locator) for one in first] == [
        (0, "A.mkv", "premiumize:f1"),
        (1, "A (2).mkv", "premiumize:f2"),
        (2, "a (3).MKV", "premiumize:f3"),
    ]


@pytest.mark.parametrize(("size", "expected"), [("", -1), (None, -1), ("15", 15), (0, 0), (2**63 - 1, 2**63 - 1)])
async def test_sizes_as_text(provider: Premiumize, answers: Answers, size: Any, expected: int) -> None:
    answers(DONE, {"content": [{**file(), "size": size}], "parent_id": "0"})
    (one,) = await provider.files("r1")
    assert one.size == expected


@pytest.mark.parametrize("broken", [{"size": "1.5"}, {"size": "-1"}, {"size": 2**63}, {"size": -1}, {"size": "1" * 19}])
async def test_sizes_that_are_none(provider: Premiumize, answers: Answers, broken: Any) -> None:
    answers(DONE, {"content": [{**file(), **broken}], "parent_id": "0"})
    with pytest.raises(ProtocolError):
        await provider.files("r1")


@pytest.mark.parametrize("broken", [{"type": "link"}, {"id": ""}])
async def test_entries_that_are_none(provider: Premiumize, answers: Answers, broken: Any) -> None:
    answers(DONE, {"content": [{**file(), **broken}], "parent_id": "0"})
    with pytest.raises(ProtocolError):
        await provider.files("r1")


async def test_folders_without_end(provider: Premiumize, interposer: Interposer) -> None:
    """A folder that holds itself ends after 500 requests."""
    loop = {"status": "success", "content": [{"id": "c1", "name": "x", "type": "folder"}], "parent_id": "c1"}
    interposer.script = lambda sent: Reply.json(
        {"status": "success", **DONE} if sent.path.endswith("/transfer/list") else loop
    )
    with pytest.raises(ProtocolError) as caught:
        await provider.files("r1")
    assert caught.value.provider == "premiumize"
    assert len(interposer.sent) == 1 + 500


# Removal: whether the files go with the job is disputed, so both are removed


async def test_remove_with_folder(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    answers(DONE, {"content": [], "name": "Film", "parent_id": "0"}, {}, {})
    await provider.remove("r1")
    calls = ["GET /transfer/list ", "GET /folder/list c1", "POST /folder/delete c1", "POST /transfer/delete r1"]
    assert paths(interposer) == calls


async def test_remove_with_single_file(provider: Premiumize, interposer: Interposer, answers: Answers) -> None:
    """The folder beside it is the destination and stays."""
    answers({"transfers": [row(status="finished", folder_id="c1", file_id="f1")]}, {}, {})
    await provider.remove("r1")
    assert paths(interposer) == ["GET /transfer/list ", "POST /item/delete f1", "POST /transfer/delete r1"]


@pytest.mark.parametrize("folder", [{"name": "Film", "parent_id": None}, {"name": "Downloads", "parent_id": "0"}, {}])
async def test_remove_spares_a_folder_of_others(
    provider: Premiumize, interposer: Interposer, answers: Answers, folder: Any
) -> None:
    answers(DONE, {"content": [file("alien")], **folder}, {})
    await provider.remove("r1")
    assert paths(interposer)[2:] == ["POST /transfer/delete r1"]


@pytest.mark.parametrize("nowhere", [None, "", "0"])
async def test_remove_without_content(
    provider: Premiumize, interposer: Interposer, answers: Answers, nowhere: str | None
) -> None:
    answers({"transfers": [row(folder_id=nowhere)]}, {})
    await provider.remove("r1")
    assert paths(interposer) == ["GET /transfer/list ", "POST /transfer/delete r1"]


async def test_remove_what_went_by_itself(provider: Premiumize, answers: Answers) -> None:
    gone = problem("not_found", "x")
    answers(DONE, gone, gone)
    await provider.remove("r1")


@pytest.mark.parametrize("faults", [1, 2, 3])
async def test_remove_tells_other_errors(provider: Premiumize, answers: Answers, faults: int) -> None:
    replies: list[Any] = [DONE, {"content": [], "name": "Film", "parent_id": "0"}, {}, {}]
    replies[faults] = problem("transient_error")
    answers(*replies)
    with pytest.raises(UpstreamError):
        await provider.remove("r1")


# Links


async def test_several_files_behind_a_link(provider: Premiumize, answers: Answers) -> None:
    """Which one is a choice, and adapters choose nothing."""
    answers({"content": [{"path": "a", "link": CDN}, {"path": "b", "link": CDN}]})
    with pytest.raises(HosterUnsupported) as caught:
        await provider.unlock(WebLink("https://1fichier.com/?x"))
    assert caught.value.action == "Hand it in as a download instead of unlocking it."
    assert (caught.value.provider, caught.value.upstream_code) == ("premiumize", "content")


@pytest.mark.parametrize(
    "content", [[], [{"path": "a"}], [{"path": "a", "link": None, "stream_link": CDN}], [{"path": "a", "link": ""}]]
)
async def test_unlocked_without_a_link(provider: Premiumize, answers: Answers, content: Any) -> None:
    answers({"content": content, "location": CDN})
    with pytest.raises(ProtocolError) as caught:
        await provider.unlock(WebLink("https://1fichier.com/?x"))
    assert caught.value.provider == "premiumize"


@pytest.mark.parametrize("link", ["ftp://x.example/a", "https://", "https://[", "javascript:alert(1)"])
async def test_unlocked_to_nowhere(provider: Premiumize, answers: Answers, link: str) -> None:
    answers({"content": [{"path": "a", "link": link}]})
    with pytest.raises(ProtocolError) as caught:
        await provider.unlock(WebLink("https://1fichier.com/?x"))
    assert caught.value.provider == "premiumize"


# Against the sandbox


async def test_older_generation_in_the_sandbox(sandbox: Caller, opened: Open) -> None:
    """No codes, plain sources, numbers for texts, short arrays."""
    provider = opened("sandbox-old-joe")
    facts = await provider.account()
    assert facts.premium is True
    assert facts.id.isdecimal()
    magnet = parse_info_hash(HASH)
    first, second = await provider.submit_magnet(magnet), await provider.submit_magnet(magnet)
    assert (first.transfer_id, first.existing, second.existing) == (second.transfer_id, False, True)
    assert (await provider.get(first.transfer_id)).info_hash == HASH
    await sandbox.define("c" * 40, name="C", files=[{"path": "c", "size": 7}], cached_on=["premiumize"])
    found = await provider.availability(["c" * 40, "d" * 40])
    assert [(one.cached, one.size) for one in found] == [(True, 7), (None, None)]


async def test_free_and_locked_and_unknown_keys(sandbox: Caller, opened: Open) -> None:
    free = opened("sandbox-free-joe")
    assert (await free.account()).premium is False
    with pytest.raises(UpstreamPlanRequired):
        await free.submit_magnet(Magnet(HASH))
    with pytest.raises(AccountLocked):
        await opened("sandbox-locked-joe").account()
    with pytest.raises(CredentialsRejected):
        await opened("nobodys-key-123456").account()
    assert (await opened("sandbox-expired-joe").account()).plan == "free"


async def test_twenty_five_active_jobs(sandbox: Caller, opened: Open) -> None:
    provider = opened("sandbox-busy")
    for number in range(25):
        await provider.submit_magnet(Magnet(f"{number + 1:040x}"))
    with pytest.raises(SlotsFull):
        await provider.submit_magnet(Magnet("f" * 40))


async def test_fresh_job_in_the_sandbox(sandbox: Caller, opened: Open) -> None:
    """Links show up a moment after the files."""
    provider = opened("sandbox-fresh")
    await sandbox.define(HASH, name="Show", files=[{"path": "e1", "size": 3}, {"path": "e2", "size": 4}])
    job = (await provider.submit_magnet(parse_info_hash(HASH))).transfer_id
    await sandbox.advance(60)
    assert (await provider.get(job)).state is TransferState.READY
    with pytest.raises(TransferNotReady):
        await provider.files(job)
    assert [one.path for one in await provider.files(job)] == ["e1", "e2"]


async def test_removal_takes_files_from_the_cloud(sandbox: Caller, opened: Open) -> None:
    """Those of the job, and no others."""
    provider = opened("sandbox-tidy")
    jobs = []
    for letter in "abc":
        files = [{"path": f"{letter}.mkv", "size": 3}]
        await sandbox.define(letter * 40, name=f"{letter}.mkv", files=files, cached_on=["premiumize"])
        jobs.append((await provider.submit_magnet(parse_info_hash(letter * 40))).transfer_id)
    locators = [(await provider.files(job))[0].locator for job in jobs]
    await provider.remove(jobs[0])
    with pytest.raises(FileGone):
        await provider.link(str(locators[0]))
    for locator in locators[1:]:
        assert (await provider.link(str(locator))).size == 3


def test_what_premiumize_has_not() -> None:
    """The whole torrent is fetched, and nothing pauses it."""
    assert Premiumize.capabilities() == frozenset(Capability) - {Capability.SELECT, Capability.CONTROL}
