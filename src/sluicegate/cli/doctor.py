"""``sluicegate doctor``: what is set, where it comes from, and what is wrong."""

import os
from typing import Any

import typer
from pydantic import SecretStr

from sluicegate import __version__
from sluicegate.cli.context import DatabaseUrl, DataDir, Json, load, run
from sluicegate.cli.output import print_json, print_table
from sluicegate.core.errors import SluicegateError
from sluicegate.core.findings import Finding
from sluicegate.settings import Settings

__all__ = ["doctor"]


def doctor(data_dir: DataDir = None, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Explains what is set and what is wrong; leaves with 1 when something is."""
    from sluicegate.wiring.findings import machine_findings

    settings = load(data_dir, database_url)
    findings = [*machine_findings(settings), *_database(settings)]
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


def _database(settings: Settings) -> list[Finding]:
    from sluicegate.wiring.findings import has_database_folder, installation_findings
    from sluicegate.wiring.installation import open_installation

    if settings.database_url is None and not has_database_folder(settings):
        return [Finding("database", "none yet: the first start makes it")]

    async def look() -> list[Finding]:
        async with open_installation(settings) as installation:
            return await installation_findings(installation)

    async def safely() -> list[Finding]:
        try:
            return await look()
        except SluicegateError as error:
            return [Finding("database", error.detail, error.action)]

    return run(safely)


def _shown(value: Any) -> str:  # noqa: ANN401 - any setting
    if isinstance(value, SecretStr):
        return "set"
    return "" if value is None else str(value)


def _origin(name: str) -> str:
    return "environment" if f"SLUICEGATE_{name.upper()}" in os.environ else "default, file or option"
