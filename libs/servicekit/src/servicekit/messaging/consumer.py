"""From the broker to the use cases: an inbox row and the effect commit together, then the message is acknowledged.

A domain error or an unreadable message is parked as a dead letter; a failure of the surroundings is tried again with a growing delay.
Events of one aggregate are handled in order; different ones concurrently, in lanes. A lane is one transaction; where an event in it fails,
the lane is done again one event at a time, so that one bad event never holds the others back.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nats.aio.msg import Msg
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext

from servicekit.db.base import now
from servicekit.db.engine import Database
from servicekit.db.uow import Constraints, UnitOfWork
from servicekit.messaging import deadletters, envelope
from servicekit.messaging.envelope import BadEnvelope, Event
from servicekit.messaging.inbox import EventUnitOfWork
from servicekit.rpc.failures import is_transient
from servicekit.telemetry import logs, metrics, spans

log = logs.get_logger(__name__)

Handler = Callable[[UnitOfWork, Event], Awaitable[None]]
FETCH = 200
_LANES = 8
_MAX_DELAY = 30.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """What one service hears from another: a durable consumer `name` on the stream of `source`, a handler per event type.

    A handler gets an open unit of work; the use case that it calls joins it. `constraints` are the service's names of broken constraints.
    """

    name: str
    source: str
    handlers: Mapping[str, Handler]
    constraints: Constraints = field(default_factory=dict)


async def apply(database: Database, subscription: Subscription, events: list[Event], committed: asyncio.Event) -> None:
    """Applies events in one transaction; those applied before are passed over. A type without a handler is of an older filter."""
    async with EventUnitOfWork(database, subscription.name, subscription.constraints, committed) as uow:
        fresh = await uow.claim(events)
        for event in events:
            handler = subscription.handlers.get(event.type)
            if event.id not in fresh:
                continue
            fresh.discard(event.id)  # the broker may deliver an event twice within one batch
            if handler is not None:
                with spans.consumer_span(event.type, event.traceparent, consumer=subscription.name):
                    await handler(uow, event)


class Consumer:
    """Runs one subscription."""

    def __init__(
        self, database: Database, jetstream: JetStreamContext, subscription: Subscription, committed: asyncio.Event
    ) -> None:
        self._database = database
        self._jetstream = jetstream
        self._subscription = subscription
        self._committed = committed

    async def run(self) -> None:
        """Handles messages until cancelled; a broker that is away is waited for."""
        wait = 0.2
        while True:
            try:
                await self._consume()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.warning(
                    "consumer waits",
                    extra={"consumer": self._subscription.name, "error_type": type(error).__name__, "seconds": wait},
                )
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5.0)

    async def _consume(self) -> None:
        pull = await self._jetstream.pull_subscribe_bind(
            consumer=self._subscription.name, stream=envelope.stream(self._subscription.source)
        )
        try:
            while True:
                try:
                    messages = await pull.fetch(FETCH, timeout=5.0, heartbeat=1.0)
                except (NatsTimeout, TimeoutError):
                    metrics.current().consumer_state(self._subscription.name, pending=0, lag_seconds=0.0)
                    continue
                await self._handle_batch(messages)
        finally:
            with contextlib.suppress(Exception):  # a broken connection must not hide the end that was asked for
                await pull.unsubscribe()

    async def _handle_batch(self, messages: list[Msg]) -> None:
        """Spreads messages over lanes by their aggregate, so that one aggregate's events stay in order."""
        metrics.current().consumer_state(
            self._subscription.name, pending=messages[-1].metadata.num_pending or 0, lag_seconds=_age(messages[0])
        )
        lanes: list[list[Msg]] = [[] for _ in range(_LANES)]
        for message in messages:
            lanes[hash((message.headers or {}).get("ce-subject", "")) % _LANES].append(message)
        await asyncio.gather(*(self._handle_lane(lane) for lane in lanes if lane))

    async def _handle_lane(self, lane: list[Msg]) -> None:
        """Handles a lane in one transaction, or one by one where that fails."""
        if len(lane) > 1:
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
            await self._handle(message)

    async def _handle(self, message: Msg) -> None:
        name = self._subscription.name
        try:
            await self._apply([envelope.read(message.headers, message.data)])
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not isinstance(error, BadEnvelope) and is_transient(error):
                delay = min(_MAX_DELAY, 0.2 * 2 ** min(message.metadata.num_delivered or 1, 10))
                log.warning(
                    "event will be tried again",
                    extra={"consumer": name, "error_type": type(error).__name__, "seconds": delay},
                )
                metrics.current().consumer_processed(name, "retried")
                await message.nak(delay=delay)
            else:
                await self._park(message, error)
            return
        await self._done([message])

    async def _apply(self, events: list[Event]) -> None:
        await apply(self._database, self._subscription, events, self._committed)

    async def _done(self, messages: list[Msg]) -> None:
        for message in messages:
            metrics.current().consumer_processed(self._subscription.name, "done")
            await message.ack()

    async def _park(self, message: Msg, error: Exception) -> None:
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
            await message.nak(delay=5.0)
            return
        metrics.current().consumer_processed(name, "parked")
        await message.term()


def _age(message: Msg) -> float:
    stamp: Any = message.metadata.timestamp
    return max(0.0, (now() - stamp).total_seconds())
