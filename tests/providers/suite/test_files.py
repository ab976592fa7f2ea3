"""Files, locators and links to bytes."""

import hashlib

import pytest
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import InvalidInput, TransferNotReady, UnsafeSource
from sluicegate.core.provider import Capability
from sluicegate.core.transfers import TransferState

HOSTILE = [
    "../../etc/passwd",
    "/etc/passwd",
    "//etc/passwd",
    "C:\\Windows\\win.ini",
    "a/../../b",
    "..\\..\\b",
    "nul\0byte",
    "..",
    "con",
    "line\nbreak.mkv",
    "\u202egpj.exe",
    "a" * 400 + ".mkv",
]
DAY = 86_400


@pytest.mark.parametrize("hostile", HOSTILE)
async def test_hostile_paths(stage: Stage, hostile: str) -> None:
    """File paths are relative, POSIX and do not climb, whatever the torrent says."""
    stage.need(Capability.MAGNET, Capability.FILES)
    files = [{"path": hostile, "size": 5}, {"path": "film.mkv", "size": 7}]
    transfer_id = await stage.ready(files=files)
    try:
        found = await stage.adapter.files(transfer_id)
    except UnsafeSource:
        return
    assert len(found) >= 2, "a packed transfer has its archive besides"
    for file in found:
        segments = file.path.split("/")
        assert all(segment not in {"", ".", ".."} for segment in segments), file.path
        assert "\\" not in file.path
        assert "\0" not in file.path
        assert file.path.isprintable()
        assert len(file.path.encode()) <= 900


async def test_equal_base_names(stage: Stage) -> None:
    """Files with equal base names all survive, with integer sizes."""
    stage.need(Capability.MAGNET, Capability.FILES)
    paths = {"e1.mkv": 10, "extras/e1.mkv": 20, "extras/more/e1.mkv": 30, "other/e1.mkv": 40}
    transfer_id = await stage.ready(files=[{"path": path, "size": size} for path, size in paths.items()])
    files = await stage.adapter.files(transfer_id)
    shown = stage.case.shown_paths(list(paths))
    assert {file.path: file.size for file in files} == dict(zip(shown, paths.values(), strict=True))
    assert all(type(file.size) is int and type(file.index) is int for file in files)
    assert len({file.locator for file in files}) == len(paths)
    indexes = [file.index for file in files if file.index >= 0]
    assert len(set(indexes)) == len(indexes)


async def test_links_lead_to_bytes(stage: Stage) -> None:
    """Every locator of a ready transfer leads to that file's bytes."""
    stage.need(Capability.MAGNET, Capability.FILES, Capability.LINK)
    magnet = await stage.magnet(
        cached_on=[stage.name],
        files=[{"path": "b.mkv", "size": 500}, {"path": "a.mkv", "size": 900}, {"path": "c/d.mkv", "size": 1}],
    )
    submission = await stage.adapter.submit_magnet(magnet)
    await stage.drive(submission.transfer_id, TransferState.READY)
    rows = (await stage.sandbox.control("GET", f"/content/{magnet.info_hash}"))["files"]
    shown = stage.case.shown_paths([row["path"] for row in rows])
    digests = {path: row["sha256"] for path, row in zip(shown, rows, strict=True)}
    files = await stage.adapter.files(submission.transfer_id)
    assert {file.path for file in files} == set(digests)
    for file in files:
        assert file.locator is not None
        link = await stage.adapter.link(file.locator)
        answer = await stage.http.request("GET", link.url)
        assert hashlib.sha256(answer.body).hexdigest() == digests[file.path]
        assert len(answer.body) == file.size
        assert link.size in {file.size, None}
        assert link.url not in repr(link)


async def test_locators_round_trip(stage: Stage) -> None:
    """A locator is the same at every look and works in a new adapter."""
    stage.need(Capability.MAGNET, Capability.FILES, Capability.LINK)
    transfer_id = await stage.ready()
    first, second = [await stage.adapter.files(transfer_id) for _ in range(2)]
    assert [file.locator for file in first] == [file.locator for file in second]
    locator = first[0].locator
    assert locator is not None
    assert locator.startswith(f"{stage.name}:")
    assert locator.isascii()
    assert (await stage.open().link(locator)).url.startswith("http")


async def test_malformed_locators(stage: Stage) -> None:
    """Malformed and foreign locators are refused before any request."""
    stage.need(Capability.LINK)
    name = stage.name
    strange = ["", ":", name, f"{name}:", f"{name}::", f"{name}:::::", f"{name}:1:2:3:4:5:6", "somebodyelse:1:2"]
    for locator in [*strange, "https://example.com/x", f"{name.upper()}:1:2", "../..", "\0"]:
        with pytest.raises(InvalidInput):
            await stage.adapter.link(locator)
    good = await stage.locator(await stage.ready())
    before = len(await stage.calls())
    for locator in (good.replace(name, "foreign", 1), good + ":x", good.rpartition(":")[0]):
        with pytest.raises(InvalidInput):
            await stage.adapter.link(locator)
    assert len(await stage.calls()) == before


async def test_unready_files(stage: Stage) -> None:
    """A file of an unready transfer has no locator, and a link to it is not ready."""
    stage.need(Capability.MAGNET, Capability.FILES)
    transfer_id = await stage.submit(seconds_to_ready=1000)
    for _ in range(3):
        state = (await stage.adapter.get(transfer_id)).state
        if state is TransferState.SELECTING:
            await stage.adapter.select(transfer_id)
        try:
            files = await stage.adapter.files(transfer_id)
        except TransferNotReady:
            files = ()
        assert [file.locator for file in files if file.locator is not None] == []
        await stage.sandbox.advance(150)
    stage.need(Capability.LINK)
    ready_id = await stage.ready()
    locator = stage.case.unready_locator(await stage.locator(ready_id), ready_id, transfer_id)
    if locator is not None:
        with pytest.raises(TransferNotReady):
            await stage.adapter.link(locator)


async def test_expired_link(stage: Stage) -> None:
    """A link that has expired can be resolved again."""
    stage.need(Capability.MAGNET, Capability.LINK)
    locator = await stage.locator(await stage.ready())
    link = await stage.adapter.link(locator)
    assert (await stage.http.request("GET", link.url)).ok
    await stage.sandbox.advance(stage.case.link_days * DAY)
    assert not (await stage.http.request("GET", link.url)).ok
    fresh = await stage.adapter.link(locator)
    assert (await stage.http.request("GET", fresh.url)).ok
