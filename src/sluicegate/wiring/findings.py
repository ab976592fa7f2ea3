"""A look over the installation: the machine, the database, what is set; for the command line and the dashboard."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sluicegate import __version__
from sluicegate.core.errors import InternalError
from sluicegate.core.findings import Finding
from sluicegate.settings import Settings
from sluicegate.wiring.engines import engines_run_elsewhere
from sluicegate.wiring.mail import mail_findings, registration_finding
from sluicegate.wiring.tls import tls_finding

if TYPE_CHECKING:
    from sluicegate.wiring.installation import Installation

__all__ = ["has_database_folder", "installation_findings", "machine_findings"]

_FREE_MIN: Final = 2 << 30


def machine_findings(settings: Settings) -> Iterator[Finding]:
    """What can be seen without the database."""
    from sluicegate.media.ffmpeg import find_ffmpeg

    yield Finding("sluicegate", f"{__version__} on Python {sys.version.split()[0]}")
    free = shutil.disk_usage(_existing(settings.data_dir)).free
    advice = "" if free >= _FREE_MIN else "Free some space, or move the data folder with --data-dir."
    yield Finding("free disk", f"{free / (1 << 30):.1f} GiB at {settings.data_dir}", advice)
    try:
        yield Finding("ffmpeg", find_ffmpeg().name)
    except InternalError as error:
        yield Finding("ffmpeg", "missing", error.action)
    yield Finding("private networks", settings.egress_allow or "none may be connected to")
    yield tls_finding(settings)
    yield from mail_findings(settings)
    yield Finding("worker", "runs" if _has_data(settings) and engines_run_elsewhere(settings) else "none is running")


async def installation_findings(installation: "Installation") -> list[Finding]:
    """What the database says; never raises for one that is down."""
    health = await installation.database.health()
    if not health.ready:
        return [Finding("database", "not ready", health.detail)]
    users = len(await installation.users.page(limit=1000))
    return [
        Finding("database", "ready"),
        Finding("users", str(users), "" if users else "Make one: sluicegate users create NAME"),
        await registration_finding(installation),
    ]


def has_database_folder(settings: Settings) -> bool:
    """Whether the embedded database was made here already."""
    return (settings.data_dir / "postgres").exists()


def _has_data(settings: Settings) -> bool:
    return has_database_folder(settings) or (settings.database_url is not None and settings.data_dir.exists())


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
