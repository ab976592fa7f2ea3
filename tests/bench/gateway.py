"""A gateway for rows: ``sluicegate serve --sandbox`` with an approved add-on and users who have accounts."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil
from tests.bench.product import data_folder

from sluicegate.core.addons import AddonState
from sluicegate.core.secrets import Secret
from sluicegate.services.accounts import NewAccount
from sluicegate.settings import Settings
from sluicegate.wiring.installation import open_installation

__all__ = ["Gateway", "gateway"]

_COMMAND = str(Path(sys.executable).parent / "sluicegate")
_ADDON = "bench"
_SETTINGS = {
    "SLUICEGATE_SWARM_ENABLED": "false",
    # Counted, but never reached: what is measured is beyond what one add-on may ask.
    "SLUICEGATE_GATEWAY_KEY_RATE": "100000000",
    "SLUICEGATE_GATEWAY_ADDON_RATE": "100000000",
    "SLUICEGATE_GATEWAY_ADDRESS_RATE": "100000000",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """A running gateway.

    Attributes:
        pid: its web and worker process; the database and the sandbox are others.
        sandbox: address of the providers' sandbox.
        keys: proxy keys of different users.
    """

    pid: int
    port: int
    sandbox: str
    secret: str = field(repr=False)
    keys: tuple[str, ...] = field(repr=False)

    def request(self, method: str, path: str, providers: str, body: bytes = b"", *, user: int = 0) -> bytes:
        """A request for a socket, on behalf of one of the users."""
        return self._request(method, path, providers, f"Authorization: Bearer {self.keys[user]}", body)

    def direct_request(self, method: str, path: str, providers: str, tokens: str) -> bytes:
        """A request for a socket with the providers' own tokens."""
        return self._request(method, path, providers, f"X-Relaygate-Provider-Api-Key: {tokens}", b"")

    def _request(self, method: str, path: str, providers: str, credential: str, body: bytes) -> bytes:
        head = (
            f"{method} /api/v0.6-beta{path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
            f"X-Relaygate-Provider: {providers}\r\nX-Relaygate-Addon-Id: {_ADDON}\r\n"
            f"X-Relaygate-Addon-Secret: {self.secret}\r\n{credential}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def control(self, call: str, body: dict[str, Any]) -> None:
        """A call to the sandbox's control contract."""
        raw = json.dumps(body).encode()
        request = urllib.request.Request(f"{self.sandbox}/_control/{call}", method="POST", data=raw)
        with urllib.request.urlopen(request, timeout=60) as answer:
            answer.read()

    def cpu_seconds(self) -> float:
        """Processor time of the process that answers, so far."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


@contextlib.contextmanager
def gateway(*, users: int, providers: tuple[str, ...]) -> Iterator[Gateway]:
    """Starts it with limits of the sandbox off; every user has an account at each provider (house names).

    The worker, which runs the sandbox as well, and the web process are two, as in an installation of some size. The
    web process has the first processor to itself; sandbox, database and whoever measures share the others.
    """
    every = list(range(os.cpu_count() or 1))
    first, others = set(every[:1]), set(every[1:] or every)
    with (
        data_folder() as data,
        _process(data, "worker", others) as (_, worker),  # and the database, which the first process starts
        _process(data, "web", first) as (process, web),
        _bound_to(others),
    ):
        secret, keys = asyncio.run(_furnish(data, users, providers))
        made = Gateway(process.pid, int(web["ready"].rpartition(":")[2]), worker["sandbox"], secret, keys)
        made.control("limits", {"provider": "*", "enabled": False})
        yield made


@contextlib.contextmanager
def _process(data: Path, role: str, cores: set[int]) -> Iterator[tuple[subprocess.Popen[str], dict[str, str]]]:
    """A process of the installation on some processors, and the words and addresses that it told at its start."""
    command = [_COMMAND, "serve", "--sandbox", "--role", role, "--data-dir", str(data), "--port", "0"]
    with (data.parent / f"{role}.log").open("ab") as log, _bound_to(cores):  # which is inherited
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, env=os.environ | _SETTINGS, text=True)
    try:
        assert process.stdout is not None
        yield process, _told(process.stdout)
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


@contextlib.contextmanager
def _bound_to(cores: set[int]) -> Iterator[None]:
    """This thread, and every process that it starts, on these processors alone inside the block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _told(output: IO[str]) -> dict[str, str]:
    told: dict[str, str] = {}
    for line in output:
        word, _, address = line.strip().partition(" ")
        told[word] = address
        if word == "ready":
            return told
    raise RuntimeError("the gateway does not start")


async def _furnish(data: Path, users: int, providers: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    async with open_installation(Settings.load(data_dir=data)) as installation:
        _, secret = await installation.gateway.addons.apply(_ADDON)
        await installation.gateway.addons.decide(_ADDON, AddonState.APPROVED)
        keys = []
        for number in range(users):
            user = await installation.users.create(f"bench-{number}")
            for provider in providers:
                token = Secret(f"sandbox-bench-{number}")
                await installation.accounts.add(user.id, NewAccount(provider, token, "main", None))
            _, key = await installation.gateway.keys.create(user.id)
            keys.append(key.reveal())
    return secret.reveal(), tuple(keys)
