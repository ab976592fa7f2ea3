"""Small steps that every repository takes: rows as mappings, one row or ``NotFound``, and values as columns."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BindParameter, ColumnElement, Executable, RowMapping, Table, bindparam, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sluicegate.core.errors import NotFound
from sluicegate.core.places import ListPlace

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["beside", "columns_of", "first", "many", "new", "new_values", "one", "page_bounds"]

_LIMIT_MAX: Final = 1_000


async def first(
    connection: AsyncConnection, statement: Executable, parameters: Mapping[str, Any] | None = None
) -> RowMapping | None:
    """The first row of ``statement`` by column name, or None."""
    return (await connection.execute(statement, parameters)).mappings().first()


async def one(connection: AsyncConnection, statement: Executable, what: str) -> RowMapping:
    """The row of ``statement`` by column name.

    Raises:
        NotFound: there is none; ``what`` names the thing ("job").
    """
    row = await first(connection, statement)
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row


async def many(connection: AsyncConnection, statement: Executable) -> Sequence[RowMapping]:
    """All rows of ``statement`` by column name."""
    return (await connection.execute(statement)).mappings().all()


def columns_of(value: "DataclassInstance", *, without: Iterable[str] = ()) -> dict[str, Any]:
    """A dataclass as column values; enumerations become their words. Nested values are the caller's business."""
    left_out = frozenset(without)
    found = {field.name: getattr(value, field.name) for field in fields(value) if field.name not in left_out}
    return {name: str(item) if isinstance(item, StrEnum) else item for name, item in found.items()}


def new(table: Table, *, without: Iterable[str] = ()) -> dict[str, BindParameter[Any]]:
    """A parameter for each column, for statements that are built once: building costs more than running them."""
    left_out = frozenset(without)
    return {c.name: bindparam(f"new_{c.name}", type_=c.type) for c in table.c if c.name not in left_out}


def new_values(columns: Mapping[str, Any]) -> dict[str, Any]:
    """The values for the parameters of ``new``."""
    return {f"new_{name}": value for name, value in columns.items()}


def beside(
    at: ColumnElement[Any], row_id: ColumnElement[Any], place: ListPlace | None
) -> tuple[list[ColumnElement[bool]], tuple[ColumnElement[Any], ...]]:
    """Which rows come at ``place`` of a list with the newest first, and the order in which the nearest come first."""
    if place is None:
        return [], (at.desc(), row_id.desc())
    row, here = tuple_(at, row_id), (place.at, place.id)
    if place.newer:
        return [row > here], (at.asc(), row_id.asc())
    return [row < here], (at.desc(), row_id.desc())


def page_bounds(limit: int, offset: int) -> tuple[int, int]:
    """Bounds that the database accepts: at most 1,000 rows, nothing negative."""
    return min(max(limit, 0), _LIMIT_MAX), min(max(offset, 0), 2**62)
