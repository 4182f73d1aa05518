"""From the broker to the use cases: an inbox row and the effect commit together, then the message is acknowledged.

A domain error or an unreadable message is parked as a dead letter; a failure of the surroundings is tried again with a growing delay.
Events of one aggregate are handled in order; different ones concurrently, in lanes. A lane is one transaction; where an event in it fails,
the lane is done again one event at a time, so that one bad event never holds the others back; behind one that is tried again only those
of its own aggregate wait. Several replicas share the messages: between them the order is not kept, and handlers go by `aggregate_version`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg

from servicekit.db.base import now
from servicekit.db.committed import Committed
from servicekit.db.engine import Database
from servicekit.db.uow import Constraints, UnitOfWork
from servicekit.messaging import deadletters, envelope
from servicekit.messaging.envelope import BadEnvelope, Event
from servicekit.messaging.inbox import EventUnitOfWork
from servicekit.messaging.pull import Pull
from servicekit.rpc.failures import is_transient
from servicekit.telemetry import logs, metrics, spans

log = logs.get_logger(__name__)

Handler = Callable[[UnitOfWork, Event], Awaitable[None]]
GroupHandler = Callable[[UnitOfWork, Sequence[Event]], Awaitable[None]]
FETCH = 200
_LANES = 4
_MAX_DELAY = 30.0
_PARK_DELAY = 5.0
_HOLD_SECONDS = 10.0
_FIRST_WAIT = 0.2


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one service hears from another: a durable consumer `name` on the stream of `source`, a handler per event type.

    A handler gets an open unit of work; the use case that it calls joins it. `constraints` are the service's names of broken constraints.
    `lane` names the field of the events whose rows the handlers lock, where that is not the event's own aggregate: lanes are transactions
    side by side, and two that lock the same rows in another order stop each other (a deadlock costs a second). Events of one aggregate must
    agree in that field, or their order is lost.

    `groups` are handlers that take all events of their types in a lane at once, in order, after the others: for what comes a thousand
    times a second, and does not care what events of other types did before or after.

    `rebuilds` names the tables that the handlers keep of what the source owns, each with the type of the snapshots from which it can be
    made anew (a handler hears them). `effects` names the service's own tables in which the handlers leave something: no snapshot touches
    these, for an effect happens once. The rebuild suite (tests/e2e/test_republish.py) fails for a table that is in neither.
    """

    name: str
    source: str
    handlers: Mapping[str, Handler]
    constraints: Constraints = field(default_factory=dict)
    lane: str = ""
    groups: Mapping[str, GroupHandler] = field(default_factory=dict)
    rebuilds: Mapping[str, str] = field(default_factory=dict)
    effects: frozenset[str] = frozenset()

    @property
    def types(self) -> list[str]:
        """The event types that are heard."""
        return sorted({*self.handlers, *self.groups})


async def apply(database: Database, subscription: Subscription, events: list[Event], committed: Committed) -> None:
    """Applies events in one transaction; those applied before are passed over. A type without a handler is of an older filter."""
    async with EventUnitOfWork(database, subscription.name, subscription.constraints, committed) as uow:
        fresh = await uow.claim(events)
        groups: dict[GroupHandler, list[Event]] = {}
        for event in events:
            handler = subscription.handlers.get(event.type)
            if event.id not in fresh:
                continue
            fresh.discard(event.id)  # the broker may deliver an event twice within one batch
            if (group := subscription.groups.get(event.type)) is not None:
                groups.setdefault(group, []).append(event)
            elif handler is not None:
                with spans.consumer_span(event.type, event.traceparent, consumer=subscription.name):
                    await handler(uow, event)
        for group, found in groups.items():
            traces = [event.traceparent for event in found]
            alone = traces[0] if len(found) == 1 else None
            with spans.consumer_span(found[0].type, alone, traces, consumer=subscription.name):
                await group(uow, found)


