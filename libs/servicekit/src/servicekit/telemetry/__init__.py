"""Traces, metrics and JSON logs of one process, started by one call.

``start(...)`` once, first thing in ``__main__``; ``Telemetry.shutdown()`` last. Spans are opened with
``servicekit.telemetry.spans``, statements traced by ``servicekit.telemetry.database.instrument_engine``, numbers kept
in ``servicekit.telemetry.metrics``, lines written through ``servicekit.telemetry.logs.get_logger``.

Three promises hold for all of it: nothing personal leaves (no exception message, no statement parameter, no URL path),
a process without a collector exports nothing and records nothing, and stopping is bounded in time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TextIO

from servicekit.telemetry import logs, metrics
from servicekit.telemetry.logs import LogFormat
from servicekit.telemetry.provider import SHUTDOWN_SECONDS, Tracing, tracer
from servicekit.telemetry.resource import describe

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

__all__ = ["Telemetry", "start", "tracer"]


class Telemetry:
    """What ``start`` switched on; the process owns exactly one at a time and the newest wins (tests start many)."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing

    @property
    def tracer_provider(self) -> TracerProvider:
        """The provider behind ``tracer()``, for a library that must be handed one."""
        return self._tracing.provider

    def shutdown(self, timeout: float = SHUTDOWN_SECONDS) -> bool:
        """Flush and stop the exporters within about ``timeout`` seconds, whatever the collector does.

        Blocks its thread: from a coroutine that still serves, call it by ``asyncio.to_thread``. May be called twice.
        Log lines keep working afterwards, so that the last words of a process are not lost.

        :returns: whether the exporters finished in time; what they had not sent is dropped.
        """
        return self._tracing.shutdown(timeout)


def start(
    service_name: str,
    *,
    environment: str,
    instance_id: str | None = None,
    otlp_endpoint: str | None = None,
    sample_ratio: float = 0.01,
    log_level: str = "INFO",
    log_format: LogFormat = "json",
    span_exporter: SpanExporter | None = None,
    log_stream: TextIO | None = None,
) -> Telemetry:
    """Switch on traces, metrics and logs.

    :param service_name: ``customer``, ``gateway`` ...
    :param environment: ``production``, ``local`` ...
    :param instance_id: the pod; made from host and process id when absent.
    :param otlp_endpoint: ``http://collector:4317`` (gRPC); ``None`` or empty means no exporter at all.
    :param sample_ratio: share of the traces that begin here which are recorded, 0.0 to 1.0; a trace that began
        elsewhere keeps the decision it came with.
    :param log_level: a level name of :mod:`logging`.
    :param span_exporter: an exporter that receives each span as it ends (tests: ``InMemorySpanExporter()``).
    :param log_stream: where lines go; standard error by default.
    :raises ValueError: naming the argument that is out of range.
    """
    # Read by contrib instrumentations when they load; ours always writes the stable names.
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")
    if not 0.0 <= sample_ratio <= 1.0:
        raise ValueError(f"sample_ratio must lie between 0.0 and 1.0, got {sample_ratio}")
    logs.configure(service_name, level=log_level, format=log_format, stream=log_stream)
    resource = describe(service_name, environment, instance_id)
    metrics.current().describe_target(resource.attributes)
    return Telemetry(
        Tracing.start(
            resource, sample_ratio=sample_ratio, otlp_endpoint=otlp_endpoint or None, span_exporter=span_exporter
        )
    )
