"""Source records: what each source said, one row per source and customer."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import SourceRecord

_LOAD = """
SELECT customer_id, source, dealer_id, source_key, origin, said::text AS said, older::text AS older, verified, first_time, last_time, actor
FROM source_records WHERE customer_id = ANY($1) ORDER BY customer_id, source, dealer_id, source_key"""
COLUMNS = (
    *("customer_id", "source", "dealer_id", "source_key", "origin", "said", "older", "verified", "first_time"),
    *("last_time", "actor"),
)
_PUT = f"""
INSERT INTO source_records ({", ".join(COLUMNS)})
SELECT n.customer_id, n.source, n.dealer_id, n.source_key, n.origin, n.said::jsonb, n.older::jsonb,
    ARRAY(SELECT jsonb_array_elements_text(n.verified::jsonb)), n.first_time, n.last_time, n.actor
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::smallint[], $6::text[], $7::text[], $8::text[], $9::timestamptz[],
    $10::timestamptz[], $11::text[]) AS n ({", ".join(COLUMNS)})
ON CONFLICT (customer_id, source, dealer_id, source_key) DO UPDATE SET origin = excluded.origin, said = excluded.said,
    older = excluded.older, verified = excluded.verified, last_time = excluded.last_time, actor = excluded.actor"""  # noqa: S608


async def of(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[SourceRecord]]:
    """Returns the records of customers, in a fixed order."""
    found: dict[uuid.UUID, list[SourceRecord]] = {customer_id: [] for customer_id in customer_ids}
    columns = (SourceRecord.customer_id, SourceRecord.source, SourceRecord.dealer_id, SourceRecord.source_key)
    query = sa.select(SourceRecord).where(SourceRecord.customer_id.in_(customer_ids)).order_by(*columns)
    for record in await session.scalars(query):
        found[record.customer_id].append(record)
    return found


def new(customer_id: uuid.UUID, key: tuple[str, uuid.UUID, str], origin: int, moment: datetime) -> SourceRecord:
    """Returns a record of a source (its name, whose system it is, the customer's key there) that has said nothing yet."""
    source, dealer_id, source_key = key
    return SourceRecord(
        customer_id=customer_id,
        source=source,
        dealer_id=dealer_id,
        source_key=source_key,
        origin=origin,
        said={},
        older={},
        verified=[],
        first_time=moment,
        last_time=moment,
        actor="",
    )


async def load(connection: Any, customer_ids: Sequence[uuid.UUID]) -> list[Any]:
    """Returns the records of customers for an import, with `said` and `older` as JSON texts."""
    found: list[Any] = await connection.fetch(_LOAD, customer_ids)
    return found


async def put(connection: Any, rows: Iterable[Sequence[Any]]) -> None:
    """Writes records in the order of COLUMNS; `said`, `older` and `verified` as JSON texts. One statement whatever the number."""
    held = list(rows)
    if held:
        await connection.execute(_PUT, *map(list, zip(*held, strict=True)))
