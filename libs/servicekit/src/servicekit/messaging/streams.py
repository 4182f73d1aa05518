"""Streams and durable consumers, declared here and reconciled by the migrate step; nothing is made by default at run time."""

from __future__ import annotations

from collections.abc import Iterable

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
from nats.js.errors import NotFoundError

from servicekit.messaging import envelope
from servicekit.messaging.consumer import Subscription

# After a kill, what was under way comes again this much later; a slow batch comes twice, which the inbox absorbs.
ACK_WAIT_SECONDS = 5.0
MAX_ACK_PENDING = 2000
DUPLICATE_WINDOW_SECONDS = 600.0


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
    """Makes the service's own stream and its consumers as declared, and the streams it listens to: the order of starts is free."""
    wanted = {service, *(subscription.source for subscription in subscriptions)}
    for name in sorted(wanted):
        config = stream_config(name, replicas=replicas, max_age_days=max_age_days, max_bytes=max_bytes)
        try:
            await jetstream.stream_info(config.name or "")
        except NotFoundError:
            await jetstream.add_stream(config)
        else:
            if name == service:
                await jetstream.update_stream(config)
    for subscription in subscriptions:
        await jetstream.add_consumer(envelope.stream(subscription.source), consumer_config(subscription))
