"""Reading a range of an object over HTTP (RFC 9110, section 14)."""

from collections.abc import AsyncIterator

from sluicegate.core.errors import ObjectMissing, StorageError
from sluicegate.net.http import StreamedAnswer
from sluicegate.storages.object_store.calls import READ_MAX
from sluicegate.storages.object_store.faults import fault

__all__ = ["chunks_of", "range_header"]


def range_header(start: int, stop: int | None) -> dict[str, str]:
    """The ``Range`` header for bytes ``start`` to ``stop`` (exclusive), none for the whole."""
    if start == 0 and stop is None:
        return {}
    return {"Range": f"bytes={start}-{'' if stop is None else stop - 1}"}


async def chunks_of(answer: StreamedAnswer, start: int) -> AsyncIterator[bytes]:
    """The body in bounded chunks; a range that begins behind the end has none.

    Raises:
        ObjectMissing, StorageError: the answer is no success, or another range than was asked for.
    """
    if answer.status == 416:
        return
    if answer.status == 404:
        raise ObjectMissing
    if answer.status not in {200, 206}:
        raise fault(answer.status, "")
    if answer.status == 206 and not answer.headers.get("content-range", "").startswith(f"bytes {start}-"):
        raise StorageError("The storage answered another range than was asked for.")
    if answer.status == 200 and start:
        raise StorageError("The storage does not read ranges.")
    async for chunk in answer.chunks():
        for offset in range(0, len(chunk), READ_MAX):
            yield chunk[offset : offset + READ_MAX]
