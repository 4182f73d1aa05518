"""The outermost layers of the HTTP door, for every request alike: trace, request id, security headers, metrics; then limits and who calls.

They are plain ASGI and do no work that an answer does not need.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from servicekit.contract import Method
from servicekit.rpc.principal import ANONYMOUS
from servicekit.telemetry import logs, metrics, propagation, spans
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from marque_gateway.admission import RECORD, Admission, request_id_of
from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.settings import Settings

_SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"strict-transport-security", b"max-age=31536000; includeSubDomains"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-resource-policy", b"same-site"),
)
_UNLESS_SAID = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
_READ_AWAY = 4096  # bytes of a body that comes with its head


class Edge:
    """What every answer gets, whatever is asked: a trace, ids, security headers, a measure."""

    def __init__(self, app: ASGIApp, methods: Mapping[str, Method], admission: Admission) -> None:
        self._app = app
        self._methods = methods
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        headers = Headers(scope=scope)
        request_id = request_id_of(headers.get("x-request-id", ""))
        logs.request_id_var.set(request_id)
        answer = {"status": 500}
        name, wish = metrics.http_method(scope["method"]), headers.get(RECORD, "")
        record = bool(wish) and await self._admission.may_record(wish, headers.get("authorization", ""))
        with spans.edge_span(name, headers.get("traceparent"), record=record) as span:
            state: dict[str, Any] = scope.setdefault("state", {})
            state.update(route="other", span=span, principal=ANONYMOUS, methods=self._methods)
            told = _Told(send, request_id, propagation.current_trace_id() or "", answer, state)
            told.unread = _sends_more_than_it_pays_to_read(scope, headers)
            try:
                await self._app(scope, told.noticing(receive), told)
            except Exception as error:
                if told.begun:
                    raise
                await _refuse(error, scope, receive, told)
            finally:
                span.http_status(answer["status"])
                elapsed = time.perf_counter() - started
                metrics.current().http_server(state["route"], scope["method"], answer["status"], elapsed)


class Gate:
    """Who may pass: sizes, tokens, rates. It stands behind CORS, so that a browser may read why it was refused."""

    def __init__(self, app: ASGIApp, settings: Settings, admission: Admission) -> None:
        self._app = app
        self._settings = settings
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers, state = Headers(scope=scope), scope["state"]
        limit = self._settings.max_upload_bytes if _is_upload(scope) else self._settings.max_body_bytes
        try:
            self._check_size(scope, headers, limit)
            address = (scope.get("client") or ("unknown", 0))[0]
            state["principal"], state["rate"] = await self._admission.admit(headers.get("authorization", ""), address)
            state["rate"].check()
        except Exception as error:
            await _refuse(error, scope, receive, send)
            return
        await self._app(scope, _Limited(receive, limit), send)

    def _check_size(self, scope: Scope, headers: Headers, limit: int) -> None:
        if sum(len(name) + len(value) for name, value in scope["headers"]) > self._settings.max_header_bytes:
            raise HTTPException(431)
        length = headers.get("content-length", "0")
        if not (length.isascii() and length.isdigit()) or int(length) > limit:
            raise HTTPException(413 if length.isdigit() else 400)


async def _refuse(error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
    request = Request(scope, receive)
    await problem_response(request, problem_for(error, language(request)))(scope, receive, send)


class _Told:
    """Adds to every answer what every answer carries."""

    def __init__(
        self, send: Send, request_id: str, trace_id: str, answer: dict[str, int], state: dict[str, Any]
    ) -> None:
        self._send = send
        self._request_id = request_id
        self._trace_id = trace_id
        self._answer = answer
        self._state = state
        self.begun = False
        self.unread = False

    def noticing(self, receive: Receive) -> Receive:
        """Returns `receive`, noticing when the body has been read to its end."""

        async def noticed() -> Message:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                self.unread = False
            return message

        return noticed

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            self._answer["status"] = message["status"]
            headers = message.setdefault("headers", [])
            headers.extend(_SECURITY)
            present = {name.lower() for name, _ in headers}
            headers.extend(pair for pair in _UNLESS_SAID if pair[0] not in present)
            headers.append((b"x-request-id", self._request_id.encode()))
            headers.append((b"x-trace-id", self._trace_id.encode()))
            rate = self._state.get("rate")
            if rate is not None:
                headers.append((b"ratelimit", rate.header.encode()))
                headers.append((b"ratelimit-policy", rate.policy.encode()))
            if self.unread:  # the server then drops the connection: said, lest the caller's next request be lost on it
                headers.append((b"connection", b"close"))
        await self._send(message)


class _Limited:
    """Refuses a body that grows past its limit without having said so."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit

    async def __call__(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._left -= len(message.get("body", b""))
            if self._left < 0:
                raise HTTPException(413)
        return message


def _sends_more_than_it_pays_to_read(scope: Scope, headers: Headers) -> bool:
    """Tells whether a body comes that the server will not read away after a refusal (HTTP/1 only: /2 ends a stream by itself)."""
    if not scope.get("http_version", "1.1").startswith("1"):
        return False
    length = headers.get("content-length", "0")
    return "transfer-encoding" in headers or not (length.isascii() and length.isdigit() and int(length) <= _READ_AWAY)


def _is_upload(scope: Scope) -> bool:
    return scope["method"] == "POST" and scope["path"].endswith(("/imports", "/attachments"))
