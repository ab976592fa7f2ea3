"""The server process: web, worker or both, until a signal ends it."""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

from sluicegate.core.crash_points import CrashPoint, arm
from sluicegate.settings import Role, Settings
from sluicegate.wiring.installation import Installation, open_installation
from sluicegate.wiring.log import configure_logging
from sluicegate.wiring.sandbox import sandbox_server
from sluicegate.wiring.settled import settle
from sluicegate.wiring.tls import server_certificate, serves_tls
from sluicegate.wiring.told_address import server_address

__all__ = ["serve"]


async def serve(settings: Settings) -> None:
    """Runs until SIGINT or SIGTERM; prints ``ready http://HOST:PORT`` on stdout once requests are answered.

    Raises:
        SluicegateError: the installation cannot be opened. OSError: the address is taken.
        CancelledError: a second signal came before the end was reached.
    """
    arm(CrashPoint(settings.crash_at) if settings.crash_at else None)
    configure_logging(settings.log_level, settings.log_format)
    stop = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.enter_context(_signals(stop))
        listener = None
        if settings.role is not Role.WORKER:
            server_certificate(settings)  # a wrong one is told before anything slow starts
            listener = _listen(settings)
        sandbox = None
        if settings.sandbox:
            sandbox = await stack.enter_async_context(sandbox_server(settings))
            print(f"sandbox {sandbox}", flush=True)  # noqa: T201 - told to whoever started us
        installation = await stack.enter_async_context(open_installation(settings, sandbox=sandbox))
        if listener is not None and settings.public_url is None:
            installation.base_url.value = _url(listener, settings)
        if settings.role is not Role.WEB:
            from sluicegate.wiring.worker import running_worker  # a web process needs none of the queue

            await stack.enter_async_context(running_worker(installation))
        if listener is None:
            settle()
            print("ready worker", flush=True)  # noqa: T201 - told to whoever started us
        else:
            await stack.enter_async_context(_web(installation, listener, stop))
            url = _url(listener, settings)
            if stack.enter_context((told := server_address(settings.data_dir)).held()):
                told.tell(url)
            first = await _first_link(installation)  # before others make links: it ends earlier ones
            settle()
            print(f"ready {url}", flush=True)  # noqa: T201 - told to whoever started us
            if first is not None:
                print(f"nobody has signed in yet; the first one does here: {first}", file=sys.stderr, flush=True)  # noqa: T201 - as above
        await stop.wait()


@asynccontextmanager
async def _web(installation: Installation, listener: socket.socket, stop: asyncio.Event) -> AsyncIterator[None]:
    """Answers requests inside the block."""
    from sluicegate.wiring.web_server import answering  # a fifth of the program's memory, which a worker saves

    changes = installation.database.access_changes
    async with (
        installation.gateway.running(changes),
        installation.people.running(changes),
        installation.pacing.running(installation.database.rest_changes),
        answering(installation, listener, stop),
    ):
        yield


async def _first_link(installation: Installation) -> str | None:
    """Where the first one signs in, while nobody has."""
    from sluicegate.wiring.dashboard import setup_link

    return await setup_link(installation)


@contextlib.contextmanager
def _signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set ``stop``; a second one cuts short whatever the end waits for."""
    loop, serving = asyncio.get_running_loop(), asyncio.current_task()

    def handle() -> None:
        if stop.is_set() and serving is not None:
            serving.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, handle)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _listen(settings: Settings) -> socket.socket:
    """Takes the address before anything slow starts, so that a taken port is told at once."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((settings.host, settings.port))
    listener.set_inheritable(False)
    return listener


def _url(listener: socket.socket, settings: Settings) -> str:
    """The URL to print: a wildcard address is shown as the loopback."""
    host, scheme = settings.host, "https" if serves_tls(settings) else "http"
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104 - how it is reached
    return f"{scheme}://{shown}:{listener.getsockname()[1]}"
