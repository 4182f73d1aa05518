"""The numbers of one process, in Prometheus' text format.

**prometheus_client** rather than the OpenTelemetry SDK with its Prometheus reader: an observation on a kept child takes
under 1 µs here where the SDK's, which sorts and hashes an attribute dictionary each time, takes several; the SDK's
reader adds no exemplars; and one library less can fail. A registry per process (granian and grpc.aio run one event loop
each; a second worker is a second pod). ``reset`` gives tests a fresh one.

Hot calls are ``rpc_server``, ``rpc_client`` and ``http_server``: durations in seconds, labels from a closed set. Never
a label from a caller's text: labels live as long as the process.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.util.types import AttributeValue
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.openmetrics import exposition as openmetrics

from servicekit.telemetry.figures import OTHER, Figure, Figures, Tally

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds in seconds; 0.1, 0.25 and 1.0 are where objectives are stated."""

MAX_CHILDREN = 5_000
_HTTP_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_TAKES_OPENMETRICS = re.compile(r"(^|,)\s*application/openmetrics-text\s*(;|,|$)").search


def exemplar() -> dict[str, str] | None:
    """The present trace as an exemplar, where it is recorded: an id that finds nothing helps nobody."""
    context = trace.get_current_span().get_span_context()
    return {"trace_id": f"{context.trace_id:032x}"} if context.trace_flags.sampled else None


class _Timings:
    """A histogram that keeps its children by label tuple, and stops growing when somebody feeds it free text."""

    def __init__(self, registry: CollectorRegistry, name: str, help_text: str, labels: tuple[str, ...]) -> None:
        self._histogram = Histogram(name, help_text, labels, registry=registry, buckets=BUCKETS)
        self._children: dict[tuple[str, ...], Histogram] = {}
        self._width = len(labels)

    def observe(self, labels: tuple[str, ...], seconds: float) -> None:
        child = self._children.get(labels)
        if child is None:
            child = self._child(labels)
        child.observe(seconds, exemplar())

    def _child(self, labels: tuple[str, ...]) -> Histogram:
        if len(self._children) >= MAX_CHILDREN:
            return self._histogram.labels(*(OTHER,) * self._width)
        child = self._children[labels] = self._histogram.labels(*labels)
        return child


def http_method(method: str) -> str:
    """Returns a method of HTTP as it is told on: one that is none may hold anything, and becomes `_OTHER`."""
    return method if method in _HTTP_METHODS else OTHER


