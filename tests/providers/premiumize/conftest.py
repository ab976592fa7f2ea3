"""A Premiumize adapter behind the interposer, which the tests let answer what they want."""

from collections.abc import Callable
from typing import Any

import pytest
from tests.providers.suite.interposer import Interposer, Reply

from sluicegate.core.accounts import Credential
from sluicegate.core.secrets import Secret
from sluicegate.net.http import Http
from sluicegate.providers.premiumize.adapter import Premiumize

TOKEN = "abcd1234efgh5678"

Answers = Callable[..., None]
Open = Callable[[str], Premiumize]


@pytest.fixture
def provider(interposer: Interposer, http: Http) -> Premiumize:
    return Premiumize(http, Credential("a", Secret(TOKEN)), base_url=interposer.url + "/api")


@pytest.fixture
def answers(interposer: Interposer) -> Answers:
    """Sets the answers to the next requests: fields of a success, or a whole reply."""

    def told(*replies: Any) -> None:
        waiting = [
            reply if isinstance(reply, Reply) else Reply.json({"status": "success", **reply}) for reply in replies
        ]
        interposer.script = lambda _: waiting.pop(0)

    return told


@pytest.fixture
def opened(interposer: Interposer, http: Http) -> Open:
    """Makes an adapter of a sandbox account, behind the interposer."""

    def make(token: str) -> Premiumize:
        return Premiumize(http, Credential("a", Secret(token)), base_url=interposer.url + "/premiumize/api")

    return make


def problem(code: str | None = None, message: str = "", status: int = 200, **headers: str) -> Reply:
    """An error as Premiumize words it; the older generation has no code."""
    told = {"status": "error", "message": message} | ({} if code is None else {"code": code})
    return Reply.json(told, status, **headers)
