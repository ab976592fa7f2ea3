"""What the server measures about itself, in Prometheus' text format.

Labels are few and known in advance: the method, the route's template and the status. A raw path, a user, a host or a
name never becomes a label, since paths carry tokens and every new label value costs memory for ever.
"""

import time
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from sluicegate.web.asgi import Application, Message, Receive, Scope, Send

__all__ = ["Metrics"]

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"})
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


class Metrics:
    """The registry of one process, and the wrapper that feeds it."""

    def __init__(self) -> None:
        self.registry: Final = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        labels = ("method", "route")
        self._requests = Counter(
            "sluicegate_http_requests", "Requests answered.", (*labels, "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "sluicegate_http_first_byte_seconds",
            "Time until the answer's head was sent.",
            labels,
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._being_answered = 0
        answering = Gauge("sluicegate_http_open_requests", "Requests being answered now.", registry=self.registry)
        answering.set_function(lambda: self._being_answered)
        # Finding a series by its labels costs as much as the rest of the counting.
        self._series: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def measuring(self, app: Application) -> Application:
        """``app``, measured. Wraps the whole application, so that unknown paths count as well."""

        async def measured(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            self._being_answered += 1
            try:
                await app(scope, receive, _Watched(self, scope, send))
            finally:
                self._being_answered -= 1

        return measured

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Counts one answer."""
        known = scope["method"] in _METHODS
        method = scope["method"] if known else "other"
        route = scope.get("path_template") or "unmatched"
        series = self._series.get((method, route, status))
        if series is None:
            series = self._requests.labels(method, route, str(status)), self._seconds.labels(method, route)
            self._series[method, route, status] = series
        series[0].inc()
        series[1].observe(seconds)


class _Watched:
    """A ``send`` that notices the head of the answer."""

    def __init__(self, metrics: Metrics, scope: Scope, send: Send) -> None:
        self._metrics = metrics
        self._scope = scope
        self._send = send
        self._began = time.perf_counter()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._metrics.answered(self._scope, message["status"], time.perf_counter() - self._began)
        await self._send(message)
