"""A media job beside yt-dlp on the command line, for the same local HLS and the same page."""

import contextlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import imageio_ffmpeg
import psutil
from tests.bench.harness import Measure, Metric, Row
from tests.bench.media import hls_folder, media_client, web_folder
from tests.bench.product import data_folder, serving

_YT_DLP = [sys.executable, "-m", "yt_dlp", "--quiet", "--no-warnings", "--no-cache-dir", "--no-config"]
_SOURCES = {"hls": "index.m3u8", "page": "watch.html"}


@contextlib.contextmanager
def _site() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="sluicegate-bench-") as folder:
        hls_folder(Path(folder))
        with web_folder(Path(folder)) as url:
            yield url


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with _site() as site, data_folder() as data, serving(data) as product:
        client = media_client(product)

        def measure() -> Mapping[str, float]:
            times = {}
            for name, path in _SOURCES.items():
                began, used = time.monotonic(), _processor(product.pid)
                client.completed(f"{site}/{path}")
                times[name] = time.monotonic() - began
                times[f"{name} CPU"] = _processor(product.pid) - used
            return times

        yield measure


@contextlib.contextmanager
def _theirs() -> Iterator[Measure]:
    with _site() as site, tempfile.TemporaryDirectory(prefix="sluicegate-bench-") as folder:
        # The wheel's ffmpeg has a name of its own; yt-dlp looks for "ffmpeg".
        program = Path(folder) / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.symlink_to(imageio_ffmpeg.get_ffmpeg_exe())

        def measure() -> Mapping[str, float]:
            times = {}
            for name, path in _SOURCES.items():
                target = Path(folder) / "out"
                began, used = time.monotonic(), _own_children()
                location = ["--ffmpeg-location", str(program), "--paths", str(target)]
                subprocess.run([*_YT_DLP, *location, f"{site}/{path}"], check=True)
                times[name] = time.monotonic() - began
                times[f"{name} CPU"] = _own_children() - used
                shutil.rmtree(target)
            return times

        yield measure


def _processor(pid: int) -> float:
    """Seconds of the server and all of its children, those that have ended and those that were started ahead."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    used = 0.0
    for one in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            times = one.cpu_times()
            used += times.user + times.system + times.children_user + times.children_system
    return used


def _own_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _at_most(values: Mapping[str, float], ratio: float | None) -> bool:
    del values
    return ratio is not None and ratio <= 1.1


ROW = Row(
    name="a media job beside yt-dlp on the command line",
    how="one minute of 720p on a local server, as HLS and as a page with a video element, to mp4; ours is from "
    "the POST until the job reads Completed, its file stored and its streams checked; yt-dlp's is its whole command; "
    "processor time of ours is of the server with its database and all children, those started ahead included",
    metrics=(
        Metric("hls", "s", goal="at most 1.1 times", holds=_at_most),
        Metric("page", "s", goal="at most 1.1 times", holds=_at_most),
        Metric("hls CPU", "s"),
        Metric("page CPU", "s"),
    ),
    sides={"sluicegate": _ours, "yt-dlp": _theirs},
)
