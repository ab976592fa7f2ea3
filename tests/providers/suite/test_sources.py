"""Handing in: the same thing twice, hashes in every spelling, and what is no source at all."""

import base64

import pytest
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import InvalidInput, SourceRejected, UpstreamError
from sluicegate.core.provider import Capability
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink
from sluicegate.core.transfers import TransferState


async def test_same_magnet_twice(stage: Stage) -> None:
    """The same magnet twice makes one transfer."""
    stage.need(Capability.MAGNET)
    magnet = await stage.magnet()
    first = await stage.adapter.submit_magnet(magnet)
    second = await stage.adapter.submit_magnet(magnet)
    assert first.transfer_id == second.transfer_id
    assert first.existing is not True
    assert second.existing is not False
    assert len(await stage.truth()) == 1


async def test_ready_magnet_again(stage: Stage) -> None:
    """A magnet whose transfer is ready makes no second transfer."""
    stage.need(Capability.MAGNET, Capability.GET)
    magnet = await stage.magnet(cached_on=[stage.name])
    first = await stage.adapter.submit_magnet(magnet)
    await stage.drive(first.transfer_id, TransferState.READY)
    second = await stage.adapter.submit_magnet(magnet)
    assert second.transfer_id == first.transfer_id
    assert len(await stage.truth()) == 1


@pytest.mark.parametrize("spelling", ["upper", "base32", "BASE32"])
async def test_hash_normalised(stage: Stage, spelling: str) -> None:
    """Hashes in capitals and base32 are the same hash."""
    stage.need(Capability.MAGNET)
    magnet = await stage.magnet()
    coded = base64.b32encode(bytes.fromhex(magnet.info_hash)).decode()
    text = {"upper": magnet.info_hash.upper(), "base32": coded.lower(), "BASE32": coded}[spelling]
    await stage.adapter.submit_magnet(Magnet(text))
    assert [row["info_hash"] for row in await stage.truth()] == [magnet.info_hash]


async def test_hash_is_told(stage: Stage) -> None:
    """A transfer names its info hash in lower case."""
    stage.need(Capability.MAGNET, Capability.GET)
    magnet = await stage.magnet()
    submission = await stage.adapter.submit_magnet(magnet)
    transfer = await stage.adapter.get(submission.transfer_id)
    assert transfer.info_hash == (magnet.info_hash if stage.case.tells_hash else None)
    if submission.transfer is not None:
        assert submission.transfer.id == submission.transfer_id
        assert submission.transfer.info_hash in {magnet.info_hash, None}


@pytest.mark.parametrize("info_hash", ["", "zz" * 20, "abc", "0" * 40, "a" * 39, "a" * 40 + "\r\nX: y"])
async def test_bad_magnet(stage: Stage, info_hash: str) -> None:
    """What is no info hash is refused before any request."""
    stage.need(Capability.MAGNET)
    with pytest.raises(InvalidInput):
        await stage.adapter.submit_magnet(Magnet(info_hash))
    assert await stage.calls() == []


@pytest.mark.parametrize("url", ["", "ftp://1fichier.com/x", "javascript:alert(1)", "https://", "https://a b/", "-x"])
async def test_bad_link(stage: Stage, url: str) -> None:
    """What is no link is refused before any request."""
    calls = [one for one in (Capability.WEB, Capability.UNLOCK) if stage.case.adapter.can(one)]
    if not calls:
        stage.need(Capability.WEB)
    for capability in calls:
        with pytest.raises(InvalidInput):
            await getattr(stage.adapter, capability)(WebLink(url))
    assert await stage.calls() == []


@pytest.mark.parametrize("nzb", [Nzb("x.nzb"), Nzb("x.nzb", url="nonsense"), Nzb("x.nzb", raw=b"")])
async def test_bad_nzb(stage: Stage, nzb: Nzb) -> None:
    """What is no NZB is refused before any request."""
    stage.need(Capability.NZB)
    with pytest.raises(InvalidInput):
        await stage.adapter.submit_nzb(nzb)
    assert await stage.calls() == []


async def test_nzb_by_content(stage: Stage) -> None:
    """An NZB can be handed in by its content."""
    stage.need(Capability.NZB)
    raw = b'<?xml version="1.0"?><nzb xmlns="http://www.newzbin.com/DTD/2003/nzb"><file/></nzb>'
    submission = await stage.adapter.submit_nzb(Nzb("show.nzb", raw=raw))
    assert submission.transfer_id
    assert len(await stage.truth()) == 1


async def test_broken_torrent(stage: Stage) -> None:
    """A torrent file that the provider cannot read is a rejected source."""
    stage.need(Capability.TORRENT_FILE)
    broken = TorrentFile("a" * 40, None, "x", (), b"this is not bencoded")
    with pytest.raises(UpstreamError) as caught:
        await stage.adapter.submit_torrent_file(broken)
    assert isinstance(caught.value, SourceRejected)


async def test_blocked(stage: Stage) -> None:
    """Content that the provider refuses is a rejected source."""
    stage.need(Capability.MAGNET)
    magnet = await stage.magnet(blocked_on=[stage.name])
    if stage.case.refuses_late:
        submission = await stage.adapter.submit_magnet(magnet)
        assert (await stage.adapter.get(submission.transfer_id)).state is TransferState.FAILED
        return
    with pytest.raises(SourceRejected) as caught:
        await stage.adapter.submit_magnet(magnet)
    assert caught.value.provider == stage.name
    assert caught.value.upstream_code
