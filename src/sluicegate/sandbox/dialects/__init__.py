"""One module or folder per provider dialect."""

from collections.abc import Callable
from typing import Final

from sluicegate.sandbox.dialect import Dialect
from sluicegate.sandbox.dialects.alldebrid import AllDebrid
from sluicegate.sandbox.dialects.debridlink import DebridLink
from sluicegate.sandbox.dialects.premiumize import Premiumize
from sluicegate.sandbox.dialects.realdebrid import RealDebrid
from sluicegate.sandbox.dialects.smokedebrid import SmokeDebrid
from sluicegate.sandbox.dialects.torbox import TorBox
from sluicegate.sandbox.dialects.torrin import Torrin
from sluicegate.sandbox.links import LinkSigner
from sluicegate.sandbox.world import World

__all__ = ["DIALECTS"]

DIALECTS: Final[tuple[Callable[[World, LinkSigner], Dialect], ...]] = (
    AllDebrid,
    DebridLink,
    Premiumize,
    RealDebrid,
    SmokeDebrid,
    TorBox,
    Torrin,
)
