"""Names, capabilities and tokens."""

import logging
import traceback
from importlib import resources

import pytest
from tests.providers.suite.case import Case
from tests.providers.suite.stage import TOKEN, Stage

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.errors import CredentialsRejected, NotSupported, UpstreamError
from sluicegate.core.manifest import read_manifest
from sluicegate.core.provider import Capability, Control, HosterSupport, Page
from sluicegate.core.sources import Magnet, Nzb, TorrentFile, WebLink
from sluicegate.core.transfers import Submission, Transfer, TransferState

INFO_HASH = "a" * 40
ARGUMENTS = {
    Capability.ACCOUNT: (),
    Capability.MAGNET: (Magnet(INFO_HASH),),
    Capability.TORRENT_FILE: (TorrentFile(INFO_HASH, None, "x", (), b"d4:infode"),),
    Capability.NZB: (Nzb("x.nzb", url="https://nzb.example/x.nzb"),),
    Capability.WEB: (WebLink("https://1fichier.com/?abc"),),
    Capability.SELECT: ("1",),
    Capability.LIST: (),
    Capability.GET: ("1",),
    Capability.FILES: ("1",),
    Capability.REMOVE: ("1",),
    Capability.CONTROL: ("1", Control.PAUSE),
    Capability.LINK: ("x:1:1",),
    Capability.UNLOCK: (WebLink("https://1fichier.com/?abc"),),
    Capability.HOSTERS: (),
    Capability.AVAILABILITY: ([INFO_HASH],),
}


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Every log line of ours; the sandbox's own server also logs, on its side of the wire."""
    return "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("uvicorn"))


def test_names_agree(case: Case) -> None:
    """Name, package, manifest and sandbox agree."""
    package = case.adapter.__module__.rpartition(".")[0]
    assert package == f"sluicegate.providers.{case.name}"
    manifest = read_manifest(package)
    assert manifest.name == case.name
    assert manifest.slug
    assert manifest.title
    assert manifest.token_help
    assert manifest.poll_seconds > 0
    assert manifest.base_url.startswith("https://") or not manifest.base_url
    assert not manifest.base_url.endswith("/")
    assert case.base_path.split("/")[1] == case.sandbox_name
    here = {file.name for file in resources.files(package).iterdir() if not file.name.startswith("__pycache__")}
    assert here == {"__init__.py", "adapter.py", "api.py", "errors.py", "manifest.toml"}


def test_manifest_kinds(case: Case) -> None:
    """The manifest's kinds are those that the adapter takes, and each limit has a source."""
    manifest = read_manifest(f"sluicegate.providers.{case.name}")
    can = case.adapter.can
    kinds = {
        "torrent": can(Capability.MAGNET) or can(Capability.TORRENT_FILE),
        "web": can(Capability.WEB) or can(Capability.UNLOCK),
        "usenet": can(Capability.NZB),
    }
    assert set(manifest.kinds) == {kind for kind, taken in kinds.items() if taken}
    for limit in manifest.limits:
        assert limit.count > 0
        assert limit.seconds > 0
        assert limit.source


async def test_claimed_works(stage: Stage, claimed: Capability) -> None:
    """A claimed capability works."""
    result = await (await stage.prepared(claimed))()
    match claimed:
        case Capability.ACCOUNT:
            assert isinstance(result, AccountFacts)
            assert result.id
            assert "@" not in result.id
            assert TOKEN not in result.id
            assert result.premium is True or stage.case.wrong_token is None
        case Capability.MAGNET | Capability.TORRENT_FILE | Capability.NZB | Capability.WEB:
            assert isinstance(result, Submission)
            assert len(await stage.truth()) == 1
            if stage.case.adapter.can(Capability.GET):
                assert (await stage.adapter.get(result.transfer_id)).id == result.transfer_id
        case Capability.SELECT | Capability.REMOVE | Capability.CONTROL:
            assert result is None
        case Capability.LIST:
            assert isinstance(result, Page)
        case Capability.GET:
            assert isinstance(result, Transfer)
            assert result.state is TransferState.READY
        case Capability.FILES:
            shown = stage.case.shown_paths(["film.mkv", "extras/film.mkv"])
            assert sorted(file.path for file in result) == sorted(shown)
        case Capability.LINK | Capability.UNLOCK:
            assert result.url.startswith("http")
        case Capability.HOSTERS:
            assert all(isinstance(one, HosterSupport) for one in result)
            domains = [domain for one in result for domain in one.domains]
            assert "1fichier.com" in domains
            assert all(domain == domain.lower() and not domain.startswith("www.") for domain in domains)
        case Capability.AVAILABILITY:
            assert [one.cached for one in result] == [True]


@pytest.mark.parametrize("capability", list(Capability))
async def test_unclaimed_raises(stage: Stage, capability: Capability) -> None:
    """An unclaimed capability raises NotSupported without a request."""
    if stage.case.adapter.can(capability):
        assert capability in stage.case.adapter.capabilities()
        return
    with pytest.raises(NotSupported) as caught:
        await getattr(stage.adapter, capability)(*ARGUMENTS[capability])
    assert caught.value.provider == stage.name
    assert await stage.calls() == []


async def test_wrong_key(stage: Stage, claimed: Capability, caplog: pytest.LogCaptureFixture) -> None:
    """A wrong key is a credentials error and is in no message, log line or repr."""
    caplog.set_level(logging.DEBUG)
    token = stage.case.wrong_token or TOKEN
    adapter = stage.open(token)
    call = await stage.prepared(claimed, adapter)
    if stage.case.wrong_token is None:
        await stage.fault("bad_token", times=1)
    try:
        await call()
    except CredentialsRejected as error:
        caught = error
    else:
        assert claimed in stage.case.open_calls, f"'{claimed}' accepted a wrong key"
        return
    assert caught.provider == stage.name
    told = [str(caught), repr(caught), repr(vars(caught)), repr(adapter), str(adapter), logged(caplog)]
    told += traceback.format_exception(caught)
    assert not [text for text in told if token in text]


async def test_key_stays_inside(stage: Stage, claimed: Capability, caplog: pytest.LogCaptureFixture) -> None:
    """A right key is in no result, error or log line."""
    caplog.set_level(logging.DEBUG)
    call = await stage.prepared(claimed)
    result = await call()
    told = [repr(result), str(getattr(result, "url", ""))]
    await stage.fault("reset", times=9)
    try:
        await call()
    except UpstreamError as error:
        told += [repr(vars(error)), *traceback.format_exception(error)]
    assert not [text for text in [*told, logged(caplog)] if TOKEN in text]
