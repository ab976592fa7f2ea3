"""What every command shares: the options that name the installation, and opening it for one call."""

import asyncio
import os
import tomllib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from pydantic import ValidationError

from sluicegate.cli.output import fail, stop_with
from sluicegate.core.errors import NotFound, SluicegateError
from sluicegate.core.users import User
from sluicegate.settings import Settings

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["DEFAULT_USER", "DataDir", "DatabaseUrl", "Json", "UserName", "load", "owner", "run", "with_installation"]

T = TypeVar("T")

DEFAULT_USER = "home"
"""Owner of what is done on the command line when no user is named."""

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Folder of the installation.", show_default=False)]
DatabaseUrl = Annotated[
    str | None, typer.Option("--database-url", help="PostgreSQL to use instead of the embedded one.")
]
Json = Annotated[bool, typer.Option("--json", help="Print data as JSON.")]
UserName = Annotated[str, typer.Option("--user", help="Name of the user.")]


def load(data_dir: Path | None = None, database_url: str | None = None, **more: object) -> Settings:
    """The settings with this command's options on top; a wrong one ends the command with a sentence."""
    if (config := os.environ.get("SLUICEGATE_CONFIG")) and not Path(config).is_file():
        fail(f"SLUICEGATE_CONFIG names no file: {config}", 2)
    try:
        return Settings.load(data_dir=data_dir, database_url=database_url, **more)
    except tomllib.TOMLDecodeError as error:
        fail(f"the file that SLUICEGATE_CONFIG names is no TOML: {error}", 2)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        fail(f"setting SLUICEGATE_{name}: {first['msg']} ('sluicegate doctor' explains every setting)", 2)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Runs asynchronous work; a core error becomes one line and an exit code."""

    async def main() -> T:
        return await work()

    try:
        return asyncio.run(main())
    except SluicegateError as error:
        stop_with(error)
    except KeyboardInterrupt:
        fail("interrupted", 130)


def with_installation(settings: Settings, work: "Callable[[Installation], Awaitable[T]]") -> T:
    """Opens the installation, works on it beside whatever server is running, and closes it again."""
    # Here, not above: what an installation needs takes most of a command's start, and --help needs none of it.
    from sluicegate.wiring.installation import open_installation
    from sluicegate.wiring.log import configure_logging

    async def main() -> T:
        configure_logging("warning", "text")
        async with open_installation(settings) as installation:
            return await work(installation)

    return run(main)


async def owner(installation: "Installation", name: str) -> User:
    """The user with this name; the default user is made when first needed.

    Raises:
        NotFound: there is no such user.
    """
    try:
        return await installation.users.by_name(name)
    except NotFound:
        if name != DEFAULT_USER:
            raise
        return await installation.users.create(name)
