"""``sluicegate rotate-master-key``: another master key, while the servers go on."""

from typing import TYPE_CHECKING, Annotated

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, load, with_installation
from sluicegate.cli.output import notes
from sluicegate.core.crash_points import CrashPoint, arm

if TYPE_CHECKING:
    from sluicegate.services.key_rotation import Rotated
    from sluicegate.wiring.installation import Installation

__all__ = ["rotate_master_key"]

_LOCK = "rotation.lock"


def rotate_master_key(
    end_links: Annotated[
        bool, typer.Option("--end-links", help="End signed links and tokens too; restart the servers afterwards.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Seals everything with a new master key; after a crash, run it again: it goes on where it stopped."""
    from sluicegate.services.key_rotation import KeyRotation
    from sluicegate.services.vault_keys import alone

    settings = load(data_dir, database_url)
    arm(CrashPoint(settings.crash_at) if settings.crash_at else None)

    async def work(installation: "Installation") -> "Rotated":
        def told(column: str, count: int) -> None:
            notes.print(f"{column}: {count} sealed anew")

        rotation = KeyRotation(
            installation.database.transactions, installation.vault, installation.master_keys, told=told
        )
        with alone(settings.data_dir / _LOCK):
            return await rotation.run(end_links=end_links)

    done = with_installation(settings, work)
    notes.print(f"the master key is a new one; {done.values} values were sealed anew")
    if done.to_do:
        notes.print(done.to_do)
    if end_links:
        notes.print("Restart the servers now: until then they accept the old signatures.")
