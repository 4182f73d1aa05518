"""The hot reads: one prepared statement each, which gives cards (mapping.customers) and never a row that the caller may not see.

A dealer's list walks `dealer_customers (dealer_id, update_time, customer_id)`: for each dealer in scope at most a page of keys, merged;
so its cost grows with the page and the number of dealers in scope, never with the table.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import asyncpg
from servicekit.db.engine import Reader
from servicekit.paging import Page

from marque_customer.repository.sight import Sight, rule
from marque_customer.rules.kinds import LISTED
from marque_customer.rules.questions import Listing
from marque_customer.rules.sources import MAKER

_GET = f"SELECT c.customer_id, c.status, c.card FROM customers c WHERE c.customer_id = $1 AND {rule(2)}"  # noqa: S608
_SURVIVOR = f"""
WITH RECURSIVE chain AS (
    SELECT customer_id, merged_into, 0 AS depth FROM customers WHERE customer_id = $1
    UNION ALL SELECT n.customer_id, n.merged_into, depth + 1 FROM chain JOIN customers n ON n.customer_id = chain.merged_into
    WHERE depth < 1000)
SELECT c.customer_id, c.status, c.card FROM chain JOIN customers c USING (customer_id)
WHERE chain.merged_into IS NULL AND {rule(2)}"""  # noqa: S608
_BATCH = f"""
WITH RECURSIVE asked AS (
    SELECT customer_id, 0::bigint AS place FROM unnest($1::uuid[]) AS customer_id
    UNION ALL SELECT r.customer_id, n.place FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS n (source, source_key, place)
    JOIN LATERAL (SELECT customer_id FROM source_references WHERE source = n.source AND source_key = n.source_key
        AND (dealer_id = '{MAKER}' OR dealer_id = ANY($6)) ORDER BY dealer_id = '{MAKER}', dealer_id LIMIT 1) r ON TRUE),
chain AS (
    SELECT a.customer_id AS asked, a.place, c.customer_id, c.merged_into, 0 AS depth FROM asked a JOIN customers c USING (customer_id)
    UNION ALL SELECT asked, place, n.customer_id, n.merged_into, depth + 1 FROM chain
    JOIN customers n ON n.customer_id = chain.merged_into WHERE depth < 1000)
SELECT chain.asked, chain.place, c.customer_id, c.status, c.card FROM chain JOIN customers c USING (customer_id)
WHERE chain.merged_into IS NULL AND {rule(4)}"""  # noqa: S608
# What a merged customer has, its survivor has. One number of a switchboard is not followed to all who are behind it.
_MATCH = f"""
WITH RECURSIVE asked AS (
    SELECT n.place, p.customer_id FROM unnest($1::smallint[], $2::text[]) WITH ORDINALITY AS n (kind, match_key, place)
    CROSS JOIN LATERAL (SELECT DISTINCT customer_id FROM contact_points WHERE kind = n.kind AND match_key = n.match_key
        ORDER BY customer_id LIMIT 1000) p),
chain AS (
    SELECT a.place, c.customer_id, c.merged_into, 0 AS depth FROM asked a JOIN customers c USING (customer_id)
    UNION ALL SELECT place, n.customer_id, n.merged_into, depth + 1 FROM chain
    JOIN customers n ON n.customer_id = chain.merged_into WHERE depth < 1000)
SELECT DISTINCT chain.place, c.customer_id FROM chain JOIN customers c USING (customer_id)
WHERE chain.merged_into IS NULL AND c.status = ANY($3) AND {rule(4)} ORDER BY 1, 2"""  # noqa: S608
_EXPORT = """
SELECT customer_id, update_time, card FROM customers
WHERE (update_time, customer_id) > ($1, $2) AND status = ANY($3) ORDER BY update_time, customer_id LIMIT $4"""
_LIMITS = (51, 101, 201, 501, 1001)


async def get(reader: Reader, sight: Sight, customer_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns `customer_id, status, card` of a customer in sight."""
    found: asyncpg.Record | None = await reader.fetchrow(_GET, customer_id, *sight.values)
    return found


