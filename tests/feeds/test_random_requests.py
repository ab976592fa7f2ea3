"""Random requests drawn from the API descriptions, valid and not, never find an answer that they do not describe."""

import asyncio
import contextlib
from typing import Any
from zlib import crc32

import pytest
import schemathesis
from hypothesis import given
from hypothesis.errors import Unsatisfiable
from litestar import Litestar
from litestar.openapi import OpenAPIConfig
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.dice import cases
from tests.feeds.samples import item, serves

from sluicegate.core.keys import KeyKind
from sluicegate.surfaces.feed import routes as feed
from sluicegate.surfaces.library import feed_routes, link_key_routes
from sluicegate.surfaces.stremio import routes as stremio


class _Nothing:
    """Stands in for services: the description is made without calling any."""

    callers = keys = None


_ROUTERS: list[Any] = [module.router(_Nothing()) for module in (feed_routes, link_key_routes, feed, stremio)]  # type: ignore[arg-type, attr-defined]
_APP = Litestar(_ROUTERS, openapi_config=OpenAPIConfig("x", "1"), logging_config=None)
_SCHEMA = schemathesis.openapi.from_dict(_APP.openapi_schema.to_schema())
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def _is_alias(label: str) -> bool:
    return "/v1/rss/" in label or label.endswith(("/v1/rss", "/fetch", "/refresh"))


@pytest.mark.parametrize("label", sorted(label for label in _OPERATIONS if not _is_alias(label)))
async def test_answers_keep_to_the_description(world, label):
    user, client = await world.user()
    feed = await world.feed(user)
    job = await world.ready(user, "Film.2020.1080p", "Film.2020.1080p.mkv")
    serves(world, item("A"))
    headers = {"authorization": client.headers["authorization"]}
    known = {
        "key": await world.key(user, KeyKind.STREMIO),
        "feed_id": str(feed.id),
        "job_id": str(job.id),
    }
    token = await world.key(user, KeyKind.FEED)

    def run_mode(mode: schemathesis.GenerationMode) -> None:
        @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
        @cases(8)
        def run(case: Any) -> None:
            # Half of what is asked is there: an unknown id says little about an operation.
            if crc32(str(case.path_parameters).encode()) % 2:
                case.path_parameters = {
                    name: known.get(name, value) for name, value in (case.path_parameters or {}).items()
                }
                if "token" in (case.query or {}):
                    case.query["token"] = token
            response = case.call(base_url=world.url, headers=headers, allow_redirects=False)
            case.validate_response(response, checks=_CHECKS)

        # An operation without parameters cannot be asked wrongly.
        with contextlib.suppress(Unsatisfiable):
            run()

    for mode in schemathesis.GenerationMode:
        await asyncio.to_thread(run_mode, mode)
