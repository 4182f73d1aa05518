"""Imports: everything about a chunk in a few set-based statements, past the ORM: COPY for what is new, one UPDATE for what changed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.repository.sight import Sight, rule

CUSTOMER_COLUMNS = (
    *(
        "customer_id",
        "version",
        "create_time",
        "update_time",
        "kind",
        "status",
        "status_time",
        "family_name",
        "given_name",
    ),
    *(
        "full_name",
        "latin_name",
        "organisation_name",
        "birth_date",
        "gender",
        "language",
        "preferred_channel",
        "time_zone",
    ),
    *(
        "occupation",
        "income_band",
        "industry",
        "interests",
        "tags",
        "addresses",
        "search_text",
        "search_tokens",
        "card",
    ),
)
POINT_COLUMNS = (
    *("contact_point_id", "customer_id", "kind", "value", "match_key", "provider", "label", "is_primary", "source"),
    *("verify_time", "verification_method", "shared", "create_time"),
)
TABLES = {
    "customers": CUSTOMER_COLUMNS,
    "contact_points": POINT_COLUMNS,
    "source_references": ("source", "source_key", "dealer_id", "customer_id", "last_seen_time", "content_hash"),
    "relations": (
        *("relation_id", "version", "create_time", "update_time", "customer_id", "dealer_id", "kind", "start_time"),
        *("origin_type", "origin_id", "staff_id"),
    ),
    "dealer_customers": ("dealer_id", "customer_id", "update_time", "create_time", "kind", "status"),
    "outbox_messages": (
        "event_id",
        "event_type",
        "aggregate_id",
        "aggregate_version",
        "payload",
        "traceparent",
        "create_time",
    ),
    "audit_records": (
        *(
            "audit_id",
            "create_time",
            "principal",
            "roles",
            "method",
            "action",
            "resource_type",
            "resource_id",
            "resource_ids",
            "fields",
            "trace_id",
        ),
    ),
}
_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('import:' || :source, 0))")
_KNOWN = f"""
SELECT r.source_key, r.customer_id, r.content_hash, c.status, c.kind, {rule(4)} AS visible
FROM unnest($2::text[], $3::uuid[]) AS n (source_key, dealer_id)
JOIN source_references r ON r.source = $1 AND r.source_key = n.source_key AND r.dealer_id = n.dealer_id
JOIN customers c USING (customer_id)"""  # noqa: S608
_LOAD = "SELECT *, addresses::text AS addresses_text FROM customers WHERE customer_id = ANY($1) ORDER BY customer_id FOR UPDATE"
_POINTS = "SELECT * FROM contact_points WHERE customer_id = ANY($1) ORDER BY create_time, contact_point_id"
_REFERENCES = "SELECT * FROM source_references WHERE customer_id = ANY($1) ORDER BY source, source_key"
_CARS = "SELECT DISTINCT customer_id, vin, plate FROM known_cars WHERE customer_id = ANY($1) AND NOT voided AND valid_end_time IS NULL"
_DEALERS = "SELECT customer_id, dealer_id FROM dealer_customers WHERE customer_id = ANY($1)"
_ENTRIES = "SELECT customer_id, dealer_id FROM relations WHERE customer_id = ANY($1) AND kind = $2"
_CHANGED = tuple(
    name for name in CUSTOMER_COLUMNS if name not in ("customer_id", "create_time", "kind", "status", "status_time")
)
_UPDATE = f"""
UPDATE customers c SET {", ".join(f"{name} = n.{name}" for name in _CHANGED)}
FROM staged_customers n WHERE c.customer_id = n.customer_id"""  # noqa: S608
_REPEAT = "UPDATE dealer_customers SET update_time = $2 WHERE customer_id = ANY($1)"
_SEEN = """
UPDATE source_references r SET content_hash = n.content_hash, last_seen_time = $5
FROM unnest($2::text[], $3::uuid[], $4::bytea[]) AS n (source_key, dealer_id, content_hash)
WHERE r.source = $1 AND r.source_key = n.source_key AND r.dealer_id = n.dealer_id"""


async def connection_of(session: AsyncSession, source: str) -> Any:
    """Returns the driver's connection inside the session's transaction, after imports of the same source were waited for.

    The statement that locks also begins the transaction: without it the driver's own statements would commit by themselves.
    """
    await session.execute(_LOCK, {"source": source})
    raw = await (await session.connection()).get_raw_connection()
    return raw.driver_connection


async def known(
    connection: Any, sight: Sight, source: str, keys: Sequence[str], owners: Sequence[uuid.UUID]
) -> dict[str, asyncpg.Record]:
    """Returns what is known of some different keys of a source, each with its owner: customer, status, digest, whether it is in sight."""
    return {row["source_key"]: row for row in await connection.fetch(_KNOWN, source, keys, owners, *sight.values)}


async def load(connection: Any, customer_ids: Sequence[uuid.UUID]) -> dict[str, list[asyncpg.Record]]:
    """Returns customers under lock with their parts, by table; five statements whatever the number."""
    return {
        "customers": await connection.fetch(_LOAD, customer_ids),
        "points": await connection.fetch(_POINTS, customer_ids),
        "references": await connection.fetch(_REFERENCES, customer_ids),
        "cars": await connection.fetch(_CARS, customer_ids),
        "dealers": await connection.fetch(_DEALERS, customer_ids),
    }


async def entry_relations(
    connection: Any, customer_ids: Sequence[uuid.UUID], kind: int
) -> set[tuple[uuid.UUID, uuid.UUID]]:
    """Returns the pairs of customer and dealer that have a relation of a kind."""
    rows = await connection.fetch(_ENTRIES, customer_ids, kind)
    return {(row["customer_id"], row["dealer_id"]) for row in rows}


async def copy(connection: Any, table: str, records: Sequence[tuple[Any, ...]]) -> None:
    """Writes new rows of a table in its columns' order."""
    if records:
        await connection.copy_records_to_table(table, records=records, columns=TABLES[table])


async def change(connection: Any, records: Sequence[tuple[Any, ...]]) -> None:
    """Writes changed customers, in the order of CUSTOMER_COLUMNS."""
    if not records:
        return
    columns = ", ".join(CUSTOMER_COLUMNS)
    await connection.execute(
        f"CREATE TEMP TABLE IF NOT EXISTS staged_customers ON COMMIT DROP AS SELECT {columns} FROM customers WITH NO DATA"  # noqa: S608
    )
    await connection.execute("TRUNCATE staged_customers")
    await connection.copy_records_to_table("staged_customers", records=records, columns=CUSTOMER_COLUMNS)
    await connection.execute(_UPDATE)
    await connection.execute(_REPEAT, [record[0] for record in records], records[0][3])


async def seen(connection: Any, source: str, digests: Sequence[tuple[str, uuid.UUID, bytes]], moment: Any) -> None:
    """Keeps the digests of the rows that were just written for known keys: (key, owner, digest)."""
    if digests:
        await connection.execute(_SEEN, source, *map(list, zip(*digests, strict=True)), moment)
