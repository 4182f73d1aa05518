"""The state of all customers and leads, for services that rebuild what they know."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa
from google.protobuf.message import Message
from marque.customer.v1 import customer_events_pb2, lead_events_pb2
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer

_NIL = str(uuid.UUID(int=0))
_LEADS = sa.text("""
(SELECT lead_id, version, update_time, customer_id, dealer_id, source, stage, grade, create_time FROM leads
 WHERE lead_id > :after ORDER BY lead_id LIMIT :most)
UNION ALL
(SELECT lead_id, version, remove_time, NULL, dealer_id, source, 0, '', create_time FROM gone_leads
 WHERE lead_id > :after ORDER BY lead_id LIMIT :most)
ORDER BY lead_id LIMIT :most
""")


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


async def leads(session: AsyncSession, after: str, limit: int) -> list[tuple[str, Message]]:
    """Returns the next leads after an id, as (id, snapshot), in the order of ids; of those that were removed what may stay."""
    rows = await session.execute(_LEADS, {"after": uuid.UUID(after or _NIL), "most": limit})
    return [(str(row.lead_id), _lead(row)) for row in rows]


def _lead(row: Any) -> lead_events_pb2.LeadSnapshot:
    event = lead_events_pb2.LeadSnapshot(
        lead_id=str(row.lead_id),
        aggregate_version=row.version,
        customer_id=str(row.customer_id or ""),
        dealer_id=str(row.dealer_id or ""),
        source=row.source,
        stage=row.stage,
        grade=row.grade,
    )
    event.occur_time.FromDatetime(row.update_time)
    event.create_time.FromDatetime(row.create_time)
    return event
