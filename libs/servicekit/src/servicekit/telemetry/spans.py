"""Open the spans that Marque draws, named as in the semantic conventions.

Use each as ``with server_span(...) as span:``; :class:`~servicekit.telemetry.scopes.SpanScope` lists what a span can be
told.

- A trace begins at the edge (``edge_span``) or in work that time makes due (``sweep_span``), and there alone is it
  decided whether it is recorded; everybody else follows the decision that came along.
- ``client_span``, ``producer_create_span`` and statements are drawn only inside a recorded span, so an idle poll draws
  nothing and needs no suppressing.
- Our links (between our own messages) make a root recorded when one of them is; a caller's link at the edge never does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind
from opentelemetry.util.types import AttributeValue

from servicekit.telemetry.propagation import current_trace_id, extract, inject, parse, traceparent_of
from servicekit.telemetry.provider import FOLLOW_LINKS, current
from servicekit.telemetry.scopes import PASSIVE, QuietScope, RecordingScope, RpcScope, SpanScope

__all__ = [
    "client_span",
    "consumer_span",
    "current_trace_id",
    "edge_span",
    "extract",
    "inject",
    "producer_create_span",
    "publish_span",
    "resumed_span",
    "server_span",
    "sweep_span",
    "traceparent_of",
]

_ROOT = Context()
_ROOT_OF_RECORDED = Context({FOLLOW_LINKS: True})
_MAX_LINKS = 128


def server_span(method: str, traceparent: str | None = None) -> SpanScope:
    """A call that this service answers. ``traceparent`` comes from a neighbour and is trusted: not for the edge.

    :param method: ``/marque.customer.v1.CustomerService/GetCustomer``, with or without the leading slash.
    """
    parent = parse(traceparent) if traceparent else None
    if parent is not None and not _recorded(parent):
        return QuietScope(NonRecordingSpan(parent))
    span = _start(method.removeprefix("/"), SpanKind.SERVER, _rpc(method), parent)
    return RpcScope(span, server=True) if span.is_recording() else QuietScope(span)


def client_span(method: str) -> SpanScope:
    """A call to another service. Inside, ``inject()`` gives what to send along."""
    if not trace.get_current_span().is_recording():
        return PASSIVE
    name = method.removeprefix("/")
    return RpcScope(current.tracer.start_span(name, kind=SpanKind.CLIENT, attributes=_rpc(method)), server=False)


def edge_span(
    name: str,
    caller_traceparent: str | None = None,
    attributes: Mapping[str, AttributeValue] | None = None,
    *,
    record: bool = False,
) -> SpanScope:
    """A request from outside: a new trace, decided here, with a link to the caller's.

    :param name: ``GET /v1/customers/{customer_id}`` (the route, never the path) or a gRPC method.
    :param caller_traceparent: the caller's header as received; whatever it says, it does not choose our sampling.
    :param attributes: ``http.request.method``, ``http.route`` ...; no path, query, address or user agent.
    :param record: somebody who may ask for it wants this trace recorded, whatever the ratio.
    """
    caller = parse(caller_traceparent) if caller_traceparent else None
    links = () if caller is None else (Link(caller),)
    context = _ROOT_OF_RECORDED if record else _ROOT
    return _scope(current.tracer.start_span(name, context, SpanKind.SERVER, attributes, links))


def producer_create_span(event_type: str) -> SpanScope:
    """An event written to the outbox, in its transaction. Inside, ``inject()`` gives the row's trace context."""
    if not trace.get_current_span().is_recording():
        return PASSIVE
    attributes = _messaging("create", "create", event_type)
    return RecordingScope(
        current.tracer.start_span(f"create {event_type}", kind=SpanKind.PRODUCER, attributes=attributes)
    )


