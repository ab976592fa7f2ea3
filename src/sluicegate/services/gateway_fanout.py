"""Asking several providers at once: one deadline, one answer each, and nobody waits for the slowest beyond it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import InternalError, NotSupported, SluicegateError, UpstreamTimeout
from sluicegate.core.gateway import GatewayRefused, ProblemCode
from sluicegate.core.pacing import WAITED, Priority, Waited
from sluicegate.core.ports import Providers
from sluicegate.core.provider import Provider

__all__ = ["Answered", "FanOut", "Target", "told"]

T = TypeVar("T")

_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Target:
    """A provider that a call is for.

    Attributes:
        slug: the gateway's public name of it.
        provider: house name.
        credential: what to act with; None when ``problem`` says why there is none.
    """

    slug: str
    provider: str
    credential: Credential | None
    problem: GatewayRefused | None = None


@dataclass(frozen=True, slots=True)
class Answered(Generic[T]):
    """What one provider contributed: a value or an error, and how long it took.

    Attributes:
        seconds: since the fan-out began, without what it waited for its turns.
        waited: for its turns.
    """

    target: Target
    seconds: float
    value: T | None = None
    error: SluicegateError | None = None
    waited: float = 0.0


def told(targets: Sequence[Target], known: Callable[[Target], T | None]) -> list[Answered[T]] | None:
    """Answers that need no provider, one for each target; None when a provider must be asked for one of them."""
    answers = []
    for target in targets:
        value = known(target) if target.problem is None else None
        if value is None and target.problem is None:
            return None
        answers.append(Answered(target, 0.0, value, target.problem))
    return answers


class FanOut:
    """Runs one piece of work per target, concurrently."""

    def __init__(self, providers: Providers) -> None:
        self._providers = providers
        self._ending: set[asyncio.Task[object]] = set()

    async def run(
        self,
        targets: Sequence[Target],
        work: Callable[[Target, Provider], Awaitable[T]],
        *,
        deadline: float,
    ) -> list[Answered[T]]:
        """One answer per target, in order, within ``deadline`` seconds whatever the providers do.

        Args:
            targets: whom to ask.
            work: what to do with each provider.
            deadline: seconds for all of them together.
        """
        began = time.monotonic()
        tasks = [asyncio.create_task(self._one(target, work, began)) for target in targets]
        try:
            await asyncio.wait(tasks, timeout=deadline)
        finally:
            for task in tasks:
                if not task.done():
                    task.cancel()
                    # Referred to until it has ended; nobody waits for it.
                    self._ending.add(task)
                    task.add_done_callback(self._ending.discard)
        return [
            task.result() if task.done() and not task.cancelled() else _late(target, deadline)
            for task, target in zip(tasks, targets, strict=True)
        ]

    async def _one(self, target: Target, work: Callable[[Target, Provider], Awaitable[T]], began: float) -> Answered[T]:
        if target.problem is not None:
            return Answered(target, 0.0, error=target.problem)
        value: T | None = None
        problem: SluicegateError | None = None
        WAITED.set(waited := Waited())  # of this task alone
        try:
            async with self._open(target) as provider:
                value = await work(target, provider)
        except SluicegateError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - one provider's bug must not take the others' answers along
            _log.error("an unexpected error came from %s", target.provider, exc_info=error)
            problem = InternalError()
        seconds = time.monotonic() - began - waited.seconds
        return Answered(target, max(seconds, 0.0), value, problem, waited.seconds)

    def _open(self, target: Target) -> Provider:
        if target.provider not in self._providers.names():
            raise GatewayRefused(
                ProblemCode.PROVIDER_ADAPTER_MISSING, f"This installation has no adapter for {target.slug}."
            )
        if target.credential is None:
            raise NotSupported(f"{target.slug} needs a credential.", provider=target.provider)
        return self._providers.open(target.provider, target.credential, priority=Priority.PLAY)


def _late(target: Target, deadline: float) -> Answered[T]:
    error = UpstreamTimeout(f"{target.slug} did not answer within {deadline:.3g} seconds.", provider=target.provider)
    return Answered(target, deadline, error=error)
