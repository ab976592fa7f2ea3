"""Random requests drawn from the description of these routes never find an answer that it does not describe."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.dice import cases
from tests.playback.conftest import Stage

from sluicegate.surfaces.library import availability_routes, playback_routes
from sluicegate.surfaces.library.availability_routes import AvailabilityServices
from sluicegate.surfaces.library.playback_routes import PlaybackServices

NOBODY: Any = None
_ROUTERS = [
    playback_routes.router(PlaybackServices(NOBODY, NOBODY)),
    availability_routes.router(AvailabilityServices(NOBODY, NOBODY)),
]
_APP = Litestar(_ROUTERS, openapi_config=OpenAPIConfig("x", "1"), logging_config=None)
_SCHEMA = schemathesis.openapi.from_dict(_APP.openapi_schema.to_schema())
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("label", _OPERATIONS)
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_answers_keep_to_the_description(stage: Stage, label: str, mode: Any):
    player = await stage.player()
    headers = {"authorization": f"Bearer {player.secret}"}

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @cases(20)
    def run(case: Any) -> None:
        response = case.call(base_url=stage.url, headers=headers)
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
