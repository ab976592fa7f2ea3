"""A real ``sluicegate serve`` for end-to-end tests: started, killed and started again on one data folder."""

import asyncio
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
from tests import ready_made
from tests.launching import COMMAND, Started, run, start

from sluicegate.cli.context import DEFAULT_USER, owner
from sluicegate.core.keys import KeyKind
from sluicegate.core.secrets import Secret
from sluicegate.services.accounts import NewAccount
from sluicegate.settings import Settings
from sluicegate.wiring.dashboard import invitation_link
from sluicegate.wiring.installation import open_installation

START_SECONDS = 90.0


@dataclass
class Server:
    """One data folder and, while it runs, the server on it.

    Attributes:
        installed: as with a user: it is the installed command that is started, not a process that has it loaded, and
            the first start makes the database.
    """

    data: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: asyncio.subprocess.Process | Started | None = None
    installed: bool = False
    url: str = ""
    sandbox: str = ""
    _key: dict[str, str] = field(default_factory=dict)
    _minting: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def start(self, *, crash_at: str = "", options: tuple[str, ...] = ()) -> None:
        """Starts it and waits until it answers."""
        await self.prepare()
        environment = os.environ | {
            "SLUICEGATE_EGRESS_ALLOW": "127.0.0.0/8",
            "SLUICEGATE_SWARM_LISTEN": "127.0.0.1:0",
            "SLUICEGATE_SWARM_DHT": "false",
            "SLUICEGATE_CRASH_AT": crash_at,
            **self.environment,
        }
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            arguments = ("serve", "--data-dir", str(self.data), "--port", "0", *options)
            if self.installed:
                self.process = await asyncio.create_subprocess_exec(
                    COMMAND, *arguments, stdout=asyncio.subprocess.PIPE, stderr=log, env=environment
                )
            else:
                self.process = await start(*arguments, environment=environment, stderr=log.fileno())
        assert self.process.stdout is not None
        async with asyncio.timeout(START_SECONDS):
            line = (await self.process.stdout.readline()).decode().strip()
            if line.startswith("sandbox "):
                self.sandbox = line.split()[1]
                line = (await self.process.stdout.readline()).decode().strip()
        assert line.startswith("ready "), f"it said {line!r}; {self.log()[-3000:]}"
        self.url = line.split()[1]

    async def prepare(self) -> None:
        """Gives it a database, unless it has or makes one; its first start does so anyway, commands may come before."""
        needs_one = "SLUICEGATE_DATABASE_URL" not in self.environment and not (self.data / "postgres").exists()
        if needs_one and not self.installed:
            await ready_made.place(self.data / "postgres")

    def log(self) -> str:
        """What it logged so far."""
        return (self.data.parent / f"{self.data.name}.log").read_text(errors="replace")

    async def died(self, seconds: float = 60.0) -> int:
        """Waits until it has ended by itself; the return code."""
        assert self.process is not None
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def kill(self) -> None:
        """kill -9 of the server process alone: its children are left to notice."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        await self.process.wait()

    async def stop(self) -> None:
        """Ends it in order."""
        if self.process is None or self.process.returncode is not None:
            return
        self.process.terminate()
        try:
            async with asyncio.timeout(40):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise

    def postmaster(self) -> psutil.Process:
        """The database's first process."""
        return psutil.Process(int((self.data / "postgres" / "data" / "postmaster.pid").read_text().split()[0]))

    async def key(self, kind: str) -> str:
        """A key of the user "home", made beside the running server."""
        # In this process: a command is a process that loads everything anew, which takes longer than most tests.
        async with self._minting:
            if kind not in self._key:
                async with open_installation(Settings.load(data_dir=self.data)) as installation:
                    person = await owner(installation, DEFAULT_USER)
                    _, secret = await installation.keys.create(person.id, KeyKind(kind))
                self._key[kind] = secret.reveal()
            return self._key[kind]

    async def account(self, provider: str, token: str) -> None:
        """An account of the user "home", tried and added beside the running server."""
        async with open_installation(Settings.load(data_dir=self.data)) as installation:
            person = await owner(installation, DEFAULT_USER)
            await installation.accounts.add(person.id, NewAccount(provider, Secret(token), "main", None, None))

    async def invitation(self, *, admin: bool = False) -> str:
        """A link for somebody new, as ``sluicegate users invite`` prints it."""
        async with open_installation(Settings.load(data_dir=self.data)) as installation:
            return await invitation_link(installation, None, admin=admin)

    async def cli(self, *arguments: str) -> str:
        """Runs a command on this data folder; its stdout."""
        outcome = await run(*arguments, data=self.data)
        assert outcome.code == 0, outcome.err
        return outcome.out.strip()

    async def call(
        self, method: str, path: str, body: object = None, *, kind: str = "library"
    ) -> tuple[int, dict[str, Any]]:
        """A JSON call with a key of ``kind``; status and body."""
        key = await self.key(kind)
        headers = {"x-api-key": key} if kind == "media" else {"Authorization": f"Bearer {key}"}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, json=body, headers=headers) as answer,
        ):
            return answer.status, json.loads(await answer.read() or b"null")

    async def until(
        self, path: str, field_name: str, wanted: set[str], *, kind: str = "library", seconds: float = 90.0
    ) -> dict[str, Any]:
        """Polls ``path`` until ``field_name`` is one of ``wanted``."""
        body: dict[str, Any] = {}
        try:
            async with asyncio.timeout(seconds):
                while True:
                    _, body = await self.call("GET", path, kind=kind)
                    if body.get(field_name) in wanted:
                        return body
                    await asyncio.sleep(0.1)
        except TimeoutError:
            raise AssertionError(f"{path} is still {body}\n{self.log()[-4000:]}") from None
