"""Signing in: on the real database, with a clock that is driven."""

from datetime import timedelta
from uuid import uuid4

import pyotp
import pytest
from argon2 import PasswordHasher
from tests.clocks import DrivenClock

from sluicegate.core.errors import AccessDenied, InvalidInput, NotFound, RateLimited, Unauthenticated
from sluicegate.core.users import User
from sluicegate.db.database import Database
from sluicegate.services.passwords import Passwords
from sluicegate.services.sign_in import SignInService
from sluicegate.services.vault import AesVault

PASSWORD = "a long and dull sentence"
_PASSWORDS = Passwords(PasswordHasher(time_cost=1, memory_cost=32))  # what is tested here is not its cost


@pytest.fixture
def clock() -> DrivenClock:
    return DrivenClock()


@pytest.fixture
def service(database: Database, vault: AesVault, clock: DrivenClock) -> SignInService:
    return SignInService(database.transactions, vault, _PASSWORDS, clock)


@pytest.fixture
async def ann(service: SignInService) -> User:
    """The first user, set up by invitation."""
    token = await service.invite(None, admin=True)
    return await service.accept(token.reveal(), "ann", PASSWORD)


async def enter(service: SignInService, password: str = PASSWORD, code: str = "", name: str = "ann"):
    return await service.sign_in(name, password, code, agent="Firefox", address="192.0.2.1")


async def test_the_first_one_is_invited_and_nobody_has_a_default_password(service: SignInService):
    """T31."""
    assert await service.needs_setup()
    for name, password in (("admin", "admin"), ("admin", "adminadmin"), ("home", ""), ("", "")):
        with pytest.raises(Unauthenticated):
            await enter(service, password, name=name)
    token = await service.invite(None, admin=True)
    user = await service.accept(token.reveal(), "ann", PASSWORD)
    assert not await service.needs_setup()
    session, secret = await enter(service)
    assert (session.user_id, session.admin) == (user.id, True)
    assert await service.session(secret.reveal()) == session


async def test_an_invitation_works_once_and_for_a_day(service: SignInService, clock: DrivenClock):
    token = (await service.invite(None, admin=True)).reveal()
    await service.accept(token, "ann", PASSWORD)
    with pytest.raises(NotFound):
        await service.accept(token, "eve", PASSWORD)
    late = (await service.invite(None, admin=False)).reveal()
    clock.advance(24 * 3600 + 1)
    with pytest.raises(NotFound):
        await service.invited(late)
    for nonsense in ("", "x", "é" * 20, "a" * 5000):
        with pytest.raises(NotFound):
            await service.invited(nonsense)


async def test_a_newer_invitation_ends_the_one_before(service: SignInService):
    first = (await service.invite(None, admin=True)).reveal()
    await service.invite(None, admin=True)
    with pytest.raises(NotFound):
        await service.invited(first)


async def test_whoever_the_command_line_made_before_keeps_everything(
    service: SignInService, database: Database, clock: DrivenClock
):
    home = User(uuid4(), "home", clock.now())
    async with database.transactions() as tx:
        await tx.users.add(home)
    token = (await service.invite(None, admin=True)).reveal()
    assert (await service.accept(token, " home ", PASSWORD)).id == home.id
    other = (await service.invite(None, admin=False)).reveal()
    with pytest.raises(InvalidInput, match="taken"):
        await service.accept(other, "home", PASSWORD)


@pytest.mark.parametrize(
    ("name", "password"),
    [("ann", "short"), ("ann", "x" * 201), ("ann", "aaaaaaaaaaaaaaa"), ("annannanna", "annannanna"), ("", PASSWORD)],
)
async def test_names_and_passwords_that_will_not_do(service: SignInService, name: str, password: str):
    token = (await service.invite(None, admin=True)).reveal()
    with pytest.raises(InvalidInput):
        await service.accept(token, name, password)
    await service.accept(token, "ann", PASSWORD)


async def test_wrong_attempts_are_slowed_down_and_never_lock_for_good(
    service: SignInService, ann: User, clock: DrivenClock
):
    """T28."""
    for _ in range(6):
        with pytest.raises(Unauthenticated):
            await enter(service, "a wrong password")
    with pytest.raises(RateLimited) as refused:
        await enter(service)
    assert refused.value.retry_after == pytest.approx(15)
    clock.advance(16)
    await enter(service)
    for _ in range(5):
        with pytest.raises(Unauthenticated):
            await enter(service, "a wrong password")
    await enter(service)


