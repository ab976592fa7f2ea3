"""Passkeys: right answers sign in, every other answer does not; on the real database, with a clock that is driven."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from tests.clocks import DrivenClock
from tests.passkey_device import PRESENT, VERIFIED, Device, altered, text
from tests.services.test_sign_in import _PASSWORDS, PASSWORD

from sluicegate.core.errors import AccessDenied, AlreadyExists, LimitReached, NotFound, Unauthenticated
from sluicegate.core.passkeys import PASSKEYS_MAX, RelyingParty
from sluicegate.core.sign_in import Session
from sluicegate.db.database import Database
from sluicegate.services.passkey_ceremony import PasskeyCeremonies
from sluicegate.services.passkeys import PasskeyService
from sluicegate.services.sign_in import SignInService
from sluicegate.services.vault import AesVault

PARTY = RelyingParty("films.example", "https://films.example")
ELSEWHERE = RelyingParty("evil.example", "https://evil.example")
VISITOR = "a browser"


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def sign_in(database: Database, vault: AesVault, clock: DrivenClock) -> SignInService:
    return SignInService(database.transactions, vault, _PASSWORDS, clock)


@pytest.fixture
def service(database: Database, vault: AesVault, sign_in: SignInService, clock: DrivenClock) -> PasskeyService:
    return PasskeyService(database.transactions, sign_in, PasskeyCeremonies(vault, clock), clock)


async def somebody(sign_in: SignInService, name: str) -> Session:
    token = await sign_in.invite(None, admin=False)
    await sign_in.accept(token.reveal(), name, PASSWORD)
    session, _ = await sign_in.sign_in(name, PASSWORD, "", agent="", address="")
    return session


@pytest.fixture
async def ann(sign_in: SignInService) -> Session:
    return await somebody(sign_in, "ann")


@pytest.fixture
async def device(service: PasskeyService, ann: Session) -> Device:
    """Ann's, with a passkey that is kept."""
    device = Device(PARTY.origin)
    await service.add(ann, device.make(await service.offer(ann, PASSWORD, PARTY)), "My phone", PARTY)
    return device


async def enter(
    service: PasskeyService, answer: str, *, party: RelyingParty = PARTY, visitor: str = VISITOR
) -> Session:
    session, _ = await service.enter(answer, party, visitor, agent="Firefox", address="192.0.2.1")
    return session


async def test_a_passkey_signs_its_owner_in_without_password_or_code(
    service: PasskeyService, sign_in: SignInService, ann: Session, device: Device, clock: DrivenClock
):
    for used in (1, 2):
        clock.advance(60)
        session, token = await service.enter(
            device.sign(service.ask(PARTY, VISITOR)), PARTY, VISITOR, agent="Firefox", address="192.0.2.1"
        )
        assert (session.user_id, session.agent) == (ann.user_id, "Firefox")
        assert await sign_in.session(token.reveal()) == session
        (kept,) = await service.of_user(ann.user_id)
        assert (kept.label, kept.host, kept.sign_count, kept.used_at) == ("My phone", PARTY.host, used, clock.now())


async def test_devices_that_do_not_count_are_taken(service: PasskeyService, ann: Session):
    device = Device(PARTY.origin, count=None)
    await service.add(ann, device.make(await service.offer(ann, PASSWORD, PARTY)), "", PARTY)
    for _ in range(2):
        assert (await enter(service, device.sign(service.ask(PARTY, VISITOR)))).user_id == ann.user_id


async def test_the_browser_is_asked_for_a_passkey_that_knows_its_owner(
    service: PasskeyService, ann: Session, device: Device
):
    """Discoverable, verified, bound to the host; a device that has one makes no second."""
    wanted = await service.offer(ann, PASSWORD, PARTY)
    assert wanted["rp"]["id"] == PARTY.host
    assert wanted["authenticatorSelection"]["residentKey"] == "required"
    assert wanted["authenticatorSelection"]["userVerification"] == "required"
    assert [one["id"] for one in wanted["excludeCredentials"]] == [text(device.credential_id)]
    asked = service.ask(PARTY, VISITOR)
    assert (asked["rpId"], asked["userVerification"], asked["allowCredentials"]) == (PARTY.host, "required", [])


