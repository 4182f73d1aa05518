"""Yardstick (c): raw JetStream publishing of the same event bytes with the same headers, in a process of its own.

`python -m bench.yardsticks.publish URL COUNT < payload` publishes to a stream of its own, in gathers of 500 as the relay does, and prints
the rate and its own CPU seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid

import nats
from nats.js.api import StorageType, StreamConfig

BATCH = 500
STREAM, SUBJECT = "BENCH_RAW", "bench.raw.event"


async def main(url: str, count: int, payload: bytes) -> dict[str, float]:
    """Publishes `count` messages with acknowledgement; returns wall and own CPU seconds."""
    client = await nats.connect(url)
    jetstream = client.jetstream()
    await jetstream.add_stream(
        StreamConfig(name=STREAM, subjects=[SUBJECT], storage=StorageType.FILE, duplicate_window=600.0)
    )
    try:
        cpu, began = time.process_time(), time.perf_counter()
        for _ in range(0, count, BATCH):
            await asyncio.gather(*(_publish(jetstream, payload) for _ in range(BATCH)))
        return {
            "wall": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "count": -(-count // BATCH) * BATCH,
        }
    finally:
        await jetstream.delete_stream(STREAM)
        await client.close()


async def _publish(jetstream: nats.js.JetStreamContext, payload: bytes) -> None:
    event_id = str(uuid.uuid4())
    head = {
        "Nats-Msg-Id": event_id,
        "ce-specversion": "1.0",
        "ce-id": event_id,
        "ce-type": "marque.vehicle.v1.SaleRecorded",
        "ce-source": "/marque/vehicle",
        "ce-subject": event_id,
        "ce-time": "2026-11-21T12:00:00Z",
        "ce-aggregateversion": "1",
        "content-type": "application/protobuf",
    }
    await jetstream.publish(SUBJECT, payload, headers=head, timeout=10)


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.stdin.buffer.read()))))
