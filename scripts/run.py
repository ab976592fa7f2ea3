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
        made = subprocess.run(
            [COMMAND, "keys", "create", "--user", "home", "--kind", "library", "--data-dir", str(DATA)],
            check=False,
            stdout=subprocess.PIPE,
            text=True,
        )
        if made.returncode != 0:
            sys.exit(made.returncode)  # the command has said why on stderr
        print(f"your key: {made.stdout.strip()}", flush=True)
        # The server itself makes the link, at each start until somebody has used one.
        print("your first sign-in: open the link below, after 'nobody has signed in yet'; it works once", flush=True)
    os.execv(COMMAND, [COMMAND, "serve", "--data-dir", str(DATA)])


if __name__ == "__main__":
    main()
