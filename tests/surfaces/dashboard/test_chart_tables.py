"""Tables beside charts: every figure, the newest first, and one row for many days on which nothing happened."""

from datetime import date, timedelta

from sluicegate.surfaces.dashboard.chart_tables import over_days, over_months
from sluicegate.surfaces.dashboard.charts import Series

_DAYS = [date(2026, 2, 25) + timedelta(days=number) for number in range(8)]


def test_days_without_any_figure_share_a_row_that_names_the_first_and_the_last():
    table = over_days("x", "x", "x", _DAYS, [Series("a", [0, 0, 0, 1, 0, 0, 0, 0])])
    assert table.rows == [
        ("2026-03-01 to 2026-03-04", ["0"]),
        ("2026-02-28", ["1"]),
        ("2026-02-25 to 2026-02-27", ["0"]),
    ]


def test_a_day_with_a_figure_in_any_column_and_two_days_without_have_rows_of_their_own():
    drawn, also = Series("a", [0.0, 0.0, 0.5, 0.0, 1234.5, 0.0, 0.0, 0.0]), Series("b", [0, 0, 0, 7, 0, 0, 0, 9])
    table = over_days("x", "x", "x", _DAYS, [drawn], also=[also])
    assert table.columns == ["a", "b"]
    assert table.rows == [
        ("2026-03-04", ["0.0", "9"]),
        ("2026-03-03", ["0.0", "0"]),
        ("2026-03-02", ["0.0", "0"]),
        ("2026-03-01", ["1,234.5", "0"]),
        ("2026-02-28", ["0.0", "7"]),
        ("2026-02-27", ["0.5", "0"]),
        ("2026-02-26", ["0.0", "0"]),
        ("2026-02-25", ["0.0", "0"]),
    ]


def test_months_without_any_figure_share_a_row_too():
    table = over_months("x", "x", "x", ["2026-01", "2026-02", "2026-03", "2026-04"], [Series("a", [0, 0, 0, 2.0])])
    assert table.rows == [("2026-04", ["2.0"]), ("2026-01 to 2026-03", ["0"])]
    assert over_months("x", "x", "x", [], []).rows == []