async def test_a_passkey_is_made_by_whoever_knows_the_password(service: PasskeyService, ann: Session):
    with pytest.raises(AccessDenied) as caught:
        await service.offer(ann, "not it at all", PARTY)
    assert caught.value.field == "passkey_password"
    assert await service.of_user(ann.user_id) == []


async def test_an_answer_counts_once(service: PasskeyService, ann: Session, clock: DrivenClock):
    """Replay, of a device that does not count: only the challenge tells."""
    device = Device(PARTY.origin, count=None)
    made = device.make(await service.offer(ann, PASSWORD, PARTY))
    passkey = await service.add(ann, made, "", PARTY)
    answer = device.sign(service.ask(PARTY, VISITOR))
    await enter(service, answer)
    with pytest.raises(Unauthenticated):
        await enter(service, answer)
    await service.remove(ann.user_id, passkey.id)
    with pytest.raises(Unauthenticated):
        await service.add(ann, made, "", PARTY)
    clock.advance(301)
    with pytest.raises(Unauthenticated):
        await service.add(ann, made, "", PARTY)


async def test_a_counter_that_goes_back_is_a_copy(service: PasskeyService, device: Device):
    await enter(service, device.sign(service.ask(PARTY, VISITOR)))
    device.count = 0
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(PARTY, VISITOR)))


async def test_a_challenge_ends_after_five_minutes(
    service: PasskeyService, ann: Session, device: Device, clock: DrivenClock
):
    answer, made = device.sign(service.ask(PARTY, VISITOR)), Device(PARTY.origin)
    new = made.make(await service.offer(ann, PASSWORD, PARTY))
    clock.advance(timedelta(minutes=5).total_seconds())
    with pytest.raises(Unauthenticated, match="too long"):
        await enter(service, answer)
    with pytest.raises(Unauthenticated, match="too long"):
        await service.add(ann, new, "", PARTY)


WRONG: dict[str, Callable[[Device, dict[str, Any]], str]] = {
    "another origin": lambda device, asked: device.sign(asked, origin="https://evil.example"),
    "another port": lambda device, asked: device.sign(asked, origin=f"{PARTY.origin}:8443"),
    "no https": lambda device, asked: device.sign(asked, origin="http://films.example"),
    "another host": lambda device, asked: device.sign(asked | {"rpId": "evil.example"}),
    "a challenge of its own": lambda device, asked: device.sign(asked | {"challenge": text(b"\0" * 56)}),
    "a short challenge": lambda device, asked: device.sign(asked | {"challenge": asked["challenge"][:40]}),
    "an empty challenge": lambda device, asked: device.sign(asked | {"challenge": ""}),
    "another ceremony": lambda device, asked: device.sign(asked, type="webauthn.create"),
    "a turned bit of the signature": lambda device, asked: altered(device.sign(asked), "signature"),
    "a turned bit of the data": lambda device, asked: altered(device.sign(asked), "authenticatorData"),
    "a turned bit of the browser's words": lambda device, asked: altered(device.sign(asked), "clientDataJSON"),
    "no answer": lambda _, __: "",
    "no JSON": lambda _, __: "{",
    "no object": lambda _, __: "[]",
    "nonsense": lambda _, __: json.dumps({"id": "a", "rawId": "é", "type": "x", "response": []}),
    "very deep JSON": lambda _, __: "[" * 8000,
    "a very long answer": lambda device, asked: device.sign(asked) + " " * 20_000,
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_wrong_answers_sign_nobody_in(service: PasskeyService, device: Device, wrong: str):
    answer = WRONG[wrong](device, service.ask(PARTY, VISITOR))
    with pytest.raises(Unauthenticated) as caught:
        await enter(service, answer)
    assert str(caught.value)


@pytest.mark.parametrize("flags", [VERIFIED, PRESENT, 0])
async def test_a_device_that_has_not_asked_its_owner_signs_nobody_in(
    service: PasskeyService, ann: Session, device: Device, flags: int
):
    device.flags = flags
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(PARTY, VISITOR)))
    other = Device(PARTY.origin, flags=flags)
    with pytest.raises(Unauthenticated):
        await service.add(ann, other.make(await service.offer(ann, PASSWORD, PARTY)), "", PARTY)


