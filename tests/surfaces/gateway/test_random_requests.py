"""Random requests drawn from the description, valid and not, never find an answer that it does not describe."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from sluicegate.core.gateway import PROVIDERS
from sluicegate.surfaces.gateway.description import describe

_SCHEMA = schemathesis.openapi.from_dict(describe())
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_LEFT_OUT = {
    "ignored_auth": "it takes the valid credentials that every request here carries for made-up ones; "
    "test_credentials tries each way of not being let in",
    "positive_data_acceptance": "no schema says what a magnet or a link is, or that a list of providers repeats none; "
    "test_operations hands in good and bad ones",
}
"""Checks that are not made, and why."""

_CHECKS = [
    check
    for name in schemathesis.checks.CHECKS.get_all_names()
    if name not in _LEFT_OUT
    for check in schemathesis.checks.CHECKS.get_by_names([name])
]


def test_only_known_checks_are_left_out():
    assert set(_LEFT_OUT) < set(schemathesis.checks.CHECKS.get_all_names())


@pytest.mark.parametrize("label", [label for label in _OPERATIONS if "/proxy/" not in label])
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_answers_keep_to_the_description(stage, label, mode):
    _, key = await stage.user(*(slug for slug in PROVIDERS if slug != "torrin"))
    headers = stage.headers("", key=key)
    del headers["x-relaygate-provider"]

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @settings(max_examples=25, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def run(case: Any) -> None:
        response = case.call(base_url=stage.url, headers=headers)
        case.validate_response(response, checks=_CHECKS)

    await asyncio.to_thread(run)
