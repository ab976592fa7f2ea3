"""Whole local files: our kernel path against nginx's."""

import contextlib
from collections.abc import Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.load import fetch_whole
from tests.bench.meters import cpu_seconds
from tests.bench.nginx import nginx
from tests.bench.serving import MIB, Target, byte_server, sample_file, work_folder

_SIZE = 512 * MIB
_TIMES = 4


def _measure(target: Target) -> Mapping[str, float]:
    before = cpu_seconds(target.pid)
    seconds = fetch_whole(target, _TIMES)
    spent = cpu_seconds(target.pid) - before
    gib = _SIZE * _TIMES / (1024 * MIB)
    return {"speed": _SIZE * _TIMES / MIB / seconds, "CPU": spent / gib}


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
    name="local file",
    how="a cached 512 MiB file, 4 connections at once over loopback, bodies dropped by the client's kernel; CPU is the "
    "server's user and system time",
    metrics=(
        Metric("speed", "MiB/s", "a third of nginx's or more", lambda _, ratio: ratio is not None and ratio >= 1 / 3),
        Metric("CPU", "s per GiB", "at most 3 times nginx's", lambda _, ratio: ratio is not None and ratio <= 3),
    ),
    sides={"sluicegate": _ours, "nginx sendfile": _nginx},
)
