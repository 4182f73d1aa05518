"""The state of all customers, for services that rebuild what they know."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from marque.customer.v1 import customer_events_pb2
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer


async def customers(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Returns the next customers after an id, as (id, snapshot), in the order of ids."""
    query = sa.select(
        Customer.customer_id,
        Customer.version,
        Customer.update_time,
        Customer.kind,
        Customer.status,
        Customer.merged_into,
        Customer.create_time,
    )
    if after:
        query = query.where(Customer.customer_id > uuid.UUID(after))
    rows = await session.execute(query.order_by(Customer.customer_id).limit(limit))
    return [(str(row.customer_id), _snapshot(row)) for row in rows]


def _snapshot(row: Any) -> customer_events_pb2.CustomerSnapshot:
    event = customer_events_pb2.CustomerSnapshot(
        customer_id=str(row.customer_id),
        aggregate_version=row.version,
        kind=row.kind,
        status=row.status,
        merged_into_customer_id=str(row.merged_into or ""),
    )
    event.occur_time.FromDatetime(row.update_time)
    event.create_time.FromDatetime(row.create_time)
    return event
