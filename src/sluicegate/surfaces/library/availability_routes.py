"""The bulk cache check of the library API: endpoint 7 of its sheet."""

from dataclasses import dataclass
from typing import Annotated, Final

from litestar import Router, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec
from litestar.params import QueryParameter, SkipValidation

from sluicegate.core.keys import Key
from sluicegate.core.ports import Clock
from sluicegate.services.availability import AvailabilityService, read_hashes
from sluicegate.surfaces.library.availability_schemas import AvailabilityPageBody, availability_body
from sluicegate.surfaces.library.parts import library_router
from sluicegate.surfaces.library.schemas import ErrorBody

__all__ = ["AvailabilityServices", "router"]

_Hashes = Annotated[
    list[str], QueryParameter(description="Info hashes, separated by commas or as repeated parameters; at most 100.")
]
_Refused: Final = {
    status: ResponseSpec(ErrorBody, generate_examples=False, description="Refused.") for status in (400, 401)
}


@dataclass(frozen=True, slots=True)
class AvailabilityServices:
    """What this route calls; ``callers`` verifies keys and tokens."""

    availability: AvailabilityService
    clock: Clock


_Services = NamedDependency[SkipValidation[AvailabilityServices]]
_Caller = NamedDependency[SkipValidation[Key]]


def router(services: AvailabilityServices) -> Router:
    """The route, for library keys and tokens."""
    return library_router("/v1/availability", [availability], services)


@get("/", summary="Whether hashes are there at once", responses=_Refused)
async def availability(
    caller: _Caller,
    services: _Services,
    hashes: _Hashes,
    *,
    files: Annotated[bool, QueryParameter(description="Whether to list files, which asks the providers anew.")] = False,
) -> AvailabilityPageBody:
    """Asks all connected providers at once; one that fails makes its own answer unknown and no other."""
    answers = await services.availability.check(caller.user_id, read_hashes(hashes), list_files=files)
    now = services.clock.now()
    return AvailabilityPageBody([availability_body(answer, now) for answer in answers])
