"""The fixed words of the gateway's contract: operations, schemas, codes, statuses, members of both envelopes."""

from uuid import uuid4

import msgspec
import pytest

from sluicegate.core.errors import NotSupported
from sluicegate.core.gateway import GatewayOperation, GatewayRefused, ProblemCode
from sluicegate.services.gateway_fanout import Answered, Target
from sluicegate.surfaces.gateway.envelope import Debug, wrap
from sluicegate.surfaces.gateway.operations import OPERATIONS
from sluicegate.surfaces.gateway.problems import problem_of

NAMES = {
    "account.session",
    "jobs.list",
    "jobs.create",
    "jobs.get",
    "jobs.cancel",
    "jobs.files.list",
    "jobs.files.playback",
    "torrents.cache_check",
    "hoster.links.unlock",
}

STATUSES = {
    "rg.invalid_provider": 400,
    "rg.validation_error": 400,
    "rg.missing_addon_id": 401,
    "rg.missing_developer_secret": 401,
    "rg.missing_end_user_credential": 401,
    "rg.conflicting_gateway_credentials": 400,
    "rg.invalid_developer": 401,
    "rg.invalid_proxy_key": 401,
    "rg.vault_missing": 404,
    "rg.addon_access_denied": 403,
    "rg.addon_not_allowlisted": 403,
    "rg.edge_ip_required": 403,
    "rg.ip_access_denied": 403,
    "rg.ip_not_allowlisted": 403,
    "rg.rate_limited": 429,
    "rg.upstream_unreachable": 502,
    "rg.upstream_non_json": 502,
    "rg.resource_not_found": 404,
    "rg.feature_unsupported": 501,
    "rg.provider_adapter_missing": 501,
    "rg.internal_error": 500,
}


def test_every_operation_has_its_name_and_schema():
    assert {str(route.operation) for route in OPERATIONS} == NAMES
    assert {route.operation.schema for route in OPERATIONS} == {f"relaygate.{name}.v1" for name in NAMES}


def test_there_are_the_codes_of_the_contract_and_one_of_ours():
    assert set(ProblemCode) == {*STATUSES, "rg.upstream_error"}


@pytest.mark.parametrize("code", STATUSES)
def test_each_code_has_its_status_and_its_members(code: str):
    request = str(uuid4())
    body = msgspec.to_builtins(problem_of(GatewayRefused(ProblemCode(code), "Words."), request))
    members = {"type", "title", "status", "detail", "instance", "code"}
    assert set(body) == members | ({"retry_after"} if code == "rg.rate_limited" else set())
    assert (body["status"], body["code"], body["instance"]) == (STATUSES[code], code, request)
    assert body["type"] == f"https://relaygate.invalid/docs/errors#{code}"
    assert body.get("retry_after", 60) == 60


def test_debug_stands_beside_a_success_that_was_asked_for_it_and_nowhere_else():
    targets = [Target(slug, slug, None) for slug in ("torbox", "premiumize", "alldebrid")]
    answers = [
        Answered(targets[0], 0.1, ({"a": None}, Debug({"raw": 1}))),
        Answered(targets[1], 0.1, ({"a": None}, None)),
        Answered(targets[2], 0.1, error=NotSupported("No.", provider="alldebrid")),
    ]
    request = str(uuid4())
    body = msgspec.to_builtins(wrap(GatewayOperation.JOBS_LIST, request, answers))
    meta = {"request_id": request, "schema": "relaygate.jobs.list.v1"}
    assert body["data"]["torbox"] == {
        "data": {"a": None},
        "meta": meta | {"provider": "torbox"},
        "debug": {"upstream": {"raw": 1}},
    }
    assert body["data"]["premiumize"] == {"data": {"a": None}, "meta": meta | {"provider": "premiumize"}}
    assert set(body["data"]["alldebrid"]) == {"error"}
    assert body["meta"] == meta | {
        "providers": ["torbox", "premiumize", "alldebrid"],
        "summary": {"succeeded": 2, "failed": 1},
    }
