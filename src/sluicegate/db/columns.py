"""Columns and checks that tables of every area have."""

from enum import StrEnum
from typing import Any, Final

from sqlalchemy import CheckConstraint, Column, DateTime, ForeignKey, Uuid

__all__ = ["Time", "one_of", "owner"]

Time: Final = DateTime(timezone=True)


def owner(**options: Any) -> Column[object]:  # noqa: ANN401 - options of a column
    """``user_id``: what it names goes with its user. Not null unless ``options`` say otherwise."""
    return Column("user_id", Uuid, ForeignKey("users.id", ondelete="CASCADE"), **{"nullable": False, **options})


def one_of(column: str, words: type[StrEnum]) -> CheckConstraint:
    """The column holds one of these words."""
    return CheckConstraint(f"{column} IN ({', '.join(repr(str(word)) for word in sorted(words))})", name=column)
