"""The entry point of ``sluicegate``."""

import sys

__all__ = ["main"]


def main() -> None:
    """Runs the command that the arguments name."""
    if sys.argv[1:2] == ["serve"]:
        # What is loaded now stays for as long as the server runs; the other commands are megabytes.
        from sluicegate.cli.serve import app

        app(sys.argv[2:], prog_name="sluicegate serve")
    else:
        from sluicegate.cli.commands import app as every_command

        every_command()
