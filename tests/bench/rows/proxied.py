"""Proxied streams: bytes that come from another server and go straight on."""

import contextlib
from collections.abc import Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.load import fetch_whole
from tests.bench.meters import cpu_seconds, peak_memory
from tests.bench.nginx import nginx
from tests.bench.serving import MIB, Target, byte_server, sample_file, work_folder

_SIZE = 256 * MIB
_TIMES = 16


def _measure(target: Target) -> Mapping[str, float]:
    before = cpu_seconds(target.pid)
    with peak_memory(target.pid) as memory:
        seconds = fetch_whole(target, _TIMES, start=0, stop=_SIZE)
    spent = cpu_seconds(target.pid) - before
    gib = _SIZE * _TIMES / (1024 * MIB)
    return {"CPU": spent / gib, "resident": memory.peak / MIB, "speed": _SIZE * _TIMES / MIB / seconds}


@contextlib.contextmanager
def _origin() -> Iterator[str]:
    """The remote side: nginx with a cached file; both proxies fetch from their own one."""
    with work_folder() as folder:
        path = sample_file(folder, _SIZE)
        with nginx(folder / "nginx", f"root {folder};") as (_, port):
            yield f"http://127.0.0.1:{port}/{path.name}"


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with _origin() as url, byte_server("remote", url, str(_SIZE)) as target:
        yield lambda: _measure(target)


@contextlib.contextmanager
def _nginx(buffers: str = "") -> Iterator[Measure]:
    settings = "proxy_http_version 1.1; proxy_set_header Connection ''; proxy_max_temp_file_size 0;" + buffers
    with work_folder() as folder, _origin() as url:
        origin, _, name = url.rpartition("/")
        server = f"location / {{ proxy_pass {origin}; {settings} }}"
        with nginx(folder / "nginx", server) as (pid, port):
            yield lambda: _measure(Target(pid, port, f"/{name}"))


def _tuned_nginx() -> contextlib.AbstractContextManager[Measure]:
    return _nginx("proxy_buffers 8 128k; proxy_buffer_size 128k; proxy_busy_buffers_size 256k;")


ROW = Row(
    name="16 proxied streams of 256 MiB",
    how="16 connections fetch 256 MiB each through the proxy at once, from an nginx that sends a cached file; CPU is "
    "the proxy's own user and system time; nginx's proxy_pass has its default buffers and no temporary files; "
    "the third side has large buffers",
    metrics=(
        Metric("CPU", "s per GiB", "at most 1.6 times nginx's", lambda _, ratio: ratio is not None and ratio <= 1.6),
        Metric("resident", "MiB", "under 150 MB", lambda medians, _: medians["sluicegate"] * MIB < 150e6),
        Metric("speed", "MiB/s"),
    ),
    sides={"sluicegate": _ours, "nginx proxy_pass": _nginx, "nginx, 128k buffers": _tuned_nginx},
)
