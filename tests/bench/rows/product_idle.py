"""What it costs to have it running: how soon it answers, and what it holds when nothing happens."""

import contextlib
import time
from collections.abc import Iterator, Mapping

from tests.bench.harness import Measure, Metric, Row
from tests.bench.product import data_folder, serving
from tests.bench.serving import MIB

_SETTLE_SECONDS = 5.0


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with data_folder() as data:
        with serving(data):
            pass

        def measure() -> Mapping[str, float]:
            started = time.monotonic()
            with serving(data) as product:
                seconds = time.monotonic() - started
                time.sleep(_SETTLE_SECONDS)
                resident, proportional = product.memory()
            return {"start": seconds, "resident": resident / MIB, "proportional": proportional / MIB}

        yield measure


ROW = Row(
    name="start and idle memory of the whole product",
    how="set up once before; from starting 'sluicegate serve' to its line 'ready' (web, worker and embedded database); "
    f"then {_SETTLE_SECONDS:g} s of idling, and the memory of all its processes together",
    metrics=(
        Metric("start", "seconds", "at most 5 s", lambda medians, _: medians["sluicegate"] <= 5),
        Metric("resident", "MiB", "under 334 MiB (350 MB)", lambda medians, _: medians["sluicegate"] * MIB < 350e6),
        Metric("proportional", "MiB"),
    ),
    sides={"sluicegate": _ours},
    rounds=3,
)
