"""The wall of a resale: a new owner sees the whole technical life of the car, and nothing of who drove it before."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from marque.type.v1 import personal_data_pb2 as personal
from servicekit import contract
from servicekit.roles import permissions
from servicekit.testing.car_orders import Factory, ask
from servicekit.testing.client import RpcFailure

SAID = "my daughter was in the car"


async def lived(garage: Any) -> dict[str, Any]:
    """A car that a first person ordered, bought, brought to the workshop and gave in, and that a second one drives now."""
    factory = Factory(garage.manager, garage.client("plant"))
    await factory.open()
    dealer, first, second = await garage.make_dealer(), await garage.make_customer(), await garage.make_customer()
    for one in (first, second):
        await garage.meet(dealer, one)
    vin = garage.new_vin()
    order = await factory.place(garage.manager, dealer_id=dealer, customer_id=first, quote_number="Q-PRIVATE")
    await factory.feed([factory.says(order.order_code, "assembly", -2000, vin=vin)])
    plate = {"vin": vin, "plate_number": "沪B71234"}
    await ask(garage.manager, "VehicleService/UpdateVehicle", vehicle=plate)
    given_in = {"description": "Grandfather's Santana", "allowance": {"currency_code": "CNY", "units": 7}}
    day = {"invoice_date": garage.day(date(2026, 1, 5)), "delivery_date": garage.day(date(2026, 1, 5))}
    more = {"trade_in": given_in, "order_id": order.order_id, **day}
    sale = await garage.make_sale(dealer, vin, first, **more)
    visit = await garage.make_order(
        dealer, vin, customer_id=first, fault_description=SAID, open_time=_at(2026, 2, 1),
        lines=[garage.line(complaint=SAID, component_code="SERVICE BRAKES", parts=[{"part_number": "BP-77", "quantity": "1"}])],
    )  # fmt: skip
    await garage.sql(
        "UPDATE repair_orders SET state = 2, close_time = now() WHERE repair_order_id = $1", visit.repair_order_id
    )
    resale = garage.sale(dealer, vin, second, invoice_date=garage.day(date(2026, 3, 9)))
    resale.ends_current_ownership = True
    await garage.manager.call("vehicle.v1.SaleService/RecordSale", resale)
    hidden = [
        first,
        SAID,
        "Q-PRIVATE",
        "Santana",
        sale.invoice_number,
        order.order_code,
        order.tracking_code,
    ]
    return {
        "vin": vin,
        "first": first,
        "second": second,
        "visit": visit,
        "sale": sale,
        "order": order,
        "hidden": hidden,
    }


def _at(*day: int) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(datetime(*day, tzinfo=UTC))  # type: ignore[misc,arg-type]
    return made


def asks(car: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every question about a car that an owner may ask, by its RPC."""
    vin, half_a_year = car["vin"], {"valid_time": _at(2026, 2, 2)}
    return [
        ("VehicleService/GetVehicle", {"vin": vin}),
        ("VehicleService/ListVehicles", {}),
        ("VehicleService/GetVehicleHistory", {"vin": vin}),
        ("SaleService/ListSales", {"vin": vin}),
        ("OwnershipService/ListOwnerships", {"vin": vin}),
        ("OwnershipService/GetOwnersAt", {"vin": vin}),
        ("OwnershipService/GetOwnersAt", {"vin": vin, **half_a_year}),
        ("RepairOrderService/ListRepairOrders", {"vin": vin}),
        ("AppointmentService/ListAppointments", {"vin": vin}),
        ("CarOrderService/ListCarOrders", {}),
        ("CarOrderService/ListCarOrders", {"vin": vin}),
        ("LemonWatchService/GetLemonWatch", {"vin": vin}),
        ("LemonWatchService/GetLemonEvidence", {"vin": vin}),
        ("OdometerService/ListOdometerReadings", {"vin": vin}),
        ("MaintenanceService/GetNextMaintenance", {"vin": vin}),
        ("RoadsideService/ListRoadsideCases", {"vin": vin}),
    ]


async def answers(client: Any, car: dict[str, Any]) -> dict[str, Message]:
    found = {}
    for rpc, fields in asks(car):
        try:
            found[rpc] = await ask(client, rpc, **fields)
        except RpcFailure as failure:
            if failure.code not in ("NOT_FOUND", "FAILED_PRECONDITION"):
                raise
    return found


