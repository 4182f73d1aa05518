"""Killed while cars are looked at: each due is told of once, and the counts are those of a recount."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from servicekit.testing.platform import Platform, until

pytestmark = pytest.mark.slow
CARS = """
INSERT INTO vehicles (vin, version, create_time, update_time, make, model, market, status)
SELECT 'LCRASH00000' || to_char(n, 'FM000000'), 1, now(), now(), 'Volkswagen', 'Crash', 'CN', 2 FROM generate_series(1, $1::int) n
"""
SALES = """
INSERT INTO sales (sale_id, version, create_time, update_time, dealer_id, vin, invoice_number, invoice_date, start_time, use, state)
SELECT gen_random_uuid(), 1, now(), now(), $1, vin, vin, $2::date, $2::date, 1, 1 FROM vehicles
"""
PLAN = """
INSERT INTO maintenance_plans
    (plan_code, effective_from, market, make, model, steps, repeat_km, repeat_months, operation_codes, update_time)
VALUES ('CRASH', '2020-01-01', 'CN', '', '', '[[400000, 1], [500000, 7]]', 0, 0, '{}', now())
"""
LOOKS = """
WITH looks AS (SELECT gen_random_uuid() AS look_id, part FROM generate_series(0, $1::int - 1) part),
noted AS (INSERT INTO maintenance_looks SELECT l.look_id, v.vin FROM looks l JOIN vehicles v ON right(v.vin, 6)::int % $1::int = l.part)
INSERT INTO due_work (kind, key, due_time, attempts) SELECT 'maintenance.look', look_id::text, now(), 0 FROM looks
"""
TOLD = "SELECT aggregate_id, count(*) FROM outbox_messages WHERE event_type = 'marque.vehicle.v1.MaintenanceDue' GROUP BY 1"


class TestKill:
    async def test_each_due_is_told_of_once_however_often_the_service_dies(
        self, platform: Platform, soaking: bool
    ) -> None:
        cars, looks, kills = (20_000, 400, 15) if soaking else (300, 60, 2)
        settings = await platform.prepare("vehicle")
        sold = (datetime.now(UTC) - timedelta(days=35)).date()

        async def sql(query: str, *arguments: Any) -> list[Any]:
            return list(await platform.sql("vehicle", query, *arguments))

        await sql(CARS, cars)
        await sql(SALES, uuid.uuid4(), sold)
        await sql(PLAN)
        for _ in range(2):  # every car twice, as when it is sold and visited at once
            await sql(LOOKS, looks)
        process = await platform.spawn_again("vehicle", settings)

        async def told(count: int) -> bool:
            return len(await sql(TOLD)) > count

        for number in range(kills):
            await until(partial(told, cars * number // (kills + 1)), 120, "nothing is told")
            await asyncio.sleep(0.05)
            process.kill()
            process.wait()
            process = await platform.spawn_again("vehicle", settings)

        async def done() -> bool:
            return not await sql("SELECT 1 FROM due_work WHERE kind = 'maintenance.look'")

        await until(done, 300, "cars are not looked at")
        found = {row[0]: row[1] for row in await sql(TOLD)}
        assert (len(found), set(found.values())) == (cars, {1})
        (count,) = await sql("SELECT reached_count FROM milestone_returns WHERE service_number = 1")
        assert count["reached_count"] == cars
        assert not await sql("SELECT 1 FROM maintenance_looks")
