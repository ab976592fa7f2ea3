"""TorBox's control calls beside deleting, and what is sent along when something protected is handed in."""

import pytest
from tests.providers.suite.stage import Stage

from sluicegate.core.errors import NotSupported, TransferMissing
from sluicegate.core.provider import Control
from sluicegate.core.sources import Nzb, WebLink

ROOT = "/torbox/v1/api"


async def test_the_word_is_passed_on_with_the_name_that_the_id_has_there(stage: Stage) -> None:
    torrent = await stage.submit()
    usenet = (await stage.adapter.submit_nzb(Nzb("show", url=await stage.url()))).transfer_id
    adapter = stage.through()
    await adapter.control(torrent, Control.REANNOUNCE)
    await adapter.control(usenet, Control.PAUSE)
    first, second = stage.interposer.sent
    assert (first.path, first.json) == (
        f"{ROOT}/torrents/controltorrent",
        {"torrent_id": int(torrent.partition(":")[2]), "operation": "reannounce"},
    )
    assert (second.path, second.json) == (
        f"{ROOT}/usenet/controlusenetdownload",
        {"usenet_id": int(usenet.partition(":")[2]), "operation": "pause"},
    )


async def test_what_torbox_does_not_do_with_a_kind_is_not_supported(stage: Stage) -> None:
    torrent = await stage.submit()
    web = (await stage.adapter.submit_web(WebLink(await stage.url()))).transfer_id
    for transfer_id, operation in ((torrent, Control.PAUSE), (web, Control.RESUME)):
        with pytest.raises(NotSupported) as caught:
            await stage.adapter.control(transfer_id, operation)
        assert (caught.value.provider, caught.value.upstream_code) == ("torbox", "INVALID_OPTION")
    with pytest.raises(TransferMissing):
        await stage.adapter.control("torrent:1", Control.RESUME)


async def test_passwords_and_names_go_along(stage: Stage) -> None:
    adapter = stage.through()
    await adapter.submit_nzb(Nzb("show", url="https://nzb.example/show.nzb", password="open sesame"))
    await adapter.submit_web(WebLink(await stage.url(), "holiday", "open sesame"))
    usenet, web = stage.interposer.sent
    assert b'name="password"\r\n' in usenet.body
    assert b"open sesame" in usenet.body
    assert (web.form["name"], web.form["password"]) == ("holiday", "open sesame")
    assert "open sesame" not in repr(WebLink("https://x.example", "holiday", "open sesame"))
