"""The accounts page and the page of one account: how its calls have gone, for its owner alone."""

import json
import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
from tests.faults.server import Server
from tests.house import database
from tests.surfaces.dashboard.conftest import HOSTILE, Person

from sluicegate.core.usage_history import Figure


async def test_the_health_of_an_account_is_shown_to_its_owner_alone(newcomer: Person, eve: Person, house: Server):
    account, today = uuid4(), datetime.now(UTC).date()
    async with database(house) as connection:
        user_id = await connection.fetchval("SELECT id FROM users WHERE name = $1", newcomer.name)
        await connection.execute(
            """INSERT INTO accounts (id, user_id, provider, label, state, reason, token_hint, sealed_token, created_at)
            VALUES ($1, $2, 'torbox', $3, 'disabled', '', '…x', 'x', now())""",
            account, user_id, HOSTILE,
        )  # fmt: skip
        rows = [
            (account, today - timedelta(days=back), calls, outcome, count)
            for back, calls, outcome, count in (
                (3, "link", "answered", 1200),
                (3, "link", "limited", 30),
                (3, "list", "failed", 4),
                (40, "list", "answered", 5),
                (2, "list", "held", 6),
            )
        ]
        columns = ("account_id", "day", "calls", "outcome", "count")
        await connection.copy_records_to_table("account_call_days", records=rows, columns=columns)
    shown = await newcomer.see("/app/accounts")
    assert "1,234 calls, 34 with an error; 6 kept back" in shown
    assert f'href="/app/accounts/{account}"' in shown
    text = await newcomer.see(f"/app/accounts/{account}")
    for page in (shown, text):
        assert "<script>alert" not in page
        assert "style=" not in page
    assert _figures(text, str(today - timedelta(days=3))) == ["1,200", "34", "30", "0", "4", "0"]
    assert _figures(text, str(today - timedelta(days=2))) == ["0", "0", "0", "0", "0", "6"]
    assert str(today - timedelta(days=40)) not in text
    assert str(today - timedelta(days=40)) in await newcomer.see(f"/app/accounts/{account}?days=90")
    assert re.search(r'data-label="Asked">link</td><td[^>]*>1,200</td><td[^>]*>30</td>', text)
    assert 'aria-labelledby="calls-title calls-words"' in text
    usage = await newcomer.see("/app/usage?days=7")
    assert _figures(usage.split('id="calls-heading"')[1], str(today - timedelta(days=3)))[:2] == ["1,200", "34"]
    told = json.loads(await house.cli("accounts", "history", str(account), "--days", "7", "--json"))
    assert [(day["answered"], day["limited"], day["failed"], day["held"]) for day in told] == [
        (1200, 30, 4, 0),
        (0, 0, 0, 6),
    ]
    await eve.see(f"/app/accounts/{account}", 404)
    await newcomer.see(f"/app/accounts/{uuid4()}", 404)
    for wrong in ("days=0", "days=91", "days=soon"):
        await newcomer.see(f"/app/accounts/{account}?{wrong}", 400)


async def test_a_new_token_that_cannot_be_one_is_not_tried(newcomer: Person, house: Server):
    """A beginning of it would be refused by the provider, which says nothing of what is wrong."""
    async with database(house) as connection:
        account = await connection.fetchval(
            """INSERT INTO accounts (id, user_id, provider, label, state, reason, token_hint, sealed_token, created_at)
            SELECT gen_random_uuid(), id, 'torbox', 'mine', 'disabled', '', '…x', 'kept', now()
            FROM users WHERE name = $1 RETURNING id""",
            newcomer.name,
        )
        for token, said in (("  ", "paste the new token"), ("x" * 4001, "At most 4,000"), ("a\0b", "cannot be kept")):
            answer = await newcomer.send(f"/app/accounts/{account}/token", 422, new_token=token)
            assert re.search(f"torbox \\(mine\\): [^<]*{said}", answer.text), said
            assert token.strip() == "" or token not in answer.text
        assert await connection.fetchval("SELECT sealed_token FROM accounts WHERE id = $1", account) == b"kept"


async def test_many_accounts_are_paged_and_a_page_stays_light(newcomer: Person, house: Server):
    async with database(house) as connection:
        await connection.execute(
            """INSERT INTO accounts (id, user_id, provider, label, state, reason, token_hint, sealed_token, created_at)
            SELECT gen_random_uuid(), users.id, 'realdebrid', 'no ' || n, 'disabled', '', '…x', 'x',
                now() + make_interval(secs => n)
            FROM users, generate_series(1, 45) AS n WHERE users.name = $1""",
            newcomer.name,
        )
        await connection.execute(
            """INSERT INTO account_call_days (account_id, day, calls, outcome, count)
            SELECT accounts.id, (now() AT TIME ZONE 'UTC')::date - back, 'link', outcome, 1000 + back
            FROM accounts JOIN users ON users.id = accounts.user_id, generate_series(0, 89) AS back,
                (VALUES ('answered'), ('failed')) AS of (outcome) WHERE users.name = $1""",
            newcomer.name,
        )
        await _busy_days(connection, newcomer.name)
    seen: list[str] = []
    for offset in (0, 15, 30):
        text = await newcomer.see(f"/app/accounts?offset={offset}")
        assert len(text.encode()) < 130_000
        seen += re.findall(r'<span class="soft">\((no \d+)\)</span>', text)
    assert seen == [f"no {number}" for number in range(1, 46)]
    usage = await newcomer.see("/app/usage?days=90")
    assert usage.count('<th scope="row">') > 6 * 89
    assert len(usage.encode()) < 130_000


async def _busy_days(connection: asyncpg.Connection, name: str) -> None:
    """Something in every chart on each of ninety days, so that every day has a row of its own."""
    await connection.execute(
        """INSERT INTO usage_days (user_id, day, figure, amount)
        SELECT users.id, (now() AT TIME ZONE 'UTC')::date - back, figure, 7000000000
        FROM users, generate_series(0, 89) AS back, unnest($2::text[]) AS figure WHERE users.name = $1""",
        name, list(Figure),
    )  # fmt: skip
    await connection.execute(
        """INSERT INTO gateway_provider_days (user_id, day, provider, calls, failed, spent_ms)
        SELECT users.id, (now() AT TIME ZONE 'UTC')::date - back, 'torbox', 1000, 10, 1
        FROM users, generate_series(0, 89) AS back WHERE users.name = $1""",
        name,
    )


def _figures(text: str, day: str) -> list[str]:
    """The row of one day."""
    row = text.split(f'<th scope="row">{day}</th>')[1].split("</tr>", maxsplit=1)[0]
    return re.findall(r'<td class="figure">([^<]*)</td>', row)
