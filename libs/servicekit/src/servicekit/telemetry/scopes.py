"""What the span helpers return: something for ``with``, cheap when nothing is recorded.

All kinds answer to the same four verbs, so that callers never ask whether a request is sampled.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

import grpc
from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue

SERVER_FAULTS = frozenset({"UNKNOWN", "INTERNAL", "UNAVAILABLE", "DEADLINE_EXCEEDED", "DATA_LOSS"})
"""gRPC codes that are the server's fault; a span of a caller's fault keeps its status unset."""

RPC_STATUS = "rpc.status_code"
_FAILED = Status(StatusCode.ERROR)


class SpanScope:
    """Not recorded and nothing to make current: what happens inside a request that is not sampled."""

    __slots__ = ()
    recording = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        return None

    def status(self, code: str) -> None:
        """The gRPC status that the call ends with, by name: ``OK``, ``NOT_FOUND`` ..."""

    def http_status(self, status: int) -> None:
        """The HTTP status that the request ends with; 500 and above mark the span as failed."""

    def set(self, key: str, value: AttributeValue) -> None:
        """One attribute. Ids, counts and names of ours only: a span is read by more people than a database."""

    def rename(self, name: str) -> None:
        """A better name, once it is known (a route is known after routing)."""

    def failed(self, error: BaseException) -> None:
        """Mark as failed by an exception that will not leave the ``with`` block; its type is kept, its text is not."""


PASSIVE = SpanScope()
"""The one scope of everything that need not be recorded."""


class QuietScope(SpanScope):
    """Not recorded, but current: carries the trace id to log lines and the decision to the next service."""

    __slots__ = ("_context", "_token")

    def __init__(self, span: Span) -> None:
        self._context: Context = trace.set_span_in_context(span)

    def __enter__(self) -> Self:
        self._token = attach(self._context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        detach(self._token)


class RecordingScope(QuietScope):
    """A recorded span; ends with the ``with`` block."""

    __slots__ = ("_span",)
    recording = True

    def __init__(self, span: Span) -> None:
        super().__init__(span)
        self._span = span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        detach(self._token)
        if error is not None:
            self._left_by(error)
        self._span.end()

    def _left_by(self, error: BaseException) -> None:
        if isinstance(error, Exception):  # a cancelled task or a closed generator is not a failure
            self.failed(error)

    def status(self, code: str) -> None:
        self._span.set_attribute(RPC_STATUS, code)
        if code in SERVER_FAULTS:
            self._fail(code)

    def http_status(self, status: int) -> None:
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._fail(str(status))

    def set(self, key: str, value: AttributeValue) -> None:
        self._span.set_attribute(key, value)

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def failed(self, error: BaseException) -> None:
        name = type_name(error)
        self._span.add_event("exception", {"exception.type": name})
        self._fail(name)

    def _fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(_FAILED)


class RpcScope(RecordingScope):
    """A call, seen by its server or its client; always ends with a status code.

    A server's span fails by the server's faults only; a client's fails by any code but OK, because for the caller
    every other answer is one (semantic conventions for gRPC).
    """

    __slots__ = ("_code", "_server")

    def __init__(self, span: Span, *, server: bool) -> None:
        super().__init__(span)
        self._server = server
        self._code: str | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if error is None and self._code is None:
            self.status("OK")
        super().__exit__(kind, error, trace_back)

    def status(self, code: str) -> None:
        self._code = code
        self._span.set_attribute(RPC_STATUS, code)
        if code in SERVER_FAULTS or (not self._server and code != "OK"):
            self._fail(code)

    def _left_by(self, error: BaseException) -> None:
        if self._code is not None:  # the interceptor has judged it already
            return
        if isinstance(error, grpc.RpcError) and not self._server:
            self.status(error.code().name)
        elif isinstance(error, asyncio.CancelledError | GeneratorExit):
            self.status("CANCELLED")
        else:
            self.status("UNKNOWN")
            self.failed(error)


def type_name(error: BaseException) -> str:
    """``sqlalchemy.exc.IntegrityError``: module and name, without ``builtins``."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
