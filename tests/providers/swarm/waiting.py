"""Waiting for transfers, and looking at what they brought."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from sluicegate.core.transfers import Transfer, TransferState
from sluicegate.providers.swarm.adapter import Swarm
from sluicegate.providers.swarm.engine_link import EngineLink


class MakeLink(Protocol):
    def __call__(self, **options: Any) -> EngineLink: ...


async def until(
    swarm: Swarm, transfer_id: str, wanted: TransferState | Callable[[Transfer], bool], *, within: float = 40
) -> Transfer:
    """The transfer once it is in the wanted state; progress never goes backwards on the way."""
    seen = 0.0
    async with asyncio.timeout(within):
        while True:
            transfer = await swarm.get(transfer_id)
            assert seen <= transfer.progress <= 1
            seen = transfer.progress
            if wanted(transfer) if callable(wanted) else transfer.state is wanted:
                return transfer
            assert transfer.state is not TransferState.FAILED, transfer.detail
            await asyncio.sleep(0.03)


async def eventually(check: Callable[[], Awaitable[bool] | bool], *, within: float = 20) -> None:
    """Waits until ``check`` says yes."""
    async with asyncio.timeout(within):
        while True:
            answer = check()
            if answer if isinstance(answer, bool) else await answer:
                return
            await asyncio.sleep(0.03)


async def collected(swarm: Swarm, transfer_id: str) -> dict[str, str]:
    """SHA-256 of every collected file by path, sizes checked."""
    files = await swarm.collect(transfer_id)
    assert all(file.location.is_absolute() and file.location.stat().st_size == file.size for file in files)
    return {file.path: hashlib.sha256(file.location.read_bytes()).hexdigest() for file in files}
