"""The entry point of ``sluicegate``."""

import sys

from sluicegate.cli.commands import program

__all__ = ["main"]


def main() -> None:
    """Runs the command that the arguments name."""
    program(sys.argv[1] if len(sys.argv) > 1 else None)()
