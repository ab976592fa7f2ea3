"""Small ranges: what a player costs that reads in pieces."""

import contextlib
from collections.abc import Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.load import range_requests
from tests.bench.meters import cpu_seconds
from tests.bench.nginx import nginx
from tests.bench.serving import MIB, Target, byte_server, sample_file, work_folder

_SIZE = 256 * MIB
_LENGTH = 65_536
_SECONDS = 3.0


def _measure(target: Target) -> Mapping[str, float]:
    before = cpu_seconds(target.pid)
    rate = range_requests(target, _SIZE, connections=16, seconds=_SECONDS, length=_LENGTH)
    spent = cpu_seconds(target.pid) - before
    return {"answers": rate, "CPU for one": spent / (rate * _SECONDS) * 1e6}


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with work_folder() as folder, byte_server("local", str(sample_file(folder, _SIZE))) as target:
        yield lambda: _measure(target)


@contextlib.contextmanager
def _nginx() -> Iterator[Measure]:
    with work_folder() as folder:
        path = sample_file(folder, _SIZE)
        with nginx(folder / "nginx", f"root {folder};") as (pid, port):
            yield lambda: _measure(Target(pid, port, f"/{path.name}"))


ROW = Row(
    name="64 KiB ranges, 16 connections, one worker",
    how="random 64 KiB ranges of a cached 256 MiB file by signed link, one request at a time on each of 16 kept-alive "
    "connections; the client runs beside the server on the same machine and is part of the limit",
    metrics=(
        Metric("answers", "per second", "at least 1,000 per second", lambda medians, _: medians["sluicegate"] >= 1000),
        Metric("CPU for one", "microseconds"),
    ),
    sides={"sluicegate": _ours, "nginx sendfile": _nginx},
)
