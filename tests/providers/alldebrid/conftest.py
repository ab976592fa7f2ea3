"""An AllDebrid adapter behind the interposer, which the tests let answer what they want."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply

from sluicegate.core.accounts import Credential
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.providers.alldebrid.adapter import AllDebrid

TOKEN = "n4Xk2TqLw8ZbR6mVd0Ys"

Answers = Callable[..., None]
Open = Callable[[str], AllDebrid]


@pytest.fixture
def provider(interposer: Interposer, http: Http) -> AllDebrid:
    return AllDebrid(http, Credential("a", Secret(TOKEN)), base_url=interposer.url)


@pytest.fixture
def answers(interposer: Interposer) -> Answers:
    """Sets the answers to the next requests: data of a success, or a whole reply."""

    def told(*replies: Any) -> None:
        waiting = [
            reply if isinstance(reply, Reply) else Reply.json({"status": "success", "data": reply}) for reply in replies
        ]
        interposer.script = lambda _: waiting.pop(0)

    return told


@pytest.fixture
def opened(interposer: Interposer, http: Http) -> Open:
    """Makes an adapter of a sandbox account, behind the interposer."""

    def make(token: str) -> AllDebrid:
        return AllDebrid(http, Credential("a", Secret(token)), base_url=interposer.url + "/alldebrid")

    return make