def publish_span(traceparents: Sequence[str | None], destination: str) -> SpanScope:
    """A batch that the relay hands to the broker: goes on in the trace of a lone message, else a root with links.

    :param traceparents: the trace context of each outbox row; a batch without a recorded one draws nothing.
    :param destination: the stream, ``MARQUE_CUSTOMER``.
    """
    recorded = _recorded_of(traceparents)
    if not recorded:
        return PASSIVE
    attributes = _messaging("publish", "send", destination)
    attributes["messaging.batch.message_count"] = len(traceparents)
    if len(traceparents) == 1:
        return _scope(_start(f"publish {destination}", SpanKind.CLIENT, attributes, recorded[0]))
    return _scope(_start_linked(f"publish {destination}", SpanKind.CLIENT, attributes, recorded))


def consumer_span(
    event_type: str, traceparent: str | None = None, links: Iterable[str | None] = (), *, consumer: str | None = None
) -> SpanScope:
    """An event being handled: one message goes on in its trace; a batch or a replay is a root with ``links``.

    :param links: the trace contexts of a batch's messages; read only when ``traceparent`` is ``None``.
    :param consumer: the durable's name.
    """
    name = f"process {event_type}"
    parent = parse(traceparent) if traceparent else None
    if parent is not None and not _recorded(parent):
        return QuietScope(NonRecordingSpan(parent))
    attributes = _messaging("process", "process", event_type)
    if consumer is not None:
        attributes["messaging.consumer.group.name"] = consumer
    if parent is not None:
        return _scope(_start(name, SpanKind.CONSUMER, attributes, parent))
    return _scope(_start_linked(name, SpanKind.CONSUMER, attributes, _recorded_of(links)))


def sweep_span(name: str, links: Iterable[str | None] = ()) -> SpanScope:
    """Work that time makes due, once there is some (not the poll that looks for it): a root of its own."""
    return _scope(_start_linked(name, SpanKind.INTERNAL, {}, _recorded_of(links)))


def resumed_span(name: str, traceparent: str | None) -> SpanScope:
    """Work on one thing that waited for its time: goes on in the trace in which the thing began, with a link to what woke it.

    :param traceparent: the trace context that was kept with the thing; without a recorded one the span is a child of the present one.
    """
    parent = parse(traceparent) if traceparent else None
    if parent is None or not _recorded(parent):
        return _scope(current.tracer.start_span(name)) if trace.get_current_span().is_recording() else PASSIVE
    woken = trace.get_current_span().get_span_context()
    links = (Link(woken),) if woken.is_valid and woken.trace_id != parent.trace_id else ()
    return _scope(_start(name, SpanKind.INTERNAL, None, parent, links))


def _recorded(parent: SpanContext) -> bool:
    return parent.trace_flags.sampled and current.listening


def _recorded_of(traceparents: Iterable[str | None]) -> list[SpanContext]:
    parsed = (parse(traceparent) for traceparent in traceparents if traceparent)
    return [context for context in parsed if context is not None and _recorded(context)]


def _start(
    name: str,
    kind: SpanKind,
    attributes: Mapping[str, AttributeValue] | None,
    parent: SpanContext | None,
    links: Sequence[Link] = (),
) -> Span:
    context = _ROOT if parent is None else trace.set_span_in_context(NonRecordingSpan(parent), _ROOT)
    return current.tracer.start_span(name, context, kind, attributes, links)


def _start_linked(
    name: str, kind: SpanKind, attributes: Mapping[str, AttributeValue], recorded: Sequence[SpanContext]
) -> Span:
    context = _ROOT_OF_RECORDED if recorded else _ROOT
    return current.tracer.start_span(name, context, kind, attributes, [Link(each) for each in recorded[:_MAX_LINKS]])


def _scope(span: Span) -> SpanScope:
    return RecordingScope(span) if span.is_recording() else QuietScope(span)


def _rpc(method: str) -> dict[str, AttributeValue]:
    return {"rpc.system.name": "grpc", "rpc.method": method.removeprefix("/")}


def _messaging(name: str, kind: str, destination: str) -> dict[str, AttributeValue]:
    return {
        "messaging.system": "nats",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": destination,
    }
