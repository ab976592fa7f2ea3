"""How long a commit waits: until the disk has it, or not at all where losing the last moment costs only work."""

from typing import Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

__all__ = ["without_waiting"]

_WITHOUT: Final = text("SELECT set_config('synchronous_commit', 'off', true)")


async def without_waiting(connection: AsyncConnection) -> None:
    """Lets this transaction end before the disk has it.

    Everybody sees it, and it outlives the end of any process; a power cut may undo it, together with whatever was
    committed in the same moment. While a gibibyte is being written to the same disk, the wait is half a second.
    """
    await connection.execute(_WITHOUT)
