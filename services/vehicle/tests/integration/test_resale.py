"""Used cars: sold again after the owner gave them in, and back to that owner where the sale is taken back."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from marque.vehicle.v1 import ownership_service_pb2 as ownerships
from marque.vehicle.v1 import sale_service_pb2 as sales
from servicekit.testing.client import RpcFailure

S, O = "vehicle.v1.SaleService", "vehicle.v1.OwnershipService"  # noqa: E741 - the nouns of this file


async def sell(garage: Any, dealer: str, vin: str, buyer: str, day: date, *, ends: bool = True) -> Any:
    request = garage.sale(dealer, vin, buyer, invoice_date=garage.day(day))
    request.ends_current_ownership = ends
    await garage.meet(dealer, buyer)
    return await garage.client("dealer.sales", dealers=[dealer]).call(f"{S}/RecordSale", request)


async def spans(client: Any, vin: str) -> list[Any]:
    request = ownerships.ListOwnershipsRequest(vin=vin, order_by="valid_start_time")
    return list((await client.call(f"{O}/ListOwnerships", request)).ownerships)


async def sold(garage: Any) -> tuple[str, str, str, Any]:
    """A car sold in March 2026: dealer, VIN, buyer, sale."""
    dealer, first, car = await garage.make_dealer(), await garage.make_customer(), await garage.make_car()
    return dealer, car.vin, first, await garage.make_sale(dealer, car.vin, first)


class TestResale:
    async def test_without_the_owners_end_the_car_is_not_sold_again(self, garage: Any) -> None:
        dealer, vin, first, _ = await sold(garage)
        with pytest.raises(RpcFailure) as failure:
            await sell(garage, dealer, vin, await garage.make_customer(), date(2026, 8, 1), ends=False)
        assert (failure.value.code, failure.value.reason) == ("FAILED_PRECONDITION", "VEHICLE_ALREADY_SOLD")
        assert [one.customer_id for one in await spans(garage.agent, vin)] == [first]

    async def test_a_car_that_was_given_in_is_sold_and_every_span_that_went_on_ends_then(self, garage: Any) -> None:
        dealer, vin, first, _ = await sold(garage)
        driver, second = await garage.make_customer(), await garage.make_customer()
        driving = await garage.start_ownership(vin, driver, garage.at(2026, 4, 1), role=3)
        again = await sell(garage, dealer, vin, second, date(2026, 8, 1))

        rows = await spans(garage.agent, vin)
        assert [(one.customer_id, one.end_reason) for one in rows] == [(first, 1), (driver, 1), (second, 0)]
        assert {one.valid_end_time.ToJsonString() for one in rows[:2]} == {rows[2].valid_start_time.ToJsonString()}
        assert rows[2].sale_id == again.sale_id
        for ownership_id in (rows[0].ownership_id, driving.ownership_id):
            (event,) = await garage.events("OwnershipEnded", ownership_id)
            assert (event.voided, event.end_reason, event.aggregate_version) == (False, 1, 2)

    async def test_the_new_owner_never_sees_the_person_before(self, garage: Any) -> None:
        dealer, vin, first, sale = await sold(garage)
        second = await garage.make_customer()
        await sell(garage, dealer, vin, second, date(2026, 8, 1))
        owner = garage.client("owner", customer=second)
        shown = [
            await spans(owner, vin),
            await garage.owners_at(vin, garage.at(2026, 5, 1), client=owner),
            await owner.call(f"{S}/ListSales", sales.ListSalesRequest(vin=vin)),
        ]
        assert first not in str(shown)
        assert [one.customer_id for one in shown[0]] == [second]
        with pytest.raises(RpcFailure) as failure:
            await owner.call(f"{S}/GetSale", sales.GetSaleRequest(sale_id=sale.sale_id))
        assert failure.value.code == "NOT_FOUND"

    @pytest.mark.parametrize("day", [date(2026, 3, 2), date(2026, 3, 1)])
    async def test_nobody_is_ended_before_they_began(self, garage: Any, day: date) -> None:
        dealer, vin, first, _ = await sold(garage)
        with pytest.raises(RpcFailure) as failure:
            await sell(garage, dealer, vin, await garage.make_customer(), day)
        assert failure.value.reason == "VEHICLE_ALREADY_SOLD"
        (row,) = await spans(garage.agent, vin)
        assert (row.customer_id, row.HasField("valid_end_time")) == (first, False)

    async def test_an_owner_whose_ownership_was_ended_leaves_the_car_free(self, garage: Any) -> None:
        dealer, vin, first, _ = await sold(garage)
        (row,) = await spans(garage.agent, vin)
        request = ownerships.EndOwnershipRequest(ownership_id=row.ownership_id, reason=1)
        request.valid_end_time.FromDatetime(garage.at(2026, 6, 1))
        await garage.agent.call(f"{O}/EndOwnership", request)
        second = await garage.make_customer()
        await sell(garage, dealer, vin, second, date(2026, 8, 1), ends=False)
        assert [one.customer_id for one in await spans(garage.agent, vin)] == [first, second]

    async def test_two_resales_at_once_sell_the_car_once(self, garage: Any) -> None:
        dealer, vin, _, _ = await sold(garage)
        buyers = [await garage.make_customer() for _ in range(4)]
        answers = await asyncio.gather(
            *(sell(garage, dealer, vin, buyer, date(2026, 8, 1)) for buyer in buyers), return_exceptions=True
        )
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1
        assert {one.reason for one in answers if isinstance(one, RpcFailure)} == {"VEHICLE_ALREADY_SOLD"}


class TestReversedResale:
    async def test_the_owner_before_goes_on_and_can_give_the_car_in_again(self, garage: Any) -> None:
        dealer, vin, first, _ = await sold(garage)
        second = await garage.make_customer()
        resale = await sell(garage, dealer, vin, second, date(2026, 8, 1))
        request = sales.ReverseSaleRequest(sale_id=resale.sale_id, reason="CUSTOMER_RETURNED")
        await garage.client("dealer.sales", dealers=[dealer]).call(f"{S}/ReverseSale", request)

        (row,) = await spans(garage.agent, vin)
        assert (row.customer_id, row.HasField("valid_end_time"), row.end_reason) == (first, False, 0)
        *_, told = await garage.events("OwnershipStarted", row.ownership_id)
        assert (told.customer_id, told.aggregate_version, told.HasField("valid_end_time")) == (first, 3, False)
        found = await garage.sql("SELECT status FROM vehicles WHERE vin = $1", vin)
        assert found[0]["status"] == 2, "the owner before still drives it"
        await sell(garage, dealer, vin, second, date(2026, 9, 1))
        assert [one.customer_id for one in await spans(garage.agent, vin)] == [first, second]
