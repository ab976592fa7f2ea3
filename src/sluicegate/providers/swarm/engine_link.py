"""The server's end of the pipe to its torrent engine: starts it, speaks to it, and starts it again when it dies."""

import asyncio
import contextlib
import itertools
import logging
import os
import ssl
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from typing import Final

import msgspec

from sluicegate.core.errors import UpstreamTimeout, UpstreamUnavailable
from sluicegate.providers.swarm.options import SwarmOptions, encode_options
from sluicegate.providers.swarm.wire import LINE_MAX, Call, Reply, Request, Result

__all__ = ["EngineLink"]

_MODULE: Final = "sluicegate.providers.swarm.engine"
_ANSWER_WITHIN: Final = 30.0
_START_WITHIN: Final = 30.0
_END_WITHIN: Final = 15.0
_BACKOFF_FIRST: Final = 0.25
_BACKOFF_MAX: Final = 60.0
_HEALTHY_AFTER: Final = 60.0
_WORDS_MAX: Final = 2_000
_KEPT_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "PYTHONPATH", "TZ")

_log = logging.getLogger(__name__)


class EngineLink:
    """One torrent engine. Whoever makes it calls ``start`` once and ``aclose`` at the end.

    The engine process exists from the first call on, or from ``start`` when transfers are recorded in its folder. When
    it dies, it is started again after a back-off that grows from a quarter of a second to a minute.
    """

    def __init__(self, options: SwarmOptions) -> None:
        self.options = options
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Result]] = {}
        self._process: Process | None = None
        self._starting = asyncio.Lock()
        self._attendant: asyncio.Task[None] | None = None
        self._deaths = 0
        self._not_before = 0.0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The engine's process id, None while there is no engine."""
        return self._process.pid if self._process is not None else None

    def has_records(self) -> bool:
        """True when transfers are recorded in the engine's folder."""
        return any(self.options.folder.glob("*/record.json"))

    async def start(self) -> None:
        """Goes on with recorded transfers; without any, the engine waits for the first call."""
        if await asyncio.to_thread(self.has_records):
            with contextlib.suppress(UpstreamUnavailable):  # tried again by the first call
                await self._running()

    async def call(self, call: Call) -> Result:
        """One call to the engine, started if need be.

        Raises:
            UpstreamUnavailable: the engine died, or must not be started again yet (``retry_after`` tells when).
            UpstreamTimeout: it did not answer; it is then ended and started again by the next call.
        """
        process = await self._running()
        number = next(self._numbers)
        line = msgspec.json.encode(Request(number, call)) + b"\n"
        if len(line) > LINE_MAX:
            raise _unavailable("This torrent is too large for the torrent engine.")
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(_ANSWER_WITHIN):
                await self._write(process, line)
                return await answer
        except TimeoutError as cause:
            _end(process)
            raise UpstreamTimeout(
                "The torrent engine did not answer; it is started again.", provider="swarm"
            ) from cause
        finally:
            self._waiting.pop(number, None)

    async def aclose(self) -> None:
        """Lets the engine save what it has and end; idempotent."""
        self._closed = True
        async with self._starting:  # an engine that is just being started is not forgotten
            process, attendant = self._process, self._attendant
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            await _ended(process)
        if attendant is not None:
            if process is None:
                attendant.cancel()
            await asyncio.gather(attendant, return_exceptions=True)

    async def _running(self) -> Process:
        async with self._starting:
            if self._closed:
                raise _unavailable("The torrent engine is being shut down.")
            if self._process is not None:
                return self._process
            wait = self._not_before - time.monotonic()
            if wait > 0:
                raise _unavailable("The torrent engine stopped and is started again soon.", retry_after=wait)
            return await self._start()

    async def _start(self) -> Process:
        if self._attendant is not None and self._attendant is not asyncio.current_task():
            self._attendant.cancel()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", _MODULE,
            stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=LINE_MAX, start_new_session=True, env=_environment(os.environ),
        )  # fmt: skip
        ready: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[0] = ready
        self._process = process
        self._attendant = asyncio.create_task(self._attend(process), name="torrent engine")
        try:
            async with asyncio.timeout(_START_WITHIN):
                await self._write(process, encode_options(self.options) + b"\n")
                await ready
        except TimeoutError as cause:
            _end(process)
            raise _unavailable("The torrent engine did not start in time.") from cause
        except BaseException:  # nobody else knows of the process yet
            _end(process)
            raise
        finally:
            self._waiting.pop(0, None)
        return process

    async def _write(self, process: Process, line: bytes) -> None:
        if process.stdin is None or process.stdin.is_closing():
            raise _unavailable("The torrent engine stopped; it is started again.")
        process.stdin.write(line)
        with contextlib.suppress(ConnectionError):  # the attendant sees the end and fails the call
            await process.stdin.drain()

    async def _attend(self, process: Process) -> None:
        """Reads answers until the engine ends, then fails what waits and starts it again if it has work."""
        born = time.monotonic()
        errors = asyncio.create_task(_log_errors(process))
        try:
            await self._read(process)
        finally:
            await _ended(process)
            await asyncio.gather(errors, return_exceptions=True)
            self._process = None
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(_unavailable("The torrent engine stopped; it is started again."))
        if not self._closed:
            await self._start_again(process, time.monotonic() - born)

    async def _read(self, process: Process) -> None:
        if process.stdout is None:
            return
        while True:
            try:
                line = await process.stdout.readline()
                reply = msgspec.json.decode(line, type=Reply)
            except (ValueError, msgspec.MsgspecError):
                if process.stdin is not None:
                    process.stdin.close()
                return  # the end of the pipe, an over-long line or a broken one: this engine is done for
            waiting = self._waiting.get(reply.number)
            if waiting is not None and not waiting.done():
                waiting.set_result(reply.result)

    async def _start_again(self, process: Process, lived: float) -> None:
        self._deaths = 0 if lived > _HEALTHY_AFTER else self._deaths + 1
        delay = min(_BACKOFF_FIRST * 2 ** min(self._deaths, 16), _BACKOFF_MAX)
        self._not_before = time.monotonic() + delay
        _log.warning("the torrent engine ended with status %s; next start in %.1f s", process.returncode, delay)
        if await asyncio.to_thread(self.has_records):
            await asyncio.sleep(delay)
            with contextlib.suppress(UpstreamUnavailable):  # tried again by the next call
                await self._running()


def _unavailable(words: str, retry_after: float | None = None) -> UpstreamUnavailable:
    return UpstreamUnavailable(words, provider="swarm", retry_after=retry_after)


def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it has just ended
            process.kill()


async def _ended(process: Process) -> None:
    """Waits for the end that is due; a process that does not come to it is ended."""
    try:
        async with asyncio.timeout(_END_WITHIN):
            await process.wait()
    except TimeoutError:
        _end(process)
        await process.wait()


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """What the engine needs of our environment: nothing secret, and where this machine keeps its root certificates."""
    kept = {name: ours[name] for name in _KEPT_ENVIRONMENT if name in ours}
    paths = ssl.get_default_verify_paths()
    if paths.cafile:
        kept["SSL_CERT_FILE"] = paths.cafile
    if paths.capath:
        kept["SSL_CERT_DIR"] = paths.capath
    return kept


async def _log_errors(process: Process) -> None:
    """Logs what the engine prints when something goes wrong."""
    if process.stderr is not None:
        while chunk := await process.stderr.read(_WORDS_MAX):
            _log.warning("torrent engine: %s", chunk.decode(errors="replace").rstrip())
