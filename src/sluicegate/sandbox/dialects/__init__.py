"""One module or folder per provider dialect."""

from collections.abc import Callable
from typing import Final

from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.dialects.smokedebrid import SmokeDebrid
from sluicegate.sandbox.links import LinkSigner
from sluicegate.sandbox.world import World

__all__ = ["DIALECTS"]

DIALECTS: Final[tuple[Callable[[World, LinkSigner], Dialect], ...]] = (SmokeDebrid,)
