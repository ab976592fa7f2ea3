"""TorBox's adapter on the sandbox, and one whose answers can be rewritten."""

from collections.abc import AsyncIterator

import pytest
from tests.providers.suite.cases.torbox import CASE
from tests.providers.suite.interposer import Interposer
from tests.providers.suite.stage import Stage
from tests.sandbox.caller import Caller

from sluicegate.net.http import Http


@pytest.fixture
async def stage(sandbox: Caller, interposer: Interposer, http: Http) -> AsyncIterator[Stage]:
    stage = Stage(CASE, sandbox, interposer, http)
    yield stage
    await stage.close()
