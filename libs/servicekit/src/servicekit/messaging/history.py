"""What a service said, read again from its stream from a moment on: for repairs, never for handlers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from datetime import datetime

from nats.aio.client import Client as Nats
from nats.aio.msg import Msg
from nats.js.api import ConsumerConfig, DeliverPolicy

from servicekit.messaging import envelope
from servicekit.messaging.envelope import BadEnvelope, Event

_SILENCE_SECONDS = 30.0


async def events_since(broker: Nats, service: str, types: Iterable[str], since: datetime) -> AsyncIterator[Event]:
    """Yields the events of some types that stand in a service's stream since a moment, in order, up to its present end.

    Raises nats.errors.TimeoutError where the broker falls silent, NotFoundError where there is no such stream.
    """
    jetstream = broker.jetstream()
    wanted = {envelope.subject(name) for name in types}
    last = (await jetstream.stream_info(envelope.stream(service))).state.last_seq
    config = ConsumerConfig(deliver_policy=DeliverPolicy.BY_START_TIME, opt_start_time=since)
    found = await jetstream.subscribe(
        f"marque.{service}.>", stream=envelope.stream(service), ordered_consumer=True, config=config
    )
    try:
        info = await found.consumer_info()
        # What is pending falls as messages are sent, and they may all have been before the question: delivered counts as well.
        if not info.num_pending and not (info.delivered is not None and info.delivered.consumer_seq):
            return
        while True:
            message = await found.next_msg(timeout=_SILENCE_SECONDS)
            if message.subject in wanted and (event := _read(message)) is not None:
                yield event
            if message.metadata.sequence.stream >= last or not message.metadata.num_pending:
                return
    finally:
        await found.unsubscribe()


def _read(message: Msg) -> Event | None:
    try:
        return envelope.read(message.headers, message.data)
    except BadEnvelope:
        return None
