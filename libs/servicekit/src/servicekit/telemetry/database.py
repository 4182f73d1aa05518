"""Statements as spans: named by operation and table, drawn only inside a recorded span.

A request that is not sampled pays one look at the current span per statement. The contrib instrumentations draw a root
for every idle poll, refuse newer SQLAlchemy with only a log line, or record statement text: hence these few lines.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

from servicekit.telemetry.provider import current
from servicekit.telemetry.scopes import PASSIVE, RecordingScope, SpanScope, type_name
from servicekit.telemetry.sql_summary import summarise

_SPAN = "_marque_span"


def instrument_engine(sync_engine: Engine) -> None:
    """Draw a CLIENT span for each statement of this engine (``async_engine.sync_engine``); asking twice is harmless."""
    if event.contains(sync_engine, "before_cursor_execute", _before):
        return
    event.listen(sync_engine, "before_cursor_execute", _before)
    event.listen(sync_engine, "after_cursor_execute", _after)
    event.listen(sync_engine, "handle_error", _failed)


def db_span(statement: str) -> SpanScope:
    """The same for a statement that goes past SQLAlchemy (asyncpg's own, COPY): ``with db_span(sql):``."""
    if not trace.get_current_span().is_recording():
        return PASSIVE
    return RecordingScope(_start(statement))


def _start(statement: str) -> Span:
    summary = summarise(statement)
    attributes = {"db.system.name": "postgresql", "db.query.summary": summary}
    return current.tracer.start_span(summary, kind=SpanKind.CLIENT, attributes=attributes)


def _before(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    if context is None or not trace.get_current_span().is_recording():
        return
    span = _start(statement)
    if executemany:
        span.set_attribute("db.operation.batch.size", len(parameters))
    setattr(context, _SPAN, span)


def _after(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
    span = context.__dict__.pop(_SPAN, None) if context is not None else None
    if span is not None:
        span.end()


def _failed(failure: ExceptionContext) -> None:
    context = failure.execution_context
    span: Span | None = context.__dict__.pop(_SPAN, None) if context is not None else None
    if span is None:
        return
    error = failure.original_exception
    sqlstate = getattr(error, "sqlstate", None)
    if isinstance(sqlstate, str):
        span.set_attribute("db.response.status_code", sqlstate)
    span.set_attribute("error.type", sqlstate if isinstance(sqlstate, str) else type_name(error))
    span.set_status(Status(StatusCode.ERROR))
    span.end()
