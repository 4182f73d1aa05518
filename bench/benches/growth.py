"""Buffers touched by the hot reads as the table grows: a count, which no busy neighbour can blur."""

from __future__ import annotations

import asyncpg
import httpx

from bench.report import Figure, Target
from bench.world import World, superuser

SIZES = (10_000, 100_000)
FULL_SIZES = (10_000, 1_000_000)
_REPEATS = 20
_STATEMENTS = """
SELECT COALESCE(sum(shared_blks_hit + shared_blks_read), 0)::float8 FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
WHERE d.datname = current_database() AND (s.query LIKE '%card%' OR s.query LIKE '%search_text%') AND s.query LIKE 'SELECT%'
    AND s.query NOT LIKE '%pg_stat_statements%'"""
_KNOWN = """
SELECT c.full_name, p.value AS phone FROM customers c JOIN contact_points p USING (customer_id)
WHERE p.kind = 1 AND c.customer_id = ANY($1::uuid[]) ORDER BY c.customer_id"""


async def growth(world: World) -> list[Figure]:
    """One customer, the first page, a page far behind it, and searches, at the smaller and at the larger size.

    A search by a whole number finds one customer at any size; one by a name finds as many namesakes as there are, until the bound of 500.

    The smaller size is a table that was just made, so this bench runs in a world of its own (`__main__` gives it one).
    """
    small, large = SIZES if world.quick else FULL_SIZES
    before = await _at(world, small)
    after = await _at(world, large)
    bound = Target("ratio", "at most", 1.3)
    # One customer is one walk down an index: a level more is one buffer more, which the target for pages does not mean.
    targets = {**dict.fromkeys(before), "page of 50": bound, "deep page of 50": bound}
    return [
        Figure(
            "growth", f"{what} at {large:,} customers", after[what], "buffers", before[what], f"at {small:,}", target
        )
        for what, target in targets.items()
    ]


async def _at(world: World, size: int) -> dict[str, float]:
    await world.grow(size)
    await world.settled()
    await world.vacuum()
    ids = await world.customer_ids(_REPEATS)
    connection = await superuser(world, "customer")
    try:
        await connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        known = await connection.fetch(_KNOWN, ids)
        async with httpx.AsyncClient(base_url=world.urls["gateway"], headers=world.headers, timeout=30) as client:
            return {
                "one customer": await _touched(connection, client, [f"/v1/customers/{one}" for one in ids]),
                "page of 50": await _touched(connection, client, ["/v1/customers?pageSize=50"] * _REPEATS),
                "deep page of 50": await _touched(connection, client, [await _deep(client)] * _REPEATS),
                "search by phone": await _touched(connection, client, [_search(row["phone"]) for row in known]),
                "search by name": await _touched(connection, client, [_search(row["full_name"]) for row in known]),
            }
    finally:
        await connection.close()


async def _touched(connection: asyncpg.Connection, client: httpx.AsyncClient, paths: list[str]) -> float:
    """Returns the buffers that a request touches on average; plans and catalogues are warm."""
    for path in paths:
        (await client.get(path)).raise_for_status()
    before = await connection.fetchval(_STATEMENTS)
    for path in paths:
        (await client.get(path)).raise_for_status()
    return float(await connection.fetchval(_STATEMENTS) - before) / len(paths)


def _search(query: str) -> str:
    return str(httpx.URL("/v1/customers:search", params={"query": query, "pageSize": 20}))


async def _deep(client: httpx.AsyncClient) -> str:
    """Returns the path of a page that lies thousands of rows behind the first."""
    token = ""
    for _ in range(8):
        answer = await client.get("/v1/customers", params={"pageSize": 1000, **({"pageToken": token} if token else {})})
        answer.raise_for_status()
        token = answer.json()["nextPageToken"]
    # A token belongs to its page size only as far as the service says so; the first page of 50 behind 8,000 rows.
    return str(httpx.URL("/v1/customers", params={"pageSize": 50, "pageToken": token}))
