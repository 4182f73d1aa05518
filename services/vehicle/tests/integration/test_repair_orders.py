"""Repair orders: sums, odometer, stages, closing, who sees what."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from google.type import money_pb2
from marque.vehicle.v1 import repair_order_pb2, vehicle_history_pb2, vehicle_pb2
from marque.vehicle.v1 import repair_order_service_pb2 as orders
from servicekit.testing.client import RpcFailure

R = "vehicle.v1.RepairOrderService"


def yuan(units: int, nanos: int = 0, currency: str = "CNY") -> money_pb2.Money:
    return money_pb2.Money(currency_code=currency, units=units, nanos=nanos)


def lines(garage: Any) -> list[Any]:
    return [
        garage.line(
            cause="worn pads", correction="pads replaced", component_code="BRAKES:DISC",
            labours=[{"operation_code": "4611", "minutes": 45, "amount": yuan(120, 100_000_000)}],
            parts=[{"part_number": "1K0698151", "quantity": "1.5", "causal": True, "amount": yuan(300, 200_000_000)}],
        ),
        garage.line(complaint="recall", pay_type=3, labours=[{"operation_code": "99R1", "amount": yuan(80)}]),
        garage.line(complaint="wipers", labours=[{"operation_code": "9210", "amount": yuan(9, 700_000_000)}]),
    ]  # fmt: skip


async def refused(work: Any) -> RpcFailure:
    with pytest.raises(RpcFailure) as failure:
        await work
    return failure.value


class Station:
    """A station with a car on the lift."""

    def __init__(self, garage: Any, dealer: str, vin: str) -> None:
        self.garage, self.dealer, self.vin = garage, dealer, vin
        self.client = garage.client("dealer.service", dealers=[dealer])

    async def open(self, **fields: Any) -> Any:
        return await self.garage.make_order(self.dealer, self.vin, **fields)

    async def update(self, order: Any, mask: list[str], client: Any = None, **fields: Any) -> Any:
        request = orders.UpdateRepairOrderRequest(
            repair_order=repair_order_pb2.RepairOrder(repair_order_id=order.repair_order_id, **fields)
        )
        request.update_mask.paths.extend(mask)
        return await (client or self.client).call(f"{R}/UpdateRepairOrder", request)

    async def advance(self, order: Any, stage: int, **fields: Any) -> Any:
        request = orders.AdvanceRepairOrderStageRequest(repair_order_id=order.repair_order_id, stage=stage, **fields)
        return await self.client.call(f"{R}/AdvanceRepairOrderStage", request)

    async def close(self, order: Any, **fields: Any) -> Any:
        request = orders.CloseRepairOrderRequest(repair_order_id=order.repair_order_id, **fields)
        return await self.client.call(f"{R}/CloseRepairOrder", request)


@pytest.fixture
async def station(garage: Any) -> Station:
    return Station(garage, await garage.make_dealer(), (await garage.make_car()).vin)


class TestOpen:
    async def test_an_order_is_opened_at_checked_in_with_a_number_of_its_own(
        self, garage: Any, station: Station
    ) -> None:
        made = await station.open(odometer_in_km=1200)
        assert (made.dealer_id, made.state, made.stage, made.number[:3]) == (station.dealer, 1, 1, "RO-")
        assert [entry.stage for entry in made.stage_history] == [1]
        (event,) = await garage.events("RepairOrderOpened", made.repair_order_id)
        assert (event.vin, event.odometer_km) == (station.vin, 1200)

    async def test_the_odometer_goes_back_only_where_it_was_replaced(self, station: Station) -> None:
        await station.open(odometer_in_km=5000)
        assert (await refused(station.open(odometer_in_km=4999))).reason == "ODOMETER_BELOW_LATEST"
        assert (await station.open(odometer_in_km=5000)).odometer_in_km == 5000
        assert (await station.open(odometer_in_km=10, odometer_replaced=True)).odometer_in_km == 10
        assert (await station.open(odometer_in_km=11)).odometer_in_km == 11

    async def test_a_visit_entered_late_may_be_below_the_latest(self, garage: Any, station: Station) -> None:
        await station.open(odometer_in_km=5000)
        late = await station.open(odometer_in_km=3000, open_time=garage.at(2021, 1, 1))
        assert late.odometer_in_km == 3000

    async def test_what_cannot_be_opened_is_refused_by_its_name(self, garage: Any, station: Station) -> None:
        await station.open(number="W-1")
        assert (await refused(station.open(number="W-1"))).reason == "REPAIR_ORDER_NUMBER_TAKEN"
        scrapped = await garage.make_car(status=vehicle_pb2.VEHICLE_STATUS_SCRAPPED)
        assert (await refused(garage.make_order(station.dealer, scrapped.vin))).reason == "VEHICLE_SCRAPPED"
        assert (await refused(garage.make_order(station.dealer, garage.new_vin()))).reason == "VEHICLE_NOT_FOUND"
        stranger = "0192f7c0-0000-7000-8000-000000000000"
        assert (await refused(station.open(customer_id=stranger))).reason == "CUSTOMER_NOT_FOUND"
        assert (await refused(station.open(dealer_id=stranger))).reason == "DEALER_NOT_FOUND"

    async def test_that_the_wrong_work_was_ordered_is_said_at_once_or_later(
        self, garage: Any, station: Station
    ) -> None:
        first = await station.open(wrong_order=True)
        second = await station.open()
        later = await station.update(second, ["wrong_order"], wrong_order=True)
        assert (first.wrong_order, second.wrong_order, later.wrong_order) == (True, False, True)
        (kept,) = await garage.sql(
            "SELECT wrong_order FROM repair_orders WHERE repair_order_id = $1", second.repair_order_id
        )
        assert kept["wrong_order"]

    async def test_one_number_at_once_is_opened_once(self, station: Station) -> None:
        answers = await asyncio.gather(*(station.open(number="R-7") for _ in range(5)), return_exceptions=True)
        assert sum(not isinstance(answer, Exception) for answer in answers) == 1


class TestLines:
    async def test_every_payer_owes_the_sum_of_the_lines(self, garage: Any, station: Station) -> None:
        made = await station.open()
        changed = await station.update(made, ["lines"], lines=lines(garage))
        assert [
            (one.pay_type, one.labour.units, one.labour.nanos, one.parts.units, one.total.units, one.total.nanos)
            for one in changed.totals
        ] == [(1, 129, 800_000_000, 300, 430, 0), (3, 80, 0, 0, 80, 0)]
        assert [one.line_number for one in changed.lines] == [1, 2, 3]

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"parts": [{"part_number": part, "quantity": "1", "causal": True} for part in "AB"]}, "CAUSAL_PART_NOT_UNIQUE"),
            ({"labours": [{"operation_code": "1", "amount": yuan(1, currency=code)} for code in ("CNY", "EUR")]}, "CURRENCY_MIXED"),
            ({"labours": [{"operation_code": "1", "amount": yuan(-1)}]}, "INVALID_ARGUMENT"),
            ({"parts": [{"quantity": "1"}]}, "INVALID_ARGUMENT"),
        ],
    )  # fmt: skip
    async def test_lines_that_do_not_add_up_are_refused(
        self, garage: Any, station: Station, wrong: Any, reason: str
    ) -> None:
        made = await station.open()
        failure = await refused(station.update(made, ["lines"], lines=[garage.line(**wrong)]))
        assert (failure.code, failure.reason) == ("INVALID_ARGUMENT", reason)

    async def test_a_technician_changes_lines_without_losing_or_seeing_the_amounts(
        self, garage: Any, station: Station
    ) -> None:
        made = await station.update(await station.open(), ["lines"], lines=lines(garage))
        technician = garage.client("dealer.technician", dealers=[station.dealer])
        request = orders.GetRepairOrderRequest(repair_order_id=made.repair_order_id)
        seen = await technician.call(f"{R}/GetRepairOrder", request)
        assert not seen.lines[0].labours[0].HasField("amount")
        assert "lines.labours.amount" in seen.masked_fields

        seen.lines[0].correction = "pads and discs replaced"
        await station.update(made, ["lines"], client=technician, lines=list(seen.lines))
        after = await station.client.call(f"{R}/GetRepairOrder", request)

        assert after.lines[0].correction == "pads and discs replaced"
        assert list(after.totals) == list(made.totals)
        seen.lines[0].labours[0].amount.CopyFrom(yuan(1))
        failure = await refused(station.update(made, ["lines"], client=technician, lines=list(seen.lines)))
        assert failure.fields == {"repair_order.lines[0].labours[0].amount": "FIELD_MASKED"}


class TestStages:
    async def test_forward_stages_are_skipped_and_work_is_gone_back_to(self, garage: Any, station: Station) -> None:
        made = await station.open()
        for stage in (3, 4, 3, 9, 3, 10):
            made = await station.advance(made, stage, told_owner=True)
        assert [entry.stage for entry in made.stage_history] == [1, 3, 4, 3, 9, 3, 10]
        assert (await refused(station.advance(made, 3))).reason == "STAGE_NOT_REACHABLE"
        told = await garage.events("RepairOrderStageChanged", made.repair_order_id)
        assert [event.stage for event in told] == [3, 4, 3, 9, 3, 10]
        assert [event.aggregate_version for event in told] == [2, 3, 4, 5, 6, 7]

    async def test_an_older_etag_is_refused(self, station: Station) -> None:
        made = await station.open()
        await station.advance(made, 3, etag=made.etag)
        assert (await refused(station.advance(made, 4, etag=made.etag))).reason == "ETAG_MISMATCH"


class TestClose:
    async def test_a_closed_order_stands(self, garage: Any, station: Station) -> None:
        made = await station.open(odometer_in_km=700)
        assert (await refused(station.close(made))).reason == "LINES_MISSING"
        assert (
            await refused(station.close(made, lines=lines(garage), odometer_out_km=699))
        ).reason == "ODOMETER_OUT_BELOW_IN"
        closed = await station.close(made, lines=lines(garage), odometer_out_km=705)
        assert (closed.state, closed.odometer_out_km) == (2, 705)
        (event,) = await garage.events("RepairOrderClosed", made.repair_order_id)
        assert (list(event.pay_types), event.odometer_km) == ([1, 3], 705)
        for again in (station.close(made), station.advance(made, 3), station.update(made, ["comeback"], comeback=True)):
            assert (await refused(again)).reason == "REPAIR_ORDER_CLOSED"

    async def test_it_is_not_closed_before_it_was_opened(self, garage: Any, station: Station) -> None:
        made = await station.open(lines=lines(garage))
        assert (await refused(station.close(made, close_time=garage.at(2020, 1, 1)))).reason == "CLOSE_BEFORE_OPEN"


class TestVisibility:
    async def test_a_station_sees_own_orders_and_the_whole_life_file_without_prices_and_persons(
        self, garage: Any, station: Station
    ) -> None:
        owner = await garage.make_customer()
        made = await station.open(customer_id=owner, lines=lines(garage))
        other = garage.client("dealer.service", dealers=[await garage.make_dealer()])
        request = orders.GetRepairOrderRequest(repair_order_id=made.repair_order_id)

        assert (await refused(other.call(f"{R}/GetRepairOrder", request))).reason == "REPAIR_ORDER_NOT_FOUND"
        assert (
            list(
                (
                    await other.call(f"{R}/ListRepairOrders", orders.ListRepairOrdersRequest(vin=station.vin))
                ).repair_orders
            )
            == []
        )
        mine = garage.client("owner", customer=owner)
        seen = await mine.call(f"{R}/GetRepairOrder", request)
        assert seen.totals[0].total.units == 430
        file = await other.call(
            "vehicle.v1.VehicleService/GetVehicleHistory",
            vehicle_history_pb2.GetVehicleHistoryRequest(vin=station.vin),
        )
        (entry,) = [entry for entry in file.entries if entry.HasField("repair")]
        assert (entry.repair.lines[0].correction, list(entry.repair.lines[0].part_numbers)) == (
            "pads replaced",
            ["1K0698151"],
        )
        assert owner not in str(file)
        assert re.search(r"\b430\b", str(file)) is None  # as a number; ids are random

    async def test_quality_sees_all_without_persons_and_amounts(self, garage: Any, station: Station) -> None:
        made = await station.open(customer_id=await garage.make_customer(), lines=lines(garage))
        seen = await garage.client("oem.quality").call(
            f"{R}/GetRepairOrder", orders.GetRepairOrderRequest(repair_order_id=made.repair_order_id)
        )
        assert (seen.customer_id, seen.lines[0].cause, seen.totals[0].HasField("total")) == ("", "worn pads", False)
        assert {"customer_id", "totals.total", "lines.labours.amount"} <= set(seen.masked_fields)

    async def test_paging_gives_every_order_once(self, garage: Any, station: Station) -> None:
        made = {
            (await station.open(open_time=garage.at(2024, 1, 1 + number % 2))).repair_order_id for number in range(5)
        }
        for order in ("", "open_time", "update_time desc"):
            found, token = [], ""
            while True:
                request = orders.ListRepairOrdersRequest(page_size=2, page_token=token, order_by=order, state=1)
                answer = await station.client.call(f"{R}/ListRepairOrders", request)
                found += [one.repair_order_id for one in answer.repair_orders]
                token = answer.next_page_token
                if not token:
                    break
            assert sorted(found) == sorted(made), order
