"""Random requests drawn from the API description, valid and not, never find an answer that it does not describe."""

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

from sluicegate.surfaces.library.routes import LibraryServices, router
from sluicegate.surfaces.library.trace_routes import TraceServices
from sluicegate.surfaces.library.trace_routes import router as trace_router

_APP = Litestar(
    [router(LibraryServices(None, None, 0.0)), trace_router(TraceServices(None, None))],
    openapi_config=OpenAPIConfig("x", "1"),
    logging_config=None,
)  # type: ignore[arg-type]
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
async def test_answers_keep_to_the_description(world, label, mode):
    _, client = await world.user()
    headers = {name: client.headers[name] for name in ("authorization", "prefer")}

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @cases(20)
    def run(case: Any) -> None:
        response = case.call(base_url=world.url, headers=headers)
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
