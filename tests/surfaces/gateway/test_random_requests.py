"""Random requests drawn from the description, valid and not, never find an answer that it does not describe."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sluicegate.surfaces.gateway.description import describe

_SCHEMA = schemathesis.openapi.from_dict(describe())
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("label", [label for label in _OPERATIONS if "/proxy/" not in label])
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_answers_keep_to_the_description(stage, label, mode):
    headers = stage.headers("torbox, real_debrid, torrin", tokens="a,b,c")

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def run(case: Any) -> None:
        response = case.call(base_url=stage.url, headers=headers)
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
