"""Claims under warranty on real repair orders: by the clause, by one clerk, once; and orders of parts that repair orders wait for."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from google.type import money_pb2
from marque.type.v1 import operations_pb2
from marque.vehicle.v1 import repair_order_service_pb2 as orders
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

CLAIMS, PARTS, REPAIRS = "WarrantyClaimService", "PartsOrderService", "RepairOrderService"
SUBMITTED, CHECKED, RETURNED, APPROVED, REFUSED, PAID, REVERSED = range(1, 8)


def yuan(units: int) -> money_pb2.Money:
    return money_pb2.Money(currency_code="CNY", units=units)


class Station:
    """A dealer of a region with a car that it sold, and the clauses of the warranty."""

    def __init__(self, garage: Any, dealer: str, vin: str, region: str) -> None:
        self.garage, self.dealer, self.vin = garage, dealer, vin
        self.desk = garage.client("dealer.service", dealers=[dealer])
        self.boss = garage.client("dealer.manager", dealers=[dealer])
        self.clerk = garage.client("oem.region", region=region)

    async def order(self, *lines: tuple[str, int, int], close: bool = True, **fields: Any) -> Any:
        """A repair order with lines of (component, payer, yuan)."""
        made = await self.garage.make_order(
            self.dealer, self.vin, odometer_in_km=20_000, adviser_staff_id=str(uuid.uuid4()),
            lines=[
                self.garage.line(component_code=code, pay_type=payer, labours=[{"operation_code": "W-1", "amount": yuan(amount)}])
                for code, payer, amount in lines or (("ENGINE", 2, 800),)
            ], **fields,
        )  # fmt: skip
        if close:
            request = orders.CloseRepairOrderRequest(repair_order_id=made.repair_order_id)
            made = await self.desk.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request)
        return made

    async def submit(self, order: Any, **fields: Any) -> Any:
        return await self.garage.ask(
            f"{CLAIMS}/SubmitWarrantyClaim", self.desk, repair_order_id=order.repair_order_id, **fields
        )

    async def do(self, verb: str, claim: Any, client: Any = None, **fields: Any) -> Any:
        return await self.garage.ask(f"{CLAIMS}/{verb}", client or self.clerk, claim_id=claim.claim_id, **fields)


@pytest.fixture
async def station(garage: Any) -> Station:
    region = f"R{garage.new_vin()[-6:]}"
    dealer, car = await garage.make_dealer(region=region), await garage.make_car()
    sold = (datetime.now(UTC) - timedelta(days=400)).date()
    await garage.make_sale(dealer, car.vin, await garage.make_customer(), invoice_date=garage.day(sold))
    for code, component, months in (("CLAIM-ENGINE", "ENGINE", 36), ("CLAIM-PADS", "PADS", 0)):
        term = {
            "term_code": code,
            "market": "CN",
            "component_prefix": component,
            "months": months,
            "km": 100_000,
            "clause": code,
        }
        await garage.ask(
            "WarrantyService/PutWarrantyTerm", warranty_term={**term, "sold_from": garage.day(date(2020, 1, 1))}
        )
    return Station(garage, dealer, car.vin, region)


async def refused(call: Any) -> str:
    with pytest.raises(RpcFailure) as failure:
        await call
    return str(failure.value.reason)


class TestClaim:
    async def test_a_claim_goes_from_the_closed_order_to_the_money(self, garage: Any, station: Station) -> None:
        order = await station.order(("ENGINE:PUMP", 2, 800), ("PADS", 2, 100), ("WASH", 1, 30))
        claim = await station.submit(order)
        assert (claim.state, claim.claimed.units, len(claim.items)) == (SUBMITTED, 900, 2)
        (warranty,) = [one for one in order.totals if one.pay_type == 2]
        assert claim.claimed == warranty.total

        assert await refused(station.do("ApproveWarrantyClaim", claim)) == "WARRANTY_CLAIM_STATE_WRONG"
        claim = await station.do("CheckWarrantyClaim", claim)
        assert [(one.coverage_reason, one.term_code) for one in claim.items] == [(1, "CLAIM-ENGINE"), (4, "CLAIM-PADS")]
        claim = await station.do("ApproveWarrantyClaim", claim, parts_return_needed=True)
        assert (claim.state, claim.approved.units) == (APPROVED, 800)
        assert await refused(station.do("PayWarrantyClaim", claim, payment_reference="P")) == "WARRANTY_PARTS_MISSING"
        await station.do("SendWarrantyParts", claim, station.desk)
        await station.do("ReceiveWarrantyParts", claim)
        paid = await station.do("PayWarrantyClaim", claim, payment_reference="PAY-7")
        assert (paid.state, paid.payment_reference) == (PAID, "PAY-7")
        (event,) = await garage.events("WarrantyClaimDecided", claim.claim_id)
        assert (event.state, event.approved_line_count, event.dealer_id) == (APPROVED, 1, station.dealer)
        assert len(await garage.events("WarrantyClaimPaid", claim.claim_id)) == 1

    async def test_a_returned_claim_is_submitted_again_and_a_refused_one_followed_by_another(
        self, garage: Any, station: Station
    ) -> None:
        order = await station.order()
        claim = await station.submit(order)
        back = await station.do("ReturnWarrantyClaim", claim, reason="PHOTOS_MISSING")
        assert (back.state, back.reason) == (RETURNED, "PHOTOS_MISSING")
        again = await station.submit(order)
        assert (again.claim_id, again.state, again.submission_count) == (claim.claim_id, SUBMITTED, 2)
        assert await refused(station.submit(order)) == "WARRANTY_CLAIM_EXISTS"
        await station.do("RefuseWarrantyClaim", claim, reason="NOT_OURS")
        other = await station.submit(order)
        assert other.claim_id != claim.claim_id
        listed = await garage.ask(f"{CLAIMS}/ListWarrantyClaims", station.desk, repair_order_id=order.repair_order_id)
        assert [(one.claim_id, one.state) for one in listed.claims] == [(other.claim_id, 1), (claim.claim_id, REFUSED)]

    async def test_of_many_clerks_at_once_one_decides_and_one_event_tells_it(
        self, garage: Any, station: Station
    ) -> None:
        claim = await station.do("CheckWarrantyClaim", await station.submit(await station.order()))
        verbs = [station.do("ApproveWarrantyClaim", claim) for _ in range(4)]
        verbs += [station.do("RefuseWarrantyClaim", claim, reason="NOT_OURS") for _ in range(4)]
        found = await asyncio.gather(*verbs, return_exceptions=True)
        done = [one for one in found if not isinstance(one, BaseException)]
        assert len(done) == 1
        assert {one.reason for one in found if isinstance(one, RpcFailure)} == {"WARRANTY_CLAIM_STATE_WRONG"}
        assert len(await garage.events("WarrantyClaimDecided", claim.claim_id)) == 1
        assert (await garage.ask(f"{CLAIMS}/GetWarrantyClaim", claim_id=claim.claim_id)).state == done[0].state

    async def test_of_many_submissions_at_once_one_claim_stands(self, garage: Any, station: Station) -> None:
        order = await station.order()
        found = await asyncio.gather(*(station.submit(order) for _ in range(6)), return_exceptions=True)
        assert len([one for one in found if not isinstance(one, BaseException)]) == 1
        assert {one.reason for one in found if isinstance(one, RpcFailure)} == {"WARRANTY_CLAIM_EXISTS"}

    async def test_a_retry_under_the_same_key_gives_the_first_answer(self, station: Station) -> None:
        order = await station.order()
        first = await station.submit(order, request_id="retry-1")
        assert await station.submit(order, request_id="retry-1") == first

    async def test_what_is_above_a_clerks_limit_is_for_the_manager(self, garage: Any, station: Station) -> None:
        claim = await station.do("CheckWarrantyClaim", await station.submit(await station.order(("ENGINE", 2, 10_001))))
        assert await refused(station.do("ApproveWarrantyClaim", claim)) == "WARRANTY_CLAIM_ABOVE_LIMIT"
        part = [{"line_number": 1, "amount": yuan(10_000)}]
        assert (await station.do("ApproveWarrantyClaim", claim, approvals=part)).approved.units == 10_000
        other = await station.do("CheckWarrantyClaim", await station.submit(await station.order(("ENGINE", 2, 10_001))))
        assert (await station.do("ApproveWarrantyClaim", other, garage.manager)).approved.units == 10_001

    async def test_open_orders_and_orders_without_a_warranty_line_are_not_claimed(self, station: Station) -> None:
        assert await refused(station.submit(await station.order(close=False))) == "REPAIR_ORDER_NOT_CLOSED"
        assert await refused(station.submit(await station.order(("WASH", 1, 30)))) == "WARRANTY_LINES_MISSING"

    async def test_another_station_sees_no_claim(self, garage: Any, station: Station) -> None:
        claim = await station.submit(await station.order())
        stranger = garage.client("dealer.service", dealers=[await garage.make_dealer()])
        assert (
            await refused(garage.ask(f"{CLAIMS}/GetWarrantyClaim", stranger, claim_id=claim.claim_id))
            == "WARRANTY_CLAIM_NOT_FOUND"
        )
        assert not (await garage.ask(f"{CLAIMS}/ListWarrantyClaims", stranger)).claims


class TestReverse:
    @pytest.mark.parametrize("paid", [True, False], ids=["paid", "not decided"])
    async def test_a_claim_falls_with_its_repair_order(self, garage: Any, station: Station, paid: bool) -> None:
        order = await station.order()
        claim = await station.submit(order)
        if paid:
            for verb, fields in (
                ("Check", {}), ("Approve", {}), ("Pay", {"payment_reference": "PAY-1"}),
            ):  # fmt: skip
                await station.do(f"{verb}WarrantyClaim", claim, **fields)
        asked = {"repair_order_id": order.repair_order_id, "reason": "CLOSED_WRONGLY"}
        found = await garage.ask(f"{REPAIRS}/ReverseRepairOrder", station.boss, **asked)
        assert found.state == 3
        fallen = await garage.ask(f"{CLAIMS}/GetWarrantyClaim", claim_id=claim.claim_id)
        assert (fallen.state, fallen.recoverable.units) == (REVERSED, 800 if paid else 0)
        (event,) = await garage.events("WarrantyClaimReversed", claim.claim_id)
        assert event.was_paid == paid
        assert len(await garage.events("RepairOrderReversed", order.repair_order_id)) == 1
        assert (
            await refused(garage.ask(f"{REPAIRS}/ReverseRepairOrder", station.boss, **asked))
            == "REPAIR_ORDER_NOT_CLOSED"
        )
        assert await refused(station.submit(order)) == "REPAIR_ORDER_NOT_CLOSED"

    async def test_an_order_that_remedied_a_recall_is_not_reversed(self, garage: Any, station: Station) -> None:
        code = f"RV-{station.vin[-6:]}"
        recall = await garage.ask("RecallService/CreateRecall", recall={"code": code, "title": "Engine"})
        await garage.ask("RecallService/AddRecallVehiclesByRule", recall_id=recall.recall_id, make="Volkswagen")
        await garage.ask("RecallService/OpenRecall", recall_id=recall.recall_id)
        made = await garage.make_order(
            station.dealer, station.vin, lines=[garage.line(pay_type=3, complaint_code=code, component_code="ENGINE")]
        )
        request = orders.CloseRepairOrderRequest(repair_order_id=made.repair_order_id)
        await station.desk.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request)
        asked = {"repair_order_id": made.repair_order_id, "reason": "CLOSED_WRONGLY"}
        assert (
            await refused(garage.ask(f"{REPAIRS}/ReverseRepairOrder", station.boss, **asked))
            == "REPAIR_ORDER_REMEDIED_RECALL"
        )


class TestParts:
    async def place(self, station: Station, order: Any = None, **fields: Any) -> Any:
        part = {"warehouse_code": "SH-1", "part_number": "06K-121", **fields}
        if order is not None:
            part["repair_order_id"] = order.repair_order_id
        return await station.garage.ask(f"{PARTS}/PlacePartsOrder", station.desk, parts_order=part)

    async def test_the_adviser_of_the_waiting_order_is_told_of_promise_and_arrival(
        self, garage: Any, station: Station
    ) -> None:
        order = await station.order(close=False)
        first, second = [await self.place(station, order) for _ in range(2)]
        day = garage.day(datetime.now(UTC).date() + timedelta(days=2))
        await garage.ask(f"{PARTS}/PromisePartsOrder", parts_order_id=first.parts_order_id, promised_date=day)
        (told,) = await garage.events("PartsPromised", first.parts_order_id)
        assert (told.adviser_staff_id, told.promised_date) == (order.adviser_staff_id, day)
        asked = [
            garage.ask(f"{PARTS}/ReceivePartsOrder", station.desk, parts_order_id=one.parts_order_id)
            for one in (first, second)
        ]
        assert {one.state for one in await asyncio.gather(*asked)} == {2}
        arrived = [(await garage.events("PartsArrived", one.parts_order_id))[0] for one in (first, second)]
        assert sorted(one.all_arrived for one in arrived) == [False, True]
        assert {one.adviser_staff_id for one in arrived} == {order.adviser_staff_id}

    async def test_parts_are_ordered_for_open_orders_of_the_own_station_only(
        self, garage: Any, station: Station
    ) -> None:
        assert await refused(self.place(station, await station.order())) == "REPAIR_ORDER_CLOSED"
        foreign = await garage.make_order(await garage.make_dealer(), (await garage.make_car()).vin)
        assert await refused(self.place(station, foreign)) == "REPAIR_ORDER_NOT_FOUND"
        await self.place(station, number="N-1")
        assert await refused(self.place(station, number="N-1")) == "PARTS_ORDER_NUMBER_TAKEN"

    async def test_the_next_day_fill_rate_goes_by_the_stations_calendar(self, garage: Any, station: Station) -> None:
        """Ordered at 23:30 in Shanghai: the next day ends 24 and a half hours later."""
        ordered = datetime(2026, 3, 4, 15, 30, tzinfo=UTC)
        for hours in (1, 24.4, 24.6, None):
            made = await self.place(station)
            arrived = None if hours is None else ordered + timedelta(hours=hours)
            await garage.sql(
                "UPDATE parts_orders SET order_time = $2, arrive_time = $3, state = CASE WHEN $3::timestamptz IS NULL THEN 1 ELSE 2 END, "
                "promised_date = '2026-03-05' WHERE parts_order_id = $1",
                uuid.UUID(made.parts_order_id), ordered, arrived,
            )  # fmt: skip
        day = garage.day(date(2026, 3, 4))
        asked = {"order_date_from": day, "order_date_to": day, "dealer_id": station.dealer}
        (rate,) = (await garage.ask(f"{PARTS}/ListPartsFillRates", station.desk, **asked)).fill_rates
        assert (rate.ordered_count, rate.next_day_count) == (4, 2)
        assert (rate.promised_count, rate.kept_promise_count) == (4, 2)
        stranger = garage.client("dealer.service", dealers=[await garage.make_dealer()])
        assert not (await garage.ask(f"{PARTS}/ListPartsFillRates", stranger, **asked)).fill_rates


class TestSnapshots:
    async def test_claims_and_parts_are_said_again_as_they_stand(self, garage: Any, station: Station) -> None:
        order = await station.order(("ENGINE:PUMP", 2, 800), ("PADS", 2, 100))
        claim = await station.do("CheckWarrantyClaim", await station.submit(order))
        claim = await station.do("ApproveWarrantyClaim", claim)
        waiting = await station.order(close=False)
        part = {
            "dealer_id": station.dealer, "warehouse_code": "W", "part_number": "P-1", "quantity": "1",
            "repair_order_id": waiting.repair_order_id,
        }  # fmt: skip
        placed = await garage.ask(f"{PARTS}/PlacePartsOrder", station.desk, parts_order=part)
        for aggregate in ("warranty_claim", "parts_order"):
            request = operations_pb2.RepublishRequest(aggregate=aggregate)
            await garage.client("ops").call("vehicle.v1.VehicleOperationsService/Republish", request)

        async def said() -> bool:
            return bool(await garage.events("PartsOrderSnapshot", placed.parts_order_id))

        await until(said, 20, "the orders of parts were not said again")
        (told,) = await garage.events("WarrantyClaimSnapshot", claim.claim_id)
        assert (told.state, told.approved_line_count, told.submission_count) == (APPROVED, 1, 1)
        assert (told.dealer_id, told.vin, told.aggregate_version) == (station.dealer, station.vin, 3)
        (one,) = await garage.events("PartsOrderSnapshot", placed.parts_order_id)
        assert (one.repair_order_id, one.state, one.HasField("arrive_time")) == (waiting.repair_order_id, 1, False)
