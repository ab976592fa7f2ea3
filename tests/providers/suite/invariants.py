"""What every core value that leaves an adapter must be like, whatever the provider answered."""

import math
from datetime import datetime
from urllib.parse import urlsplit

from sluicegate.core.accounts import AccountFacts
from sluicegate.core.availability import Availability
from sluicegate.core.files import RemoteFile
from sluicegate.core.links import Link
from sluicegate.core.provider import HosterSupport, Page
from sluicegate.core.transfers import Submission, Transfer, TransferState


def check_result(value: object, provider: str) -> None:
    """Raises AssertionError for a value that no service should ever see."""
    match value:
        case None:
            return
        case tuple():
            for one in value:
                check_result(one, provider)
        case Page():
            assert value.next_cursor is None or value.next_cursor
            check_result(value.transfers, provider)
        case Transfer():
            _check_transfer(value, provider)
        case Submission():
            assert value.transfer_id
            assert isinstance(value.transfer_id, str)
            check_result(value.transfer, provider)
        case RemoteFile():
            _check_file(value, provider)
        case Link():
            parts = urlsplit(value.url)
            assert parts.scheme in {"http", "https"}
            assert parts.netloc
            assert value.size is None or (type(value.size) is int and value.size >= 0)
            _check_time(value.expires_at)
        case AccountFacts():
            assert value.id
            assert value.premium in {True, False, None}
            _check_time(value.expires_at)
        case HosterSupport():
            assert value.up in {True, False, None}
        case Availability():
            assert value.cached in {True, False, None}
            assert len(value.info_hash) == 40
            check_result(value.files, provider)
        case _:
            raise AssertionError(f"an adapter gave {type(value)}")


def _check_transfer(value: Transfer, provider: str) -> None:
    assert value.id
    assert isinstance(value.id, str)
    assert isinstance(value.state, TransferState)
    assert isinstance(value.name, str)
    assert isinstance(value.progress, float)
    assert not math.isnan(value.progress)
    assert 0.0 <= value.progress <= 1.0
    for figure in (value.size, value.speed, value.seeders):
        assert figure is None or (type(figure) is int and figure >= 0)
    info_hash = value.info_hash
    assert info_hash is None or (len(info_hash) == 40 and info_hash == info_hash.lower() and info_hash.isalnum())
    _check_time(value.added_at)
    check_result(value.files, provider)


def _check_file(value: RemoteFile, provider: str) -> None:
    assert type(value.index) is int
    assert type(value.size) is int
    assert value.size >= -1
    assert all(segment not in {"", ".", ".."} for segment in value.path.split("/"))
    assert "\0" not in value.path
    assert value.locator is None or value.locator.startswith(f"{provider}:")


def _check_time(value: datetime | None) -> None:
    assert value is None or value.tzinfo is not None
