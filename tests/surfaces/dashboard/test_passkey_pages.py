"""Passkeys over the wire: what pages offer, what their forms take, and what is refused."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from litestar import Request
from tests.faults.server import Server
from tests.passkey_device import Device, altered
from tests.surfaces.dashboard.conftest import HOSTILE, Person
from tests.surfaces.serving import calling

from sluicegate.core.passkeys import RelyingParty
from sluicegate.settings import Settings
from sluicegate.surfaces.dashboard.passkey_places import party_of
from sluicegate.wiring.installation import open_installation
from sluicegate.wiring.web import make_app


def local(house: Server) -> str:
    """The installation under a name: bare addresses have no passkeys."""
    return f"http://localhost:{urlsplit(house.url).port}"


@asynccontextmanager
async def browser(house: Server, *, address: str = "127.0.0.1") -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who is not signed in."""
    way = httpx.AsyncHTTPTransport(local_address=address)
    async with httpx.AsyncClient(base_url=local(house), timeout=90, transport=way) as client:
        yield client


async def ask(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.post("/app/sign-in/passkey/options")
    assert answer.status_code == 200, answer.text
    wanted: dict[str, Any] = answer.json()["publicKey"]
    return wanted


async def enter(client: httpx.AsyncClient, answer: str, **fields: str) -> httpx.Response:
    return await client.post("/app/sign-in/passkey", data={"passkey_answer": answer, **fields})


@pytest.fixture
async def at_home(house: Server, ada: Person) -> AsyncIterator[Person]:
    """Ada, signed in under the name that passkeys are bound to."""
    async with browser(house) as client:
        await client.post("/app/sign-in", data={"name": ada.name, "password": ada.password})
        text = (await client.get("/app/security")).text
        token = text.partition('name="form_token" value="')[2].partition('"')[0]
        yield Person(ada.name, client, token, ada.password)


@pytest.fixture
async def device(house: Server, at_home: Person) -> Device:
    """Holds a passkey of hers."""
    device = Device(local(house))
    await at_home.done(
        "/app/security/passkeys", passkey_answer=device.make(await offer(at_home)), passkey_label=HOSTILE
    )
    return device


async def offer(person: Person) -> dict[str, Any]:
    fields = {"form_token": person.token, "passkey_password": person.password}
    answer = await person.client.post("/app/security/passkeys/options", data=fields)
    assert answer.status_code == 200, answer.text
    wanted: dict[str, Any] = answer.json()["publicKey"]
    return wanted


def places(text: str, act: str) -> list[str]:
    """Where the forms of an act are sent."""
    parts = text.split('action="/app/security/passkeys/')[1:]
    return [f"/app/security/passkeys/{part.partition('/')[0]}/{act}" for part in parts if f"/{act}" in part[:60]]


async def test_a_passkey_is_made_named_used_and_removed(house: Server, at_home: Person, device: Device):
    text = await at_home.see("/app/security")
    assert "&lt;script&gt;alert(1)" in text
    assert "<script>alert" not in text
    assert "not yet" in text
    async with browser(house) as client:
        asked = await ask(client)
        assert asked["rpId"] == "localhost"
        entered = await enter(client, device.sign(asked), next="/app/security")
        assert (entered.status_code, entered.headers["location"]) == (303, "/app/security")
        cookies = [one.lower() for one in entered.headers.get_list("set-cookie")]
        assert any("sluicegate_session=" in one and "httponly" in one for one in cookies)
        assert "not yet" not in (await client.get("/app/security")).text
    rename, remove = places(text, "rename")[-1], places(text, "remove")[-1]
    passkey_id = rename.split("/")[-2]
    assert (await at_home.done(rename, **{f"label-{passkey_id}": "My phone"})) == "/app/security"
    assert "My phone" in await at_home.see("/app/security")
    refused = await at_home.send(rename, 422, **{f"label-{passkey_id}": "x" * 70})
    assert "At most 60 characters." in refused.text
    await at_home.done(remove)
    async with browser(house) as client:
        entered = await enter(client, device.sign(await ask(client)))
    assert entered.status_code == 422
    assert "This passkey is not known here" in entered.text


async def test_what_was_typed_goes_through_a_sign_in_by_passkey(house: Server, device: Device):
    async with browser(house) as client:
        kept = {"kept_path": "/app/gateway/keys", "kept_back": "/app/gateway", "kept.label": "typed before"}
        refused = await enter(client, "{}", **kept)
        assert refused.status_code == 422
        assert "typed before" in refused.text
        entered = await enter(client, device.sign(await ask(client)), **kept)
    assert entered.status_code == 200
    assert "typed before" in entered.text
    assert "Send it now" in entered.text


async def test_answers_that_are_wrong_used_or_of_another_browser_sign_nobody_in(house: Server, device: Device):
    async with browser(house, address="127.0.0.8") as client, browser(house, address="127.0.0.8") as thief:
        right = device.sign(await ask(client))
        await ask(thief)
        for other, answer in (
            (thief, right),
            (client, altered(right, "signature")),
            (client, ""),
            (client, "{"),
            (client, "x" * 70_000),
            (client, json.dumps({"id": HOSTILE})),
        ):
            refused = await enter(other, answer)
            assert refused.status_code == 422
            assert "set-cookie" not in refused.headers
            assert "<script>alert" not in refused.text
        visit = dict(client.cookies)
        assert (await enter(client, right)).status_code == 303
        client.cookies.clear()
        client.cookies.update(visit)
        assert (await enter(client, right)).status_code == 422


async def test_making_one_takes_the_password_and_the_form_s_token(house: Server, at_home: Person):
    path = "/app/security/passkeys"
    wrong = {"form_token": at_home.token, "passkey_password": "not it at all"}
    answer = await at_home.client.post(f"{path}/options", data=wrong)
    assert (answer.status_code, answer.json()["field"]) == (422, "passkey_password")
    made = Device(local(house)).make(await offer(at_home))
    for fields in ({"passkey_answer": made}, {"passkey_answer": made, "form_token": "0" * 64}):
        assert (await at_home.client.post(path, data=fields)).status_code == 403
    foreign = Device("https://evil.example").make(await offer(at_home))
    for answer_of in (foreign, altered(made, "clientDataJSON"), "[]"):
        text = (await at_home.send(path, 422, passkey_answer=answer_of, passkey_label="My typed name")).text
        assert "This passkey was not accepted." in text
        assert "My typed name" in text
    assert "needs JavaScript" in (await at_home.send(path, 422)).text


async def test_a_passkey_of_somebody_else_is_not_there(house: Server, at_home: Person, device: Device, eve: Person):
    """T25."""
    text = await at_home.see("/app/security")
    await eve.send(places(text, "remove")[-1], 404)
    rename = places(text, "rename")[-1]
    await eve.send(rename, 404, **{f"label-{rename.split('/')[-2]}": "mine"})
    assert "mine" not in await at_home.see("/app/security")


async def test_other_sites_ask_for_nothing(house: Server):
    """T30."""
    async with browser(house) as client:
        for path in ("/app/sign-in/passkey/options", "/app/sign-in/passkey"):
            for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
                assert (await client.post(path, headers=headers)).status_code == 403


async def test_guessing_answers_makes_the_guesser_wait(house: Server, device: Device):
    """T28."""
    async with browser(house, address="127.0.0.9") as guesser:
        for _ in range(31):
            await enter(guesser, "{}")
        refused = await enter(guesser, device.sign(await _asked_elsewhere(house)))
        assert "Too many wrong attempts came from this address." in refused.text
        assert (await guesser.post("/app/sign-in/passkey/options")).status_code == 422


async def _asked_elsewhere(house: Server) -> dict[str, Any]:
    async with browser(house) as client:
        return await ask(client)


async def test_pages_offer_passkeys_only_where_browsers_have_them(house: Server, ada: Person):
    """The shared installation is reached by its address here."""
    assert "passkeys.js" not in await ada.see("/app/security")
    assert "SLUICEGATE_PUBLIC_URL" in await ada.see("/app/security")
    answer = await ada.client.post("/app/sign-in/passkey/options")
    assert (answer.status_code, "https" in answer.json()["problem"]) == (422, True)
    async with browser(house) as client:
        text = (await client.get("/app/sign-in")).text
    assert f'data-origin="{local(house)}"' in text


@pytest.mark.parametrize(
    ("scheme", "host", "public", "party"),
    [
        ("http", "127.0.0.1:8787", "https://films.example", ("films.example", "https://films.example")),
        ("http", "x", "https://Films.Example:443/", ("films.example", "https://films.example")),
        ("http", "x", "https://films.example:8443", ("films.example", "https://films.example:8443")),
        ("http", "x", "http://films.example", None),
        ("https", "films.example", None, ("films.example", "https://films.example")),
        ("https", "films.example:8443", None, ("films.example", "https://films.example:8443")),
        ("http", "localhost:8787", None, ("localhost", "http://localhost:8787")),
        ("http", "films.example", None, None),
        ("https", "192.0.2.1", None, None),
        ("https", "[2001:db8::1]:8443", None, None),
        ("https", "", None, None),
        ("https", "a:b:c", None, None),
        ("https", "[", None, None),
    ],
)
def test_passkeys_are_bound_to_the_name_that_browsers_see(
    scheme: str, host: str, public: str | None, party: tuple[str, str] | None
):
    """Behind a reverse proxy the configured address counts."""
    scope = {
        "type": "http",
        "scheme": scheme,
        "path": "/app",
        "query_string": b"",
        "root_path": "",
        "server": ("::1", 1),
    }
    scope |= {"server": ("::1", 1)}
    request: Request[Any, Any, Any] = Request({**scope, "headers": [(b"host", host.encode())]})  # type: ignore[typeddict-item]
    assert party_of(request, public) == (RelyingParty(*party) if party else None)


async def test_behind_a_proxy_passkeys_are_bound_to_the_configured_address(house: Server, ada: Person):
    """The proxy speaks plainly to us and under another name; the browser has signed the public one."""
    public = "https://films.example"
    async with (
        open_installation(Settings.load(data_dir=house.data, public_url=public)) as installation,
        calling(make_app(installation)) as client,
    ):
        await client.post("/app/sign-in", data={"name": ada.name, "password": ada.password})
        text = (await client.get("/app/security")).text
        assert f'data-origin="{public}"' in text
        token = text.partition('name="form_token" value="')[2].partition('"')[0]
        inside = Person(ada.name, client, token, ada.password)
        device = Device(public)
        await inside.done("/app/security/passkeys", passkey_answer=device.make(await offer(inside)), passkey_label="p")
        assert "films.example" in await inside.see("/app/security")
        client.cookies.clear()
        assert (await enter(client, device.sign(await ask(client)))).status_code == 303
    async with browser(house) as client:
        refused = await enter(client, device.sign(await ask(client)))
        assert refused.status_code == 422