class Metrics:
    """All of a process' metrics on one registry."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)
        self._target = Info("target", "Who is measured", registry=registry)
        rpc = ("rpc_method", "rpc_status_code")
        self._rpc_server = _Timings(registry, "rpc_server_duration_seconds", "Calls answered", rpc)
        self._rpc_client = _Timings(registry, "rpc_client_duration_seconds", "Calls made", rpc)
        http = ("route", "method", "status")
        self._http_server = _Timings(registry, "http_server_duration_seconds", "HTTP requests answered", http)
        self._outbox_unpublished = Gauge("outbox_unpublished", "Outbox rows not published", registry=registry)
        self._outbox_age = Gauge("outbox_oldest_age_seconds", "Age of the oldest of them", registry=registry)
        self._pending = Gauge("consumer_pending", "Messages not yet handled", ("consumer",), registry=registry)
        self._lag = Gauge("consumer_lag_seconds", "Age of the last handled message", ("consumer",), registry=registry)
        self._processed = Counter(
            "consumer_processed_total", "Messages handled, by outcome", ("consumer", "outcome"), registry=registry
        )
        self._dead_letters = Gauge("dead_letters", "Messages parked", ("consumer",), registry=registry)
        self._waiting = Gauge("queue_waiting", "Work that nobody can take", ("queue",), registry=registry)
        self._overdue = Gauge("due_overdue_seconds", "Lateness of the oldest due row", ("kind",), registry=registry)
        self._audit_waiting = Gauge("audit_unchained", "Audit records found waiting for the chain", registry=registry)
        self._audit_age = Gauge("audit_oldest_wait_seconds", "Age of the oldest of them", registry=registry)
        self._audit_segment = Gauge("audit_segment", "The last segment of the audit trail closed", registry=registry)
        self._pool = Gauge("db_pool_in_use", "Database connections checked out", registry=registry)
        self._figures = Figures(registry)

    def describe_target(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Publish the resource as ``target_info``, as OpenTelemetry maps it to Prometheus."""
        self._target.info({key.replace(".", "_"): str(value) for key, value in attributes.items()})

    def rpc_server(self, method: str, status_code: str, seconds: float) -> None:
        """An answered call; ``method`` as gRPC gives it, which must be one that this service serves."""
        self._rpc_server.observe((method.removeprefix("/"), status_code), seconds)

    def rpc_client(self, method: str, status_code: str, seconds: float) -> None:
        """A call made to another service."""
        self._rpc_client.observe((method.removeprefix("/"), status_code), seconds)

    def http_server(self, route: str, method: str, status: int, seconds: float) -> None:
        """An answered HTTP request; ``route`` is the template, never the path."""
        self._http_server.observe((route, http_method(method), str(status)), seconds)

    def outbox(self, unpublished: int, oldest_age_seconds: float) -> None:
        """The relay's view of its outbox."""
        self._outbox_unpublished.set(unpublished)
        self._outbox_age.set(oldest_age_seconds)

    def consumer_state(self, consumer: str, *, pending: int, lag_seconds: float) -> None:
        """How far a durable is behind."""
        self._pending.labels(consumer).set(pending)
        self._lag.labels(consumer).set(lag_seconds)

    def consumer_processed(self, consumer: str, outcome: str, count: int = 1) -> None:
        """Messages handled; ``outcome`` from a closed set: ``done``, ``retried``, ``parked``."""
        self._processed.labels(consumer, outcome).inc(count)

    def dead_letters(self, consumer: str, parked: int) -> None:
        """Messages of a durable that wait for a person."""
        self._dead_letters.labels(consumer).set(parked)

    def queue_waiting(self, queue: str, count: int) -> None:
        """How much work waits in a queue because nobody can take it."""
        self._waiting.labels(queue).set(count)

    def due_overdue(self, kind: str, seconds: float) -> None:
        """How late the oldest due row of a kind is; 0 when none is."""
        self._overdue.labels(kind).set(seconds)

    def audit(self, unchained: int, oldest_age_seconds: float) -> None:
        """The appender's view of the audit trail."""
        self._audit_waiting.set(unchained)
        self._audit_age.set(oldest_age_seconds)

    def audit_segment(self, number: int) -> None:
        """A segment of the audit trail was closed: a number that falls tells of a trail that was cut."""
        self._audit_segment.set(number)

    def db_pool_in_use(self, connections: int) -> None:
        """Connections checked out of the pool."""
        self._pool.set(connections)

    def declare(self, figures: Iterable[Figure]) -> None:
        """Puts the figures of a service at 0."""
        self._figures.declare(figures)

    def committed(self, event_types: Iterable[str], tallies: Sequence[Tally]) -> None:
        """What a unit of work did, told after its commit."""
        seen = exemplar()
        for event_type in event_types:
            self._figures.event(event_type, seen)
        for tally in tallies:
            self._figures.count(tally, seen)

    def render(self) -> bytes:
        """Everything in Prometheus' text format, to be sent as ``CONTENT_TYPE``."""
        return generate_latest(self.registry)

    def exposition(self, accept: str) -> tuple[str, bytes]:
        """Content type and body of a scrape: OpenMetrics with exemplars for who takes it, else the older text without."""
        if _TAKES_OPENMETRICS(accept.lower()):
            return OPENMETRICS_TYPE, openmetrics.generate_latest(self.registry)
        return CONTENT_TYPE, self.render()


_current: Metrics | None = None


def current() -> Metrics:
    """The metrics of this process, made when first asked for. Ask each time: ``reset`` replaces them."""
    global _current
    if _current is None:
        _current = Metrics()
    return _current


def reset() -> Metrics:
    """Begin again with an empty registry (tests)."""
    global _current
    _current = Metrics()
    return _current


def render() -> bytes:
    """The current metrics in Prometheus' text format."""
    return current().render()


def exposition(accept: str) -> tuple[str, bytes]:
    """The current metrics for a scrape; see ``Metrics.exposition``."""
    return current().exposition(accept)
