"""JSON web tokens as credentials: our own, and an issuer's by published keys or by a shared secret (T26, T27)."""

import base64
import json
import time
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from tests.surfaces.people.conftest import Product, running_product
from tests.surfaces.people.issuer import Issuer, running_issuer

from sluicegate.core.clock import SystemClock
from sluicegate.core.keys import KeyKind
from sluicegate.db.connector import Connector
from sluicegate.web import jwks
from sluicegate.web.tokens import OwnTokens

SECRET = "a shared secret that is long enough for HS256"


@pytest.fixture(scope="module")
async def issuer() -> AsyncIterator[Issuer]:
    async with running_issuer() as issuer:
        yield issuer


@pytest.fixture(scope="module")
async def open_house(server: Connector, sandbox: str, issuer: Issuer) -> AsyncIterator[Product]:
    """A product that trusts the issuer, and knows "person"."""
    settings = {"jwt_issuer": issuer.name, "wrong_key_rate": 0}
    async with running_product(server, sandbox, **settings) as product:
        user = await product.installation.users.create("person")
        await product.installation.people.identities.link(user.id, issuer.name, "person")
        yield product


async def status(product: Product, token: str) -> int:
    client = await product.client({"authorization": f"Bearer {token}"})
    return (await client.get("/v1/me")).status_code


@pytest.mark.parametrize(("kid", "alg"), [("one", "RS256"), ("one", "PS256"), ("one", "RS512"), ("curve", "ES256")])
async def test_a_good_token_opens_the_api(open_house: Product, issuer: Issuer, kid: str, alg: str):
    client = await open_house.client({"authorization": f"Bearer {issuer.token(kid, alg, email='a@b.example')}"})
    body = (await client.get("/v1/me")).json()
    assert (body["name"], body["email"]) == ("person", "a@b.example")
    assert (await client.post("/v1/torrents", json={"magnet": "ab" * 20})).status_code in {200, 201}
    assert (await client.get("/v1/gateway/keys")).status_code == 200


def unsigned(issuer: Issuer, alg: str) -> str:
    """A token with an empty signature."""
    claims = {"iss": issuer.name, "aud": "authenticated", "sub": "person", "exp": int(time.time()) + 600}
    parts = [json.dumps({"alg": alg, "kid": "one"}), json.dumps(claims)]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts) + "."


def confused(issuer: Issuer) -> str:
    """Signed with HS256 and the public key as if it were a shared secret: as PEM, the classic attack."""
    public = issuer.keys["one"].as_pem(private=False)
    claims = {"iss": issuer.name, "aud": "authenticated", "sub": "person", "exp": int(time.time()) + 600}
    header, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
        for part in ({"alg": "HS256", "kid": "one"}, claims)
    )
    import hmac

    mac = base64.urlsafe_b64encode(hmac.digest(public, header + b"." + body, "sha256")).rstrip(b"=")
    return (header + b"." + body + b"." + mac).decode()


