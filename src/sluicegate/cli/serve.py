"""``sluicegate serve``: the server."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from sluicegate.cli.context import DatabaseUrl, DataDir, load
from sluicegate.cli.output import fail, stop_with
from sluicegate.core.errors import SluicegateError
from sluicegate.settings import Role

__all__ = ["serve"]


def serve(
    host: Annotated[str | None, typer.Option(help="Address to serve on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one.", show_default="8787")] = None,
    role: Annotated[Role | None, typer.Option(help="What this process does.", show_default="all")] = None,
    tls_certificate: Annotated[
        Path | None, typer.Option(help="PEM file of a certificate: serve https.", show_default=False)
    ] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file of its key.", show_default=False)] = None,
    sandbox: Annotated[
        bool, typer.Option("--sandbox", help="Run the provider sandbox and talk to it instead of the providers.")
    ] = False,
    data_dir: DataDir = None,
    database_url: DatabaseUrl = None,
) -> None:
    """Serves until Ctrl-C; prints "ready http://HOST:PORT" (or https) on stdout once it answers.

    Ctrl-C or a termination signal ends it in order, with exit code 0; a second one ends it without waiting for
    requests and work in hand, with exit code 130.
    """
    from sluicegate.app import serve as run_server

    settings = load(
        data_dir,
        database_url,
        host=host,
        port=port,
        role=role,
        tls_certificate=tls_certificate,
        tls_key=tls_key,
        sandbox=sandbox or None,
    )
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(run_server(settings))
    except asyncio.CancelledError:
        raise typer.Exit(130) from None
    except SluicegateError as error:
        stop_with(error)
    except OSError as error:
        fail(f"cannot serve on {settings.host}:{settings.port}: {error.strerror or error}", 5)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop where it is installed, else asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
