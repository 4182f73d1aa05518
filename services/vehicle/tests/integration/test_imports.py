"""Imports: by the chunk, twice the same changes nothing, one bad row never holds the others back."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from marque.type.v1 import import_pb2
from marque.vehicle.v1 import repair_order_import_rows_pb2 as order_rows
from marque.vehicle.v1 import vehicle_import_rows_pb2 as rows
from marque.vehicle.v1 import vehicle_import_service_pb2 as imports
from servicekit.testing.platform import until

SERVICE = "vehicle.v1.VehicleImportService"


async def sent(client: Any, kind: str, given: list[Any], *, dry_run: bool = False) -> Any:
    """Sends rows as one stream; returns the last answer with all rejected rows as {row: {field: reason}}."""
    message = getattr(imports, f"Import{kind}Request")
    header = import_pb2.ImportStreamHeader(source="dms-test", dry_run=dry_run)
    parts = [
        message(header=header if start == 0 else None, rows=given[start : start + 1000])
        for start in range(0, len(given), 1000)
    ]
    last, rejected = None, {}
    async for last in client.stream(f"{SERVICE}/Import{kind}", iter(parts)):
        rejected |= {one.row: {error.field: error.reason for error in one.errors} for one in last.rejected}
    return last.summary, rejected


def counts(summary: Any) -> tuple[int, int, int, int]:
    return summary.created, summary.updated, summary.unchanged, summary.rejected


def car(vin: str, **fields: Any) -> rows.VehicleImportRow:
    return rows.VehicleImportRow(**{"vin": vin, "make": "Audi", "model": "A4L", "market": "CN", **fields})


class TestVehicles:
    async def test_the_same_rows_again_change_nothing_and_differences_are_written(self, garage: Any) -> None:
        given = [car(garage.new_vin(), plate_number="", option_codes="A;B", build_date="2024-05-01") for _ in range(50)]
        first, _ = await sent(garage.manager, "Vehicles", given)
        again, _ = await sent(garage.manager, "Vehicles", given)
        given[3].trim, given[4].status = "S line", "scrapped"
        third, _ = await sent(garage.manager, "Vehicles", given)

        assert [counts(one) for one in (first, again, third)] == [(50, 0, 0, 0), (0, 0, 50, 0), (0, 2, 48, 0)]
        assert len(await garage.events("VehicleRegistered", given[0].vin)) == 1
        (event,) = await garage.events("VehicleUpdated", given[4].vin)
        assert (list(event.changed_fields), event.status, event.aggregate_version) == (["status"], 3, 2)

    async def test_a_bad_row_is_told_field_by_field_and_the_others_are_written(self, garage: Any) -> None:
        vins = [garage.new_vin() for _ in range(6)]
        given = [
            car(vins[0]),
            car("LSVAA41801234567"),
            car(vins[1], build_date="2024-02-30", use="privat", market="CHN"[:2]),
            car(vins[2], make=""),
            car(vins[3], plate_number="京A"),
            car(vins[0], trim="later"),
            car(vins[4], model_year=9999),
        ]
        summary, rejected = await sent(garage.manager, "Vehicles", given)
        assert counts(summary) == (1, 1, 0, 5)
        assert rejected[2] == {"vin": "VIN_LENGTH"}
        assert rejected[3] == {"build_date": "DATE_INVALID", "use": "WORD_UNKNOWN"} or "build_date" in rejected[3]
        assert rejected[4] == {"make": "REQUIRED"}
        assert set(rejected[5]) == {"plate_number"}
        assert set(rejected[7]) == {"model_year"}

    async def test_two_imports_of_the_same_cars_at_once_register_each_once(self, garage: Any) -> None:
        given = [car(garage.new_vin()) for _ in range(200)]
        answers = await asyncio.gather(*(sent(garage.manager, "Vehicles", given) for _ in range(3)))
        assert sum(summary.created for summary, _ in answers) == 200
        assert sum(summary.rejected for summary, _ in answers) == 0
        events = await garage.sql(
            "SELECT count(*) AS n FROM outbox_messages WHERE event_type LIKE '%VehicleRegistered' AND aggregate_id = ANY($1)",
            [one.vin for one in given],
        )
        assert events[0]["n"] == 200

    async def test_a_dealers_system_changes_only_cars_that_it_has_to_do_with(self, garage: Any) -> None:
        dealer, foreign = await garage.make_dealer(), (await garage.make_car()).vin
        system, own = garage.client("dealer.system", dealers=[dealer]), garage.new_vin()
        await sent(system, "Vehicles", [car(own)])
        summary, rejected = await sent(system, "Vehicles", [car(own, trim="X"), car(foreign, trim="X")])
        assert (counts(summary), rejected) == ((0, 1, 0, 1), {2: {"vin": "VIN_ALREADY_REGISTERED"}})

    async def test_a_dry_run_tells_and_writes_nothing(self, garage: Any) -> None:
        given = [car(garage.new_vin())]
        summary, _ = await sent(garage.manager, "Vehicles", given, dry_run=True)
        assert summary.created == 1
        assert await garage.sql("SELECT 1 FROM vehicles WHERE vin = $1", given[0].vin) == []

    async def test_a_file_of_cars_is_imported_in_the_background(self, garage: Any) -> None:
        vins = [garage.new_vin() for _ in range(3)]
        text = "车架号,make,model,market\n" + "".join(f"{vin},MG,MG5,CN\n" for vin in vins)
        header = import_pb2.ImportFileHeader(
            kind="vehicles", source="dms-test", file_name="cars.csv", column_mapping={"车架号": "vin"}
        )
        parts = [
            import_pb2.UploadImportRequest(header=header),
            import_pb2.UploadImportRequest(chunk=text.encode("gb18030")),
        ]
        (made,) = [one async for one in garage.manager.stream(f"{SERVICE}/UploadImport", iter(parts))]

        async def ended() -> Any:
            found = await garage.manager.call(
                f"{SERVICE}/GetImport", import_pb2.GetImportRequest(import_id=made.import_id)
            )
            return found if found.state >= import_pb2.IMPORT_STATE_SUCCEEDED else None

        found = await until(ended, 20, "the import did not end")
        assert (found.state, found.summary.created) == (import_pb2.IMPORT_STATE_SUCCEEDED, 3)


class Shop:
    """A dealer with a buyer."""

    def __init__(self, garage: Any, dealer: str, code: str, buyer: str) -> None:
        self.garage, self.dealer, self.code, self.buyer = garage, dealer, code, buyer
        self.system = garage.client("dealer.system", dealers=[dealer])

    def sale(self, vin: str, **fields: Any) -> rows.SaleImportRow:
        given = {
            "dealer_code": self.code,
            "invoice_number": uuid.uuid4().hex[:12],
            "vin": vin,
            "customer_id": self.buyer,
            "invoice_date": "2026-02-03",
            "currency_code": "CNY",
            "price": "150000.50",
            "use": "private",
        }
        return rows.SaleImportRow(**{**given, **fields})

    def order(self, vin: str, **fields: Any) -> order_rows.RepairOrderImportRow:
        given = {
            "dealer_code": self.code,
            "number": uuid.uuid4().hex[:12],
            "vin": vin,
            "customer_id": self.buyer,
            "open_time": "2026-03-31T09:00:00",
            "close_time": "2026-03-31T17:30:00",
            "odometer_in_km": 1000,
            "currency_code": "CNY",
            "lines": [
                {
                    "complaint": "noise", "pay_type": "warranty", "operation_codes": "4611;4612", "labour_minutes": 60,
                    "labour_amount": "120.10",
                    "part_numbers": "1K0698151*2;N0138492", "parts_amount": "300.20", "causal_part_number": "1K0698151",
                }
            ],
        }  # fmt: skip
        return order_rows.RepairOrderImportRow(**{**given, **fields})


@pytest.fixture
async def shop(garage: Any) -> Shop:
    dealer, customer = await garage.make_dealer(), await garage.make_customer()
    await garage.meet(dealer, customer)
    return Shop(garage, dealer, await garage.code_of(dealer), customer)


async def new_cars(garage: Any, count: int) -> list[str]:
    vins = [garage.new_vin() for _ in range(count)]
    await sent(garage.manager, "Vehicles", [car(vin) for vin in vins])
    return vins


class TestSales:
    async def test_imported_sales_start_ownerships_once(self, garage: Any, shop: Shop) -> None:
        vins = await new_cars(garage, 20)
        given = [shop.sale(vin) for vin in vins]
        first, _ = await sent(shop.system, "Sales", given)
        again, _ = await sent(shop.system, "Sales", given)

        assert (counts(first), counts(again)) == ((20, 0, 0, 0), (0, 0, 20, 0))
        for vin in vins[:3]:
            owners = (await garage.owners_at(vin)).ownerships
            assert [one.customer_id for one in owners] == [shop.buyer]
            assert len(await garage.events("OwnershipStarted", owners[0].ownership_id)) == 1
            assert len(await garage.events("SaleRecorded", owners[0].sale_id)) == 1
        stored = await garage.sql("SELECT price, currency FROM sales WHERE vin = $1", vins[0])
        assert (stored[0]["price"], stored[0]["currency"]) == (15_000_050, "CNY")

    async def test_bad_rows_are_told_field_by_field(self, garage: Any, shop: Shop) -> None:
        vins = await new_cars(garage, 8)
        given = [
            shop.sale(vins[0], dealer_code="NOPE"),
            shop.sale(garage.new_vin()),
            shop.sale(vins[1], customer_id=str(uuid.uuid4())),
            shop.sale(vins[2], invoice_date="03.02.2026"),
            shop.sale(vins[3], price="1,000.00"),
            shop.sale(vins[4], currency_code="", price="10"),
            shop.sale(vins[5], price="10.001"),
            shop.sale(vins[6], delivery_date="2027-12-31"),
            shop.sale(vins[7]),
            shop.sale(vins[7]),
        ]
        summary, rejected = await sent(shop.system, "Sales", given)
        assert counts(summary) == (1, 0, 0, 9)
        assert rejected == {
            1: {"dealer_code": "DEALER_NOT_FOUND"},
            2: {"vin": "VEHICLE_NOT_FOUND"},
            3: {"customer_id": "CUSTOMER_NOT_FOUND"},
            4: {"invoice_date": "DATE_INVALID"},
            5: {"price": "AMOUNT_INVALID"},
            6: {"currency_code": "CURRENCY_MISSING"},
            7: {"price": "AMOUNT_INVALID"},
            8: {"delivery_date": "SALE_DATES_INVALID"},
            10: {"vin": "VEHICLE_ALREADY_SOLD"},
        }

    async def test_a_later_day_of_delivery_corrects_the_ownership_and_keeps_what_was_known(
        self, garage: Any, shop: Shop
    ) -> None:
        (vin,) = await new_cars(garage, 1)
        sale = shop.sale(vin)
        await sent(shop.system, "Sales", [sale])
        before = await garage.owners_at(vin)
        sale.delivery_date = "2026-02-20"
        summary, _ = await sent(shop.system, "Sales", [sale])

        between = garage.at(2026, 2, 10)
        assert counts(summary) == (0, 1, 0, 0)
        assert list((await garage.owners_at(vin, between)).ownerships) == []
        known = before.known_time.ToDatetime(between.tzinfo)
        assert [one.customer_id for one in (await garage.owners_at(vin, between, known)).ownerships] == [shop.buyer]

    async def test_a_sale_that_was_reversed_there_is_reversed_here(self, garage: Any, shop: Shop) -> None:
        (vin,) = await new_cars(garage, 1)
        sale = shop.sale(vin)
        await sent(shop.system, "Sales", [sale])
        sale.reversal_reason = "CUSTOMER_RETURNED"
        for expected in ((0, 1, 0, 0), (0, 0, 1, 0)):
            summary, _ = await sent(shop.system, "Sales", [sale])
            assert counts(summary) == expected
        assert list((await garage.owners_at(vin)).ownerships) == []
        summary, rejected = await sent(shop.system, "Sales", [shop.sale(vin)])
        assert (counts(summary), rejected) == ((1, 0, 0, 0), {})

    async def test_what_a_sale_is_about_is_not_changed_by_an_import(self, garage: Any, shop: Shop) -> None:
        one, other = await new_cars(garage, 2)
        sale = shop.sale(one)
        await sent(shop.system, "Sales", [sale])
        sale.vin = other
        _, rejected = await sent(shop.system, "Sales", [sale])
        assert rejected == {1: {"vin": "SALE_DIFFERS"}}


class TestRepairOrders:
    async def test_imported_orders_add_up_and_a_repeat_changes_nothing(self, garage: Any, shop: Shop) -> None:
        vins = await new_cars(garage, 10)
        given = [shop.order(vin) for vin in vins]
        first, rejected = await sent(shop.system, "RepairOrders", given)
        again, _ = await sent(shop.system, "RepairOrders", given)
        assert (counts(first), counts(again), rejected) == ((10, 0, 0, 0), (0, 0, 10, 0), {})
        (stored,) = await garage.sql("SELECT * FROM repair_orders WHERE vin = $1", vins[0])
        assert stored["open_time"] == garage.at(2026, 3, 31, 1)  # nine o'clock in Shanghai
        assert stored["totals"] == '[{"parts": 30020, "labour": 12010, "pay_type": 2}]'
        assert len(await garage.events("RepairOrderClosed", str(stored["repair_order_id"]))) == 1
        (vehicle,) = await garage.sql("SELECT odometer_km FROM vehicles WHERE vin = $1", vins[0])
        assert vehicle["odometer_km"] == 1000

    async def test_an_open_order_is_told_anew_until_it_is_closed(self, garage: Any, shop: Shop) -> None:
        (vin,) = await new_cars(garage, 1)
        order = shop.order(vin, close_time="")
        await sent(shop.system, "RepairOrders", [order])
        order.lines[0].labour_amount, order.close_time = "10", "2026-04-01"
        closing, _ = await sent(shop.system, "RepairOrders", [order])
        order.lines[0].labour_amount = "11"
        _, rejected = await sent(shop.system, "RepairOrders", [order])
        assert counts(closing) == (0, 1, 0, 0)
        assert rejected == {1: {"number": "REPAIR_ORDER_CLOSED"}}

    async def test_bad_rows_are_told_field_by_field(self, garage: Any, shop: Shop) -> None:
        (vin,) = await new_cars(garage, 1)
        given = [
            shop.order(vin, close_time="2026-03-30"),
            shop.order(vin, open_time="yesterday"),
            shop.order(vin, lines=[]),
            shop.order(vin, odometer_out_km=1),
            shop.order(vin, currency_code="XXQ"),
            shop.order(vin, lines=[{"pay_type": "nobody"}]),
            shop.order(vin, lines=[{"part_numbers": "A", "causal_part_number": "B"}]),
            shop.order(vin, lines=[{"part_numbers": "*2", "parts_amount": "10"}]),
            shop.order("1G1YY22G96510"),
            shop.order(garage.new_vin()),
            shop.order(vin, open_time="9999-01-01", close_time=""),
        ]
        summary, rejected = await sent(shop.system, "RepairOrders", given)
        assert counts(summary) == (0, 0, 0, 11)
        assert rejected == {
            1: {"close_time": "CLOSE_BEFORE_OPEN"},
            2: {"open_time": "TIME_INVALID"},
            3: {"lines": "LINES_MISSING"},
            4: {"odometer_out_km": "ODOMETER_OUT_BELOW_IN"},
            5: {"currency_code": "CURRENCY_UNKNOWN"},
            6: {"lines[0].pay_type": "WORD_UNKNOWN"},
            7: {"lines[0].causal_part_number": "CAUSAL_PART_NOT_FITTED"},
            8: {"lines[0].part_numbers": "PART_INVALID"},
            9: {"vin": "VIN_LENGTH"},
            10: {"vin": "VEHICLE_NOT_FOUND"},
            11: {"open_time": "TIME_IN_FUTURE"},
        }

    async def test_rows_of_one_order_that_contradict_each_other_are_refused_and_the_rest_goes_on(
        self, garage: Any, shop: Shop
    ) -> None:
        (vin,) = await new_cars(garage, 1)
        other = garage.new_vin()
        lines = [  # number, vin, currency, odometer, amount
            ("MIX-1", vin, "CNY", "100", "10"), ("MIX-1", vin, "EUR", "100", "20"),
            ("MIX-2", vin, "CNY", "100", "10"), ("MIX-2", other, "CNY", "100", "20"),
            ("GOOD", vin, "CNY", "", "10"), ("GOOD", vin, "", "120", "20.50"),
        ]  # fmt: skip
        head = "dealer_code,number,vin,currency_code,odometer_in_km,labour_amount,open_time,close_time,complaint"
        text = "\n".join([head, *(f"{shop.code},{','.join(one)},2026-03-31,2026-03-31,noise" for one in lines)])
        header = import_pb2.ImportFileHeader(kind="repair-orders", source="dms", file_name="orders.csv")
        parts = [import_pb2.UploadImportRequest(header=header), import_pb2.UploadImportRequest(chunk=text.encode())]
        (made,) = [one async for one in shop.system.stream(f"{SERVICE}/UploadImport", iter(parts))]

        async def ended() -> Any:
            request = import_pb2.GetImportRequest(import_id=made.import_id)
            found = await shop.system.call(f"{SERVICE}/GetImport", request)
            return found if found.end_time.seconds else None

        found = await until(ended, 30, "the import did not end")
        assert (found.summary.created, found.summary.rejected) == (1, 2)
        assert [(one.row, one.errors[0].field, one.errors[0].reason) for one in found.first_errors] == [
            (1, "currency_code", "ROWS_DIFFER"), (3, "vin", "ROWS_DIFFER"),
        ]  # fmt: skip
        (kept,) = await garage.sql("SELECT number, odometer_in_km, totals FROM repair_orders WHERE vin = $1", vin)
        assert (kept["number"], kept["odometer_in_km"]) == ("GOOD", 120)
        assert "3050" in kept["totals"], "both lines count"