async def survivor(reader: Reader, sight: Sight, customer_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns the customer that a merged one stands for, where that is in sight."""
    found: asyncpg.Record | None = await reader.fetchrow(_SURVIVOR, customer_id, *sight.values)
    return found


async def batch(
    reader: Reader, sight: Sight, customer_ids: Sequence[uuid.UUID], references: Sequence[tuple[str, str]]
) -> list[asyncpg.Record]:
    """Returns `asked, place, customer_id, status, card` for each id and each (source, source key) in sight: of the customer, or of its
    survivor. `place` is 0 for an id, else that of the reference, counted from 1. A name in a dealer's system goes before the maker's.
    """
    sources, keys = [source for source, _ in references], [key for _, key in references]
    found: list[asyncpg.Record] = await reader.fetch(_BATCH, customer_ids, sources, keys, *sight.values)
    return found


async def match(reader: Reader, sight: Sight, contacts: Sequence[tuple[int, str]]) -> dict[int, list[uuid.UUID]]:
    """Returns who in sight has each contact point, given as kind and match key, by its place in the sequence: nobody erased, of merged
    customers the survivor. Places that nobody has are absent.
    """
    kinds, keys = [kind for kind, _ in contacts], [key for _, key in contacts]
    found: dict[int, list[uuid.UUID]] = {}
    for row in await reader.fetch(_MATCH, kinds, keys, list(LISTED), *sight.values):
        found.setdefault(row["place"] - 1, []).append(row["customer_id"])
    return found


async def export(
    reader: Reader, after: tuple[datetime, uuid.UUID], statuses: Sequence[int], limit: int
) -> list[asyncpg.Record]:
    """Returns the next customers in the order of their last change."""
    found: list[asyncpg.Record] = await reader.fetch(_EXPORT, *after, statuses, limit)
    return found


async def listed(
    reader: Reader, sight: Sight, listing: Listing, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of `time, customer_id, card`, and one more."""
    statuses = [listing.status] if listing.status else list(LISTED)
    values: list[Any] = [page.size + 1, statuses, listing.kind]
    if sight.everything and listing.dealer_id is None:
        shape = "all"
    elif sight.own is not None:
        shape = "own"
        values.append(sight.own)
    else:
        shape = "dealers" if listing.dealer_id is None else "one"
        values += _scope_values(sight, listing)
    if listing.tag:
        values.append([listing.tag])
    values += [value for value in (listing.stage, listing.tier) if value]
    if after is not None:
        values += after
    bound = next(limit for limit in _LIMITS if limit > page.size)
    filters = tuple(name for name in ("tag", "stage", "tier") if getattr(listing, name))
    text = list_statement(shape, listing.column, listing.descending, filters, after is not None, bound)
    found: list[asyncpg.Record] = await reader.fetch(text, *values)
    return found


def _scope_values(sight: Sight, listing: Listing) -> list[Any]:
    dealers = [listing.dealer_id] if sight.everything else sight.dealers
    scope: list[Any] = [dealers, sight.group, sight.region]
    return scope if listing.dealer_id is None else [*scope, listing.dealer_id]


@lru_cache(maxsize=256)
def list_statement(shape: str, column: str, descending: bool, filters: tuple[str, ...], after: bool, bound: int) -> str:
    """Returns the text of a list's statement.

    Parameters: $1 rows, $2 statuses, $3 kind (0: all), then those of the shape, of each filter (`tag`, `stage`,
    `tier`), the key after which the page starts. The inner limit is a
    constant: with a parameter the planner would guess a tenth of the table and might sort it.
    """
    used = 3 + {"all": 0, "own": 1, "dealers": 3, "one": 4}[shape]
    direction, sign = ("DESC", "<") if descending else ("", ">")
    order = f"ORDER BY v.{column} {direction}, v.customer_id {direction} LIMIT {bound}"
    conditions = "v.status = ANY($2) AND ($3 = 0 OR v.kind = $3)"
    if "tag" in filters:
        used += 1
        own_row = shape in ("all", "own")
        tags = "v.tags" if own_row else "(SELECT t.tags FROM customers t WHERE t.customer_id = v.customer_id)"
        conditions += f" AND {tags} @> ${used}::text[]"
    for name in filters:
        if name != "tag":
            used += 1
            conditions += f" AND v.{name} = ${used}"
    if after:
        conditions += f" AND (v.{column}, v.customer_id) {sign} (${used + 1}, ${used + 2})"
    if shape in ("all", "own"):
        own = "v.customer_id = $4 AND " if shape == "own" else ""
        return f"""
            SELECT * FROM (SELECT v.{column} AS time, v.customer_id, v.card FROM customers v
                WHERE {own}{conditions} {order}) x
            ORDER BY x.time {direction}, x.customer_id {direction} LIMIT $1"""  # noqa: S608
    narrowed = " WHERE s.dealer_id = $7" if shape == "one" else ""
    return f"""
        WITH scope AS (SELECT unnest($4::uuid[]) AS dealer_id UNION
            SELECT dealer_id FROM known_dealers WHERE group_code = $5::text OR region_code = $6::text),
        keys AS (SELECT DISTINCT x.time, x.customer_id FROM scope s CROSS JOIN LATERAL (
            SELECT v.{column} AS time, v.customer_id FROM dealer_customers v
            WHERE v.dealer_id = s.dealer_id AND {conditions} {order}) x{narrowed}
            ORDER BY x.time {direction}, x.customer_id {direction} LIMIT $1)
        SELECT k.time, k.customer_id, (SELECT c.card FROM customers c WHERE c.customer_id = k.customer_id) AS card
        FROM keys k ORDER BY k.time {direction}, k.customer_id {direction}"""  # noqa: S608
