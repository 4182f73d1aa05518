"""Readings of odometers on real cars: kept whatever they say, flagged wherever they come from, told of once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import repair_order_import_rows_pb2, vehicle_import_service_pb2
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until

CREDIBLE, WENT_BACK, IMPLAUSIBLE = 1, 2, 3


def ago(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


async def record(garage: Any, vin: str, days: int, km: int, client: Any = None, **fields: Any) -> Any:
    asked = {"vin": vin, "odometer_km": km, "read_time": ago(days), **fields}
    return await garage.ask("OdometerService/RecordOdometer", client, **asked)


async def series(garage: Any, vin: str, client: Any = None) -> list[tuple[int, int]]:
    page = await garage.ask("OdometerService/ListOdometerReadings", client, vin=vin)
    return [(one.odometer_km, one.flag) for one in page.readings]


class TestRecord:
    async def test_a_reading_that_fits_becomes_the_cars_and_one_that_goes_back_is_kept_and_flagged(
        self, garage: Any
    ) -> None:
        vin = (await garage.make_car()).vin
        for days, km in ((300, 5000), (200, 9000)):
            assert (await record(garage, vin, days, km)).flag == CREDIBLE
        assert (await record(garage, vin, 100, 4000)).flag == WENT_BACK

        assert await series(garage, vin) == [(4000, WENT_BACK), (9000, CREDIBLE), (5000, CREDIBLE)]
        assert (await garage.ask("VehicleService/GetVehicle", vin=vin)).odometer_km == 9000
        assert (await record(garage, vin, 50, 100, odometer_replaced=True)).distance_km == 9100

    async def test_the_same_reading_again_changes_nothing(self, garage: Any) -> None:
        vin = (await garage.make_car()).vin
        moment = ago(3)
        asked = {"vin": vin, "odometer_km": 700, "read_time": moment}
        first = await garage.ask("OdometerService/RecordOdometer", **asked)
        assert await garage.ask("OdometerService/RecordOdometer", **asked) == first
        assert await series(garage, vin) == [(700, CREDIBLE)]

    async def test_the_present_owner_tells_it_and_the_former_one_no_more(self, garage: Any) -> None:
        customer, next_one = await garage.make_customer(), await garage.make_customer()
        vin = (await garage.make_car()).vin
        owned = await garage.start_ownership(vin, customer, ago(400))
        owner = garage.client("owner", customer=customer)
        assert (await record(garage, vin, 100, 4000, owner)).flag == CREDIBLE
        await garage.transfer(owned.ownership_id, next_one, ago(50))
        await record(garage, vin, 10, 9000, garage.client("owner", customer=next_one))

        assert await series(garage, vin, owner) == [(4000, CREDIBLE)]
        with pytest.raises(RpcFailure) as failure:
            await record(garage, vin, 1, 9500, owner)
        assert failure.value.reason == "VEHICLE_NOT_FOUND"

    async def test_a_moment_to_come_is_refused(self, garage: Any) -> None:
        vin = (await garage.make_car()).vin
        with pytest.raises(RpcFailure) as failure:
            await record(garage, vin, -1, 100)
        assert failure.value.fields == {"read_time": "TIME_IN_FUTURE"}


class TestImport:
    async def test_an_imported_visit_that_goes_back_is_kept_flagged_and_told_of_once(self, garage: Any) -> None:
        dealer = await garage.make_dealer()
        vin = (await garage.make_car()).vin
        await garage.make_sale(dealer, vin, await garage.make_customer(), invoice_date=garage.day(date(2025, 1, 2)))
        plan = {
            "plan_code": f"O{vin[-6:]}",
            "market": "CN",
            "model": "Lavida",
            "steps": [{"km": 400_000, "months": 240}],
        }
        plan["effective_from"] = garage.day(date(2020, 1, 1))
        await garage.ask("MaintenanceService/PutMaintenancePlan", maintenance_plan=plan)
        code = await garage.code_of(dealer)
        rows = [
            repair_order_import_rows_pb2.RepairOrderImportRow(
                row=number, dealer_code=code, number=f"{vin}-{number}", vin=vin, open_time=f"2026-0{number}-01",
                close_time=f"2026-0{number}-02", odometer_in_km=km, lines=[{"complaint": "Oil"}],
            )
            for number, km in ((1, 15_000), (2, 17_000), (3, 9_000), (4, 20_000))
        ]  # fmt: skip
        for _ in range(2):
            header = import_pb2.ImportStreamHeader(source="dms")
            requests = [
                vehicle_import_service_pb2.ImportRepairOrdersRequest(header=header),
                vehicle_import_service_pb2.ImportRepairOrdersRequest(rows=rows),
            ]
            async for answer in garage.manager.stream("vehicle.v1.VehicleImportService/ImportRepairOrders", requests):
                assert not answer.rejected

        shown = await series(garage, vin)
        assert {km for km, flag in shown if flag == WENT_BACK} == {9_000}
        assert {km for km, flag in shown if flag == CREDIBLE} == {15_000, 17_000, 20_000}

        async def told() -> bool:
            return len(await garage.events("OdometerFlagged", vin)) == 2

        await until(told, 20, "the reading was not told of")  # arrival and leaving of the one visit
        assert {(one.odometer_km, one.flag, one.source) for one in await garage.events("OdometerFlagged", vin)} == {
            (9_000, WENT_BACK, 2), (9_000, WENT_BACK, 3),
        }  # fmt: skip


class TestAppointment:
    async def test_what_is_read_at_arrival_is_kept_and_flagged_where_it_goes_back(self, diary: Any) -> None:
        station, vin = await diary.make_station(bays=2), (await diary.garage.make_car()).vin
        await record(diary.garage, vin, 30, 9000)
        made = await diary.book(station, diary.at(9), vin=vin)
        await diary.ask("CheckInAppointment", appointment_id=made.appointment_id, odometer_km=8000)
        page = await diary.garage.ask("OdometerService/ListOdometerReadings", vin=vin)
        assert [(one.odometer_km, one.flag, one.source, one.source_id) for one in page.readings][:1] == [
            (8000, WENT_BACK, 5, made.appointment_id)
        ]
        assert (await diary.garage.ask("VehicleService/GetVehicle", vin=vin)).odometer_km == 9000
