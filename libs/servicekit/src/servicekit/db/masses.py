"""The platform's own rows of a transaction that tells of hundreds of things, as of an import: by COPY, which costs the service and the
database a third of a statement for each row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.db import binary
from servicekit.db.binary import Column, Copy

MANY = 50  # from so many rows on COPY is worth its round trip
Rows = Sequence[dict[str, Any]]


async def driver_of(session: AsyncSession) -> Any:
    """Returns the driver's connection inside the session's transaction.

    The statement begins the transaction where nothing was said yet: without it what the driver writes would commit by itself.
    """
    await session.execute(sa.text("SELECT 1"))
    raw = await (await session.connection()).get_raw_connection()
    return raw.driver_connection


def outbox(rows: Rows) -> Copy:
    """Returns rows of `outbox_messages` on their way, in their order."""
    columns: dict[str, Column | bytes] = {
        "event_id": binary.uuids([row["event_id"].bytes for row in rows]),
        "event_type": binary.texts([row["event_type"] for row in rows]),
        "aggregate_id": binary.texts([row["aggregate_id"] for row in rows]),
        "aggregate_version": map(binary.bigint, [row["aggregate_version"] for row in rows]),
        "payload": binary.blobs([row["payload"] for row in rows]),
        "traceparent": binary.optional_texts([row["traceparent"] for row in rows]),
        "create_time": map(binary.moment, [row["create_time"] for row in rows]),
    }
    return Copy("outbox_messages", len(rows), columns)


def audit(rows: Rows) -> Copy:
    """Returns rows of `audit_records` on their way."""
    columns: dict[str, Column | bytes] = {
        "audit_id": binary.uuids([row["audit_id"].bytes for row in rows]),
        "create_time": map(binary.moment, [row["create_time"] for row in rows]),
        "fields": binary.text_arrays([row["fields"] for row in rows]),
    }
    for name in ("principal", "roles", "method", "action", "resource_type", "resource_id", "trace_id"):
        columns[name] = binary.texts([row[name] for row in rows])
    return Copy("audit_records", len(rows), columns)
