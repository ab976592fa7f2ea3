"""What exists in memory: content, accounts with their transfers, faults to come, and a tap of every call."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from typing import Any, Final

from sluicegate.core.clock import SystemClock
from sluicegate.core.errors import CredentialsRejected, SluicegateError, TransferMissing
from sluicegate.core.ports import Clock
from sluicegate.core.sources import SourceKind
from sluicegate.core.transfers import Transfer, TransferState

__all__ = ["Call", "Content", "Holding", "World"]

_READY_AT_ONCE: Final = (TransferState.READY,)


@dataclass(frozen=True, slots=True)
class Content:
    """What a hash or link stands for.

    Attributes:
        name: title.
        files: bytes by path.
        cached: what ``availability`` says.
        script: states that a new transfer goes through, one step per look at it; the last one stays.
        refusal: what handing it in or unlocking it raises instead.
    """

    name: str = "content"
    files: Mapping[str, bytes] = field(default_factory=lambda: {"file.bin": b"content"})
    cached: bool | None = None
    script: Sequence[TransferState] = _READY_AT_ONCE
    refusal: SluicegateError | None = None

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(map(len, self.files.values()))


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it was made; ``account`` is the credential's id, ``subject`` what the call was about."""

    operation: str
    account: str
    subject: str


@dataclass(slots=True)
class Holding:
    """A transfer of one account: as it is now, what it is of, and the states that are still to come."""

    key: str
    transfer: Transfer
    content: Content
    steps: list[TransferState]
    chosen: frozenset[int] | None = None

    def wants(self, index: int) -> bool:
        """True when the file of that index is to be fetched."""
        return self.chosen is None or index in self.chosen

    def look(self) -> Transfer:
        """The transfer as it is now; the next look may see its next state. SELECTING waits for a selection."""
        seen = self.transfer
        if self.steps and seen.state is not TransferState.SELECTING:
            self.move()
        return seen

    def move(self) -> None:
        """On to the next state of the script, if there is one."""
        if self.steps:
            self.transfer = _in_state(self.transfer, self.steps.pop(0))


class World:
    """One provider's world, shared by the adapters of all its accounts. Every token is an account.

    Attributes:
        calls: every call in order.
        clock: dates transfers and links.
        page_size: transfers on one page of a listing.
        link_lifetime: how long a link lives.
    """

    def __init__(self, *, clock: Clock | None = None, page_size: int = 100) -> None:
        self.calls: list[Call] = []
        self.clock = clock or SystemClock()
        self.page_size = page_size
        self.link_lifetime = timedelta(hours=1)
        self._content: dict[str, Content] = {}
        self._accounts: defaultdict[str, dict[str, Holding]] = defaultdict(dict)
        self._faults: defaultdict[str, list[SluicegateError]] = defaultdict(list)
        self._delays: dict[str, float] = {}
        self._revoked: set[str] = set()
        self._numbers = count(1)

    def define(self, key: str, content: Content) -> None:
        """Says what an info hash or URL stands for; undefined ones are one small file that is ready at once."""
        self._content[key] = content

    def content(self, key: str) -> Content:
        """What an info hash or URL stands for."""
        return self._content.get(key) or Content(name=f"content of {key}")

    def defined(self, key: str) -> bool:
        """Whether somebody said what it stands for."""
        return key in self._content

    def fail(self, operation: str, *errors: SluicegateError) -> None:
        """The next calls of this operation (``*`` for any) raise these errors, one each."""
        self._faults[operation] += errors

    def delay(self, operation: str, seconds: float) -> None:
        """Every call of this operation (``*`` for any) takes so long from now on."""
        self._delays[operation] = seconds

    def revoke(self, token: str) -> None:
        """This token is not accepted any more."""
        self._revoked.add(token)

    def show(self, token: str, transfer_id: str, **facts: Any) -> None:  # noqa: ANN401 - fields of Transfer
        """Sets fields of a transfer (``state``, ``progress``, ``detail`` …); the rest of its script is dropped."""
        holding = self.holding(token, transfer_id)
        holding.steps.clear()
        holding.transfer = replace(holding.transfer, **facts)

    def holdings(self, token: str) -> list[Holding]:
        """The truth about one account, newest first."""
        return list(reversed(self._accounts[token].values()))

    def holding(self, token: str, transfer_id: str) -> Holding:
        """One transfer of an account.

        Raises:
            TransferMissing: there is none of that id.
        """
        try:
            return self._accounts[token][transfer_id]
        except KeyError:
            raise TransferMissing("There is no such transfer.", provider="memory") from None

    async def enter(self, operation: str, account: str, token: str, subject: str) -> None:
        """Notes a call, lets it take its time, and raises what was ordered for it."""
        self.calls.append(Call(operation, account, subject))
        await asyncio.sleep(self._delays.get(operation, self._delays.get("*", 0.0)))
        for kind in (operation, "*"):
            if self._faults[kind]:
                raise self._faults[kind].pop(0)
        if token in self._revoked:
            raise CredentialsRejected("The token is not accepted.", provider="memory")

    def add(self, token: str, key: str, kind: SourceKind) -> tuple[Holding, bool]:
        """The account's transfer of a hash or link, and whether it was there before."""
        for known in self._accounts[token].values():
            if known.key == key:
                return known, True
        content = self.content(key)
        if content.refusal is not None:
            raise content.refusal
        first, *steps = content.script
        transfer = Transfer(
            id=str(next(self._numbers)),
            state=first,
            name=content.name,
            kind=kind,
            info_hash=key if kind is SourceKind.TORRENT else None,
            size=content.size,
            added_at=self.clock.now(),
        )
        holding = Holding(key, _in_state(transfer, first), content, steps)
        self._accounts[token][transfer.id] = holding
        return holding, False

    def drop(self, token: str, transfer_id: str) -> None:
        """Removes a transfer; one that is not there is fine."""
        self._accounts[token].pop(transfer_id, None)


def _in_state(transfer: Transfer, state: TransferState) -> Transfer:
    progress = 1.0 if state in {TransferState.READY, TransferState.PROCESSING} else transfer.progress
    return replace(transfer, state=state, progress=progress)
