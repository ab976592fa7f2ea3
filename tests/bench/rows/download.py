"""A plain link from nginx on the same machine, in segments and in one stream."""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.nginx import nginx
from tests.bench.serving import MIB, sample_file, work_folder

from sluicegate.core.sources import WebLink
from sluicegate.net.egress import EgressPolicy
from sluicegate.net.http import open_http
from sluicegate.providers.direct.adapter import Direct
from sluicegate.providers.direct.downloader import Downloader
from sluicegate.providers.direct.options import DirectOptions

_SIZE = 256 * MIB


@contextlib.contextmanager
def _side(segments: int) -> Iterator[Measure]:
    with work_folder() as folder:
        path = sample_file(folder, _SIZE)
        with nginx(folder / "nginx", f"root {folder};") as (_, port):
            url = f"http://127.0.0.1:{port}/{path.name}"
            yield lambda: _measure(url, segments)


def _measure(url: str, segments: int) -> Mapping[str, float]:
    started = time.process_time()
    seconds = asyncio.run(_download(url, segments))
    return {"speed": _SIZE / MIB / seconds, "CPU for one GiB": (time.process_time() - started) * 1024 * MIB / _SIZE}


async def _download(url: str, segments: int) -> float:
    with work_folder() as folder:
        async with open_http(EgressPolicy.parse("127.0.0.1")) as http:
            downloader = Downloader(http, DirectOptions(folder=folder, segments=segments))
            await downloader.start()
            direct = Direct(downloader)
            try:
                started = time.monotonic()
                submission = await direct.submit_web(WebLink(url))
                while not (await direct.get(submission.transfer_id)).state.over:
                    await asyncio.sleep(0.02)
                return time.monotonic() - started
            finally:
                await downloader.aclose()


ROW = Row(
    name="256 MiB by plain link from nginx on this machine",
    how="timed from handing in the link to the file being synced to disk and READY; four segments against one stream; "
    "the loopback has no delay and no loss, so one stream is at its best here",
    metrics=(Metric("speed", "MiB/s"), Metric("CPU for one GiB", "seconds")),
    sides={"four segments": lambda: _side(4), "one stream": lambda: _side(1)},
)
