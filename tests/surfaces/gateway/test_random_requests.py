"""Random requests drawn from the description, valid and not, never find an answer that it does not describe."""

import asyncio
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from tests.dice import cases

from sluicegate.core.gateway import PROVIDERS
from sluicegate.surfaces.gateway.description import describe

# Every request carries valid credentials, so none are made up; the check for ignored ones makes up its own.
_CONFIG = schemathesis.config.SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
_SCHEMA = schemathesis.openapi.from_dict(describe(), config=_CONFIG)
_OPERATIONS = {operation.ok().label: operation.ok() for operation in _SCHEMA.get_all_operations()}
_CHECKS = schemathesis.checks.CHECKS.get_all()
_HOSTS = st.sampled_from(["files.example", "a.b.example:8080", "[2001:db8::1]", "192.0.2.7"])
_PATHS = st.text("abcXYZ019-_.~%/", max_size=20)
schemathesis.openapi.format("uri", st.builds("https://{}/{}".format, _HOSTS, _PATHS))
schemathesis.openapi.format(
    "magnet", st.builds("magnet:?xt=urn:btih:{}&dn={}".format, st.from_regex("[1-9a-fA-F]{40}", fullmatch=True), _PATHS)
)


@pytest.mark.parametrize("label", [label for label in _OPERATIONS if "/proxy/" not in label])
@pytest.mark.parametrize("mode", list(schemathesis.GenerationMode))
async def test_answers_keep_to_the_description(stage, label, mode):
    _, key = await stage.user(*(slug for slug in PROVIDERS if slug != "torrin"))
    headers = stage.headers("", key=key)
    del headers["x-relaygate-provider"]

    @given(case=_OPERATIONS[label].as_strategy(generation_mode=mode))
    @cases(15)
    def run(case: Any) -> None:
        response = case.call(base_url=stage.url, headers=headers)
        case.validate_response(response, checks=_CHECKS, headers=headers)

    await asyncio.to_thread(run)
