"""kill -9 of every process in turn while dealers sell: no accepted sale is lost, and each has its effect once."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import uuid
from dataclasses import dataclass, field

from google.type import date_pb2
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque.network.v1 import dealer_pb2, dealer_service_pb2
from marque.type.v1 import person_name_pb2
from marque.vehicle.v1 import sale_pb2, sale_service_pb2, vehicle_pb2, vehicle_service_pb2
from servicekit.settings import ServiceSettings
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import new_vin

SERVICES = ("network", "customer", "vehicle")
SALES = 90
TRANSIENT = ("UNAVAILABLE", "CANCELLED", "DEADLINE_EXCEEDED")


@dataclass
class Trade:
    """One dealer, one buyer, and the sales that were accepted."""

    platform: Platform
    dealer: str = ""
    buyer: str = ""
    accepted: dict[str, str] = field(default_factory=dict)

    async def begin(self) -> None:
        dealer = dealer_pb2.Dealer(
            code="CRASH-1", names={"en": "Crash"}, kinds=[dealer_pb2.DEALER_KIND_SALES], time_zone="Asia/Shanghai"
        )
        made = await self.call(
            "network",
            "oem.manager",
            "network.v1.DealerService/CreateDealer",
            dealer_service_pb2.CreateDealerRequest(dealer=dealer),
        )
        self.dealer = made.dealer_id
        person = customer_pb2.Customer(
            kind=customer_pb2.CUSTOMER_KIND_PERSON, name=person_name_pb2.PersonName(full_name="Crash Buyer")
        )
        buyer = await self.call(
            "customer",
            "oem.agent",
            "customer.v1.CustomerService/CreateCustomer",
            customer_service_pb2.CreateCustomerRequest(customer=person),
        )
        self.buyer = buyer.customer_id

        async def known() -> bool:
            return bool(await self.platform.sql("vehicle", "SELECT 1 FROM known_dealers"))

        await until(known, 20, "the dealer is not known to vehicle")

    async def sell(self, number: int) -> None:
        vin = new_vin()
        vehicle = vehicle_pb2.Vehicle(vin=vin, make="Marque", model="One", model_year=2025)
        await self.call(
            "vehicle", "oem.manager", "vehicle.v1.VehicleService/RegisterVehicle",
            vehicle_service_pb2.RegisterVehicleRequest(vehicle=vehicle, request_id=f"car-{number}"),
        )  # fmt: skip
        sale = sale_pb2.Sale(
            dealer_id=self.dealer,
            vin=vin,
            buyer_customer_id=self.buyer,
            invoice_number=f"CRASH-{number}",
            invoice_date=date_pb2.Date(year=2026, month=11, day=2),
            use=vehicle_pb2.VEHICLE_USE_PRIVATE,
        )
        request = sale_service_pb2.RecordSaleRequest(sale=sale, request_id=f"sale-{number}")
        answer = await self.call("vehicle", "dealer.sales", "vehicle.v1.SaleService/RecordSale", request)
        self.accepted[answer.sale_id] = vin

    async def call(self, service: str, role: str, method: str, request: object) -> object:
        """Calls as a patient dealer system does: what may have been lost is asked again under the same request id."""
        while True:
            client = self.platform.client(service, role, dealers=[self.dealer] if self.dealer else None)
            try:
                return await client.call(method, request, timeout=5)
            except RpcFailure as failure:
                if failure.code not in TRANSIENT:
                    raise
                await asyncio.sleep(0.05)
            finally:
                await client.close()


class TestKills:
    async def test_no_accepted_sale_is_lost_and_each_has_its_effect_once(self, platform: Platform) -> None:
        settings: dict[str, ServiceSettings] = {}
        processes: dict[str, subprocess.Popen[bytes]] = {}
        for name in SERVICES:
            settings[name] = await platform.prepare(name)
            processes[name] = await platform.spawn_again(name, settings[name])
        trade = Trade(platform)
        await trade.begin()

        selling = asyncio.create_task(load(trade))
        for round_ in range(6):
            await asyncio.sleep(0.3)
            victim = SERVICES[round_ % len(SERVICES)]
            processes[victim].send_signal(signal.SIGKILL)
            processes[victim].wait()
            processes[victim] = await platform.spawn_again(victim, settings[victim])
        await selling

        assert len(trade.accepted) == SALES
        stored = await platform.sql(
            "vehicle", "SELECT sale_id, vin FROM sales WHERE dealer_id = $1", uuid.UUID(trade.dealer)
        )
        assert {str(row["sale_id"]): row["vin"] for row in stored} == trade.accepted
        await until(lambda: noted(trade), 30, "not every sale is on the time line exactly once")
        waiting = "SELECT count(*) AS n FROM outbox_messages WHERE publish_time IS NULL"
        parked = "SELECT count(*) AS n FROM dead_letters"
        for name in SERVICES:
            assert [row["n"] for row in await platform.sql(name, waiting)] == [0]
            assert [row["n"] for row in await platform.sql(name, parked)] == [0]


async def load(trade: Trade) -> None:
    numbers = iter(range(SALES))

    async def clerk() -> None:
        for number in numbers:
            await trade.sell(number)

    await asyncio.gather(*(clerk() for _ in range(3)))


async def noted(trade: Trade) -> bool:
    query = "SELECT reference_id, count(*) AS times FROM interactions WHERE reference_type = 'vehicle.sale' GROUP BY 1"
    rows = await trade.platform.sql("customer", query)
    assert all(row["times"] == 1 for row in rows), "an effect happened twice"
    return {row["reference_id"] for row in rows} == set(trade.accepted)
