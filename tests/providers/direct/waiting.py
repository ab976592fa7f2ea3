"""Waiting for downloads, and looking at what they brought."""

import asyncio
import hashlib
from collections.abc import Callable
from typing import Any, Protocol

from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.core.web_links import parse_link
from sluicegate.providers.direct.adapter import Direct


class MakeDirect(Protocol):
    async def __call__(self, **options: Any) -> Direct: ...


async def until(
    direct: Direct, transfer_id: str, wanted: TransferState | Callable[[Transfer], bool], *, within: float = 30
) -> Transfer:
    """The transfer once it is in the wanted state; progress never goes backwards on the way."""
    seen = 0.0
    async with asyncio.timeout(within):
        while True:
            transfer = await direct.get(transfer_id)
            assert seen <= transfer.progress <= 1
            seen = transfer.progress
            if wanted(transfer) if callable(wanted) else transfer.state is wanted:
                return transfer
            assert not transfer.state.over, (transfer.state, transfer.detail)
            await asyncio.sleep(0.01)


async def submit(direct: Direct, url: str) -> str:
    """Hands a link in and tells the transfer's id."""
    return (await direct.submit_web(parse_link(url))).transfer_id


async def fetched(direct: Direct, url: str) -> str:
    """SHA-256 of what a link brought in the end."""
    transfer_id = await submit(direct, url)
    await until(direct, transfer_id, TransferState.READY)
    return await digest(direct, transfer_id)


async def failure(direct: Direct, url: str) -> str:
    """Why a link failed in the end."""
    transfer_id = await submit(direct, url)
    return (await until(direct, transfer_id, TransferState.FAILED)).detail


async def digest(direct: Direct, transfer_id: str) -> str:
    """SHA-256 of the collected file, its size checked."""
    (file,) = await direct.collect(transfer_id)
    content = file.location.read_bytes()
    assert file.size == len(content)
    return hashlib.sha256(content).hexdigest()