class TestTheWall:
    async def test_the_new_owner_sees_the_cars_life_and_never_the_person_before(self, garage: Any) -> None:
        car = await lived(garage)
        owner = garage.client("owner", customer=car["second"])
        found = await answers(owner, car)
        assert {"VehicleService/GetVehicle", "VehicleService/GetVehicleHistory", "SaleService/ListSales"} <= set(found)
        shown = "\n".join(str(one) for one in found.values())
        assert [word for word in car["hidden"] if word in shown] == []
        history = str(found["VehicleService/GetVehicleHistory"])
        assert all(word in history for word in ("SERVICE BRAKES", "BP-77", car["visit"].number))
        for rpc, fields in (
            ("SaleService/GetSale", {"sale_id": car["sale"].sale_id}),
            ("RepairOrderService/GetRepairOrder", {"repair_order_id": car["visit"].repair_order_id}),
            ("CarOrderService/GetCarOrder", {"order_id": car["order"].order_id}),
        ):
            with pytest.raises(RpcFailure) as failure:
                await ask(owner, rpc, **fields)
            assert failure.value.code == "NOT_FOUND"

    async def test_the_former_owner_sees_nothing_of_who_came_after(self, garage: Any) -> None:
        car = await lived(garage)
        found = await answers(garage.client("owner", customer=car["first"]), car)
        shown = "\n".join(str(one) for one in found.values())
        assert car["second"] not in shown
        assert car["first"] in shown, "their own part stays theirs"

    def test_every_question_that_an_owner_may_ask_of_a_car_is_asked_here(self) -> None:
        """A new RPC by which an owner learns of a car is added to `asks`, or named here with its reason."""
        elsewhere = {
            "BatchGetVehicles", "SearchVehicles",  # not an owner's
            "CheckVin",
            "SuggestVins",  # a VIN as such, and which of one's own cars it may be
            "ExportVehicles", "CheckCoverage", "GetRecall", "LookUpRecalls",  # a car without persons
        }  # fmt: skip
        asked = {rpc.partition("/")[2] for rpc, _ in asks({"vin": ""})}
        held, missing = permissions(frozenset({"owner"})), []
        for name in contract.services():
            for rpc, method in contract.methods(name).items():
                about_a_car = "vin" in method.input.DESCRIPTOR.fields_by_name and method.reads
                if name.startswith("marque.vehicle.") and about_a_car and method.permission in held:
                    missing += [rpc] if rpc not in asked | elsewhere else []
        assert missing == []


class TestOrdersOfAPerson:
    async def test_an_order_is_shown_kept_while_open_and_then_forgotten(self, garage: Any) -> None:
        factory = Factory(garage.manager, garage.client("plant"))
        await factory.open()
        dealer, person = await garage.make_dealer(), await garage.make_customer()
        order = await factory.place(garage.manager, dealer_id=dealer, customer_id=person, quote_number="Q-1")
        request = personal.ExportPersonalDataRequest(customer_id=person)
        service = "vehicle.v1.VehiclePersonalDataService"
        (shown,) = [one async for one in garage.service.stream(f"{service}/ExportPersonalData", request)]
        assert (shown.kind, order.order_code in str(shown.json)) == ("vehicle.car_order", True)

        async def erase() -> Any:
            erasure = personal.ErasePersonalDataRequest(customer_id=person, erasure_id=str(uuid.uuid4()))
            return await garage.service.call(f"{service}/ErasePersonalData", erasure)

        (kept,) = (await erase()).retained
        assert (kept.kind, kept.reason) == ("vehicle.car_order", "ORDER_OPEN")
        await ask(garage.manager, "CarOrderService/CancelCarOrder", order_id=order.order_id, reason="CUSTOMER_WITHDREW")
        assert dict((await erase()).erased_counts) == {"vehicle.car_order": 1}
        (row,) = await garage.sql("SELECT * FROM car_orders WHERE order_id = $1", order.order_id)
        assert (row["customer_id"], row["tracking_code"], row["quote_number"]) == (None, "", "")
        nothing = {"order_code": order.order_code, "tracking_code": "x"}
        with pytest.raises(RpcFailure):
            await ask(garage.client(), "CarOrderService/TrackCarOrder", **nothing)
