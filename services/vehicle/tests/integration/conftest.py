"""A vehicle service beside a customer service, on a real PostgreSQL and NATS, and the requests that tests are made of."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from google.type import date_pb2
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque.network.v1 import calendar_pb2, calendar_service_pb2, dealer_pb2, dealer_service_pb2
from marque.vehicle.v1 import (
    appointment_pb2,
    ownership_pb2,
    ownership_service_pb2,
    repair_line_pb2,
    repair_order_pb2,
    repair_order_service_pb2,
    repair_order_types_pb2,
    sale_pb2,
    sale_service_pb2,
    service_resource_pb2,
    service_resource_service_pb2,
    vehicle_pb2,
    vehicle_service_pb2,
)
from servicekit import contract
from servicekit.service import Running
from servicekit.testing.client import Client
from servicekit.testing.platform import Platform
from tradekit import vin as vins

_numbers = itertools.count(100_000)
SALES, VEHICLES = "vehicle.v1.SaleService", "vehicle.v1.VehicleService"
OWNERSHIPS, ORDERS = "vehicle.v1.OwnershipService", "vehicle.v1.RepairOrderService"


def new_vin() -> str:
    """A VIN of a Chinese maker with the check digit that its market asks for, which no other test of this worker has."""
    bare = f"LSVAA418012{next(_numbers)}"
    return bare[:8] + vins.check_digit(bare) + bare[9:]


def day(value: date) -> date_pb2.Date:
    return date_pb2.Date(year=value.year, month=value.month, day=value.day)


def line(**fields: Any) -> repair_line_pb2.RepairLine:
    return repair_line_pb2.RepairLine(
        **{"complaint": "brakes squeal", "pay_type": repair_order_types_pb2.PAY_TYPE_CUSTOMER, **fields}
    )


class Garage:
    """The started services with clients by role; `make_*` write and return the answers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.agent = self.client("oem.agent")
        self.manager = self.client("oem.manager")
        self.service = self.client("service")
        self.new_vin = new_vin
        self.day = day
        self.line = line

    def client(self, role: str = "", **scope: Any) -> Client:
        return self.platform.client("vehicle", role, **scope)

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        return await self.platform.sql("vehicle", query, *arguments)

    async def make_dealer(self, *, region: str = "", group: str = "", zone: str = "Asia/Shanghai") -> str:
        """A dealer as the service would have heard of it."""
        dealer = str(uuid.uuid4())
        await self.sql(
            "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
            "VALUES ($1, $2, $3, $4, $5, 1, 1)",
            dealer, f"D{next(_numbers)}", region, group, zone,
        )  # fmt: skip
        return dealer

    async def code_of(self, dealer: str) -> str:
        return str((await self.sql("SELECT code FROM known_dealers WHERE dealer_id = $1", dealer))[0]["code"])

    async def make_customer(self) -> str:
        request = customer_service_pb2.CreateCustomerRequest(
            customer=customer_pb2.Customer(
                kind=customer_pb2.CUSTOMER_KIND_PERSON, name={"family_name": "Li", "given_name": f"Wei{next(_numbers)}"}
            )
        )
        client = self.platform.client("customer", "oem.agent")
        return str((await client.call("customer.v1.CustomerService/CreateCustomer", request)).customer_id)

    async def meet(self, dealer: str, customer: str) -> None:
        """Gives a dealer to do with a customer, as a look-up at the counter does: before it the dealer knows no such person."""
        await self.platform.sql(
            "customer",
            "INSERT INTO dealer_customers SELECT $1, customer_id, update_time, create_time, kind, status FROM customers"
            " WHERE customer_id = $2 ON CONFLICT DO NOTHING",
            dealer, customer,
        )  # fmt: skip

    async def make_car(self, client: Client | None = None, **fields: Any) -> vehicle_pb2.Vehicle:
        given = {"vin": new_vin(), "make": "Volkswagen", "model": "Lavida", "market": "CN", **fields}
        request = vehicle_service_pb2.RegisterVehicleRequest(vehicle=vehicle_pb2.Vehicle(**given))
        found: vehicle_pb2.Vehicle = await (client or self.manager).call(f"{VEHICLES}/RegisterVehicle", request)
        return found

    def sale(self, dealer: str, vin: str, customer: str, **fields: Any) -> sale_service_pb2.RecordSaleRequest:
        request_id = fields.pop("request_id", "")
        given = {
            "dealer_id": dealer,
            "vin": vin,
            "buyer_customer_id": customer,
            "invoice_number": f"INV-{next(_numbers)}",
            "invoice_date": day(date(2026, 3, 2)),
            "use": vehicle_pb2.VEHICLE_USE_PRIVATE,
        }
        return sale_service_pb2.RecordSaleRequest(sale=sale_pb2.Sale(**{**given, **fields}), request_id=request_id)

    async def make_sale(self, dealer: str, vin: str, customer: str, **fields: Any) -> sale_pb2.Sale:
        await self.meet(dealer, customer)
        client = self.client("dealer.sales", dealers=[dealer])
        found: sale_pb2.Sale = await client.call(f"{SALES}/RecordSale", self.sale(dealer, vin, customer, **fields))
        return found

    async def make_order(self, dealer: str, vin: str, **fields: Any) -> repair_order_pb2.RepairOrder:
        if fields.get("customer_id"):
            await self.meet(dealer, fields["customer_id"])
        client = self.client("dealer.service", dealers=[dealer])
        request = repair_order_service_pb2.OpenRepairOrderRequest(
            repair_order=repair_order_pb2.RepairOrder(**{"vin": vin, **fields})
        )
        found: repair_order_pb2.RepairOrder = await client.call(f"{ORDERS}/OpenRepairOrder", request)
        return found

    async def start_ownership(self, vin: str, customer: str, start: datetime, role: int = 1) -> ownership_pb2.Ownership:
        message = ownership_pb2.Ownership(vin=vin, customer_id=customer, role=role, source="registry")  # type: ignore[arg-type]
        message.valid_start_time.FromDatetime(start)
        request = ownership_service_pb2.StartOwnershipRequest(ownership=message)
        found: ownership_pb2.Ownership = await self.agent.call(f"{OWNERSHIPS}/StartOwnership", request)
        return found

    async def transfer(self, ownership_id: str, to: str, moment: datetime, **fields: Any) -> Any:
        request = ownership_service_pb2.TransferOwnershipRequest(ownership_id=ownership_id, to_customer_id=to, **fields)
        request.transfer_time.FromDatetime(moment)
        return await self.agent.call(f"{OWNERSHIPS}/TransferOwnership", request)

    async def owners_at(
        self, vin: str, valid: datetime | None = None, known: datetime | None = None, client: Client | None = None
    ) -> Any:
        request = ownership_service_pb2.GetOwnersAtRequest(vin=vin)
        if valid:
            request.valid_time.FromDatetime(valid)
        if known:
            request.known_time.FromDatetime(known)
        return await (client or self.agent).call(f"{OWNERSHIPS}/GetOwnersAt", request)

    async def ask(self, rpc: str, client: Client | None = None, **fields: Any) -> Any:
        """Calls an RPC (`RecallService/OpenRecall`) with its fields, moments as such; for the maker where nobody is named."""
        service, _, name = rpc.partition("/")
        method = contract.methods(f"marque.vehicle.v1.{service}")[name]
        request = method.input()
        for key in [key for key, value in fields.items() if isinstance(value, datetime)]:
            getattr(request, key).FromDatetime(fields.pop(key).astimezone(UTC).replace(tzinfo=None))
        request.MergeFrom(method.input(**fields))
        return await (client or self.manager).call(f"vehicle.v1.{rpc}", request)

    async def events(self, kind: str, key: str) -> list[Any]:
        """The events of a type about an aggregate, oldest first."""
        rows = await self.sql(
            "SELECT payload FROM outbox_messages WHERE event_type = $1 AND aggregate_id = $2 ORDER BY position",
            f"marque.vehicle.v1.{kind}", key,
        )  # fmt: skip
        return [contract.message(f"marque.vehicle.v1.{kind}").FromString(row["payload"]) for row in rows]

    @staticmethod
    def at(*values: int) -> datetime:
        return datetime(*values, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def garage(platform: Platform) -> AsyncIterator[Garage]:
    await platform.start("customer")
    await platform.start("vehicle")
    yield Garage(platform)


class Diary:
    """A garage whose stations have hours: the network service beside, and the requests of appointments."""

    def __init__(self, platform: Platform, network: Running) -> None:
        self.garage = Garage(platform)
        self.platform = platform
        self.network_service = network
        self.network = platform.client("network", "oem.manager")

    async def make_station(self, bays: int = 1, advisers: int = 0, loan_cars: int = 0, **hours: Any) -> str:
        """A dealer in Shanghai that is open from nine to twelve and one to five on every day, with what it gives away."""
        request = dealer_service_pb2.CreateDealerRequest(
            dealer=dealer_pb2.Dealer(
                code=f"W{next(_numbers)}",
                names={"en": "Station"},
                kinds=[2],
                time_zone="Asia/Shanghai",
                **hours.pop("dealer", {}),
            )
        )
        dealer = str((await self.network.call("network.v1.DealerService/CreateDealer", request)).dealer_id)
        await self.garage.sql(
            "INSERT INTO known_dealers (dealer_id, code, region_code, group_code, time_zone, status, version) "
            "VALUES ($1, $2, '', '', 'Asia/Shanghai', 1, 1) ON CONFLICT DO NOTHING",
            dealer, request.dealer.code,
        )  # fmt: skip
        if hours.get("open", True):
            await self.put_hours(dealer)
        for kind, count in ((1, bays), (2, advisers), (3, loan_cars)):
            for number in range(count):
                await self.make_resource(dealer, kind, f"{'?BAL'[kind]}{number + 1}")
        return dealer

    async def put_hours(self, dealer: str, *intervals: str) -> int:
        parts = [text.split("-") for text in intervals or ("09:00-12:00", "13:00-17:00")]
        week = [{"day": day, "intervals": [{"start": a, "end": b} for a, b in parts]} for day in range(1, 8)]
        calendar = calendar_pb2.WorkCalendar(dealer_id=dealer, week=week)
        request = calendar_service_pb2.PutDealerCalendarRequest(calendar=calendar)
        return int((await self.network.call("network.v1.CalendarService/PutDealerCalendar", request)).version)

    async def make_resource(self, dealer: str, kind: int, name: str, **fields: Any) -> Any:
        resource = service_resource_pb2.ServiceResource(dealer_id=dealer, kind=kind, name=name, **fields)  # type: ignore[arg-type]
        request = service_resource_service_pb2.CreateServiceResourceRequest(service_resource=resource)
        return await self.garage.manager.call("vehicle.v1.ServiceResourceService/CreateServiceResource", request)

    def at(self, hour: int, minute: int = 0, days: int = 3) -> datetime:
        """A time of a day to come, on the clocks of Shanghai."""
        day_ = datetime.now(ZoneInfo("Asia/Shanghai")).date() + timedelta(days=days)
        return datetime(day_.year, day_.month, day_.day, hour, minute, tzinfo=ZoneInfo("Asia/Shanghai"))

    async def ask(self, rpc: str, client: Client | None = None, **fields: Any) -> Any:
        """Calls an RPC of appointments; moments are given as such."""
        return await self.garage.ask(f"AppointmentService/{rpc}", client, **fields)

    async def book(self, dealer: str, start: datetime, client: Client | None = None, **fields: Any) -> Any:
        vin = fields.pop("vin", None) or (await self.garage.make_car()).vin
        beside = {name: fields.pop(name, "") for name in ("request_id", "wish")}
        message = appointment_pb2.Appointment(**{"dealer_id": dealer, "vin": vin, "kind": 1, **fields})
        message.start_time.FromDatetime(start.astimezone(UTC).replace(tzinfo=None))
        return await self.ask("BookAppointment", client, appointment=message, **beside)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def diary(platform: Platform) -> AsyncIterator[Diary]:
    network = await platform.start("network")
    await platform.start("customer")
    await platform.start("vehicle")
    yield Diary(platform, network)


@pytest.fixture(scope="session")
def make_garage() -> type[Garage]:
    """The requests of tests, for a module that starts its services otherwise."""
    return Garage