class Consumer:
    """Runs one subscription."""

    def __init__(self, database: Database, broker: Nats, subscription: Subscription, committed: Committed) -> None:
        self._database = database
        self._broker = broker
        self._subscription = subscription
        self._committed = committed
        self._held: dict[str, tuple[int, float]] = {}
        self._wait = _FIRST_WAIT

    async def run(self) -> None:
        """Handles messages until cancelled; a broker that is away is waited for."""
        while True:
            try:
                await self._consume()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                wait = self._wait
                log.warning(
                    "consumer waits",
                    extra={"consumer": self._subscription.name, "error_type": type(error).__name__, "seconds": wait},
                )
                await asyncio.sleep(wait)
                self._wait = min(wait * 2, 5.0)

    async def _consume(self) -> None:
        stream, name = envelope.stream(self._subscription.source), self._subscription.name
        async with Pull(self._broker, stream, name, FETCH) as pull:
            while True:
                messages = await pull.messages()
                self._wait = _FIRST_WAIT
                if messages:
                    await self._handle_batch(messages)
                else:
                    metrics.current().consumer_state(name, pending=0, lag_seconds=0.0)

    async def _handle_batch(self, messages: list[Msg]) -> None:
        """Spreads messages over lanes by their aggregate, so that one aggregate's events stay in order."""
        metrics.current().consumer_state(
            self._subscription.name, pending=messages[-1].metadata.num_pending or 0, lag_seconds=_age(messages[0])
        )
        present = time.monotonic()  # not for ever: another replica may have what is waited for
        self._held = {key: held for key, held in self._held.items() if held[1] > present}
        lanes: list[list[Msg]] = [[] for _ in range(_LANES)]
        for message in messages:
            lanes[hash(self._lane_of(message)) % _LANES].append(message)
        await asyncio.gather(*(self._handle_lane(lane) for lane in lanes if lane))

    def _lane_of(self, message: Msg) -> str:
        if self._subscription.lane:
            try:
                data = envelope.read(message.headers, message.data).data
            except BadEnvelope:
                return ""
            if found := getattr(data, self._subscription.lane, ""):
                return str(found)
        return _key(message)

    async def _handle_lane(self, lane: list[Msg]) -> None:
        """Handles a lane in one transaction, or one by one where that fails."""
        if len(lane) > 1 and not self._held:
            try:
                await self._apply([envelope.read(message.headers, message.data) for message in lane])
            except asyncio.CancelledError:
                raise
            except Exception as error:  # judged below, for each event by itself
                log.info("lane is done again one by one", extra={"error_type": type(error).__name__})
            else:
                await self._done(lane)
                return
        for message in lane:
            if self._is_held(message):
                await message.nak(delay=_delay(message))
            elif await self._handle(message):
                self._held.pop(_key(message), None)
            else:
                until = time.monotonic() + _delay(message) + _HOLD_SECONDS
                self._held[_key(message)] = (message.metadata.sequence.stream, until)

    def _is_held(self, message: Msg) -> bool:
        """Tells whether an earlier event of the same aggregate is to come again first."""
        held = self._held.get(_key(message))
        return held is not None and bool(message.metadata.sequence.stream > held[0])

    async def _handle(self, message: Msg) -> bool:
        """Handles one message; tells whether it is dealt with. False: it comes again later."""
        name = self._subscription.name
        try:
            await self._apply([envelope.read(message.headers, message.data)])
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not isinstance(error, BadEnvelope) and is_transient(error):
                delay = _delay(message)
                log.warning(
                    "event will be tried again",
                    extra={"consumer": name, "error_type": type(error).__name__, "seconds": delay},
                )
                metrics.current().consumer_processed(name, "retried")
                await message.nak(delay=delay)
                return False
            return await self._park(message, error)
        await self._done([message])
        return True

    async def _apply(self, events: list[Event]) -> None:
        await apply(self._database, self._subscription, events, self._committed)

    async def _done(self, messages: list[Msg]) -> None:
        for message in messages:
            metrics.current().consumer_processed(self._subscription.name, "done")
            await message.ack()

    async def _park(self, message: Msg, error: Exception) -> bool:
        """Keeps what cannot be handled where an operator sees it; only then the broker forgets it."""
        name = self._subscription.name
        log.error(
            "event parked as a dead letter",
            exc_info=error,
            extra={"consumer": name, "event_id": (message.headers or {}).get("ce-id", "")},
        )
        try:
            await deadletters.park(
                self._database, name, dict(message.headers or {}), message.data, deadletters.reason_of(error)
            )
        except Exception as failure:
            log.warning("dead letter waits", extra={"consumer": name, "error_type": type(failure).__name__})
            await message.nak(delay=_PARK_DELAY)
            return False
        metrics.current().consumer_processed(name, "parked")
        await message.term()
        return True


def _key(message: Msg) -> str:
    return (message.headers or {}).get("ce-subject", "")


def _delay(message: Msg) -> float:
    """Seconds until a message comes again; grows with its deliveries."""
    return float(min(_MAX_DELAY, 0.2 * 2 ** min(message.metadata.num_delivered or 1, 10)))


def _age(message: Msg) -> float:
    stamp: Any = message.metadata.timestamp
    return max(0.0, (now() - stamp).total_seconds())
