"""The usage page: figures of the month, what is allowed, charts with their tables."""

import re
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import pytest
from tests.faults.server import Server
from tests.house import database
from tests.surfaces.dashboard.conftest import Person

_CHARTS = ("jobs", "media", "stored", "minutes", "calls", "asked", "streamed", "links")


async def _id_of(house: Server, person: Person) -> UUID:
    async with database(house) as connection:
        return await connection.fetchval("SELECT id FROM users WHERE name = $1", person.name)


def _table(text: str, chart: str) -> dict[str, list[str]]:
    """The figures beside a chart, by label."""
    part = text.split(f'id="{chart}-heading"')[1].split("</section>", maxsplit=1)[0]
    rows = re.findall(r'<tr><th scope="row">([^<]+)</th>(.*?)</tr>', part, re.DOTALL)
    return {label: re.findall(r'<td class="figure">([^<]*)</td>', cells) for label, cells in rows}


async def test_somebody_without_any_use_sees_zeros_and_every_chart_has_a_table(newcomer: Person):
    """One row for the whole span, which is the same on all its days."""
    before = datetime.now(UTC).date()
    text = await newcomer.see("/app/usage")
    assert text.count('<svg class="chart"') == len(_CHARTS)
    assert "style=" not in text
    for chart in _CHARTS:
        ((span, figures),) = _table(text, chart).items()
        first, _, last = span.partition(" to ")
        if chart in {"streamed", "links"}:
            year, month = map(int, last.split("-"))
            # Twelve months: the first one is the next one of the year before.
            assert first == (f"{year}-01" if month == 12 else f"{year - 1}-{month + 1:02}"), chart
        else:
            assert date.fromisoformat(last) - date.fromisoformat(first) == timedelta(days=29), chart
            assert date.fromisoformat(last) >= before, chart
        assert {float(figure) for figure in figures} == {0.0}, chart
        assert f'aria-labelledby="{chart}-title {chart}-words"' in text


async def test_what_happened_is_drawn_on_its_day_and_for_its_owner_alone(newcomer: Person, eve: Person, house: Server):
    user_id, now = await _id_of(house, newcomer), datetime.now(UTC)
    day = (now - timedelta(days=3)).replace(hour=12)
    async with database(house) as connection:
        for state in ("ready", "ready", "failed", "cancelled"):
            await connection.execute(
                """INSERT INTO jobs (id, user_id, info_hash, source_kind, source_uri, state, name, progress, provider,
                    transfer_id, waiting, error, version, created_at, updated_at)
                VALUES ($1, $2, $3, 'torrent', 'https://host.example/f', $4, 'n', 0, '', 't', '', '', 1, $5, $5)""",
                uuid4(), user_id, uuid4().hex + "0" * 8, state, day,
            )  # fmt: skip
        await connection.execute(
            """INSERT INTO media_jobs (id, user_id, url, state, step, options, result, progress, attempts, version,
                created_at, updated_at, started_at, finished_at, bytes_done, position, priority, host, reserved_bytes)
            VALUES ($1, $2, 'https://host.example/v', 'Completed', 'Finished', '{}',
                '{"file_size": 3221225472}', 1, 1, 1, $3, $3, $3, $4, 0, 0, 0, '', 0)""",
            uuid4(), user_id, day, day + timedelta(seconds=90),
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO usage_counters (user_id, period, counter, value) VALUES ($1, $2, 'bytes_streamed', $3)",
            user_id, now.date().replace(day=1), 5 << 30,
        )  # fmt: skip
        await connection.execute(
            "INSERT INTO user_limits (user_id, storage_bytes, concurrent) VALUES ($1, $2, 3)", user_id, 10 << 30
        )
    text = await newcomer.see("/app/usage?days=7")
    assert _table(text, "jobs")[str(day.date())] == ["4", "2", "1"]
    assert _table(text, "media")[str(day.date())] == ["1", "0"]
    assert _table(text, "stored")[str(day.date())] == ["3.0"]
    assert _table(text, "minutes")[str(day.date())] == ["1.5"]
    assert _table(text, "streamed")[f"{now:%Y-%m}"] == ["5.0"]
    assert "10.0 GiB" in text
    assert "<dt>Media jobs at the same time</dt><dd>3</dd>" in text
    assert str(day.date()) in _table(text, "jobs")
    days = sorted(date.fromisoformat(one) for span in _table(text, "jobs") for one in span.split(" to "))
    assert days[-1] - days[0] == timedelta(days=6)
    others = _table(await eve.see("/app/usage?days=7"), "jobs")
    assert others.get(str(day.date()), ["0", "0", "0"]) == ["0", "0", "0"]  # a day without any figure may share a row


@pytest.mark.parametrize("wrong", ["days=0", "days=91", "days=soon", "days=-1", f"days={'9' * 400}"])
async def test_a_span_that_is_none_is_refused(ada: Person, wrong):
    await ada.see(f"/app/usage?{wrong}", 400)


async def test_who_is_not_signed_in_is_led_to_the_sign_in(house: Server):
    async with httpx.AsyncClient(base_url=house.url, timeout=60) as stranger:
        answer = await stranger.get("/app/usage")
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/app/sign-in")
