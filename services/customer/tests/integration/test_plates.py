"""Customers are found by the plates of their cars, which the vehicle service is asked for; both services run here."""

from __future__ import annotations

import uuid
from datetime import date
from typing import Any

import pytest_asyncio
from devstack.ports import free_port
from google.type import date_pb2
from marque.customer.v1 import customer_import_service_pb2, customer_service_pb2
from marque.type.v1 import import_pb2, personal_data_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2, vehicle_pb2, vehicle_service_pb2
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import new_vin

VEHICLES, SALES = "vehicle.v1.VehicleService", "vehicle.v1.SaleService"


class Street:
    """Cars with plates, and people who bought them."""

    def __init__(self, desk: Any, platform: Platform, port: int) -> None:
        self.desk, self._platform, self._port = desk, platform, port
        self._running: Any = None
        self._number = uuid.uuid4().int % 90_000 + 1000

    async def open(self, port: int = 0) -> None:
        """Starts the vehicle service, at the address that the customer service knows if no other is given."""
        self._running = await self._platform.start("vehicle", grpc_port=port or self._port)

    async def close(self) -> None:
        """Stops the vehicle service; its database stays."""
        await self._running.stop()
        self._platform._running.remove(self._running)

    def plate(self) -> str:
        """A plate that no other test has."""
        self._number += 1
        return f"京N{self._number:05d}"

    async def car(self, plate: str) -> str:
        """A registered car with a plate."""
        car = vehicle_pb2.Vehicle(vin=new_vin(), make="Marque", model="One", plate_number=plate)
        request = vehicle_service_pb2.RegisterVehicleRequest(vehicle=car)
        made = await self._platform.client("vehicle", "oem.manager").call(f"{VEHICLES}/RegisterVehicle", request)
        return str(made.vin)

    async def sell(self, vin: str, customer_id: str, day: date = date(2026, 3, 2), **fields: Any) -> None:
        """Sells a car; the maker records it, who knows every buyer."""
        dealer = str(uuid.uuid4())
        await self._platform.sql(
            "vehicle", "INSERT INTO known_dealers VALUES ($1, $2, '', '', 'Asia/Shanghai', 1, 1)", dealer, dealer[:20]
        )
        sale = sale_pb2.Sale(
            dealer_id=dealer, vin=vin, buyer_customer_id=customer_id, invoice_number=uuid.uuid4().hex,
            invoice_date=date_pb2.Date(year=day.year, month=day.month, day=day.day), use=1,
        )  # fmt: skip
        client = self._platform.client("vehicle", "oem.manager")
        await client.call(f"{SALES}/RecordSale", sale_service_pb2.RecordSaleRequest(sale=sale, **fields))

    async def change_plate(self, vin: str, plate: str) -> None:
        """Gives a car another plate."""
        request = vehicle_service_pb2.UpdateVehicleRequest(vehicle=vehicle_pb2.Vehicle(vin=vin, plate_number=plate))
        request.update_mask.paths.append("plate_number")
        await self._platform.client("vehicle", "oem.manager").call(f"{VEHICLES}/UpdateVehicle", request)

    async def finds(self, query: str, *people: str) -> None:
        """Waits until a search finds exactly these people."""

        async def found() -> bool:
            return sorted(await self.desk.found(self.desk.agent, query)) == sorted(people)

        await until(found, 20, f"a search does not find exactly {len(people)}")

    async def held(self, vin: str) -> list[tuple[str, bool]]:
        """What the customer service holds of a car: plate, and whether it is to be asked for."""
        rows = await self._platform.sql(
            "customer", "SELECT plate, plate_stale_time FROM known_cars WHERE vin = $1 ORDER BY valid_start_time", vin
        )
        return [(row["plate"], row["plate_stale_time"] is not None) for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def street(platform: Platform, make_desk: type[Any]) -> Street:
    """Both services, the customer service knowing the other's address."""
    port = free_port()
    await platform.start("customer", peers={"vehicle": f"127.0.0.1:{port}"})
    made = Street(make_desk(platform), platform, port)
    await made.open()
    return made


class TestPlates:
    async def test_buyer_is_found_by_plate_and_by_its_parts_and_shown_without_it(self, street: Street) -> None:
        plate, made = street.plate(), await street.desk.create()
        vin = await street.car(plate)
        await street.sell(vin, made.customer_id)
        await street.finds(plate, made.customer_id)
        for query in (f"{plate[0]}{plate[1].lower()}·{plate[2:]}", plate[1:], plate[:5], plate[-5:]):
            assert made.customer_id in await street.desk.found(street.desk.agent, query), query
        answer = await street.desk.search(street.desk.agent, plate)
        assert list(answer.results[0].matched_fields) == ["vehicles"]
        assert plate[1:] not in str(answer)
        assert await street.held(vin) == [(plate, False)]

    async def test_changed_plate_is_found_and_the_old_one_no_longer(self, street: Street) -> None:
        old, new, made = street.plate(), street.plate(), await street.desk.create()
        vin = await street.car(old)
        await street.sell(vin, made.customer_id)
        await street.finds(old, made.customer_id)
        await street.change_plate(vin, new)
        await street.finds(new, made.customer_id)
        assert await street.desk.found(street.desk.agent, old) == []

    async def test_plate_follows_the_car_to_its_next_owner(self, street: Street) -> None:
        plate, first, second = street.plate(), await street.desk.create(), await street.desk.create()
        vin = await street.car(plate)
        await street.sell(vin, first.customer_id)
        await street.finds(plate, first.customer_id)
        await street.sell(vin, second.customer_id, date(2026, 9, 1), ends_current_ownership=True)
        await street.finds(plate, second.customer_id)
        assert await street.held(vin) == [("", False), (plate, False)]

    async def test_other_changes_of_a_customer_keep_the_plate(self, street: Street) -> None:
        key, plate = uuid.uuid4().hex, street.plate()
        made = await street.desk.create(source_references=[{"source": "dms-p", "source_key": key}])
        await street.sell(await street.car(plate), made.customer_id)
        await street.finds(plate, made.customer_id)
        change = customer_service_pb2.UpdateCustomerRequest(customer=made)
        change.customer.occupation = "baker"
        change.customer.etag = ""
        change.update_mask.paths.append("occupation")
        await street.desk.agent.call("customer.v1.CustomerService/UpdateCustomer", change)
        assert await street.desk.found(street.desk.agent, plate) == [made.customer_id]
        row = customer_import_service_pb2.CustomerImportRow(row=1, source_key=key, full_name="Perpetua Holdfast")
        header = import_pb2.ImportStreamHeader(source="dms-p")
        part = customer_import_service_pb2.ImportCustomersRequest(header=header, rows=[row])
        client = street.desk.platform.client("customer", "oem.manager")
        (answer,) = [
            one async for one in client.stream("customer.v1.CustomerImportService/ImportCustomers", iter([part]))
        ]
        assert answer.summary.updated == 1
        assert await street.desk.found(street.desk.agent, plate) == [made.customer_id]

    async def test_vehicle_service_that_does_not_answer_delays_and_loses_nothing(self, street: Street) -> None:
        old, new, made = street.plate(), street.plate(), await street.desk.create()
        vin = await street.car(old)
        await street.sell(vin, made.customer_id)
        await street.finds(old, made.customer_id)
        # It goes on speaking, but not from where the customer service asks.
        await street.close()
        await street.open(free_port())
        bought = await street.car(street.plate())
        await street.change_plate(vin, new)
        await street.sell(bought, made.customer_id)

        async def noted() -> bool:
            return await street.held(vin) == [(old, True)] and await street.held(bought) == [("", True)]

        await until(noted, 20, "the cars are not noted")
        assert await street.desk.found(street.desk.agent, new) == []
        await street.close()
        await street.open()
        await street.finds(new, made.customer_id)
        assert await street.desk.found(street.desk.agent, old) == []
        assert await street.held(vin) == [(new, False)]

    async def test_erasure_forgets_the_plate(self, street: Street) -> None:
        plate, made = street.plate(), await street.desk.create()
        vin = await street.car(plate)
        await street.sell(vin, made.customer_id)
        await street.finds(plate, made.customer_id)
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=made.customer_id, erasure_id=str(uuid.uuid4()))
        await street.desk.service.call("customer.v1.CustomerPersonalDataService/ErasePersonalData", request)
        assert await street.desk.found(street.desk.agent, plate) == []
        assert await street.held(vin) == []
        (row,) = await street.desk.platform.sql(
            "customer", "SELECT * FROM customers WHERE customer_id = $1", uuid.UUID(made.customer_id)
        )
        assert plate[1:].lower() not in str(dict(row)).lower()
