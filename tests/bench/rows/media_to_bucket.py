"""A media job that stores a plain file of 1 GiB in an S3 server: the whole product, beside ``rclone copyurl``."""

import contextlib
import os
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
from tests.bench.harness import Measure, Row
from tests.bench.media import MediaClient, media_client
from tests.bench.product import COMMAND, Product, data_folder, environment, serving
from tests.bench.rows.store_s3 import METRICS, SIZE, places, rclone
from tests.bench.serving import MIB


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with places() as (url, server, bucket), data_folder() as data, serving(data, "--role", "web") as product:
        storage = {
            "provider": "s3", "endpoint": server.url, "bucket": bucket, "region": server.region,
            "access_key": server.access_key, "secret_key": server.secret_key,
        }  # fmt: skip
        client = media_client(product)
        with _worker(product) as worker:
            yield lambda: _measure(client, worker, url, storage)


@contextlib.contextmanager
def _worker(product: Product) -> Iterator[psutil.Process]:
    command = [COMMAND, "serve", "--role", "worker", "--data-dir", str(product.data)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment())
    try:
        assert process.stdout is not None
        process.stdout.readline()
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def _measure(client: MediaClient, worker: psutil.Process, url: str, storage: Mapping[str, str]) -> Mapping[str, float]:
    Path(f"/proc/{worker.pid}/clear_refs").write_text("5")  # the most resident memory is counted from here
    used = sum(worker.cpu_times()[:2])
    job, seconds = client.told(url, storage=storage, format="mkv")
    if (job["download_strategy"], job["file_size"]) != ("direct", SIZE):
        raise RuntimeError(str(job))
    client.call("DELETE", f"/jobs/{job['id']}/file")
    status = Path(f"/proc/{worker.pid}/status").read_text()
    return {
        "speed": SIZE / MIB / seconds,
        "most memory": int(status.partition("VmHWM:")[2].split()[0]) / 1024,
        "CPU for one GiB": sum(worker.cpu_times()[:2]) - used,
    }


ROW = Row(
    name="a media job of 1 GiB from nginx to an S3 server, on this machine",
    how="from the POST until the change stream says that the job is completed; a web and a worker process, memory and "
    "processor time of the worker, all of it; theirs: rclone copyurl with its defaults, the whole process "
    f"({os.cpu_count()} processors)",
    metrics=METRICS,
    sides={"sluicegate": _ours, "rclone copyurl": rclone},
    rounds=3,
)
