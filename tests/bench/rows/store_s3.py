"""A file of 1 GiB from a web server to an S3 server, both on this machine, without touching the disk in between."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.harness import Measure, Metric, Row
from tests.bench.nginx import nginx
from tests.bench.serving import MIB, sample_file, work_folder
from tests.storages.clouds import guarded_http, s3_bucket
from tests.storages.servers import S3Server, seaweed

SIZE = 1024 * MIB
_ROOT = Path(__file__).resolve().parents[3]
MEMORY_MAX = 150 * 1_000_000 / MIB
METRICS = (
    Metric(
        "speed",
        "MiB/s",
        goal="at least as fast as rclone copyurl",
        holds=lambda _, ratio: ratio is not None and ratio >= 1.0,
    ),
    Metric(
        "most memory",
        "MiB resident",
        goal="under 150 MB",
        holds=lambda medians, _: medians["sluicegate"] < MEMORY_MAX,
    ),
    Metric("CPU for one GiB", "seconds"),
)
"""What an upload of that file is measured by, beside ``rclone copyurl``."""


class _Shared:
    """The servers that both sides use; started by the first, stopped by the last."""

    users = 0
    stack = contextlib.ExitStack()
    places: tuple[str, S3Server, str]


@contextlib.contextmanager
def places() -> Iterator[tuple[str, S3Server, str]]:
    """URL of the file, the S3 server, and a bucket."""
    if _Shared.users == 0:
        _Shared.places = _Shared.stack.enter_context(_started())
    _Shared.users += 1
    try:
        yield _Shared.places
    finally:
        _Shared.users -= 1
        if _Shared.users == 0:
            _Shared.stack.close()


@contextlib.contextmanager
def _started() -> Iterator[tuple[str, S3Server, str]]:
    with work_folder() as folder, asyncio.Runner() as runner:
        path = sample_file(folder, SIZE)
        servers = contextlib.AsyncExitStack()
        try:
            server = runner.run(servers.enter_async_context(seaweed()))
            bucket = runner.run(_bucket(server))
            with nginx(folder / "nginx", f"root {folder};") as (_, port):
                yield f"http://127.0.0.1:{port}/{path.name}", server, bucket
        finally:
            runner.run(servers.aclose())


async def _bucket(server: S3Server) -> str:
    async with guarded_http() as http:
        return await s3_bucket(http, server)


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with places() as (url, server, bucket):
        arguments = [url, server.url, bucket, server.access_key, server.secret_key, str(SIZE)]
        yield lambda: _child([sys.executable, "-m", "tests.bench.store_child", *arguments])


def _child(command: list[str]) -> Mapping[str, float]:
    said = subprocess.run(command, cwd=_ROOT, check=True, capture_output=True, timeout=300).stdout
    told = json.loads(said.splitlines()[-1])
    return {
        "speed": SIZE / MIB / told["seconds"],
        "most memory": told["resident"],
        "CPU for one GiB": told["cpu"],
    }


@contextlib.contextmanager
def rclone() -> Iterator[Measure]:
    with places() as (url, server, bucket):
        options = {
            "TYPE": "s3", "PROVIDER": "Other", "ENDPOINT": server.url, "REGION": server.region,
            "ACCESS_KEY_ID": server.access_key, "SECRET_ACCESS_KEY": server.secret_key,
        }  # fmt: skip
        environment = os.environ | {f"RCLONE_CONFIG_BENCH_{name}": value for name, value in options.items()}
        program = Path(sys.prefix) / "bin" / "rclone"
        command = [str(program), "--config", os.devnull, "copyurl", url, f"bench:{bucket}/bench/theirs.bin"]
        yield lambda: _timed(command, environment)


def _timed(command: list[str], environment: Mapping[str, str]) -> Mapping[str, float]:
    started = time.monotonic()
    process = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL)
    resident = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        with contextlib.suppress(OSError, IndexError):
            resident = int(Path(f"/proc/{process.pid}/status").read_text().partition("VmHWM:")[2].split()[0])
        time.sleep(0.02)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - started
    assert process.returncode == 0
    return {
        "speed": SIZE / MIB / seconds,
        "most memory": resident / 1024,
        "CPU for one GiB": usage.ru_utime + usage.ru_stime,
    }


ROW = Row(
    name="1 GiB from nginx to an S3 server (SeaweedFS), both on this machine",
    how="ours: a process with the product's HTTP client and S3 storage, timed from opening the source to the checked "
    "object; theirs: rclone copyurl with its defaults, timed from start to end of the process; no file in between",
    metrics=METRICS,
    sides={"sluicegate": _ours, "rclone copyurl": rclone},
    rounds=5,
)
