"""make run: serves with the embedded database and, on the first run, makes a user and prints a key."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMAND = str(Path(sys.executable).parent / "sluicegate")
DATA = ROOT / ".data"


def main() -> None:
    """Prepares the first key, then becomes the server."""
    if not (DATA / "master.key").exists():
        key = subprocess.run(
            [COMMAND, "keys", "create", "--user", "home", "--kind", "library", "--data-dir", str(DATA)],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        print(f"your key: {key}", flush=True)
    os.execv(COMMAND, [COMMAND, "serve", "--data-dir", str(DATA)])


if __name__ == "__main__":
    main()