async def test_an_answer_is_bound_to_the_browser_and_the_pages_that_asked(
    service: PasskeyService, ann: Session, device: Device
):
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(PARTY, "another browser")))
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(ELSEWHERE, VISITOR) | {"rpId": PARTY.host}))
    # A challenge for making one is none for signing in.
    offer = await service.offer(ann, PASSWORD, PARTY)
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign({"rpId": PARTY.host, **offer}), visitor=str(ann.id))
    # What is right for another installation is wrong here.
    device.origin = ELSEWHERE.origin
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(ELSEWHERE, VISITOR)), party=ELSEWHERE)


async def test_a_passkey_is_made_in_the_session_that_asked(
    service: PasskeyService, sign_in: SignInService, ann: Session
):
    eve = await somebody(sign_in, "eve")
    made = Device(PARTY.origin).make(await service.offer(ann, PASSWORD, PARTY))
    with pytest.raises(Unauthenticated):
        await service.add(eve, made, "", PARTY)
    with pytest.raises(Unauthenticated):
        await service.add(ann, made, "", ELSEWHERE)
    assert await service.of_user(eve.user_id) == []


async def test_nobody_signs_in_as_somebody_else(
    service: PasskeyService, sign_in: SignInService, ann: Session, device: Device
):
    """Another's handle, another's identifier, another's key: each is refused."""
    eve = await somebody(sign_in, "eve")
    hers = Device(PARTY.origin)
    await service.add(eve, hers.make(await service.offer(eve, PASSWORD, PARTY)), "", PARTY)
    hers.user_handle = ann.user_id.bytes
    with pytest.raises(Unauthenticated):
        await enter(service, hers.sign(service.ask(PARTY, VISITOR)))
    hers.user_handle, hers.credential_id = device.user_handle, device.credential_id
    with pytest.raises(Unauthenticated):
        await enter(service, hers.sign(service.ask(PARTY, VISITOR)))
    # Nor is a device's identifier taken over.
    with pytest.raises(AlreadyExists):
        await service.add(eve, hers.make(await service.offer(eve, PASSWORD, PARTY)), "", PARTY)
    assert (await enter(service, device.sign(service.ask(PARTY, VISITOR)))).user_id == ann.user_id


async def test_a_removed_passkey_signs_nobody_in(
    service: PasskeyService, sign_in: SignInService, ann: Session, device: Device
):
    (kept,) = await service.of_user(ann.user_id)
    eve = await somebody(sign_in, "eve")
    for act in (service.remove(eve.user_id, kept.id), service.rename(eve.user_id, kept.id, "mine")):
        with pytest.raises(NotFound):
            await act
    await service.rename(ann.user_id, kept.id, "  My\nold\u202e phone ")
    assert [one.label for one in await service.of_user(ann.user_id)] == ["My old phone"]
    await service.remove(ann.user_id, kept.id)
    with pytest.raises(NotFound):
        await service.remove(ann.user_id, kept.id)
    with pytest.raises(Unauthenticated, match="not known"):
        await enter(service, device.sign(service.ask(PARTY, VISITOR)))


async def test_passkeys_go_with_an_invitation_and_with_their_user(
    service: PasskeyService, sign_in: SignInService, ann: Session, device: Device, database: Database
):
    """T59: nothing of them is left."""
    token = await sign_in.invite(ann.user_id, admin=False)
    await sign_in.accept(token.reveal(), "ann", PASSWORD)
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(PARTY, VISITOR)))
    session, _ = await sign_in.sign_in("ann", PASSWORD, "", agent="", address="")
    await service.add(session, device.make(await service.offer(session, PASSWORD, PARTY)), "", PARTY)
    async with database.transactions() as tx:
        await tx.users.remove(ann.user_id)
    assert await service.of_user(ann.user_id) == []
    with pytest.raises(Unauthenticated):
        await enter(service, device.sign(service.ask(PARTY, VISITOR)))


async def test_nobody_has_passkeys_without_end(service: PasskeyService, ann: Session):
    late = Device(PARTY.origin).make(await service.offer(ann, PASSWORD, PARTY))
    for _ in range(PASSKEYS_MAX):
        await service.add(ann, Device(PARTY.origin).make(await service.offer(ann, PASSWORD, PARTY)), "", PARTY)
    with pytest.raises(LimitReached):
        await service.offer(ann, PASSWORD, PARTY)
    with pytest.raises(LimitReached):
        await service.add(ann, late, "", PARTY)
    assert len(await service.of_user(ann.user_id)) == PASSKEYS_MAX
    with pytest.raises(NotFound):
        await service.rename(ann.user_id, uuid4(), "x")
