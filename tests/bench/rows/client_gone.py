"""A client that goes away in mid-stream: how soon its source is free again."""

import contextlib
import time
from collections.abc import Iterator, Mapping

from tests.bench.endless_origin import SIZE, EndlessOrigin, endless_origin
from tests.bench.harness import Measure, Metric, Row
from tests.bench.load import connect, read_head
from tests.bench.serving import Target, byte_server

_CLIENTS = 10


def _measure(target: Target, origin: EndlessOrigin) -> Mapping[str, float]:
    """Half of the clients read as fast as they can, half have stopped reading."""
    slowest = 0.0
    for number in range(_CLIENTS):
        known = len(origin.released)
        connection = connect(target, receive_buffer=65_536)
        connection.sendall(target.request())
        read_head(connection)
        for _ in range(200 if number % 2 else 0):
            connection.recv(1 << 20)
        time.sleep(0 if number % 2 else 0.3)
        connection.close()
        left = time.perf_counter()
        while len(origin.released) == known and time.perf_counter() - left < 10:
            time.sleep(0.0005)
        slowest = max(slowest, (origin.released[-1] if len(origin.released) > known else time.perf_counter()) - left)
    return {"release": slowest}


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with endless_origin() as origin, byte_server("remote", origin.url, str(SIZE)) as target:
        yield lambda: _measure(target, origin)


ROW = Row(
    name="client gone",
    how=f"the slowest of {_CLIENTS} clients that close their connection in the middle of a proxied stream, five of "
    "them while reading and five after they had stopped; from the close until the remote side sees it",
    metrics=(Metric("release", "s", "within 1 s", lambda medians, _: medians["sluicegate"] < 1.0),),
    sides={"sluicegate": _ours},
)