async def test_an_unknown_name_reads_like_a_wrong_password(service: SignInService, ann: User):
    """T28: no enumeration."""
    with pytest.raises(Unauthenticated) as known:
        await enter(service, "a wrong password")
    with pytest.raises(Unauthenticated) as unknown:
        await enter(service, "a wrong password", name="nobody")
    assert str(known.value) == str(unknown.value)
    for name in ("a\0b", "x" * 10_000):
        with pytest.raises(Unauthenticated):
            await enter(service, name=name)


async def test_sessions_end_at_once(service: SignInService, ann: User, clock: DrivenClock):
    """T27."""
    first, one = await enter(service)
    _, two = await enter(service)
    assert len(await service.sessions(ann.id)) == 2
    await service.end_others(first)
    assert await service.session(two.reveal()) is None
    await service.end(ann.id, first.id)
    assert await service.session(one.reveal()) is None
    with pytest.raises(NotFound):
        await service.end(ann.id, first.id)
    _, three = await enter(service)
    clock.advance(31 * 24 * 3600)
    assert await service.session(three.reveal()) is None
    for nonsense in ("", "x", "é", "a" * 10_000):
        assert await service.session(nonsense) is None


async def test_nobody_ends_a_session_of_somebody_else(service: SignInService, ann: User):
    """T25."""
    session, secret = await enter(service)
    with pytest.raises(NotFound):
        await service.end(uuid4(), session.id)
    assert await service.session(secret.reveal()) is not None


async def test_a_new_password_ends_every_other_session(service: SignInService, ann: User):
    session, here = await enter(service)
    _, there = await enter(service)
    with pytest.raises(AccessDenied):
        await service.change_password(session, "a wrong password", "another long sentence")
    await service.change_password(session, PASSWORD, "another long sentence")
    assert await service.session(here.reveal()) is not None
    assert await service.session(there.reveal()) is None
    with pytest.raises(Unauthenticated):
        await enter(service)
    await enter(service, "another long sentence")


async def test_the_second_factor(service: SignInService, ann: User, clock: DrivenClock):
    session, _ = await enter(service)
    offer = service.offer_totp("ann")
    totp = pyotp.TOTP(offer.secret.reveal())
    assert offer.address.reveal() == totp.provisioning_uri(name="ann", issuer_name="Sluicegate")
    with pytest.raises(InvalidInput):
        await service.confirm_totp(session, offer.secret.reveal(), "000000")
    with pytest.raises(InvalidInput):
        await service.confirm_totp(session, "no secret", totp.at(clock.now()))
    await service.confirm_totp(session, offer.secret.reveal(), totp.at(clock.now()))
    assert await service.has_totp(ann.id)

    for code in ("", "123", totp.at(clock.now()), totp.at(clock.now() - timedelta(minutes=5)), "é12345"):
        with pytest.raises(Unauthenticated):
            await enter(service, code=code)
    clock.advance(30)
    code = totp.at(clock.now())
    clock.advance(20)  # a clock that is a little off still does
    await enter(service, code=f"{code[:3]} {code[3:]}")
    with pytest.raises(Unauthenticated):
        await enter(service, code=code)

    with pytest.raises(AccessDenied):
        await service.remove_totp(session, "a wrong password")
    await service.remove_totp(session, PASSWORD)
    await enter(service)


async def test_an_invitation_for_a_user_who_is_there_resets_everything(
    service: SignInService, ann: User, clock: DrivenClock
):
    session, secret = await enter(service)
    offer = service.offer_totp("ann")
    await service.confirm_totp(session, offer.secret.reveal(), pyotp.TOTP(offer.secret.reveal()).at(clock.now()))
    token = (await service.invite(ann.id, admin=True)).reveal()
    assert (await service.accept(token, "ignored", "another long sentence")).id == ann.id
    assert await service.session(secret.reveal()) is None
    await enter(service, "another long sentence")


async def test_tokens_and_secrets_are_not_kept_in_the_open(service: SignInService, ann: User, database: Database):
    """T33."""
    _, token = await enter(service)
    async with database.transactions() as tx:
        login = await tx.sign_in.login(ann.id)
    assert login is not None
    assert login.password_hash.startswith("$argon2id$")
    assert PASSWORD not in repr(login)
    assert service.form_token(token.reveal()) != service.form_token(token.reveal() + "x")
    assert token.reveal() not in service.form_token(token.reveal())
