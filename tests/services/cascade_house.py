"""What the tests of the cascade share."""

from tests.services.conftest import House

from sluicegate.core.jobs import Job
from sluicegate.core.trace import TraceEntry

_SAID = {"has-it", "has-not", "unknown"}


async def decisions(house: House, job: Job) -> list[TraceEntry]:
    """The trace without what was merely asked: own copies and availability."""
    return [entry for entry in await house.trace(job.id) if entry.verdict not in _SAID and entry.rung != "own copies"]
