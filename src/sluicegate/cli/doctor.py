"""``sluicegate doctor``: what is set, where it comes from, and what is wrong."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pydantic import SecretStr

from sluicegate import __version__
from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, run
from sluicegate.cli.output import print_json, print_table
from sluicegate.core.errors import SluicegateError
from sluicegate.settings import Settings

__all__ = ["doctor"]

_FREE_MIN = 2 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``advice`` says what to do and is empty when all is well."""

    subject: str
    state: str
    advice: str = ""


def doctor(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:  # noqa: FBT002
    """Explains what is set and what is wrong; leaves with 1 when something is."""
    settings = load(data_dir, database_url)
    findings = [*_machine(settings), *_database(settings)]
    if json:
        print_json(
            {
                "version": __version__,
                "settings": {name: _shown(value) for name, value in settings},
                "findings": [{"subject": f.subject, "state": f.state, "advice": f.advice} for f in findings],
            }
        )
    else:
        rows = [
            (f"SLUICEGATE_{name.upper()}", _shown(value), _origin(name), Settings.model_fields[name].description)
            for name, value in settings
        ]
        print_table(("SETTING", "VALUE", "FROM", "MEANING"), rows, empty="")
        print_table(("CHECK", "RESULT", "WHAT TO DO"), [(f.subject, f.state, f.advice) for f in findings], empty="")
    if any(finding.advice for finding in findings):
        raise typer.Exit(1)


def _machine(settings: Settings) -> Iterator[Finding]:
    import imageio_ffmpeg

    from sluicegate.wiring.engines import engines_run_elsewhere

    yield Finding("sluicegate", f"{__version__} on Python {sys.version.split()[0]}")
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    advice = "" if free >= _FREE_MIN else "Free some space, or move the data folder with --data-dir."
    yield Finding("free disk", f"{free / (1 << 30):.1f} GiB at {settings.data_dir}", advice)
    try:
        yield Finding("ffmpeg", Path(imageio_ffmpeg.get_ffmpeg_exe()).name)
    except RuntimeError:
        yield Finding("ffmpeg", "missing", "Install ffmpeg; media jobs need it.")
    yield Finding("private networks", settings.egress_allow or "none may be connected to")
    yield Finding("worker", "runs" if _exists(settings) and engines_run_elsewhere(settings) else "none is running")


def _database(settings: Settings) -> list[Finding]:
    if settings.database_url is None and not _exists(settings):
        return [Finding("database", "none yet: the first start makes it")]

    from sluicegate.wiring.installation import open_installation

    async def look() -> list[Finding]:
        async with open_installation(settings) as installation:
            health = await installation.database.health()
            users = len(await installation.users.page(limit=1000))
            advice = "" if health.ready else health.detail
            return [
                Finding("database", "ready" if health.ready else "not ready", advice),
                Finding("users", str(users), "" if users else "Make one: sluicegate users create NAME"),
            ]

    async def safely() -> list[Finding]:
        try:
            return await look()
        except SluicegateError as error:
            return [Finding("database", error.detail, error.action)]

    return run(safely)


def _exists(settings: Settings) -> bool:
    return (settings.data_dir / "postgres").exists()


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _shown(value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, SecretStr):
        return "set"
    return "" if value is None else str(value)


def _origin(name: str) -> str:
    return "environment" if f"SLUICEGATE_{name.upper()}" in os.environ else "default, file or option"
