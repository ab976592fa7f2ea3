"""Random requests against the storage routes, valid and not: never an answer that says that we broke."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from schemathesis.specs.openapi.checks import content_type_conformance
from tests.dice import cases
from tests.faults.server import Server

from sluicegate.surfaces.library import store_routes
from sluicegate.surfaces.media_jobs import storage_routes

_APP = Litestar(
    [
        store_routes.router(store_routes.StoreServices(None, None)),  # type: ignore[arg-type]
        storage_routes.router(storage_routes.StorageServices(None)),  # type: ignore[arg-type]
    ],
    openapi_config=OpenAPIConfig("x", "1"),
    logging_config=None,
)
_SCHEMA = schemathesis.openapi.from_dict(_APP.openapi_schema.to_schema())
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_VALID, _INVALID = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
# What is deleted is named by any text at most: no such request is a wrong one.
_CASES = [(label, _VALID) for label in _OPERATIONS]
_CASES += [(label, _INVALID) for label in _OPERATIONS if not label.startswith("DELETE ")]
_CHECKS = [schemathesis.checks.not_a_server_error, content_type_conformance]


def test_every_storage_route_is_asked():
    paths = {label.partition(" ")[2] for label in _OPERATIONS}
    assert {f"/user/{name}" for name in ("s3", "blob", "gcs", "oss", "bucket")} <= paths
    assert {"/v1/targets", "/v1/targets/{name}", "/v1/stores/{store_id}"} <= paths


@pytest.mark.parametrize(("label", "mode"), _CASES)
async def test_no_request_breaks_us(house: Server, label: str, mode: schemathesis.GenerationMode):
    media = " /user/" in label
    key = await house.key("media" if media else "library")
    headers = {"x-api-key": key} if media else {"authorization": f"Bearer {key}"}

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @cases(15)
    def run(case: Any) -> None:
        response = case.call(base_url=house.url, headers=headers)
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
