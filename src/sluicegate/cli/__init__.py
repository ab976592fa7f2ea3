"""The command line: ``sluicegate --help``."""

from sluicegate.cli.main import main

__all__ = ["main"]
