"""Tempo's paths over the store, for the gateway, which lets only `ops` come here. On loopback, and without a token."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sight.traces import loglines, tempo, traceql
from sight.traces.store import Store

_TRACE_ID = re.compile(r"[0-9a-fA-F]{1,32}").fullmatch
_TAG = re.compile(r'([\w.:/-]+)=(?:"([^"]*)"|(\S+))')
_SECOND = 10**9
_FUTURE = 2**63 - 1


def make_app(store: Store, logs: Path | None) -> Starlette:
    """Returns the application; `logs` is the folder of the processes' JSON logs."""

    async def ready(request: Request) -> Response:
        return _json({"status": "ready"})

    async def search(request: Request) -> Response:
        given = request.query_params
        start, end = _range(given)
        query = _query(given.get("q") or _of_tags(given.get("tags", "")))
        told = await asyncio.to_thread(
            tempo.search,
            store,
            query,
            start_ns=start,
            end_ns=end,
            limit=_number(given, "limit", 20, tempo.MOST_TRACES),
            spans=_number(given, "spss", 3, 100),
            shortest_ns=_duration(given, "minDuration") or 0,
            longest_ns=_duration(given, "maxDuration"),
        )
        return _json(told)

    async def trace(request: Request) -> Response:
        found = await asyncio.to_thread(tempo.trace, store, _id(request))
        if found is None:
            raise HTTPException(404, "trace not found")
        return _json({"trace": {"resourceSpans": found["batches"]}} if "/v2/" in request.url.path else found)

    async def tags(request: Request) -> Response:
        found = await asyncio.to_thread(tempo.tags, store, *_range(request.query_params))
        scope = request.query_params.get("scope", "")
        if scope and scope not in (*tempo.SCOPES, "none"):
            raise HTTPException(400, f"scope must be one of {', '.join(tempo.SCOPES)}")
        wanted = {name: names for name, names in found.items() if scope in ("", "none", name)}
        if "/v2/" in request.url.path:
            return _json({"scopes": [{"name": name, "tags": names} for name, names in wanted.items()]})
        flat = {tag for name, names in wanted.items() if scope or name != "intrinsic" for tag in names}
        return _json({"tagNames": sorted(flat)})

    async def tag_values(request: Request) -> Response:
        name, second = request.path_params["tag"], "/v2/" in request.url.path
        found = tempo.fixed_values(name)
        if found is None:
            read = _field(name if second or name in traceql.INTRINSICS else f".{name}")
            query = _query(request.query_params.get("q") or "{}")
            found = await asyncio.to_thread(tempo.tag_values, store, read, query, *_range(request.query_params))
        return _json({"tagValues": found if second else [one["value"] for one in found]})

    async def lines(request: Request) -> Response:
        wanted = _id(request).hex()
        found = await asyncio.to_thread(loglines.of_trace, logs, wanted) if logs is not None else []
        return _json({"lines": found})

    return Starlette(
        routes=[
            Route("/ready", ready),
            Route("/api/search", search),
            Route("/api/search/tags", tags),
            Route("/api/v2/search/tags", tags),
            Route("/api/search/tag/{tag:path}/values", tag_values),
            Route("/api/v2/search/tag/{tag:path}/values", tag_values),
            Route("/api/traces/{trace_id}", trace),
            Route("/api/v2/traces/{trace_id}", trace),
            Route("/api/logs/{trace_id}", lines),
        ],
        exception_handlers={HTTPException: _refused},
    )


async def _refused(request: Request, error: Exception) -> Response:
    """Tempo answers an error as plain text."""
    assert isinstance(error, HTTPException)
    return Response(error.detail, error.status_code, media_type="text/plain")


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")


def _query(text: str) -> traceql.Query:
    try:
        return traceql.parse(text)
    except traceql.BadQuery as error:
        raise HTTPException(400, f"invalid TraceQL query: {error}") from None


def _field(name: str) -> Callable[[Any, Any], Any]:
    try:
        return traceql.field(name)
    except traceql.BadQuery as error:
        raise HTTPException(400, str(error)) from None


def _of_tags(text: str) -> str:
    """The older form of a search, `service.name=customer name="GET /x"`, as TraceQL."""
    found = []
    for name, quoted, bare in _TAG.findall(text):
        value = (quoted or bare).replace("\\", "\\\\").replace('"', '\\"')
        found.append(f'{name if name in traceql.INTRINSICS else f".{name}"} = "{value}"')
    if text.strip() and not found:
        raise HTTPException(400, "tags must be key=value, parted by spaces")
    return "{ " + " && ".join(found) + " }"


def _id(request: Request) -> bytes:
    text = request.path_params["trace_id"]
    if not _TRACE_ID(text):
        raise HTTPException(400, "trace ids are up to 32 hex digits")
    return bytes.fromhex(text.rjust(32, "0"))


def _range(given: Mapping[str, str]) -> tuple[int, int]:
    """`start` and `end` in seconds since 1970; all that is kept where they are absent."""
    start, end = _number(given, "start", 0, 2**40), _number(given, "end", 0, 2**40)
    if start and end and end < start:
        raise HTTPException(400, "end must not lie before start")
    return start * _SECOND, min(_FUTURE, (end + 1) * _SECOND - 1) if end else time.time_ns() + 3600 * _SECOND


def _number(given: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = given.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 14):
        raise HTTPException(400, f"{name} must be a whole number")
    return min(int(text), most)


def _duration(given: Mapping[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    found = traceql.duration_ns(text)
    if found is None:
        raise HTTPException(400, f"{name} must be a duration, for example 100ms")
    return found
