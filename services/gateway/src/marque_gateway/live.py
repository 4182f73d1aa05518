"""Live changes for a signed-in person (SSE): events of the platform that lie in the caller's scope, as facts and ids.

`Last-Event-ID` goes on where a connection broke; when that is too far back, a `reset` event tells the client to read its lists again.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable

from nats.aio.client import Client as Nats
from servicekit.errors import InvalidArgument, ResourceExhausted, Unauthenticated, Unavailable
from servicekit.rpc.principal import ANONYMOUS, Principal
from servicekit.rpc.tokens import LEEWAY_SECONDS
from servicekit.staff import subject_key
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.hearing import Change, Hearing, Positions, read_positions

_QUEUE = 500
_PING_SECONDS = 15
_SEND_SECONDS = 30.0  # a reader that takes nothing for so long is gone


Judge = Callable[[Principal], Awaitable[Principal]]


class Live:
    """`GET /v1/events`: hands what is heard to whoever is connected and may know it."""

    def __init__(self, services: Iterable[str], buffer: int, per_principal: int, judge: Judge | None = None) -> None:
        self._hearing = Hearing(services, buffer, self._offer)
        self._listeners: set[_Listener] = set()
        self._open: Counter[str] = Counter()
        self._per_principal = per_principal
        self._judge = judge
        self._closing = False

    def start(self, broker: Nats) -> None:
        """Begins to hear every service's stream."""
        self._hearing.start(broker)

    async def stop(self) -> None:
        """Ends all connections, then the hearing."""
        self._closing = True
        for listener in list(self._listeners):
            listener.end()
        await self._hearing.stop()

    async def answer(self, request: Request) -> Response:
        """Answers with the stream; the place among the principal's connections is held until it ends."""
        request.scope["state"]["route"] = "/v1/events"
        request.scope["state"]["span"].rename("GET /v1/events")
        principal: Principal = request.scope["state"]["principal"]
        try:
            if principal is ANONYMOUS:
                raise Unauthenticated(why="it is missing")
            if not self._hearing.ready:
                raise Unavailable(dependency="The event stream", retry_after=2)
            if self._judge is not None:  # here no service judges again, so the record must be known
                principal = await self._judge(principal)
            since = _since(request.headers.get("last-event-id", ""))
            if self._open[principal.subject] >= self._per_principal:
                raise ResourceExhausted(retry_after=5)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        return _Stream(self, principal, since)

    def judge_again(self, subject_keys: Collection[str] | None) -> None:
        """Ends the connections of people whose records changed (None: of all); they come again by their last id, and are judged then."""
        for listener in list(self._listeners):
            if subject_keys is None or subject_key(listener.principal.subject) in subject_keys:
                listener.end()

    def enter(self, principal: Principal) -> _Listener:
        """Begins to queue what this caller may know."""
        listener = _Listener(principal)
        self._listeners.add(listener)
        self._open[principal.subject] += 1
        if self._closing:
            listener.end()
        return listener

    def leave(self, listener: _Listener) -> None:
        """Ends a connection."""
        self._listeners.discard(listener)
        self._open -= Counter({listener.principal.subject: 1})  # this also drops who has none left

    def opening(self, since: Positions | None, listener: _Listener) -> list[ServerSentEvent]:
        """What a connection begins with. Without an await between this and `enter`, nothing is lost and nothing comes twice.

        The greeting has no id where missed changes follow: a connection that breaks among them must not skip the rest.
        """
        position = self._hearing.position
        if since is None:
            return [ServerSentEvent(event="hello", id=position, data="{}")]
        missed = self._hearing.since(since)
        if missed is None:
            return [ServerSentEvent(event="reset", id=position, data="{}")]
        return [
            ServerSentEvent(event="hello", data="{}"),
            *(_shown(change) for change in missed if listener.may_see(change)),
        ]

    def _offer(self, change: Change) -> None:
        for listener in list(self._listeners):
            listener.offer(change)


class _Stream(EventSourceResponse):
    """One connection, from the first byte to the last."""

    def __init__(self, live: Live, principal: Principal, since: Positions | None) -> None:
        self._live = live
        self._listener = live.enter(principal)
        opening = live.opening(since, self._listener)
        super().__init__(
            self._listener.events(opening),
            ping=_PING_SECONDS,
            send_timeout=_SEND_SECONDS,
            headers={"cache-control": "no-store"},
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = self._listener.principal.expires_at + LEEWAY_SECONDS - time.time()
        expiry = asyncio.get_running_loop().call_later(max(0.0, left), self._listener.end)
        try:
            await super().__call__(scope, receive, send)
        finally:
            expiry.cancel()
            self._live.leave(self._listener)


class _Listener:
    """One caller who listens: a bounded queue, so that a slow reader never holds the others."""

    def __init__(self, principal: Principal) -> None:
        self.principal = principal
        self._queue: asyncio.Queue[Change | None] = asyncio.Queue()
        self._ended = False

    async def events(self, opening: list[ServerSentEvent]) -> AsyncIterator[ServerSentEvent]:
        """Yields what the connection begins with, then what happens, until the end."""
        for event in opening:
            yield event
        while (change := await self._queue.get()) is not None:
            yield _shown(change)

    def may_see(self, change: Change) -> bool:
        """Scope by what the event names: own dealers, oneself, or everything for callers from whom no row is hidden."""
        principal = self.principal
        if not change.readers & principal.permissions:
            return False
        if principal.is_dealer:
            return bool(change.dealers & principal.dealers)
        if principal.is_owner:
            return principal.customer_id in change.customers
        return principal.sees_all_rows

    def offer(self, change: Change) -> None:
        """Queues a change. A reader that is too slow is cut off after what is queued; it goes on from there by its last id."""
        if self._ended or not self.may_see(change):
            return
        if self._queue.qsize() < _QUEUE:
            self._queue.put_nowait(change)
        else:
            self.end()

    def end(self) -> None:
        """Ends the connection after what is queued."""
        if not self._ended:
            self._ended = True
            self._queue.put_nowait(None)


def _shown(change: Change) -> ServerSentEvent:
    return ServerSentEvent(event=change.type, id=change.heard, data=change.data)


def _since(last_event_id: str) -> Positions | None:
    if not last_event_id:
        return None
    try:
        return read_positions(last_event_id)
    except ValueError:
        description = "Send the id of an event that this door gave."
        raise InvalidArgument.of("Last-Event-ID", "EVENT_ID_INVALID", description) from None
