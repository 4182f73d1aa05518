"""Streams and durable consumers, declared here and reconciled by the migrate step; nothing is made by default at run time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial

from nats.errors import NoRespondersError, TimeoutError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import NotFoundError, ServiceUnavailableError

from servicekit.messaging import envelope
from servicekit.messaging.consumer import Subscription

# After a kill, what was under way comes again this much later; a slow batch comes twice, which the inbox absorbs.
ACK_WAIT_SECONDS = 5.0
MAX_ACK_PENDING = 2000
DUPLICATE_WINDOW_SECONDS = 600.0
PATIENCE_SECONDS = 60.0  # for which the migrate step asks a cluster that has no leader yet

log = logging.getLogger(__name__)


def stream_config(service: str, *, replicas: int, max_age_days: int, max_bytes: int = -1) -> StreamConfig:
    """Returns a service's stream: everything it says, kept `max_age_days`; when it is full it refuses and the outbox holds.

    It is full at `max_bytes`, or (-1) where the broker's own store is.
    """
    return StreamConfig(
        name=envelope.stream(service),
        subjects=[f"marque.{service}.>"],
        retention=RetentionPolicy.LIMITS,
        discard=DiscardPolicy.NEW,
        storage=StorageType.FILE,
        num_replicas=replicas,
        max_age=max_age_days * 86400.0,
        max_bytes=max_bytes,
        duplicate_window=DUPLICATE_WINDOW_SECONDS,
        allow_atomic=True,  # the relay hands over batches
    )


def consumer_config(subscription: Subscription) -> ConsumerConfig:
    """Returns the durable consumer of a subscription: explicit acks, redelivery without end (parking is the handler's decision)."""
    return ConsumerConfig(
        durable_name=subscription.name,
        deliver_policy=DeliverPolicy.ALL,
        ack_policy=AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,
        max_ack_pending=MAX_ACK_PENDING,
        filter_subjects=[envelope.subject(name) for name in subscription.types],
    )


async def reconcile(
    jetstream: JetStreamContext,
    service: str,
    subscriptions: Iterable[Subscription],
    *,
    replicas: int,
    max_age_days: int,
    max_bytes: int = -1,
) -> None:
    """Makes the service's own stream and its consumers as declared, and the streams it listens to: the order of starts is free.

    A cluster that chooses its leaders answers late or not at all; each step can be asked again, and is, for `PATIENCE_SECONDS`.
    """
    ends = time.monotonic() + PATIENCE_SECONDS
    for name in sorted({service, *(subscription.source for subscription in subscriptions)}):
        config = stream_config(name, replicas=replicas, max_age_days=max_age_days, max_bytes=max_bytes)
        await _insisting(ends, partial(_stream, jetstream, config, own=name == service))
    for subscription in subscriptions:
        stream, consumer = envelope.stream(subscription.source), consumer_config(subscription)
        await _insisting(ends, partial(jetstream.add_consumer, stream, consumer))


async def _stream(jetstream: JetStreamContext, config: StreamConfig, *, own: bool) -> None:
    try:
        await jetstream.stream_info(config.name or "")
    except NotFoundError:
        await jetstream.add_stream(config)
    else:
        if own:
            await jetstream.update_stream(config)


async def _insisting(ends: float, step: Callable[[], Awaitable[object]]) -> None:
    while True:
        try:
            await step()
            return
        except (TimeoutError, NoRespondersError, ServiceUnavailableError) as error:
            if time.monotonic() > ends:
                raise
            log.warning("broker is not ready", extra={"error_type": type(error).__name__})
            await asyncio.sleep(0.5)
