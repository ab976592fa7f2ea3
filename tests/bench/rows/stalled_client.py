"""Clients that stop reading: what each costs the server in memory."""

import contextlib
import time
from collections.abc import Iterator, Mapping

from tests.bench.endless_origin import SIZE, endless_origin
from tests.bench.harness import Measure, Metric, Row
from tests.bench.load import connect, read_head
from tests.bench.meters import Memory
from tests.bench.serving import MIB, Target, byte_server, sample_file, work_folder

_CLIENTS = 50
_SETTLE_SECONDS = 3.0


def _measure(target: Target) -> Mapping[str, float]:
    memory = Memory(target.pid)
    with contextlib.ExitStack() as stack:
        for _ in range(_CLIENTS):
            connection = stack.enter_context(connect(target, receive_buffer=65_536))
            connection.sendall(target.request())
            read_head(connection)
        time.sleep(_SETTLE_SECONDS)
        grown = memory.now() - memory.start
    time.sleep(1)
    return {"memory for one": grown / _CLIENTS / MIB}


@contextlib.contextmanager
def _proxied() -> Iterator[Measure]:
    with endless_origin() as origin, byte_server("remote", origin.url, str(SIZE)) as target:
        yield lambda: _measure(target)


@contextlib.contextmanager
def _local() -> Iterator[Measure]:
    with work_folder() as folder, byte_server("local", str(sample_file(folder, 256 * MIB))) as target:
        yield lambda: _measure(target)


ROW = Row(
    name="stalled clients",
    how=f"{_CLIENTS} clients ask for a huge file, read its head and nothing more; growth of the server's resident "
    f"memory after {_SETTLE_SECONDS:g} s, divided by their number (socket buffers in the kernel are not in it). The "
    "first run is not counted: it also pays for memory that the process keeps and uses again",
    metrics=(Metric("memory for one", "MiB", "under 8 MB", lambda medians, _: max(medians.values()) * MIB < 8e6),),
    sides={"proxied": _proxied, "local file": _local},
    rounds=3,
    compares=False,
)
