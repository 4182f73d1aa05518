"""What bad days bring, as the issue lists it: each row that is wrong is told with its field and reason, and the rest goes on."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import repair_order_import_rows_pb2, repair_order_service_pb2, vehicle_import_service_pb2
from marque.vehicle.v1 import vehicle_import_rows_pb2 as cars
from marque.vehicle.v1 import vehicle_import_rows_pb2 as sales
from servicekit.testing.client import RpcFailure

LINE = {"complaint": "noise", "part_numbers": "P-1", "parts_amount": "10"}
WRONG = "SELECT number FROM repair_orders WHERE vin = $1 AND wrong_order"
GOOD = {
    "open_time": "2026-03-01T09:00:00",
    "close_time": "2026-03-02T10:00:00",
    "odometer_in_km": 900,
    "currency_code": "CNY",
}


async def sent(garage: Any, kind: str, rows: list[Any]) -> tuple[int, dict[int, dict[str, str]]]:
    """Imports rows; returns how many were taken, and what is wrong with the others by their number."""
    request = getattr(vehicle_import_service_pb2, f"Import{kind}Request")(rows=rows)
    request.header.CopyFrom(import_pb2.ImportStreamHeader(source="dms"))
    stream = garage.manager.stream(f"vehicle.v1.VehicleImportService/Import{kind}", [request])
    (answer,) = [one async for one in stream]
    wrong = {one.row: {each.field: each.reason for each in one.errors} for one in answer.rejected}
    return answer.summary.created, wrong


@pytest.fixture
async def station(garage: Any) -> tuple[str, str]:
    dealer = await garage.make_dealer(zone="Asia/Shanghai")
    return dealer, await garage.code_of(dealer)


class TestVisits:
    async def test_each_bad_visit_is_told_and_the_others_are_taken(self, garage: Any, station: tuple[str, str]) -> None:
        vin = (await garage.make_car(build_date={"year": 2026, "month": 2, "day": 1})).vin
        table: list[tuple[dict[str, Any], dict[str, str]]] = [
            ({}, {}),
            ({"odometer_in_km": 400}, {}),  # it went back: kept with its visit, flagged, and not the car's
            ({"open_time": "2026-03-01T15:00:00"}, {}),  # while it stands there: its days count once
            ({"open_time": "2026-01-02", "close_time": "2026-01-03"}, {"open_time": "REPAIR_BEFORE_BUILD"}),
            ({"open_time": "9999-01-01", "close_time": ""}, {"open_time": "TIME_IN_FUTURE"}),
            ({"close_time": "2026-02-01"}, {"close_time": "CLOSE_BEFORE_OPEN"}),
            ({"lines": [{**LINE, "part_numbers": "*2"}]}, {"lines[0].part_numbers": "PART_INVALID"}),
            ({"lines": [{**LINE, "causal_part_number": "P-2"}]}, {"lines[0].causal_part_number": "CAUSAL_PART_NOT_FITTED"}),
            ({"currency_code": ""}, {"currency_code": "CURRENCY_MISSING"}),
            ({"currency_code": "XXQ"}, {"currency_code": "CURRENCY_UNKNOWN"}),
            ({"vin": "1G1YY22G96510"}, {"vin": "VIN_LENGTH"}),  # of before 1981
            ({"vin": garage.new_vin()}, {"vin": "VEHICLE_NOT_FOUND"}),
            ({"dealer_code": "NOBODY"}, {"dealer_code": "DEALER_NOT_FOUND"}),
            ({"lines": []}, {"lines": "LINES_MISSING"}),
        ]  # fmt: skip
        rows = [
            repair_order_import_rows_pb2.RepairOrderImportRow(
                **{"row": place, "dealer_code": station[1], "number": f"B{place}", "vin": vin, "lines": [LINE], **GOOD, **said}
            )
            for place, (said, _) in enumerate(table, 1)
        ]  # fmt: skip
        rows[1].wrong_order = True
        taken, wrong = await sent(garage, "RepairOrders", rows)
        assert [row["number"] for row in await garage.sql(WRONG, vin)] == ["B2"]
        assert wrong == {place: said for place, (_, said) in enumerate(table, 1) if said}
        assert taken == sum(1 for _, said in table if not said)
        (car,) = await garage.sql("SELECT odometer_km FROM vehicles WHERE vin = $1", vin)
        assert car["odometer_km"] == 900

    async def test_visits_elsewhere_at_one_time_and_repairs_before_the_sale_are_told_and_the_others_are_taken(
        self, garage: Any, station: tuple[str, str]
    ) -> None:
        dealer, buyer = await garage.make_dealer(), await garage.make_customer()
        code = await garage.code_of(dealer)
        vin, sold = (await garage.make_car()).vin, (await garage.make_car()).vin
        await garage.make_sale(dealer, sold, buyer, invoice_date=garage.day(date(2026, 3, 10)))
        internal = {**LINE, "pay_type": "internal"}
        table: list[tuple[dict[str, Any], str]] = [
            ({"open_time": "2026-03-01T09:00:00", "close_time": "2026-03-05T09:00:00"}, ""),
            ({"open_time": "2026-03-02T09:00:00", "close_time": "2026-03-04T09:00:00"}, ""),  # the same station: for another payer
            ({"dealer_code": code, "open_time": "2026-03-04T09:00:00", "close_time": "2026-03-06T09:00:00"}, ""),  # a day of paper
            ({"dealer_code": code, "open_time": "2026-03-04T08:59:59", "close_time": "2026-03-06T09:00:00"}, "VEHICLE_IN_WORKSHOP"),
            ({"open_time": "2026-04-01T09:00:00", "close_time": ""}, ""),
            ({"dealer_code": code, "open_time": "2026-04-02T09:00:00", "close_time": ""}, "VEHICLE_IN_WORKSHOP"),
            ({"vin": sold, "open_time": "2026-03-08T23:59:59", "close_time": "2026-03-09"}, "REPAIR_BEFORE_SALE"),
            ({"vin": sold, "open_time": "2026-03-09", "close_time": "2026-03-09"}, ""),  # a day before is within what clocks err by
            ({"vin": sold, "open_time": "2026-03-05", "close_time": "2026-03-06", "lines": [internal]}, ""),
        ]  # fmt: skip
        rows = [
            repair_order_import_rows_pb2.RepairOrderImportRow(
                **{"row": place, "dealer_code": station[1], "number": f"V{place}", "vin": vin, "lines": [LINE], **GOOD, **said}
            )
            for place, (said, _) in enumerate(table, 1)
        ]  # fmt: skip
        expected = {place: {"open_time": reason} for place, (_, reason) in enumerate(table, 1) if reason}
        taken, wrong = await sent(garage, "RepairOrders", rows)
        assert (taken, wrong) == (len(table) - len(expected), expected)
        # What met them in one chunk meets them in the table too, and again nothing changes.
        assert await sent(garage, "RepairOrders", rows) == (0, expected)

    async def test_two_stations_that_check_one_car_in_at_once_get_one_visit_and_only_who_may_learns_where(
        self, garage: Any, station: tuple[str, str]
    ) -> None:
        vin, other = (await garage.make_car()).vin, await garage.make_dealer()
        found = await asyncio.gather(
            *(garage.make_order(dealer, vin) for dealer in (station[0], other)), return_exceptions=True
        )
        (made,) = [one for one in found if not isinstance(one, BaseException)]
        (refused,) = [one for one in found if isinstance(one, RpcFailure)]
        assert refused.reason == "VEHICLE_IN_WORKSHOP"
        assert refused.metadata == {}
        later = other if made.dealer_id == station[0] else station[0]
        request = repair_order_service_pb2.OpenRepairOrderRequest(repair_order={"vin": vin, "dealer_id": later})
        with pytest.raises(RpcFailure) as seen:
            await garage.manager.call("vehicle.v1.RepairOrderService/OpenRepairOrder", request)
        assert seen.value.metadata == {"dealer_id": made.dealer_id, "number": made.number}
        assert (await garage.make_order(made.dealer_id, vin)).number != made.number, "for another payer"

    async def test_final_lines_for_an_owner_are_refused_before_the_sale(
        self, garage: Any, station: tuple[str, str]
    ) -> None:
        vin, buyer = (await garage.make_car()).vin, await garage.make_customer()
        made = await garage.make_order(station[0], vin, open_time=garage.at(2026, 3, 1))
        await garage.make_sale(station[0], vin, buyer, invoice_date=garage.day(date(2026, 3, 10)))
        client = garage.client("dealer.service", dealers=[station[0]])
        given = {"client": client, "repair_order_id": made.repair_order_id, "close_time": garage.at(2026, 3, 2)}
        with pytest.raises(RpcFailure, match="REPAIR_BEFORE_SALE"):
            await garage.ask("RepairOrderService/CloseRepairOrder", lines=[garage.line()], **given)
        closed = await garage.ask("RepairOrderService/CloseRepairOrder", lines=[garage.line(pay_type=5)], **given)
        assert closed.state == 2

    async def test_closing_twice_and_opening_before_the_car_was_built_are_refused(
        self, garage: Any, station: tuple[str, str]
    ) -> None:
        car = await garage.make_car(build_date={"year": 2026, "month": 2, "day": 1})
        made = await garage.make_order(station[0], car.vin, lines=[garage.line()])
        request = repair_order_service_pb2.CloseRepairOrderRequest(repair_order_id=made.repair_order_id)
        client = garage.client("dealer.service", dealers=[station[0]])
        await client.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request)
        with pytest.raises(RpcFailure, match="REPAIR_ORDER_CLOSED"):
            await client.call("vehicle.v1.RepairOrderService/CloseRepairOrder", request)
        with pytest.raises(RpcFailure, match="REPAIR_BEFORE_BUILD"):
            await garage.make_order(station[0], car.vin, open_time=garage.at(2025, 5, 1))


class TestCarsAndSales:
    async def test_a_car_of_a_year_that_is_none_or_with_a_short_vin_is_told(self, garage: Any) -> None:
        car = {"make": "Volkswagen", "model": "Sagitar", "market": "CN"}
        rows = [
            cars.VehicleImportRow(row=1, vin=garage.new_vin(), **car),
            cars.VehicleImportRow(row=2, vin=garage.new_vin(), model_year=9999, **car),
            cars.VehicleImportRow(row=3, vin="1G1YY22G96510", **car),
        ]
        taken, wrong = await sent(garage, "Vehicles", rows)
        assert taken == 1
        assert set(wrong) == {2, 3}
        assert list(wrong[2]) == ["model_year"]
        assert wrong[3] == {"vin": "VIN_LENGTH"}

    async def test_a_sale_to_nobody_and_one_of_no_car_are_told(self, garage: Any, station: tuple[str, str]) -> None:
        sale = {"dealer_code": station[1], "invoice_date": "2026-03-01", "currency_code": "CNY"}
        nobody = "01890000-0000-7000-8000-000000000000"
        car, customer = await garage.make_car(), await garage.make_customer()
        rows = [
            sales.SaleImportRow(row=1, invoice_number="B1", vin=car.vin, customer_id=nobody, **sale),
            sales.SaleImportRow(row=2, invoice_number="B2", vin=garage.new_vin(), customer_id=customer, **sale),
            sales.SaleImportRow(row=3, invoice_number="B3", vin=car.vin, customer_id=customer, **sale),
        ]
        taken, wrong = await sent(garage, "Sales", rows)
        assert (taken, wrong) == (1, {1: {"customer_id": "CUSTOMER_NOT_FOUND"}, 2: {"vin": "VEHICLE_NOT_FOUND"}})
