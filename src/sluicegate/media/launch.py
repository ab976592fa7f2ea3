"""Confines itself, then becomes another program: ``python -I -m sluicegate.media.launch LIMITS PROGRAM ARG…``.

A separate program, because code between fork and exec in a process with threads may hang.
"""

import os
import signal
import sys
from pathlib import Path

import msgspec

from sluicegate.media.confine import Confinement, confine


def main() -> None:
    """Reads the limits (JSON) from the first argument and runs the rest."""
    limits = msgspec.json.decode(sys.argv[1], type=Confinement)
    program = sys.argv[2]
    confine(limits, read=(Path(program),))
    # Python ignores these two, and what is ignored stays ignored in the new program.
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.execv(program, sys.argv[2:])  # noqa: S606  (a fixed program with an argument list; no shell)


if __name__ == "__main__":
    main()
