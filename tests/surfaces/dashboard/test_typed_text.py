"""Nothing typed is lost: fields that are far too long, text that is none, sessions that end while somebody types."""

import html
import re
from collections.abc import AsyncIterator
from importlib.resources import files
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import pytest
from tests.faults.server import Server
from tests.surfaces.dashboard.conftest import HOSTILE, Person

from sluicegate.surfaces.dashboard.kept_forms import SECRETS

LONG = 70_000
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')


def ours(person: Person) -> dict[str, str]:
    """What a browser says of a form that one of our own pages sends."""
    base = str(person.client.base_url).rstrip("/")
    return {"origin": base, "sec-fetch-site": "same-origin", "referer": f"{base}/app"}


def hidden(text: str) -> dict[str, list[str]]:
    """What a page's forms carry unseen."""
    found: dict[str, list[str]] = {}
    for name, value in _HIDDEN.findall(text):
        found.setdefault(html.unescape(name), []).append(html.unescape(value))
    return found


@pytest.fixture
async def leaver(house: Server, ada: Person) -> AsyncIterator[Person]:
    """Ada in a browser whose session has ended."""
    async with httpx.AsyncClient(base_url=house.url, timeout=90) as client:
        yield Person(ada.name, client, "", ada.password)


@pytest.mark.parametrize(
    ("page", "path", "field", "more"),
    [
        ("/app", "/library", "source", {}),
        ("/app/media", "", "url", {}),
        ("/app/media", "", "webhook_url", {"url": "https://films.example/a"}),
        ("/app/webhooks", "", "url", {}),
        ("/app/feeds", "", "name", {"url": "https://feeds.example/a"}),
        ("/app/feeds", "", "filter_regex", {"name": "A feed", "url": "https://feeds.example/a"}),
        ("/app/preferences", "/placing", "prefer", {}),
        ("/app/gateway", "/keys", "label", {}),
        ("/app/gateway/addons", "", "slug", {}),
        ("/app/gateway/rules", "", "value", {"verdict": "allow", "subject": "addon"}),
    ],
)
async def test_fields_that_are_far_too_long_are_answered_beside_them(
    ada: Person, page: str, path: str, field: str, more: dict[str, str]
):
    """Nothing is done with the part that fits; the beginning is shown again."""
    words = "a text that goes on and on "
    answer = await ada.send(f"{page}{path}", 422, **{**more, field: words * (LONG // len(words))})
    assert f'id="{field}-problem"' in answer.text
    assert "only its beginning is shown here" in answer.text
    assert words * 200 in answer.text
    for name, typed in more.items():
        assert typed in answer.text, name
    assert words not in await ada.see(page)


async def test_a_form_of_long_fields_is_kept_within_bounds(ada: Person):
    fields = {f"unknown-{number}": "x" * LONG for number in range(20)}
    answer = await ada.send("/app/webhooks", 422, **fields, url="not an address")
    assert len(answer.content) < 150_000


@pytest.mark.parametrize("raw", [b"%00", b"%FF%FE", b"a%C3", b"%ED%A0%80"])
async def test_text_that_is_none_is_answered_beside_the_field(ada: Person, raw: bytes):
    body = b"form_token=" + ada.token.encode() + b"&source=" + raw
    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = await ada.client.post("/app/library", content=body, headers=kind)
    assert answer.status_code == 422
    assert 'id="source-problem"' in answer.text


@pytest.mark.parametrize("charset", ["", "; charset=utf-16", "; charset=nonsense"])
async def test_parts_of_another_encoding_are_answered_beside_the_field(ada: Person, charset: str):
    parts = {
        "form_token": (None, ada.token),
        "source": (None, "häuser".encode("latin-1"), f"text/plain{charset}"),
    }
    answer = await ada.client.post("/app/library", files=parts)
    assert answer.status_code == 422
    assert 'id="source-problem"' in answer.text


async def test_secrets_with_signs_that_cannot_be_kept_are_refused(ada: Person):
    answer = await ada.send("/app/accounts", 422, provider="smokedebrid", token="sandbox\0ada", label="ada's")
    assert 'id="token-problem"' in answer.text
    assert "ada&#39;s" in answer.text


async def test_a_field_that_is_sent_twice_counts_once(ada: Person):
    url = "not an address either"
    answer = await ada.client.post("/app/webhooks", data={"form_token": ada.token, "url": [url, "https://b.example/"]})
    assert answer.status_code == 422
    assert url in answer.text
    thousand = "&".join(["url=a"] * 1001)
    kind = {"content-type": "application/x-www-form-urlencoded", "x-form-token": ada.token}
    assert (await ada.client.post("/app/webhooks", content=thousand, headers=kind)).status_code == 400


@pytest.mark.parametrize("body", [b"", b"--", b"--edge\r\n", b"--edge\r\ncontent-disposition: form-data\r\n\r\nx"])
async def test_parts_that_are_none_are_refused(ada: Person, body: bytes):
    kind = {"content-type": "multipart/form-data; boundary=edge", "x-form-token": ada.token}
    answer = await ada.client.post("/app/library", content=body, headers=kind)
    assert answer.status_code in {400, 422}
    assert "<h1>" in answer.text


async def test_a_welcome_keeps_the_name_that_was_typed(house: Server):
    link = await house.invitation()
    token = urlsplit(link).query.partition("=")[2]
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as client:
        for name, password in (
            (HOSTILE, "short"),
            ("x" * LONG, "long enough for all"),
            ("a\0b", "long enough for all"),
            ("nobody", ""),
            ("nobody", "p" * LONG),
        ):
            answer = await client.post("/app/welcome", data={"token": token, "name": name, "password": password})
            assert answer.status_code == 422, (name[:20], answer.text[-600:])
            assert 'class="problem"' in answer.text
            assert html.escape(name[:3000]).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in answer.text
            assert "<script>alert" not in answer.text
            assert "pppp" not in answer.text
        # None of this has used the invitation up.
        fields = {"token": token, "name": f"person-{uuid4().hex[:8]}", "password": "long enough for all"}
        assert (await client.post("/app/welcome", data=fields)).status_code == 303


async def test_what_was_typed_before_a_session_ended_is_sent_after_the_next_sign_in(leaver: Person):
    """T30: the person looks at it first; secrets are not carried along."""
    typed = {"label": HOSTILE, "note": "one line\nand another", "token": "hidden away"}
    answer = await leaver.client.post("/app/gateway/keys", data=typed, headers=ours(leaver))
    assert answer.status_code == 401
    carried = hidden(answer.text)
    assert "hidden away" not in answer.text
    assert "<script>alert" not in answer.text
    wrong = {**carried, "name": leaver.name, "password": "not it at all"}
    answer = await leaver.client.post("/app/sign-in", data=wrong, headers=ours(leaver))
    assert answer.status_code == 422
    assert hidden(answer.text) == carried
    right = {**carried, "name": leaver.name, "password": leaver.password}
    answer = await leaver.client.post("/app/sign-in", data=right, headers=ours(leaver))
    assert answer.status_code == 200
    again = hidden(answer.text)
    assert {name: again[name] for name in ("label", "note")} == {name: [typed[name]] for name in ("label", "note")}
    assert 'action="/app/gateway/keys"' in answer.text
    assert 'name="token" type="password"' in answer.text  # it is asked for again
    assert "<script>alert" not in answer.text
    assert "onerror" not in await leaver.see("/app/gateway")
    sent = await leaver.client.post("/app/gateway/keys", data=again, headers=ours(leaver))
    assert sent.status_code == 200
    assert "onerror" in sent.text


async def test_a_form_of_an_earlier_session_is_offered_again(ada: Person):
    typed = {"form_token": "0" * len(ada.token), "source": "magnet:?xt=urn:btih:nothing"}
    answer = await ada.client.post("/app/library", data=typed, headers=ours(ada))
    assert answer.status_code == 403
    again = hidden(answer.text)
    assert again["source"] == [typed["source"]]
    assert again["form_token"] == [ada.token]


async def test_nothing_of_another_site_is_kept(ada: Person, leaver: Person):
    """T30: neither through the sign-in nor with the token of somebody who is signed in."""
    base = str(ada.client.base_url).rstrip("/")
    foreign: list[dict[str, str]] = [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": base, "sec-fetch-site": "cross-site"},
        {"origin": base, "sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
        {},
    ]
    for headers in foreign:
        answer = await leaver.client.post("/app/library", data={"source": "planted"}, headers=headers)
        assert (answer.status_code, "planted" in answer.text) == (303, False), headers
        answer = await ada.client.post("/app/library", data={"source": "planted"}, headers=headers)
        assert (answer.status_code, "planted" in answer.text) == (403, False), headers
        assert ada.token not in answer.text


@pytest.mark.parametrize("path", ["https://evil.example/", "//evil.example", "/v1/torrents", "/app\\evil", ""])
async def test_what_is_carried_through_the_sign_in_goes_to_our_own_pages(leaver: Person, path: str):
    fields = {"name": leaver.name, "password": leaver.password, "kept_path": path, "kept.a": "b", "kept_back": path}
    answer = await leaver.client.post("/app/sign-in", data=fields, headers=ours(leaver))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/app")


async def test_a_large_body_of_a_stranger_is_not_read(leaver: Person):
    answer = await leaver.client.post("/app/library", data={"source": "x" * 300_000}, headers=ours(leaver))
    assert answer.status_code == 303
    for path in ("/app/sign-in", "/app/welcome", "/app/sign-in/passkey"):
        answer = await leaver.client.post(path, data={"name": "x" * 1_100_000}, headers=ours(leaver))
        assert answer.status_code == 413, path
        assert "too large for one form" in answer.text


def test_every_field_for_secrets_is_known():
    """A password typed while a session ended must not come back in a page."""
    templates = files("sluicegate.surfaces.dashboard") / "templates"
    texts = [one.read_text() for one in templates.iterdir() if one.name.endswith(".html")]
    by_macro = {name for text in texts for name in re.findall(r'field\(form, "(\w+)"[^}]*?type="password"', text)}
    by_hand = {name for text in texts for name in re.findall(r'name="(\w+)" type="password"', text)}
    assert len(by_macro) > 4
    assert by_macro | by_hand <= SECRETS
