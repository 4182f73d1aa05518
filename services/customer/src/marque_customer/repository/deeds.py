"""What is known of purchases and visits, kept from events and snapshots, and what they cost, which is asked for."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from servicekit.db.engine import Reader

SALES, VISITS = "known_sales", "known_visits"
_KEYS = {SALES: "sale_id", VISITS: "repair_order_id"}
# Of an erased customer nothing is written any more. An older word fills only what a newer one left open.
_KEEP = """
INSERT INTO {table} ({key}, customer_id, vin, dealer_id, occur_time, standing, version)
SELECT n.id, n.customer_id, n.vin, n.dealer_id, n.occur_time, n.standing, n.version
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::boolean[], $7::bigint[])
    AS n (id, customer_id, vin, dealer_id, occur_time, standing, version)
WHERE EXISTS (SELECT FROM customers c WHERE c.customer_id = n.customer_id AND c.status <> 3)
ON CONFLICT ({key}) DO UPDATE SET
    customer_id = CASE WHEN {table}.version < excluded.version THEN excluded.customer_id ELSE {table}.customer_id END,
    occur_time = CASE WHEN {table}.version < excluded.version THEN coalesce(excluded.occur_time, {table}.occur_time)
        ELSE coalesce({table}.occur_time, excluded.occur_time) END,
    standing = CASE WHEN {table}.version < excluded.version THEN excluded.standing ELSE {table}.standing END,
    version = greatest({table}.version, excluded.version)"""
_HOLD = "SELECT customer_id FROM customers WHERE customer_id = ANY($1) ORDER BY customer_id FOR SHARE"
_WHOSE = "SELECT DISTINCT customer_id FROM {table} WHERE {key} = ANY($1)"
_ASK = """
INSERT INTO spend_entries (kind, reference_id, customer_id, ask_time)
SELECT n.kind, n.id, n.customer_id, clock_timestamp() FROM unnest($1::smallint[], $2::uuid[], $3::uuid[]) AS n (kind, id, customer_id)
WHERE EXISTS (SELECT FROM customers c WHERE c.customer_id = n.customer_id AND c.status <> 3)
ON CONFLICT (kind, reference_id) DO UPDATE SET ask_time = excluded.ask_time, customer_id = excluded.customer_id"""
_ASKED = """
SELECT kind, reference_id, customer_id, ask_time FROM spend_entries WHERE ask_time IS NOT NULL ORDER BY ask_time LIMIT $1"""
# What was asked for again meanwhile stays so. Rows that somebody else is writing are passed over, and asked for once more.
_PRICE = """
WITH free AS (SELECT kind, reference_id FROM spend_entries WHERE reference_id = ANY($2) FOR UPDATE SKIP LOCKED)
UPDATE spend_entries s SET currency = n.currency, minor = n.minor, ask_time = NULL
FROM unnest($1::smallint[], $2::uuid[], $3::timestamptz[], $4::text[], $5::bigint[]) AS n (kind, id, ask_time, currency, minor)
JOIN free f ON f.kind = n.kind AND f.reference_id = n.id
WHERE s.kind = n.kind AND s.reference_id = n.id AND s.ask_time = n.ask_time RETURNING s.customer_id"""


@dataclass(frozen=True, slots=True)
class Deed:
    """A sale or a repair order as an event or snapshot tells it; `occur_time` is none where it does not."""

    table: str
    deed_id: uuid.UUID
    customer_id: uuid.UUID
    vin: str
    dealer_id: uuid.UUID
    occur_time: datetime | None
    standing: bool
    version: int


async def hold(connection: Any, customer_ids: Iterable[uuid.UUID]) -> None:
    """Keeps customers from being erased until the transaction ends."""
    await connection.fetch(_HOLD, sorted(set(customer_ids)))


async def keep(connection: Any, deeds: Sequence[Deed]) -> set[uuid.UUID]:
    """Keeps what was last said of sales and repair orders; returns the customers whom it is, or was, about. The customers must be held."""
    about = {deed.customer_id for deed in deeds}
    for table, key in _KEYS.items():
        for some in _rounds([deed for deed in deeds if deed.table == table]):
            ids = [deed.deed_id for deed in some]
            about |= {row["customer_id"] for row in await connection.fetch(_WHOSE.format(table=table, key=key), ids)}
            values = [
                (one.deed_id, one.customer_id, one.vin, one.dealer_id, one.occur_time, one.standing, one.version)
                for one in some
            ]
            await connection.execute(_KEEP.format(table=table, key=key), *map(list, zip(*values, strict=True)))
    return about


def _rounds(deeds: Sequence[Deed]) -> list[list[Deed]]:
    """Spreads deeds so that none stands twice in one statement; in order."""
    rounds: list[list[Deed]] = []
    seen: Counter[uuid.UUID] = Counter()
    for deed in deeds:
        if seen[deed.deed_id] == len(rounds):
            rounds.append([])
        rounds[seen[deed.deed_id]].append(deed)
        seen[deed.deed_id] += 1
    return rounds


async def ask(connection: Any, wanted: Collection[tuple[int, uuid.UUID, uuid.UUID]]) -> None:
    """Notes that it must be asked what deeds (kind, id, customer) cost."""
    if wanted:
        rows = sorted(set(wanted))
        await connection.execute(_ASK, *map(list, zip(*rows, strict=True)))


async def asked(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `kind, reference_id, customer_id, ask_time` of what is to be asked for, longest waiting first."""
    found: list[asyncpg.Record] = await reader.fetch(_ASKED, limit)
    return found


async def price(connection: Any, answers: Sequence[tuple[int, uuid.UUID, datetime, str, int]]) -> list[uuid.UUID]:
    """Keeps what deeds (kind, id, mark under which it was asked, currency, amount in the smallest unit) cost; returns whose they are."""
    rows = await connection.fetch(_PRICE, *map(list, zip(*answers, strict=True)))
    return [row["customer_id"] for row in rows]
