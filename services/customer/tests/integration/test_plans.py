"""The cost of hot reads, in pages of buffers touched: it does not grow with the table. Plans, never clocks, are judged."""

from __future__ import annotations

import json
import uuid

import asyncpg
import pytest
from marque_customer.repository import reads
from marque_customer.repository.sight import Sight

FILL = """
WITH made AS (
    INSERT INTO customers (customer_id, version, create_time, update_time, kind, full_name, card)
    SELECT gen_random_uuid(), 1, now() - n * interval '1 second', now() - n * interval '1 second', 1, 'n', 'card'
    FROM generate_series($1::int, $2::int) n RETURNING *)
INSERT INTO dealer_customers SELECT ($3::uuid[])[1 + (random() * 19)::int], customer_id, update_time, create_time, kind, status FROM made"""
MANY = 20_000


def buffers(plan):
    node = plan["Plan"]
    return node["Shared Hit Blocks"] + node["Shared Read Blocks"]


async def cost(connection, statement, *values):
    await connection.execute("SET plan_cache_mode = force_generic_plan")
    prepared = await connection.fetchval("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + statement, *values)
    (plan,) = json.loads(prepared)
    return buffers(plan)


async def both_costs(desk, statement_values):
    """The cost of each statement with a small table, then with a large one."""
    dealers = [uuid.uuid4() for _ in range(20)]
    connection = await asyncpg.connect(desk.platform.databases["customer"])
    try:
        found = []
        for low, high in ((1, 2000), (2001, MANY)):
            await connection.execute("SET plan_cache_mode = auto")
            await connection.execute(FILL, low, high, dealers)
            await connection.execute("VACUUM ANALYZE customers")
            await connection.execute("VACUUM ANALYZE dealer_customers")
            found.append([await cost(connection, text, *values) for text, values in statement_values(dealers)])
        return list(zip(*found, strict=True))
    finally:
        await connection.close()


def lists(dealers):
    page = [51, [1, 4], 0]
    one = [*page, dealers[:1], None, None]
    return [
        (reads.list_statement(shape, column, descending, (), False, 51), values)
        for shape, values in (("all", page), ("dealers", one), ("one", [*one, dealers[0]]))
        for column in ("update_time", "create_time")
        for descending in (True, False)
    ] + [
        # Of a stage that everybody is in, and of a stage and a tier that nobody is in.
        (reads.list_statement(shape, "update_time", True, (name,), False, 51), [*values, wanted])
        for shape, values in (("all", page), ("dealers", one), ("one", [*one, dealers[0]]))
        for name, wanted in (("stage", 1), ("stage", 5), ("tier", "GOLD"))
    ]


class TestPlans:
    @pytest.mark.slow
    async def test_lists_touch_as_many_pages_in_a_large_table_as_in_a_small_one(self, desk):
        for small, large in await both_costs(desk, lists):
            assert large <= small + 60
            assert large < 400

    async def test_read_of_one_touches_a_handful_of_pages_for_every_kind_of_caller(self, desk):
        dealer = uuid.uuid4()
        connection = await asyncpg.connect(desk.platform.databases["customer"])
        try:
            (row,) = await connection.fetch("SELECT customer_id FROM customers LIMIT 1") or [
                {"customer_id": uuid.uuid4()}
            ]
            for sight in (
                Sight(True, None, [], None, None),
                Sight(False, row["customer_id"], [], None, None),
                Sight(False, None, [dealer], None, None),
                Sight(False, None, [dealer], "group", "region"),
            ):
                assert await cost(connection, reads._GET, row["customer_id"], *sight.values) < 20
        finally:
            await connection.close()
