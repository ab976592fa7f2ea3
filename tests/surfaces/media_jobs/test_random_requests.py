"""Random requests drawn from the API description, valid and not, never find an answer that it does not describe."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance
from tests.dice import cases
from tests.surfaces.media_jobs.conftest import World

from sluicegate.surfaces.media_jobs import account_routes, batch_routes, routes
from sluicegate.surfaces.media_jobs.calls import MediaServices

_NOBODY = MediaServices(*[None] * 5)  # type: ignore[arg-type]
_APP = Litestar(
    [routes.router(_NOBODY), batch_routes.router(_NOBODY), *account_routes.routers(_NOBODY)],
    openapi_config=OpenAPIConfig("x", "1"),
    logging_config=None,
)
_SCHEMA = schemathesis.openapi.from_dict(_APP.openapi_schema.to_schema())
_OPERATIONS = {
    operation.ok().label: operation.ok()
    for operation in _SCHEMA.get_all_operations()
    if "events" not in operation.ok().label
}
_CHECKS = [schemathesis.checks.not_a_server_error, status_code_conformance, content_type_conformance]


_VALID, _INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
# A request without any input cannot be a wrong one.
_CASES = [(label, _VALID) for label in _OPERATIONS] + [
    (label, _INVALID)
    for label, operation in _OPERATIONS.items()
    if list(operation.path_parameters) + list(operation.query) + list(operation.body)
]


# The worker in this process draws random numbers while requests are made up, which Hypothesis takes for ours.
@pytest.mark.filterwarnings("ignore:Do not use the .random. module")
@pytest.mark.parametrize(("label", "mode"), _CASES)
async def test_answers_keep_to_the_description(world: World, label: str, mode: schemathesis.GenerationMode):
    person = await world.person()
    headers = {"x-api-key": person.client.headers["x-api-key"]}

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @cases(20)
    def run(case: Any) -> None:
        response = case.call(base_url=world.url, headers=headers)
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
