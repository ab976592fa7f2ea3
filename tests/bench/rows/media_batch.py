"""One batch of ten thousand items: its view, and a page of the list beside it."""

import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests.bench.harness import Measure, Metric, Row
from tests.bench.media import MediaClient, media_client, web_folder
from tests.bench.product import data_folder, serving

_ITEMS = 10_000
_READS = 30


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with (
        tempfile.TemporaryDirectory(prefix="sluicegate-bench-") as folder,
        web_folder(Path(folder)) as site,
        _as_many_entries(),
        data_folder() as data,
        serving(data) as product,
    ):
        _feed(Path(folder) / "feed.xml")
        client = media_client(product)
        began = time.monotonic()
        made = client.call("POST", "/jobs", {"url": f"{site}/feed.xml", "paused": True})
        expanded = time.monotonic() - began
        if made["total_episodes"] != _ITEMS:
            raise RuntimeError(f"the batch has {made['total_episodes']} items")
        yield lambda: _measure(client, str(made["batch_id"]), expanded)


@contextlib.contextmanager
def _as_many_entries() -> Iterator[None]:
    os.environ["SLUICEGATE_MEDIA_ENTRIES_MAX"] = str(_ITEMS)
    try:
        yield
    finally:
        del os.environ["SLUICEGATE_MEDIA_ENTRIES_MAX"]


def _feed(path: Path) -> None:
    items = "".join(
        f"<item><title>Part {number}</title><link>http://127.0.0.1:9/{number}</link>"
        f'<enclosure url="http://127.0.0.1:9/{number}.mp3" type="audio/mpeg"/></item>'
        for number in range(_ITEMS)
    )
    path.write_text(f'<?xml version="1.0"?><rss version="2.0"><channel><title>All</title>{items}</channel></rss>')


def _measure(client: MediaClient, batch: str, expanded: float) -> Mapping[str, float]:
    view = client.call("GET", f"/batch/{batch}")
    if len(view["episode_jobs"]) != _ITEMS:
        raise RuntimeError(json.dumps(view)[:200])
    return {
        "view": _milliseconds(lambda: client.call("GET", f"/batch/{batch}")),
        "list": _milliseconds(lambda: client.call("GET", "/jobs?limit=100")),
        "expansion": expanded,
    }


def _milliseconds(call: Callable[[], object]) -> float:
    taken = []
    for _ in range(_READS):
        began = time.monotonic()
        call()
        taken.append((time.monotonic() - began) * 1000)
    return statistics.median(taken)


def _below_50(values: Mapping[str, float], ratio: float | None) -> bool:
    del ratio
    return all(value < 50 for value in values.values())


ROW = Row(
    name="media jobs: one batch of 10,000 items",
    how="a podcast feed of 10,000 items as one paused batch; medians of 30 reads, one request at a time; the view "
    "holds the ids of all items",
    metrics=(
        Metric("view", "ms", goal="under 50 ms", holds=_below_50),
        Metric("list", "ms", goal="under 50 ms", holds=_below_50),
        Metric("expansion", "s"),
    ),
    sides={"sluicegate": _ours},
    rounds=3,
)
