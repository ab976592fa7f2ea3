"""``sluicegate sandbox``: the provider sandbox alone."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli.output import fail

__all__ = ["sandbox"]


def sandbox(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 picks a free one.")] = 8900,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    data_dir: Annotated[
        Path | None, typer.Option("--data-dir", help="Folder that keeps the world; without one it lives in memory.")
    ] = None,
) -> None:
    """Imitates every provider on one port until Ctrl-C; prints "sandbox http://HOST:PORT" once it answers."""
    from sluicegate.sandbox.server import serve

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        if data_dir is not None:
            data_dir.mkdir(parents=True, exist_ok=True)
        await serve(data_dir, host, port, stop)

    try:
        asyncio.run(main())
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        fail(f"cannot listen on {host}:{port}: {reason}", 5)
