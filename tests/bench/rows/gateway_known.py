"""Cache checks that the gateway answers from what it knows."""

import contextlib
import json
import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from tests.bench.gateway import Gateway, gateway
from tests.bench.harness import Measure, Metric, Row
from tests.bench.load import connect, read_head
from tests.bench.serving import Target

_KNOWN = 2_000
_ASKED = 500
_CONNECTIONS = 4
_SECONDS = 5.0
_VARIANTS = 32
_PATH = "/canonical/torrents/cache-check"


@contextlib.contextmanager
def _ours() -> Iterator[Measure]:
    with gateway(users=1, providers=("torbox",)) as made:
        known = [f"{number:040x}" for number in range(1, _KNOWN + 1)]
        for info_hash in known:
            made.control("content", {"info_hash": info_hash, "cached_on": ["torbox"]})
        for start in range(0, _KNOWN, _ASKED):
            _learn(made, known[start : start + _ASKED])
        pick = random.Random(1)
        requests = [_request(made, pick.sample(known, _ASKED)) for _ in range(_VARIANTS)]
        yield lambda: _measure(made, requests)


def _measure(made: Gateway, requests: list[bytes]) -> Mapping[str, float]:
    answered = [0] * _CONNECTIONS
    began, cpu = time.perf_counter(), made.cpu_seconds()

    def one(number: int) -> None:
        with connect(Target(made.pid, made.port, "")) as connection:
            while time.perf_counter() < began + _SECONDS:
                connection.sendall(requests[(number + answered[number]) % _VARIANTS])
                status, length, received = read_head(connection)
                assert status == 200, status
                while received < length:
                    received += len(connection.recv(1 << 20))
                answered[number] += 1

    with ThreadPoolExecutor(_CONNECTIONS) as threads:
        list(threads.map(one, range(_CONNECTIONS)))
    total, seconds = sum(answered), time.perf_counter() - began
    return {"answers": total / seconds, "per core": total / (made.cpu_seconds() - cpu)}


def _request(made: Gateway, hashes: list[str]) -> bytes:
    return made.request("POST", _PATH, "torbox", json.dumps({"hashes": hashes}).encode())


def _learn(made: Gateway, hashes: list[str]) -> None:
    with connect(Target(made.pid, made.port, "")) as connection, connection.makefile("rb") as answer:
        connection.sendall(_request(made, hashes).replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
        told = answer.read()
    assert told.count(b'"cached":true') == len(hashes), told[:2_000]


ROW = Row(
    name=f"gateway: cache check of {_ASKED} known hashes, one core",
    how=f"POST {_PATH}, {_ASKED} of {_KNOWN:,} known hashes, {_CONNECTIONS} kept-alive connections; the process that "
    "answers is bound to one core, 'per core' divides by the processor time that it used, audit and metrics included; "
    "the client and the database run on the other core",
    metrics=(
        Metric("per core", "per CPU second", "2,000 or more", lambda medians, _: medians["sluicegate"] >= 2_000),
        Metric("answers", "per second"),
    ),
    sides={"sluicegate": _ours},
)
