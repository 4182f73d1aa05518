"""A fleet of any size in the vehicle service's tables, written by statements over sets: what would take hours through the doors.

Each car has a sale, an ownership (one in five a second owner, one in ten a correction of what was known), and five visits that lie apart in
the table as years of work leave them. Nobody real; every number follows from the car's own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

VISITS = 5  # of each car
MODELS = 20
DEALERS = 200
WORKSHOP = 300  # one car of so many stands in the workshop
_STEP = 250_000  # cars of one statement

_DEALERS = """
INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version)
SELECT md5('fleet-dealer ' || d)::uuid, 'FLEET-' || to_char(d, 'FM000'), 'R' || d % 10, '', 'Asia/Shanghai', 1, 1
FROM generate_series(0, $1::int - 1) d ON CONFLICT DO NOTHING
"""
_FACTS = """
SELECT n, 'LFLEET0Z0' || to_char(n, 'FM00000000') AS vin, md5('fleet-dealer ' || n % 200)::uuid AS dealer,
    date '2022-01-03' + (n % 800)::int AS sold
FROM generate_series($1::bigint, $2::bigint - 1) AS n
"""
_CARS = [
    """
    INSERT INTO vehicles (vin, version, create_time, update_time, make, model, model_year, market, status, use, energy, build_date, plant,
        odometer_km, odometer_time)
    SELECT vin, 1, sold, sold + interval '800 days', 'Fleet', 'M' || n % 20, 2022 + (n % 4)::int, 'CN', 2, 1, 1, sold - 40, 'P' || n % 3,
        40000, sold + interval '700 days' FROM ({facts}) f
    """,
    """
    INSERT INTO sales (sale_id, version, create_time, update_time, dealer_id, vin, buyer_customer_id, invoice_number, invoice_date,
        delivery_date, start_time, currency, price, use, state)
    SELECT md5('sale ' || n)::uuid, 1, sold, sold, dealer, vin, md5('owner ' || n)::uuid, 'F' || n, sold, sold, sold, 'CNY', 15000000, 1, 1
    FROM ({facts}) f
    """,
    """
    INSERT INTO ownerships (ownership_id, version, vin, customer_id, role, valid_from, valid_until, known_from, known_until, sale_id)
    SELECT md5('ownership ' || n)::uuid, 1, vin, md5('owner ' || n)::uuid, 1, sold, CASE WHEN n % 5 = 0 THEN sold + 700 END, sold,
        CASE WHEN n % 10 = 0 THEN sold + 800 END, md5('sale ' || n)::uuid FROM ({facts}) f
    UNION ALL
    SELECT md5('ownership ' || n)::uuid, 2, vin, md5('owner ' || n)::uuid, 1, sold, sold + 690, sold + 800, NULL, md5('sale ' || n)::uuid
    FROM ({facts}) f WHERE n % 10 = 0
    UNION ALL
    SELECT md5('second ' || n)::uuid, 1, vin, md5('buyer ' || n)::uuid, 1, sold + 700, NULL, sold + 701, NULL, NULL
    FROM ({facts}) f WHERE n % 5 = 0
    """,
    "INSERT INTO dealer_vehicles (dealer_id, vin, update_time) SELECT dealer, vin, sold + interval '800 days' FROM ({facts}) f",
]
_VISIT = """
INSERT INTO repair_orders (repair_order_id, version, create_time, update_time, dealer_id, number, vin, customer_id, state, stage, open_time,
    close_time, odometer_in_km, odometer_out_km, fault_description, currency, lines, totals)
SELECT md5('visit ' || n || '.' || $3::int)::uuid, 1, opened, opened, dealer, 'F' || n || '.' || $3::int, vin, md5('owner ' || n)::uuid,
    CASE WHEN here THEN 1 ELSE 2 END, CASE WHEN here THEN 3 ELSE 8 END, opened,
    CASE WHEN NOT here THEN opened + interval '5 hours' * (1 + n * $3::int % 9) END, $3::int * 8000, $3::int * 8000,
    'it squeals and pulls to one side', 'CNY',
    jsonb_build_array(
        jsonb_build_object('line_number', 1, 'pay_type', 1, 'complaint', 'service', 'labours', jsonb_build_array(
            jsonb_build_object('operation_code', 'OP-' || $3::int, 'minutes', 60, 'amount', 24000))),
        jsonb_build_object('line_number', 2, 'pay_type', 1 + (n + $3::int) % 2, 'complaint', 'brakes squeal', 'cause', 'worn',
            'correction', 'replaced', 'component_code', (ARRAY['SERVICE BRAKES', 'SEATS', 'ENGINE', 'STEERING'])[1 + (n / 7 % 4)::int],
            'parts', jsonb_build_array(jsonb_build_object('part_number', 'PN-' || n % 900, 'quantity', '1', 'amount', 51000)))),
    '[]'
FROM (SELECT *, sold + $3::int * 130 + (n % 60) * interval '1 day' + interval '9 hours' AS opened,
    $3::int = {visits} AND n % {workshop} = 0 AS here FROM ({facts}) f) f
"""
_INDEXES = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made, c.conname, pg_get_constraintdef(c.oid) AS rule,
    i.indrelid::regclass::text AS of
FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'x'
WHERE i.indrelid = ANY ($1::text[]::regclass[]) AND NOT i.indisprimary AND (c.oid IS NOT NULL OR NOT i.indisunique)
"""
_FILLED = ["vehicles", "sales", "ownerships", "dealer_vehicles", "repair_orders"]


async def fill(connection: asyncpg.Connection, cars: int) -> None:
    """Grows the fleet to a number of cars. `connection`: a superuser's, to the vehicle service's database, which has no other cars."""
    await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '128MB'")
    await connection.execute(_DEALERS, DEALERS)
    first = await connection.fetchval("SELECT count(*) FROM vehicles WHERE make = 'Fleet'")
    if first >= cars:
        return
    async with _bare(connection):
        await connection.execute(
            "SET session_replication_role = replica"
        )  # no look-up of keys that are known to be there
        for begin in range(first, cars, _STEP):
            end = min(begin + _STEP, cars)
            for statement in _CARS:
                await connection.execute(statement.format(facts=_FACTS), begin, end)
            for visit in range(1, VISITS + 1):
                sql = _VISIT.format(facts=_FACTS, visits=VISITS, workshop=WORKSHOP)
                await connection.execute(sql, begin, end, visit)
        await connection.execute("RESET session_replication_role")
    for table in _FILLED:
        await connection.execute(f"VACUUM ANALYZE {table}")


@asynccontextmanager
async def _bare(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """Takes the indexes of the filled tables away and makes them again at the end, which is many times faster."""
    found = await connection.fetch(_INDEXES, _FILLED)
    for one in found:
        await connection.execute(
            f"ALTER TABLE {one['of']} DROP CONSTRAINT {one['conname']}"
            if one["conname"]
            else f"DROP INDEX {one['name']}"
        )
    yield
    for one in found:
        await connection.execute(
            f"ALTER TABLE {one['of']} ADD CONSTRAINT {one['conname']} {one['rule']}" if one["conname"] else one["made"]
        )


def vin(number: int) -> str:
    """Returns the VIN of a car of the fleet."""
    return f"LFLEET0Z0{number:08d}"
