"""Random requests drawn from the description of the whole library API, valid and not, never find a fault of ours."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis.errors import Unsatisfiable
from schemathesis.specs.openapi.checks import content_type_conformance, status_code_conformance
from tests.dice import cases
from tests.surfaces.people.conftest import Product

_CHECKS = [status_code_conformance, content_type_conformance]
_LEFT_OUT = {"POST /v1/api-key/rotate", "POST /v1/api-keys/rotate"}
"""They end the key that asks; their own tests call them."""


@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
@pytest.mark.timeout(600)
async def test_no_fault_of_ours_and_no_answer_that_is_not_described(product: Product, mode: Any):
    """T53; a 502 is the provider's fault, and described."""
    user_id, client = await product.user()
    document = (await client.get("/docs/library/openapi.json")).json()
    schema = schemathesis.openapi.from_dict(document)
    headers = {name: client.headers[name] for name in ("authorization", "prefer")}
    findings: list[str] = []

    def run(operation: Any) -> None:
        @given(case=operation.as_strategy(generation_mode=mode))
        @cases(4)
        def play(case: Any) -> None:
            response = case.call(base_url=product.url, headers=headers, timeout=60)
            if response.status_code >= 500 and response.status_code != 502:
                findings.append(f"{operation.label}: {response.status_code} {response.text[:200]}")
            case.validate_response(response, checks=_CHECKS)

        try:
            play()
        except Unsatisfiable:
            return  # an operation without parameters has no wrong ones
        except Exception as error:
            findings.append(f"{operation.label}: {str(error)[:600]}")

    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.label not in _LEFT_OUT and not operation.path.startswith("/v1/events"):
            await asyncio.to_thread(run, operation)
    assert findings == []
    assert user_id
