"""The tracer provider of this process: who decides what is recorded, where it goes, and how it is stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.context import Context, create_key
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, Tracer, TraceState
from opentelemetry.util.types import Attributes

from servicekit.telemetry.scrub import ScrubbingExporter

SHUTDOWN_SECONDS = 2.0
_EXPORT_SECONDS = 5.0
_EVERY_MILLISECONDS = 1_000  # who looks for a trace has just made it
_SCOPE = "servicekit"

FOLLOW_LINKS = create_key("marque-follow-links")
"""Context key of a root whose links are ours and recorded: the sampler then records the root too.

Never set it for a link to a caller outside: that would let an outsider choose our sampling."""


class RootSampler(Sampler):
    """Decides for traces that begin here: by ratio of trace ids, or recorded when it goes on from recorded ones."""

    def __init__(self, ratio: float) -> None:
        self._by_ratio = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if parent_context is not None and FOLLOW_LINKS in parent_context:
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._by_ratio.should_sample(parent_context, trace_id, name, kind, attributes, links)

    def get_description(self) -> str:
        return f"RootSampler{{{self._by_ratio.rate}}}"


@dataclass(slots=True)
class _Current:
    """What span helpers read on every call. Ours rather than OpenTelemetry's global, which can be set only once."""

    tracer: Tracer
    listening: bool


current = _Current(tracer=trace.NoOpTracer(), listening=False)


def tracer() -> Tracer:
    """The tracer of the newest ``start``; before any, one that records nothing.

    Ask again rather than keep it: a kept one outlives ``shutdown``. Prefer the helpers in ``spans``.
    """
    return current.tracer


class Tracing:
    """A provider, its exporters and their end."""

    def __init__(self, provider: TracerProvider, exporters: list[SpanExporter]) -> None:
        self.provider = provider
        self._exporters = exporters
        self._tracer = provider.get_tracer(_SCOPE)
        self._stopped = False

    @classmethod
    def start(
        cls,
        resource: Resource,
        *,
        sample_ratio: float,
        otlp_endpoint: str | None,
        span_exporter: SpanExporter | None,
    ) -> Tracing:
        """Build the provider and make it the current one. Without an exporter nothing is ever recorded."""
        listening = otlp_endpoint is not None or span_exporter is not None
        sampler = (
            ParentBased(RootSampler(sample_ratio))
            if listening
            else ParentBased(ALWAYS_OFF, remote_parent_sampled=ALWAYS_OFF, local_parent_sampled=ALWAYS_OFF)
        )
        # Without its exit handler: that one waits 30 s for a collector that is gone.
        provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
        exporters: list[SpanExporter] = []
        if span_exporter is not None:
            exporters.append(ScrubbingExporter(span_exporter))
            provider.add_span_processor(SimpleSpanProcessor(exporters[-1]))
        if otlp_endpoint is not None:
            exporters.append(ScrubbingExporter(OTLPSpanExporter(endpoint=otlp_endpoint, timeout=_EXPORT_SECONDS)))
            provider.add_span_processor(BatchSpanProcessor(exporters[-1], schedule_delay_millis=_EVERY_MILLISECONDS))
        tracing = cls(provider, exporters)
        current.tracer, current.listening = tracing._tracer, listening
        if isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider):
            trace.set_tracer_provider(provider)
        return tracing

    def shutdown(self, timeout: float) -> bool:
        """Stop within ``timeout`` seconds; true when the exporters finished by themselves."""
        if self._stopped:
            return True
        self._stopped = True
        if current.tracer is self._tracer:
            current.tracer, current.listening = trace.NoOpTracer(), False
        deadline = time.monotonic() + timeout
        # The SDK joins its export thread for up to 30 s, so it is stopped beside us, on a thread that dies with us.
        stopping = threading.Thread(target=self.provider.shutdown, name="telemetry-shutdown", daemon=True)
        stopping.start()
        stopping.join(max(0.0, deadline - time.monotonic()))
        if not stopping.is_alive():
            return True
        for exporter in self._exporters:  # cancels the call under way and its retries
            exporter.shutdown()
        return False
