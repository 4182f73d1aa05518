"""From the outbox to the broker. One relay is active per service: it holds an advisory lock on a connection of its own.

It publishes *unpublished* rows, never `position > last`: positions commit out of order. Rows go as one batch that the broker takes as a
whole, with one acknowledgement (https://github.com/nats-io/nats-architecture-and-design/blob/main/adr/ADR-50.md). Where it refuses the
batch, because it holds an event of it already or knows no batches, each event is sent by itself, those of one aggregate in turn: what is
behind the first failed acknowledgement is sent again, and the broker drops doubles by the event's id.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import asyncpg
import orjson
from nats.aio.client import Client as Nats

from servicekit.db.base import now
from servicekit.db.committed import Committed, wait_for
from servicekit.db.engine import Database
from servicekit.ids import new_id
from servicekit.messaging import envelope, frames
from servicekit.telemetry import logs, metrics, spans

log = logs.get_logger(__name__)

BATCH = 500
POLL_SECONDS = 0.1
ACK_SECONDS = 5.0  # as long as an election of the stream's leader takes; an acknowledgement that is lost with a leader holds the rest up
_FIRST_WAIT = 0.2
_LOCK = 0x4D41_5251_5545_0001  # "MARQUE", 1

_FIND = """
SELECT position, event_id, event_type, aggregate_id, aggregate_version, payload, traceparent, create_time
FROM outbox_messages WHERE publish_time IS NULL ORDER BY position LIMIT $1"""
_DONE = "UPDATE outbox_messages SET publish_time = now() WHERE position = ANY($1::bigint[])"


class Relay:
    """Publishes a service's outbox. `committed` is set by units of work of this process, so that an event leaves at once."""

    def __init__(self, database: Database, broker: Nats, committed: Committed, service: str) -> None:
        self._database = database
        self._broker = broker
        self._jetstream = broker.jetstream()
        self._committed = committed
        self._stream = envelope.stream(service)
        self._wait = _FIRST_WAIT

    async def run(self) -> None:
        """Relays until cancelled; a lost database or broker is waited for."""
        while True:
            try:
                await self._lead()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                wait = self._wait
                log.warning("relay waits", extra={"error_type": type(error).__name__, "seconds": wait})
                await asyncio.sleep(wait)
                self._wait = min(wait * 2, 5.0)

    async def _lead(self) -> None:
        connection = await self._database.direct()
        try:
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK):  # noqa: ASYNC110 - polled: no event tells
                await asyncio.sleep(1.0)
            while True:
                self._committed.events.clear()
                sent = await self._publish_batch(connection)
                if sent < BATCH:
                    await wait_for(self._committed.events, POLL_SECONDS)
        finally:
            with contextlib.suppress(Exception):  # a broken connection must not hide the end that was asked for
                await connection.close(timeout=2)

    async def _publish_batch(self, connection: asyncpg.Connection) -> int:
        rows = await connection.fetch(_FIND, BATCH)
        if not rows:
            metrics.current().outbox(0, 0.0)
            return 0
        metrics.current().outbox(len(rows), (now() - rows[0]["create_time"]).total_seconds())
        with spans.publish_span([row["traceparent"] for row in rows], self._stream):
            if len(rows) > 1 and await self._publish_together(rows):
                acks: list[BaseException | None] = []
            else:
                acks = await self._publish_each(rows)
        failed = next((index for index, ack in enumerate(acks) if ack is not None), len(rows))
        if failed:
            await connection.execute(_DONE, [row["position"] for row in rows[:failed]])
            self._wait = _FIRST_WAIT
        if failed < len(rows):
            raise acks[failed]  # type: ignore[misc]
        return len(rows)

    async def _publish_together(self, rows: list[Any]) -> bool:
        """Publishes all rows or none; tells which. Raises where the broker does not answer, and nobody knows."""
        batch = new_id()
        sent = []
        for sequence, row in enumerate(rows[:-1], 1):
            head = {**_headers(row), "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(sequence)}
            sent.append(frames.frame(envelope.subject(row["event_type"]), head, row["payload"]))
        await frames.send(self._broker, sent)
        last = rows[-1]
        head = {
            **_headers(last),
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(len(rows)),
            "Nats-Batch-Commit": "1",
        }
        subject = envelope.subject(last["event_type"])
        answer = await self._broker.request(subject, last["payload"], timeout=ACK_SECONDS, headers=head)
        found = orjson.loads(answer.data)
        return "error" not in found and found.get("count") == len(rows)

    async def _publish_each(self, rows: list[Any]) -> list[BaseException | None]:
        """Publishes each row by itself; returns what became of each. Those of one aggregate go one after the other, and none behind one
        that failed: a leader that is lost in between could take the earlier with it and leave the later.
        """
        outcome: dict[int, BaseException | None] = {}
        chains: dict[str, list[int]] = {}
        for index, row in enumerate(rows):
            chains.setdefault(row["aggregate_id"], []).append(index)

        async def chain(indexes: list[int]) -> None:
            failure: BaseException | None = None
            for index in indexes:
                if failure is None:
                    try:
                        await self._publish(rows[index])
                    except Exception as error:
                        failure = error
                outcome[index] = failure

        await asyncio.gather(*(chain(indexes) for indexes in chains.values()))
        return [outcome[index] for index in range(len(rows))]

    async def _publish(self, row: Any) -> None:
        await self._jetstream.publish(
            envelope.subject(row["event_type"]), row["payload"], timeout=ACK_SECONDS, headers=_headers(row)
        )


def _headers(row: Any) -> dict[str, str]:
    return envelope.headers(
        event_id=str(row["event_id"]),
        event_type=row["event_type"],
        key=row["aggregate_id"],
        version=row["aggregate_version"],
        time=row["create_time"],
        traceparent=row["traceparent"],
    )
