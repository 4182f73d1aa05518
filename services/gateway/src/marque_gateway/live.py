"""Live changes for a signed-in person (SSE): events of the platform that lie in the caller's scope, as facts and ids.

The gateway hears all streams once, keeps the newest events, and hands them to whoever is connected. `Last-Event-ID` goes on where a
connection broke; when that is too far back, a `reset` event tells the client to read its lists again.
"""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from typing import Any

import orjson
from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy
from nats.js.errors import NotFoundError
from servicekit.errors import InvalidArgument, ResourceExhausted, Unauthenticated
from servicekit.messaging import envelope
from servicekit.messaging.envelope import BadEnvelope
from servicekit.rpc.principal import ANONYMOUS, Principal
from servicekit.telemetry import logs
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.requests import Request
from starlette.responses import Response

from marque_gateway.answers import language, problem_for, problem_response
from marque_gateway.json import encoder_for

log = logs.get_logger(__name__)

_QUEUE = 500
_PING_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Change:
    """One event as it is shown: position of this gateway's hearing, type, JSON, and what scopes it."""

    positions: str
    type: str
    data: str
    dealers: frozenset[str]
    customers: frozenset[str]
    permission: str


class Live:
    """Hears and hands out."""

    def __init__(self, services: Iterable[str], buffer: int, per_principal: int) -> None:
        self._services = sorted(services)
        self._heard = dict.fromkeys(self._services, 0)
        self._recent: deque[Change] = deque(maxlen=buffer)
        self._listeners: set[_Listener] = set()
        self._open: Counter[str] = Counter()
        self._per_principal = per_principal
        self._tasks: list[asyncio.Task[None]] = []
        self._closing = asyncio.Event()

    def start(self, broker: Nats) -> None:
        """Begins to hear every service's stream."""
        self._tasks = [asyncio.create_task(self._hear(broker, name)) for name in self._services]

    async def stop(self) -> None:
        """Ends all connections, then the hearing."""
        self._closing.set()
        for listener in list(self._listeners):
            listener.end()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answer(self, request: Request) -> Response:
        """`GET /v1/events`."""
        request.scope["state"]["route"] = "/v1/events"
        request.scope["state"]["span"].rename("GET /v1/events")
        principal: Principal = request.scope["state"]["principal"]
        try:
            if principal is ANONYMOUS:
                raise Unauthenticated(why="it is missing")
            last = request.headers.get("last-event-id", "")
            since = _positions(last) if last else None
            if self._open[principal.subject] >= self._per_principal:
                raise ResourceExhausted(retry_after=5)
        except Exception as error:
            return problem_response(request, problem_for(error, language(request)))
        return EventSourceResponse(
            self._events(principal, since), ping=_PING_SECONDS, headers={"cache-control": "no-store"}
        )

    async def _events(self, principal: Principal, since: dict[str, int] | None) -> AsyncIterator[ServerSentEvent]:
        listener = _Listener(principal)
        self._listeners.add(listener)
        self._open[principal.subject] += 1
        try:
            yield ServerSentEvent(event="hello", id=self._position(), data="{}")
            for change in self._missed(since, listener):
                yield change
            while not self._closing.is_set():
                found = await listener.queue.get()
                if found is None:
                    break
                yield ServerSentEvent(event=found.type, id=found.positions, data=found.data)
            if listener.overrun:
                yield ServerSentEvent(event="reset", data="{}")
        finally:
            self._listeners.discard(listener)
            self._open[principal.subject] -= 1

    def _missed(self, since: dict[str, int] | None, listener: _Listener) -> Iterable[ServerSentEvent]:
        if since is None:
            return
        oldest = _positions(self._recent[0].positions) if self._recent else self._heard
        if any(
            since.get(name, 0) + 1 < oldest.get(name, 0) and since.get(name, 0) < self._heard[name]
            for name in self._services
        ):
            yield ServerSentEvent(event="reset", id=self._position(), data="{}")
            return
        for change in list(self._recent):
            at = _positions(change.positions)
            if any(at.get(name, 0) > since.get(name, 0) for name in self._services) and listener.may_see(change):
                yield ServerSentEvent(event=change.type, id=change.positions, data=change.data)

    async def _hear(self, broker: Nats, service: str) -> None:
        while True:
            try:
                jetstream = broker.jetstream()
                config = ConsumerConfig(deliver_policy=DeliverPolicy.NEW)
                heard = await jetstream.subscribe(
                    f"marque.{service}.>", stream=envelope.stream(service), ordered_consumer=True, config=config
                )
                async for message in heard.messages:
                    self._take(service, message)
            except NotFoundError:
                await asyncio.sleep(2.0)  # the service was never migrated here
            except Exception as error:
                log.warning(
                    "live changes wait", extra={"stream": envelope.stream(service), "error_type": type(error).__name__}
                )
                await asyncio.sleep(1.0)

    def _take(self, service: str, message: Msg) -> None:
        try:
            event = envelope.read(message.headers, message.data)
        except BadEnvelope:
            return
        if event.type.endswith("Snapshot"):
            return
        self._heard[service] = message.metadata.sequence.stream
        facts = encoder_for(event.data.DESCRIPTOR)(event.data)
        change = Change(
            positions=self._position(),
            type=event.type,
            data=orjson.dumps(facts).decode(),
            dealers=_named(facts, "dealerId"),
            customers=_named(facts, "customerId"),
            permission=f"{service}.",
        )
        self._recent.append(change)
        for listener in list(self._listeners):
            listener.offer(change)

    def _position(self) -> str:
        return ".".join(f"{name}:{number}" for name, number in self._heard.items())


class _Listener:
    """One connection: a bounded queue, so that a slow reader never holds the others."""

    def __init__(self, principal: Principal) -> None:
        self._principal = principal
        self.queue: asyncio.Queue[Change | None] = asyncio.Queue(_QUEUE)
        self.overrun = False

    def may_see(self, change: Change) -> bool:
        """Scope by what the event names: own dealers, oneself, or everything for callers from whom no row is hidden."""
        principal = self._principal
        if not any(permission.startswith(change.permission) for permission in principal.permissions):
            return False
        if principal.is_dealer:
            return bool(change.dealers & principal.dealers)
        if principal.is_owner:
            return principal.customer_id in change.customers
        return principal.sees_all_rows

    def offer(self, change: Change) -> None:
        """Queues a change; a reader that is too slow is told to start again."""
        if not self.may_see(change):
            return
        if self.queue.qsize() >= _QUEUE - 1:
            self.overrun = True
            self.end()
        else:
            self.queue.put_nowait(change)

    def end(self) -> None:
        """Ends the connection after what is queued."""
        if not self.queue.full():
            self.queue.put_nowait(None)


def _named(facts: dict[str, Any], name: str) -> frozenset[str]:
    value = facts.get(name)
    return frozenset({value}) if isinstance(value, str) and value else frozenset()


def _positions(text: str) -> dict[str, int]:
    try:
        pairs = (item.split(":") for item in text[:500].split("."))
        return {name: int(number) for name, number in pairs}
    except ValueError:
        raise InvalidArgument.of(
            "Last-Event-ID", "EVENT_ID_INVALID", "Send the id of an event that this door gave."
        ) from None
