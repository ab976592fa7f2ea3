"""The responses that are being sent: how many each user has, and an end for those whose right is withdrawn."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

from sluicegate.core.errors import RateLimited
from sluicegate.web.signing import Grant

__all__ = ["OpenStream", "OpenStreams"]


@dataclass(slots=True, eq=False)
class OpenStream:
    """A response that is being sent; ``ended`` once its right was withdrawn."""

    grant: Grant
    task: asyncio.Task[object]
    ended: bool = False


class OpenStreams:
    """Counts and ends streams.

    Args:
        per_user: responses that one user may have open at a time.
        total: the same for all users together.
    """

    def __init__(self, *, per_user: int = 64, total: int = 4000) -> None:
        self._per_user = per_user
        self._total = total
        self._streams: dict[UUID, set[OpenStream]] = {}
        self._count = 0
        self._on_end: list[Callable[[UUID], None]] = []
        self._on_open: list[Callable[[], None]] = []

    def on_end(self, call: Callable[[UUID], None]) -> None:
        """``call`` is told each user whose streams are ended, to drop what else was open for that user."""
        self._on_end.append(call)

    def on_open(self, call: Callable[[], None]) -> None:
        """``call`` is told whenever a stream begins."""
        self._on_open.append(call)

    def grants(self) -> set[Grant]:
        """What the open streams lean on."""
        return {stream.grant for streams in self._streams.values() for stream in streams}

    @contextlib.contextmanager
    def hold(self, grant: Grant) -> Iterator[OpenStream]:
        """Counts the current task as a stream; when it is ended from outside, the block ends silently.

        Raises:
            RateLimited: too many are open.
        """
        mine = self._streams.setdefault(grant.user_id, set())
        if len(mine) >= self._per_user or self._count >= self._total:
            raise RateLimited("Too many streams are open.", action="Close one, then try again.", retry_after=5)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a response is sent by a task
        stream = OpenStream(grant, task)
        mine.add(stream)
        self._count += 1
        for call in self._on_open:
            call()
        try:
            yield stream
        except asyncio.CancelledError:
            if not stream.ended:
                raise
            task.uncancel()
        finally:
            self._count -= 1
            mine.discard(stream)
            if not mine:
                self._streams.pop(grant.user_id, None)

    def end_user(self, user_id: UUID) -> int:
        """Ends all streams of a user; returns how many."""
        return self._end(user_id, lambda _: True)

    def end_key(self, user_id: UUID, key_id: UUID) -> int:
        """Ends the streams of links that were made on behalf of a key."""
        return self._end(user_id, lambda grant: grant.key_id == key_id)

    def end_job(self, user_id: UUID, job_id: UUID) -> int:
        """Ends the streams of a job's files."""
        return self._end(user_id, lambda grant: grant.job_id == job_id)

    def end_grant(self, grant: Grant) -> int:
        """Ends the streams of one link."""
        return self._end(grant.user_id, lambda open_grant: open_grant == grant)

    def _end(self, user_id: UUID, concerned: Callable[[Grant], bool]) -> int:
        for call in self._on_end:
            call(user_id)
        streams = [stream for stream in self._streams.get(user_id, ()) if concerned(stream.grant)]
        for stream in streams:
            stream.ended = True
            stream.task.cancel()
        return len(streams)
