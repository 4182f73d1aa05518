"""A sale registered by a dealer over gRPC is on the buyer's overview over HTTP, and one trace shows the way."""

from __future__ import annotations

import time
from typing import Any

from google.type import date_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2, vehicle_pb2
from servicekit.testing.platform import until
from servicekit.testing.world import World


class TestSaleAcrossServices:
    async def test_the_sale_appears_within_a_second_in_one_trace(self, world: World) -> None:
        dealer = await world.dealer()
        customer, vin = await world.customer(dealer), await world.vehicle()
        world.spans.clear()
        request = sale_service_pb2.RecordSaleRequest(
            sale=sale_pb2.Sale(
                dealer_id=dealer,
                vin=vin,
                buyer_customer_id=customer,
                invoice_number="TRACE-1",
                invoice_date=date_pb2.Date(year=2026, month=11, day=2),
                delivery_date=date_pb2.Date(year=2026, month=11, day=3),
                use=vehicle_pb2.VEHICLE_USE_PRIVATE,
            )
        )
        door = world.door("dealer.sales", dealers=[dealer])

        sale = await door.call("vehicle.v1.SaleService/RecordSale", request)
        answered = time.monotonic()
        seen = await until(lambda: overview(world, customer, sale.sale_id), 10, "the sale is not on the overview")
        took = time.monotonic() - answered

        assert seen["missing"] == []
        assert [car["vin"] for car in seen["vehicles"]] == [vin]
        assert {relation["dealerId"] for relation in seen["relations"]} == {dealer}
        assert took < 10, "until() would have failed"
        traces = await until(lambda: way(world), 5, "the trace is not whole")
        assert len(traces) == 1

    async def test_the_dealer_sees_the_buyer_only_after_the_sale(self, world: World) -> None:
        dealer, customer, vin = await world.dealer(), await world.customer(), await world.vehicle()
        async with world.http("dealer.sales", dealers=[dealer]) as client:
            before = await client.get(f"/v1/customers/{customer}")
            body = {
                "dealerId": dealer, "vin": vin, "buyerCustomerId": customer, "invoiceNumber": "REL-1",
                "invoiceDate": {"year": 2026, "month": 11, "day": 2}, "use": "VEHICLE_USE_PRIVATE",
            }  # fmt: skip
            unmet = await client.post("/v1/sales", json=body)
            async with world.http("oem.manager") as maker:
                sold = await maker.post("/v1/sales", json=body)
            assert sold.status_code == 200, sold.text

            async def visible() -> bool:
                return (await client.get(f"/v1/customers/{customer}")).status_code == 200

            assert before.status_code == 404
            assert (unmet.status_code, unmet.json()["reason"]) == (404, "CUSTOMER_NOT_FOUND")
            await until(visible, 10, "the relation did not begin")


class TestSpans:
    async def test_a_read_takes_at_most_six_spans(self, world: World) -> None:
        customer = await world.customer()
        async with world.http("oem.agent") as client:
            await client.get(f"/v1/customers/{customer}")  # opens channels and prepares statements
            world.spans.clear()
            answer = await client.get(f"/v1/customers/{customer}")

        trace = int(answer.headers["x-trace-id"], 16)
        names = [span.name for span in world.spans.get_finished_spans() if span.context.trace_id == trace]
        assert len(names) <= 6, names
        assert {"GET /v1/customers/{customer_id}", "marque.customer.v1.CustomerService/GetCustomer"} <= set(names)

    async def test_a_callers_trace_is_linked_and_does_not_choose_ours(self, world: World) -> None:
        theirs = "00-11111111111111111111111111111111-2222222222222222-01"
        async with world.http("oem.agent") as client:
            answer = await client.get("/v1/dealers", headers={"traceparent": theirs})

        trace = int(answer.headers["x-trace-id"], 16)
        roots = [
            span for span in world.spans.get_finished_spans() if span.context.trace_id == trace and span.parent is None
        ]
        assert f"{trace:032x}" != "1" * 32
        assert [f"{link.context.trace_id:032x}" for link in roots[0].links] == ["1" * 32]


async def overview(world: World, customer: str, sale_id: str) -> Any:
    async with world.http("oem.agent") as client:
        answer = (await client.get(f"/v1/customers/{customer}/overview")).json()
    told = any(found["referenceId"] == sale_id for found in answer.get("contacts", ()))
    return answer if told and answer.get("relations") and answer.get("vehicles") else None


async def way(world: World) -> set[int] | None:
    """The trace ids in which the sale's whole way stands: door, service, SQL, outbox, broker, the other service's reaction."""
    spans = world.spans.get_finished_spans()
    wanted = [
        "marque.vehicle.v1.SaleService/RecordSale",
        "create marque.vehicle.v1.SaleRecorded",
        "publish MARQUE_VEHICLE",
        "process marque.vehicle.v1.SaleRecorded",
    ]
    traces = [{span.context.trace_id for span in spans if span.name == name} for name in wanted]
    linked = {link.context.trace_id for span in spans if span.name == "publish MARQUE_VEHICLE" for link in span.links}
    traces[2] |= linked
    whole = set.intersection(*traces)
    return whole or None
