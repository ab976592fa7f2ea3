"""The entry point of ``sluicegate``."""

import logging
import os
import sys
from typing import NoReturn

from sluicegate.cli.commands import program

__all__ = ["main"]


def main() -> NoReturn:
    """Runs the command that the arguments name, and ends the process with its exit code."""
    code = 0
    try:
        program(sys.argv[1] if len(sys.argv) > 1 else None)()
    except SystemExit as end:
        if isinstance(end.code, str):  # what Python itself would do with it
            sys.stderr.write(f"{end.code}\n")
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    _end(code)


def _end(code: int) -> NoReturn:
    """Leaves at once.

    Taking everything apart that a command has loaded takes Python as long as many a command takes for its work, and
    frees what the process's end frees anyway. What commands open they have closed by now.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:  # it was closed before we came
                stream.flush()
        except OSError:  # whoever read it is gone, or the disk is full
            code = code or 1
    os._exit(code)
