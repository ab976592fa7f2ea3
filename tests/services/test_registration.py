"""Registering by e-mail: on the real database, with a clock that is driven and a mail server that does as told."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import pytest
from argon2 import PasswordHasher
from tests.clocks import DrivenClock

from sluicegate.core.errors import AccessDenied, AlreadyExists, InvalidInput, LimitReached, NotFound
from sluicegate.core.mail import Mail, MailVerdict
from sluicegate.core.registration import RegistrationRules
from sluicegate.db.database import Database
from sluicegate.services import registration
from sluicegate.services.passwords import Passwords
from sluicegate.services.registration import RegistrationService
from sluicegate.services.registration_mails import SCHEDULE, RegistrationMails
from sluicegate.services.users import UserService
from sluicegate.services.vault import AesVault

PASSWORD = "a long and dull sentence"
LINK = re.compile(r"https://sluice\.example/app/register/confirm\?token=([\w-]{43})\n")
OPEN = RegistrationRules(open=True, reserved=frozenset({"home"}))
DOWN = MailVerdict(taken=False, words="The connection to the mail server broke.")


@dataclass
class Post:
    """A mail server: takes mails, or answers what it is told to."""

    verdicts: list[MailVerdict] = field(default_factory=list)
    mails: list[Mail] = field(default_factory=list)
    tried: int = 0

    async def send(self, mail: Mail) -> MailVerdict:
        self.tried += 1
        if self.verdicts:
            return self.verdicts.pop(0)
        self.mails.append(mail)
        return MailVerdict(taken=True)


@dataclass
class Desk:
    """Registering, with everything around it."""

    database: Database
    vault: AesVault
    clock: DrivenClock
    post: Post
    rules: RegistrationRules = OPEN

    def __post_init__(self) -> None:
        passwords = Passwords(PasswordHasher(time_cost=1, memory_cost=32))
        transactions = self.database.transactions
        self.service = RegistrationService(transactions, self.vault, passwords, self.clock, self.rules)
        self.mails = RegistrationMails(
            transactions, self.vault, self.post, self.clock, lambda: "https://sluice.example"
        )
        self.users = UserService(transactions, self.clock)

    async def rows(self, query: str, *values: object) -> list[dict]:
        connection = await self.database._connector.connect()
        try:
            return [dict(row) for row in await connection.fetch(query, *values)]
        finally:
            await connection.close()

    async def pending(self) -> list[dict]:
        return await self.rows("SELECT * FROM registrations ORDER BY created_at, address")

    async def work(self) -> list[float | None]:
        """Runs the task of every registration, as a worker does."""
        return [await self.mails.run(UUID(str(row["id"]))) for row in await self.pending()]

    async def link(self, address: str) -> str:
        """The token that a mail to this address carries."""
        await self.service.ask(address)
        await self.work()
        found = LINK.search(self.post.mails[-1].text)
        assert found is not None, self.post.mails[-1].text
        return found[1]


@pytest.fixture
def desk(database: Database, vault: AesVault) -> Desk:
    return Desk(database, vault, DrivenClock(), Post())


async def test_whoever_opens_the_link_becomes_an_ordinary_user(desk: Desk):
    """T60: and nobody does before."""
    token = await desk.link("Ann@Example.org")
    assert await desk.users.page() == [], "nobody is there before the link was opened"
    (row,) = await desk.pending()
    assert token not in str(row), "the database alone makes no links"
    assert bytes(row["fingerprint"]) == desk.vault.fingerprint(token)
    assert (row["address"], row["address_key"]) == ("Ann@example.org", "ann@example.org")
    for _ in range(3):  # a scanner looks at links, and uses nothing up
        assert (await desk.service.invited(token)).address == "Ann@example.org"
    ann = await desk.service.accept(token, " ann ", PASSWORD)
    assert ann.name == "ann"
    async with desk.database.transactions() as tx:
        login = await tx.sign_in.login(ann.id)
    assert login is not None
    assert not login.admin
    assert await desk.service.addresses([ann.id]) == {ann.id: "Ann@example.org"}
    assert await desk.pending() == []
    with pytest.raises(NotFound):
        await desk.service.accept(token, "ann2", PASSWORD)
    with pytest.raises(NotFound):
        await desk.service.invited(token)
    await desk.service.ask("ann@example.org")
    await desk.users.remove(ann.id, None)
    assert await desk.pending() == []
    assert await desk.rows("SELECT * FROM user_addresses") == [], "T59: the address goes with its user"
    assert await desk.link("ann@example.org"), "and can register anew"


async def test_a_known_address_gets_another_mail_and_whoever_asks_the_same_answer(desk: Desk):
    """T28: what is asked of the database is the same, too, and the answer waits for no mail."""
    await desk.service.accept(await desk.link("ann@example.org"), "ann", PASSWORD)
    tried = desk.post.tried
    assert str(await desk.service.ask("ANN@example.org")) == "ANN@example.org"
    assert str(await desk.service.ask("bob@example.org")) == "bob@example.org"
    assert desk.post.tried == tried, "mails are sent in the background"
    known, new = await desk.pending()
    differing = {"id", "address", "address_key", "fingerprint"}
    assert {k: v for k, v in known.items() if k not in differing} == {
        k: v for k, v in new.items() if k not in differing
    }
    await desk.work()
    to_ann, to_bob = sorted(desk.post.mails[-2:], key=lambda mail: str(mail.to))
    assert "Your name is: ann" in to_ann.text
    assert not LINK.search(to_ann.text)
    assert LINK.search(to_bob.text)
    with pytest.raises(NotFound):  # a link that nobody was sent opens nothing either
        await desk.service.invited(registration.link_token(desk.vault, known["id"]).reveal())


async def test_mails_to_one_address_are_few_and_all_carry_one_link(desk: Desk):
    token = await desk.link("ann@example.org")
    for minutes, mails in ((1, 1), (1.5, 2), (1, 2), (1.5, 3), (30, 3), (600, 3)):
        desk.clock.advance(minutes=minutes)
        await desk.service.ask("ann@example.org")
        await desk.work()
        assert len(desk.post.mails) == mails, minutes
    assert {LINK.search(mail.text)[1] for mail in desk.post.mails} == {token}
    assert len({mail.reference for mail in desk.post.mails}) == 3


async def test_links_and_registrations_end(desk: Desk):
    token = await desk.link("ann@example.org")
    desk.clock.advance(hours=23, minutes=59)
    await desk.service.invited(token)
    desk.clock.advance(minutes=2)
    for used in (desk.service.invited(token), desk.service.accept(token, "ann", PASSWORD)):
        with pytest.raises(NotFound, match="used already, or has ended"):
            await used
    assert await desk.link("ann@example.org") != token, "asking anew begins anew"
    desk.clock.advance(hours=25)
    async with desk.database.transactions() as tx:
        assert await tx.registrations.forget_ended(desk.clock.now()) == 1
    assert await desk.pending() == []


@pytest.mark.parametrize("token", ["", "x", "ä" * 43, "A" * 43, "A" * 5000, "' OR 1=1 --", "\x00"])
async def test_made_up_links_open_nothing(desk: Desk, token: str):
    with pytest.raises(NotFound):
        await desk.service.accept(token, "ann", PASSWORD)


async def test_names_and_passwords_are_as_with_an_invitation(desk: Desk):
    await desk.users.create("taken")
    token = await desk.link("ann@example.org")
    for name in ("taken", "home"):  # "home" owns what was done on the command line, wherever it was not made yet
        with pytest.raises(AlreadyExists) as refused:
            await desk.service.accept(token, name, PASSWORD)
        assert refused.value.field == "name"
    for name, password, wrong in (
        ("", PASSWORD, "name"),
        ("a\nb", PASSWORD, "name"),
        ("n" * 101, PASSWORD, "name"),
        ("ann", "short", "password"),
        ("ann", "aaaaaaaaaaaa", "password"),
        ("a name of ten", "A NAME OF TEN", "password"),
    ):
        with pytest.raises(InvalidInput) as unfit:
            await desk.service.accept(token, name, password)
        assert unfit.value.field == wrong
    assert (await desk.service.accept(token, "ann", PASSWORD)).name == "ann", "the link is still good"


async def test_only_those_may_who_the_settings_name(desk: Desk):
    """T60: nobody, unless they say otherwise."""
    closed = Desk(desk.database, desk.vault, desk.clock, desk.post, RegistrationRules())
    token = await desk.link("ann@example.org")
    for refused in (closed.service.ask("x@example.org"), closed.service.accept(token, "ann", PASSWORD)):
        with pytest.raises(AccessDenied):
            await refused
    some = RegistrationRules(open=True, domains=frozenset({"example.org"}))
    firm = Desk(desk.database, desk.vault, desk.clock, desk.post, some)
    await firm.service.ask("bob@EXAMPLE.org")
    for other in ("bob@example.com", "bob@sub.example.org", "bob@example.org.evil.example"):
        with pytest.raises(InvalidInput, match=r"Only addresses of example\.org"):
            await firm.service.ask(other)


async def test_a_mail_server_that_is_away_loses_nothing(desk: Desk):
    await desk.service.ask("ann@example.org")
    for attempt, pause in enumerate(SCHEDULE, start=1):
        desk.post.verdicts.append(DOWN)
        assert await desk.work() == [pause]
        sums = await desk.service.sums()
        assert (sums.pending, sums.stuck, sums.failed, sums.words) == (1, 1, 0, DOWN.words)
        assert await desk.work() == [pytest.approx(pause)], "not before its time"
        assert desk.post.tried == attempt
        desk.clock.advance(seconds=pause)
    await desk.work()
    assert LINK.search(desk.post.mails[0].text)
    assert (await desk.service.sums()).stuck == 0
    assert (await desk.pending())[0]["expires_at"] == desk.clock.now() + timedelta(hours=24), "the link has its time"


@pytest.mark.parametrize("refused", [[DOWN] * (len(SCHEDULE) + 1), [MailVerdict(False, True, "For good.")]])
async def test_a_mail_is_given_up_with_a_reason_and_may_be_asked_for_again(desk: Desk, refused: list[MailVerdict]):
    await desk.service.ask("ann@example.org")
    desk.post.verdicts += refused
    while (pause := (await desk.work())[0]) is not None:
        desk.clock.advance(seconds=pause)
    sums = await desk.service.sums()
    assert (sums.stuck, sums.failed, sums.words) == (0, 1, refused[-1].words)
    assert desk.post.tried == len(refused)
    desk.clock.advance(minutes=3)
    assert await desk.link("ann@example.org")


async def test_a_lost_task_is_woken_and_nothing_is_sent_twice(desk: Desk):
    await desk.service.ask("ann@example.org")
    connection = await desk.database._connector.connect()
    await connection.execute("DELETE FROM tasks.pgqueuer WHERE entrypoint = 'mail'")
    await connection.close()
    await desk.mails.sweep()
    woken = await desk.rows("SELECT entrypoint FROM tasks.pgqueuer WHERE entrypoint = 'mail'")
    assert len(woken) == 1
    await desk.work()
    await desk.work()
    await desk.mails.sweep()
    assert len(desk.post.mails) == 1


async def test_two_at_once_make_one_registration_and_one_user(desk: Desk):
    asked = await asyncio.gather(*(desk.service.ask(text) for text in ("ann@example.org", "ANN@example.org")))
    assert {one.key for one in asked} == {"ann@example.org"}
    assert len(await desk.pending()) == 1
    await desk.work()
    token = LINK.search(desk.post.mails[0].text)[1]
    names = ("ann", "ann2", "ann3")
    made = await asyncio.gather(*(desk.service.accept(token, name, PASSWORD) for name in names), return_exceptions=True)
    assert sorted(type(one).__name__ for one in made) == ["NotFound", "NotFound", "User"]
    assert len(await desk.users.page()) == 1


async def test_strangers_can_fill_only_so_much(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(registration, "_PENDING_MAX", 2)
    await desk.service.ask("ann@example.org")
    await desk.service.ask("bob@example.org")
    for address in ("ann@example.org", "eve@example.org"):  # told alike, whoever waits already
        with pytest.raises(LimitReached):
            await desk.service.ask(address)
    desk.clock.advance(hours=25)
    await desk.service.ask("eve@example.org")
