"""How the command line speaks: data on stdout, everything else on stderr, one clear line per error.

Exit codes: 0 done, 1 the work failed, 2 wrong usage or input, 3 not found, 4 refused, 5 unavailable for now,
130 interrupted.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn

import typer

from sluicegate.core.errors import (
    AccessDenied,
    Conflict,
    InvalidInput,
    NotFound,
    Retry,
    SluicegateError,
)

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["EXIT_CODES", "fail", "notes", "print_json", "print_table", "stop_with"]


class _Notes:
    """Says things on stderr; what draws on terminals is loaded with the first word, and by a server never."""

    @cached_property
    def console(self) -> "Console":
        from rich.console import Console

        return Console(stderr=True, highlight=False)

    def print(self, *words: object, markup: bool = True, soft_wrap: bool = False) -> None:
        self.console.print(*words, markup=markup, soft_wrap=soft_wrap)


notes: Final = _Notes()
"""For people: progress, hints, errors. Never data."""

EXIT_CODES: Final[dict[int, str]] = {
    0: "done",
    1: "the work failed",
    2: "wrong usage or input",
    3: "not found",
    4: "refused",
    5: "unavailable for now, try again",
    130: "interrupted",
}


def print_json(value: Mapping[str, Any] | Sequence[Any]) -> None:
    """Prints data for machines: one JSON document."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> None:
    """Prints data for people; ``empty`` says on stderr that there is nothing."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        # The first column is what people copy into the next command.
        table.add_column(column, no_wrap=number == 0, overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    if table.row_count:
        width = None if sys.stdout.isatty() else 240
        Console(highlight=False, soft_wrap=True, width=width).print(table)
    else:
        notes.print(empty)


def fail(message: str, code: int = 1) -> NoReturn:
    """Prints one line on stderr and leaves with ``code``."""
    notes.print(f"error: {message}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def stop_with(error: SluicegateError) -> NoReturn:
    """Leaves with the error's sentence, its next step, and the exit code of its kind."""
    fail(f"{error.detail} {error.action}".strip(), _code(error))


def _code(error: SluicegateError) -> int:
    if isinstance(error, InvalidInput):
        return 2
    if isinstance(error, NotFound):
        return 3
    if isinstance(error, AccessDenied | Conflict):
        return 4
    return 5 if error.retry is Retry.LATER else 1


def _cell(value: object) -> str:
    from rich.markup import escape

    return "" if value is None else escape(str(value))
