"""One RPC and one event, end to end, with every process killed on the way."""

from __future__ import annotations

import asyncio
import uuid

from google.type import date_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2, vehicle_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until


def sale(customer: str, dealer: str, number: int, request_id: str = "") -> sale_service_pb2.RecordSaleRequest:
    return sale_service_pb2.RecordSaleRequest(
        request_id=request_id,
        sale=sale_pb2.Sale(
            dealer_id=dealer,
            vin="1M8GDM9AXKP042788",
            buyer_customer_id=customer,
            invoice_number=f"INV-{number}",
            invoice_date=date_pb2.Date(year=2026, month=11, day=2),
            use=vehicle_pb2.VEHICLE_USE_PRIVATE,
        ),
    )


async def new_customer(platform: Platform) -> str:
    customer = str(uuid.uuid4())
    await platform.sql(
        "customer",
        "INSERT INTO customers (customer_id, version, create_time, update_time, kind) VALUES ($1, 1, now(), now(), 1)",
        customer,
    )
    return customer


class TestThinPath:
    async def test_a_sale_reaches_the_time_line_of_its_buyer(self, platform: Platform) -> None:
        await platform.start("customer")
        await platform.start("vehicle")
        customer, dealer = await new_customer(platform), str(uuid.uuid4())
        client = platform.client("vehicle", "dealer.sales", dealers=[dealer])

        answer = await client.call("vehicle.v1.SaleService/RecordSale", sale(customer, dealer, 1))

        async def noted() -> list:
            return await platform.sql("customer", "SELECT * FROM interactions WHERE reference_id = $1", answer.sale_id)

        rows = await until(noted, 5, "the sale is not on the time line")
        assert [str(row["customer_id"]) for row in rows] == [customer]

    async def test_kills_lose_nothing_and_double_nothing(self, platform: Platform) -> None:
        await platform.stop()
        settings = {name: await platform.prepare(name) for name in ("customer", "vehicle")}
        processes = {name: await platform.spawn_again(name, settings[name]) for name in settings}
        customer, dealer = await new_customer(platform), str(uuid.uuid4())
        accepted: list[str] = []

        async def sell(number: int) -> None:
            request = sale(customer, dealer, number, f"key-{number}")
            while True:
                client = platform.client("vehicle", "dealer.sales", dealers=[dealer])
                try:
                    accepted.append(
                        (await client.call("vehicle.v1.SaleService/RecordSale", request, timeout=5)).sale_id
                    )
                    return
                except RpcFailure as failure:
                    if failure.code not in ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED"):
                        raise
                    await asyncio.sleep(0.05)
                finally:
                    await client.close()

        async def load() -> None:
            for number in range(120):
                await sell(number)

        selling = asyncio.create_task(load())
        for round_ in range(4):
            await asyncio.sleep(0.25)
            victim = ("vehicle", "customer")[round_ % 2]
            processes[victim].kill()
            processes[victim].wait()
            processes[victim] = await platform.spawn_again(victim, settings[victim])
        await selling

        async def all_noted() -> bool:
            rows = await platform.sql(
                "customer",
                "SELECT reference_id, count(*) AS times FROM interactions WHERE customer_id = $1 GROUP BY 1",
                customer,
            )
            return {row["reference_id"] for row in rows} >= set(accepted) and all(row["times"] == 1 for row in rows)

        await until(all_noted, 20, "not every accepted sale is on the time line once")
        stored = await platform.sql("vehicle", "SELECT sale_id FROM sales WHERE dealer_id = $1", dealer)
        assert {str(row["sale_id"]) for row in stored} == set(accepted)
        assert len(accepted) == len(set(accepted)) == 120
