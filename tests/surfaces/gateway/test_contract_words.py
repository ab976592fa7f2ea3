"""The fixed words of the gateway's contract: operations, schemas, codes, statuses, members of both envelopes."""

from uuid import uuid4

import msgspec
import pytest

from sluicegate.core.errors import NotSupported, TransferMissing
from sluicegate.core.gateway import PROVIDERS, GatewayOperation, GatewayRefused, JobKind, ProblemCode
from sluicegate.services.gateway_fanout import Answered, Target
from sluicegate.surfaces.gateway.application import BASE
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

_JOB = "/canonical/jobs/{job_id}"
PLACES = {
    "account.session": ("GET", "/canonical/account"),
    "hoster.links.unlock": ("POST", "/canonical/hoster/links/unlock"),
    "jobs.list": ("GET", "/canonical/jobs"),
    "jobs.create": ("POST", "/canonical/jobs"),
    "jobs.get": ("GET", _JOB),
    "jobs.cancel": ("POST", f"{_JOB}/cancel"),
    "jobs.files.list": ("GET", f"{_JOB}/files"),
    "jobs.files.playback": ("POST", f"{_JOB}/files/{{file_id}}/playback"),
    "torrents.cache_check": ("POST", "/canonical/torrents/cache-check"),
}
KIND_IN_QUERY = ["jobs.list", "jobs.get", "jobs.cancel", "jobs.files.list", "jobs.files.playback"]

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


def test_every_operation_is_where_the_contract_has_it():
    assert {str(route.operation): (route.method, route.path) for route in OPERATIONS} == PLACES
    assert BASE == "/api/v0.6-beta"
    assert [str(route.operation) for route in OPERATIONS if "kind" in route.query] == KIND_IN_QUERY
    assert [str(kind) for kind in JobKind] == ["torrent", "usenet", "web_fetch"]


def test_the_providers_have_their_public_names():
    assert set(PROVIDERS) == {
        "real_debrid",
        "alldebrid",
        "torbox",
        "premiumize",
        "smokedebrid",
        "debrid_link",
        "torrin",
    }


@pytest.mark.parametrize(
    ("code", "title"),
    [("rg.invalid_provider", "Invalid provider"), ("rg.vault_missing", "Vault credential missing")],
)
def test_titles_that_the_documentation_prints(code, title):
    assert problem_of(GatewayRefused(ProblemCode(code), "Words."), "id").title == title


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (TransferMissing("Shop answers error 7."), "There is no job with this id: Shop answers error 7."),
        (TransferMissing("There is no job with this id."), "There is no job with this id."),
        (TransferMissing("Shop says: gone"), "There is no job with this id: Shop says: gone."),
    ],
)
def test_what_an_add_on_logs_can_be_understood_alone(error, detail):
    """The known client shows ``detail`` and nothing else."""
    assert problem_of(error, "id").detail == f"{detail} Submit the source again."


def test_there_are_the_codes_of_the_contract_and_two_of_ours():
    assert set(ProblemCode) == {*STATUSES, "rg.upstream_error", "rg.tls_required"}


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