BAD = {
    "none": lambda i: unsigned(i, "none"),
    "None": lambda i: unsigned(i, "None"),
    "no signature": lambda i: unsigned(i, "RS256"),
    "public key as secret": confused,
    "expired": lambda i: i.token(exp=int(time.time()) - 60),
    "not yet": lambda i: i.token(nbf=int(time.time()) + 600),
    "from the future": lambda i: i.token(iat=int(time.time()) + 6000),
    "no expiry": lambda i: i.token(exp=...),
    "expiry as text": lambda i: i.token(exp="tomorrow"),
    "huge expiry": lambda i: i.token(exp=10**30),
    "no subject": lambda i: i.token(sub=...),
    "empty subject": lambda i: i.token(sub=""),
    "subject as number": lambda i: i.token(sub=7),
    "stranger": lambda i: i.token(sub="somebody else"),
    "other audience": lambda i: i.token(aud="another-api"),
    "no audience": lambda i: i.token(aud=...),
    "other issuer": lambda i: i.token(iss="https://evil.example"),
    "no issuer": lambda i: i.token(iss=...),
    "issuer as list": lambda i: i.token(iss=[i.name]),
    "issuer with slash": lambda i: i.token(iss=i.name + "/"),
    "unknown key": lambda i: i.token("hidden"),
    "other key under a known id": lambda i: i.token("one", key=i.keys["hidden"]),
    "wrong type under a known id": lambda i: i.token("curve", "RS256", key=i.keys["hidden"]),
    "embedded key": lambda i: i.token(
        "nobody", key=i.keys["hidden"], header={"jwk": i.keys["hidden"].as_dict(private=False)}
    ),
    "our issuer by their key": lambda i: i.token(iss="sluicegate", aud="sluicegate-api"),
    "critical header": lambda i: i.token(header={"crit": ["b64"], "b64": True}),
    "cut": lambda i: i.token()[:-4],
    "flipped": lambda i: i.token()[:-6] + "AAAAAA",
    "two parts": lambda i: i.token().rpartition(".")[0],
    "four parts": lambda i: i.token() + ".x",
    "not base64": lambda i: "a.b.c",
    "lists": lambda i: "W10.W10.W10",
    "nested deeply": lambda i: base64.urlsafe_b64encode(b"[" * 3000).decode().rstrip("=") + ".e30.x",
    "huge": lambda i: i.token(padding="x" * 20_000),
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_token_is_401(open_house: Product, issuer: Issuer, name: str):
    assert await status(open_house, issuer.token()) == 200
    assert await status(open_house, BAD[name](issuer)) == 401


async def test_keys_are_cached_and_a_new_one_is_found(
    open_house: Product, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
):
    """Rotation at the issuer: a new key works at once, a removed one soon not any more, guessed ids cost nothing."""
    assert await status(open_house, issuer.token()) == 200
    before = issuer.fetched
    for _ in range(5):
        assert await status(open_house, issuer.token(jti=str(uuid4()))) == 200
    assert issuer.fetched == before
    for number in range(10):
        assert await status(open_house, issuer.token("one", header={"kid": f"guess-{number}"})) == 401
    assert issuer.fetched <= before + 1

    issuer.add("two")
    monkeypatch.setattr(jwks, "_PAUSE_SECONDS", 0.0)
    assert await status(open_house, issuer.token("two")) == 200
    issuer.published.remove("two")
    monkeypatch.setattr(jwks, "_FRESH_SECONDS", 0.0)
    assert await status(open_house, issuer.token("two", jti="x")) == 401
    issuer.broken = True
    try:
        assert await status(open_house, issuer.token("one", jti="y")) == 200  # the issuer is away, its keys still count
    finally:
        issuer.broken = False


async def test_an_unlinked_or_removed_person_is_out_at_once(open_house: Product, issuer: Issuer):
    people = open_house.installation.people
    user = await open_house.installation.users.create("leaver")
    await people.identities.link(user.id, issuer.name, "leaver")
    token = issuer.token(sub="leaver")
    assert await status(open_house, token) == 200
    await people.identities.unlink(issuer.name, "leaver")
    people.callers.forget()
    assert await status(open_house, token) == 401
    await people.identities.link(user.id, issuer.name, "leaver")
    assert await status(open_house, token) == 200
    await open_house.installation.users.remove(user.id, None)
    assert await status(open_house, token) in {200, 401}
    people.callers.forget()
    assert await status(open_house, token) == 401


async def test_nobody_registers_unless_the_operator_allows_it(server: Connector, sandbox: str, issuer: Issuer):
    """T60; and with it allowed, nobody gets another person's name."""
    settings = {"jwt_issuer": issuer.name, "jwt_create_users": True, "wrong_key_rate": 0}
    async with running_product(server, sandbox, **settings) as product:
        await product.installation.users.create("ann@example.com")
        for _ in range(2):
            client = await product.client({"authorization": f"Bearer {issuer.token(email='ann@example.com')}"})
            body = (await client.get("/v1/me")).json()
            assert body["name"].startswith("ann@example.com (")
        assert len(await product.installation.users.page()) == 2


async def test_a_shared_secret_counts_alone(server: Connector, sandbox: str, issuer: Issuer):
    settings = {"jwt_issuer": issuer.name, "jwt_secret": SECRET, "jwt_create_users": True, "wrong_key_rate": 0}
    async with running_product(server, sandbox, **settings) as product:
        good = issuer.token(alg="HS256", key=OctKey.import_key(SECRET))
        assert await status(product, good) == 200
        assert await status(product, issuer.token()) == 401
        assert await status(product, issuer.token(alg="HS384", key=OctKey.import_key(SECRET))) == 401
        assert await status(product, issuer.token(alg="HS256", key=OctKey.import_key(SECRET + "x"))) == 401


async def test_our_own_tokens_are_short_lived_and_signed_by_a_key_with_an_id(product: Product):
    user = await product.installation.users.create(f"own-{uuid4().hex[:6]}")
    tokens = product.installation.people.tokens
    assert await status(product, tokens.issue(user.id).reveal()) == 200
    assert await status(product, tokens.issue(user.id, seconds=-120).reveal()) == 401
    assert await status(product, tokens.issue(uuid4()).reveal()) == 401
    other = OwnTokens([b"x" * 32], SystemClock())
    assert await status(product, other.issue(user.id).reveal()) == 401
    assert await status(product, issuer_like(user.id)) == 401
    # After a rotation of the signing key the old one's tokens work until they expire.
    old, new = OwnTokens([b"o" * 32], SystemClock()), OwnTokens([b"n" * 32, b"o" * 32], SystemClock())
    token = old.issue(user.id).reveal()
    header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert await new.find("HS256", header["kid"]) is not None
    assert await new.find("none", header["kid"]) is None


def issuer_like(user_id: object) -> str:
    """Our claims, signed with a secret of the attacker's."""
    now = int(time.time())
    claims = {"iss": "sluicegate", "aud": "sluicegate-api", "sub": str(user_id), "iat": now, "exp": now + 60}
    return jwt.encode({"alg": "HS256", "kid": "x"}, claims, OctKey.import_key("y" * 40), algorithms=["HS256"])


async def test_a_token_ends_with_its_sign_in(product: Product):
    """T27; a token of no sign-in lives until it expires."""
    sign_in, people = product.installation.sign_in, product.installation.people
    name = f"signed-{uuid4().hex[:6]}"
    user = await product.installation.users.create(name)
    invitation = await sign_in.invite(user.id, admin=False)
    await sign_in.accept(invitation.reveal(), name, "a good long password 17")
    session, _ = await sign_in.sign_in(name, "a good long password 17", "", agent="test", address="127.0.0.1")
    token = people.tokens.issue(user.id, session=str(session.id)).reveal()
    assert await status(product, token) == 200
    await sign_in.end(user.id, session.id)
    people.callers.forget()
    assert await status(product, token) == 401
    assert await status(product, people.tokens.issue(user.id, session=str(uuid4())).reveal()) == 401
    assert await status(product, people.tokens.issue(user.id).reveal()) == 200


async def test_tokens_open_only_what_library_keys_open(product: Product):
    user = await product.installation.users.create(f"scope-{uuid4().hex[:6]}")
    token = product.installation.people.tokens.issue(user.id).reveal()
    client = await product.client({"authorization": f"Bearer {token}", "x-api-key": token})
    assert (await client.get("/v1/torrents")).status_code == 200
    assert (await client.get("/jobs")).status_code == 401
    _, secret = await product.installation.keys.create(user.id, KeyKind.MEDIA)
    client = await product.client({"x-api-key": secret.reveal()})
    assert (await client.get("/jobs")).status_code == 200
