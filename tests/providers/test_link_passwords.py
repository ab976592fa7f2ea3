"""The password of a protected hoster link goes to the provider, in its field, and only when there is one."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import pytest
from tests.surfaces.serving import serving

from sluicegate.core.accounts import Credential
from sluicegate.core.errors import UpstreamError
from sluicegate.core.provider import Provider
from sluicegate.core.secrets import Secret
from sluicegate.core.sources import WebLink
from sluicegate.net.http import Http
from sluicegate.providers.alldebrid.adapter import AllDebrid
from sluicegate.providers.debridlink.adapter import DebridLink
from sluicegate.providers.premiumize.adapter import Premiumize
from sluicegate.providers.realdebrid.adapter import RealDebrid

URL = "https://1fichier.com/?a1b2"
PASSWORD = "pass & wörd=%41"
FIELDS = {RealDebrid: "link", AllDebrid: "link", DebridLink: "url", Premiumize: "src"}
"""Where each takes the link."""


@dataclass
class Remote:
    """A provider that refuses everything, and remembers the forms that it was sent."""

    url: str = ""
    forms: list[dict[str, list[str]]] = field(default_factory=list)

    async def __call__(self, _scope, receive, send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        self.forms.append(parse_qs(body.decode(), strict_parsing=bool(body)))
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})


@pytest.fixture
async def remote() -> AsyncIterator[Remote]:
    remote = Remote()
    async with serving(remote) as remote.url:
        yield remote


@pytest.mark.parametrize("password", [PASSWORD, ""], ids=["with", "without"])
@pytest.mark.parametrize("kind", FIELDS)
async def test_the_password_goes_along(http: Http, remote: Remote, kind: type[Provider], password: str):
    async with kind(http, Credential("account", Secret("token-of-a-test")), base_url=remote.url) as provider:
        with suppress(UpstreamError):
            await provider.unlock(WebLink(URL, password=password))
    asked = [form for form in remote.forms if form.get(FIELDS[kind]) == [URL]]
    assert asked, remote.forms
    assert all(form.get("password", [""]) == [password] for form in asked)
