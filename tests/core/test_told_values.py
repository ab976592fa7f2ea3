"""Figures, dates and hashes as strangers tell them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from sluicegate.core.told_values import told_amount, told_hash, told_size, told_time, told_whole


@pytest.mark.parametrize(
    ("told", "whole"),
    [
        *((0, 0), (7, 7), (7.9, 7), (2**63 - 1, 2**63 - 1)),
        *((2**63, None), (-1, None), (None, None), (float("nan"), None), (float("inf"), None), (1e300, None)),
    ],
)
def test_a_figure_is_whole_and_fits_a_column_or_is_none(told: float | None, whole: int | None) -> None:
    assert told_whole(told) == whole
    assert told_size(told) == (-1 if whole is None else whole)


def test_an_amount_keeps_its_fraction_and_is_nothing_where_it_is_absurd() -> None:
    assert told_amount(12.5) == 12.5
    assert [told_amount(one) for one in (None, -1, float("nan"), float("inf"), 1e300)] == [0.0] * 5


def test_a_time_without_a_zone_is_utc() -> None:
    assert told_time("2026-01-02T03:04:05.123456789Z") == datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    assert told_time("2026-01-02T03:04:05") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert told_time("2026-01-02T03:04:05+02:00") == datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    assert [told_time(one) for one in (None, "", "soon", "0000-00-00")] == [None] * 4


def test_a_hash_is_forty_hex_digits_in_lower_case() -> None:
    assert told_hash("AB" * 20) == "ab" * 20
    assert [told_hash(one) for one in (None, "", "ab" * 19, "ab" * 21, "zz" * 20, "ab" * 20 + "\n")] == [None] * 6
