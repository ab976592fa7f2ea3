"""Serves a sandbox in a process of its own, for tests that kill it: ``python -m tests.sandbox.served FOLDER PORT``."""

import asyncio
import sys
from pathlib import Path

from sluicegate.sandbox.server import serve

if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), port=int(sys.argv[2])))
