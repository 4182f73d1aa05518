"""The load: clerks who create customers, ask for consents, register and sell cars, take cars in and change dealers, and files of customers.

A clerk does one thing after the other and notes what was answered. Some go away in the middle of a write, as people and networks do: what
became of it is found out at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from servicekit.testing.crash.doors import DIRECT, GRPC, HTTP, Doors, GaveUp, Surprise, Write
from servicekit.testing.world import new_vin

_CUSTOMERS = "customer.v1.CustomerService"
_CONSENTS = "customer.v1.ConsentService"
_CARS = "vehicle.v1.VehicleService"
_SALES = "vehicle.v1.SaleService"
_ORDERS = "vehicle.v1.RepairOrderService"
_DEALERS = "network.v1.DealerService"
_DAY = {"year": 2026, "month": 11, "day": 2}
_OEM = {"kind": "CONSENT_CONTROLLER_KIND_OEM"}
_AWAY, _ECHO = 0.04, 0.05  # how often a writer goes away, and how often one asks again for what was answered
_DOORS = (HTTP, HTTP, GRPC, DIRECT)


@dataclass
class Ledger:
    """What was answered. Each write with its answer; the audit records that it owes as (service, action, type, id)."""

    done: list[tuple[Write, Any]] = field(default_factory=list)
    open: list[Write] = field(default_factory=list)
    owed: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    customers: dict[str, dict[str, Any]] = field(default_factory=dict)
    consents: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    cars: dict[str, str] = field(default_factory=dict)
    sales: dict[str, dict[str, str]] = field(default_factory=dict)
    visits: dict[str, dict[str, Any]] = field(default_factory=dict)
    dealers: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)


class Trade:
    """A trade of some dealers, whose clerks write until they are told to stop. `name` keeps apart what two trades of a platform make."""

    def __init__(self, doors: Doors, rng: random.Random, name: str = "t") -> None:
        self.ledger = Ledger()
        self.echoes = 0
        self._doors = doors
        self._rng = rng
        self._name = name
        self._numbers = itertools.count(1)
        self._stopping = asyncio.Event()

    async def open(self, dealers: int = 4) -> None:
        """Admits the dealers; what they are known as elsewhere comes by event."""
        for _ in range(dealers):
            number = next(self._numbers)
            dealer = {
                "code": f"{self._name}-{number}".upper(),
                "names": {"en": f"Dealer {number}"},
                "kinds": ["DEALER_KIND_SALES", "DEALER_KIND_SERVICE"],
                "time_zone": "Asia/Shanghai",
                "region_code": "R0",
            }
            made = await self._write(f"{_DEALERS}/CreateDealer", {"dealer": dealer}, ("create", "dealer", "dealer_id"))
            self.ledger.dealers[made.dealer_id] = {"code": made.code, "region": "R0", "version": 1}

    async def run(self, clerks: int = 8, rest: float = 0.0) -> None:
        """Writes until `stop`; then every clerk ends what it does. Raises what a clerk met.

        `rest`: seconds that a clerk takes between two things, where the test is of something else than the load.
        """
        async with asyncio.TaskGroup() as group:
            for _ in range(clerks):
                group.create_task(self._clerk(rest))
            group.create_task(self._importer())

    def sale_of_known(self) -> Write:
        """A sale that nobody has asked for: it must be refused, or the accounts do not add up."""
        ledger, number = self.ledger, next(self._numbers)
        sale = {
            "dealer_id": next(iter(ledger.dealers)),
            "vin": next(iter(ledger.cars)),
            "buyer_customer_id": next(iter(ledger.customers)),
            "invoice_number": f"{self._name}-{number}",
            "invoice_date": _DAY,
            "use": "VEHICLE_USE_PRIVATE",
        }
        return Write(f"{_SALES}/RecordSale", {"sale": sale}, f"{self._name}-{number}")

    def stop(self) -> None:
        """Lets the clerks go home after what they are doing."""
        self._stopping.set()

    async def settle(self) -> int:
        """Asks again for every write whose writer went away, twice: both times the same answer. Returns how many there were."""
        waiting, self.ledger.open = self.ledger.open, []
        for write in waiting:
            first = await self._doors.write(write)
            if await self._doors.write(write, GRPC) != first:
                raise Surprise(f"{write.rpc} under {write.key} was answered in two ways")
            self._keep(write, first)
        return len(waiting)

    async def _clerk(self, rest: float) -> None:
        work: list[Callable[[], Awaitable[None]]] = [self._sell, self._sell, self._visit, self._keep_customer]
        while not self._stopping.is_set():
            with contextlib.suppress(GaveUp):
                await self._rng.choice([*work, self.change_dealer])()
            await asyncio.sleep(rest)

    async def _sell(self) -> None:
        buyer = await self._customer()
        vin = await self._car()
        number = next(self._numbers)
        sale = {
            "dealer_id": self._rng.choice([*self.ledger.dealers]),
            "vin": vin,
            "buyer_customer_id": buyer,
            "invoice_number": f"{self._name}-{number}",
            "invoice_date": _DAY,
            "use": "VEHICLE_USE_PRIVATE",
        }
        await self._write(f"{_SALES}/RecordSale", {"sale": sale}, ("create", "sale", "sale_id"), may_leave=True)

    async def _visit(self) -> None:
        buyer, vin = await self._customer(), await self._car()
        number = next(self._numbers)
        order = {
            "dealer_id": self._rng.choice([*self.ledger.dealers]),
            "vin": vin,
            "customer_id": buyer,
            "number": f"{self._name}-{number}",
            "odometer_in_km": 10,
        }
        owed = ("create", "repair_order", "repair_order_id")
        made = await self._write(f"{_ORDERS}/OpenRepairOrder", {"repair_order": order}, owed)
        visit = self.ledger.visits[made.repair_order_id] = {"customer": buyer, "closed": False}
        stage = {"repair_order_id": made.repair_order_id, "stage": "REPAIR_ORDER_STAGE_IN_WORK"}
        advance = ("advance_stage", "repair_order", "repair_order_id")
        await self._write(f"{_ORDERS}/AdvanceRepairOrderStage", stage, advance)
        line = {"pay_type": "PAY_TYPE_CUSTOMER", "labours": [{"operation_code": "OIL", "minutes": 30}]}
        close = {"repair_order_id": made.repair_order_id, "odometer_out_km": 12, "lines": [line]}
        await self._write(f"{_ORDERS}/CloseRepairOrder", close, ("close", "repair_order", "repair_order_id"))
        visit["closed"] = True

    async def _keep_customer(self) -> None:
        customer_id = await self._customer(may_leave=True)
        for _ in range(2):
            tag = f"tag-{next(self._numbers)}"
            change = {"customer": {"customer_id": customer_id, "tags": [tag]}}
            await self._write(f"{_CUSTOMERS}/UpdateCustomer", change, ("update", "customer", "customer_id"))
            known = self.ledger.customers[customer_id]
            known["tags"], known["version"] = [tag], known["version"] + 1
        entry: dict[str, Any] = {
            "purpose": "CONSENT_PURPOSE_MARKETING",
            "channel": "CHANNEL_EMAIL",
            "controller": _OEM,
            "text_version": "v1",
            "source": "counter",
        }
        for verb, action in (("Grant", "grant"), ("Withdraw", "withdraw")):
            said = {"customer_id": customer_id, "entry": entry}
            made = await self._write(f"{_CONSENTS}/{verb}Consent", said, (action, "consent_entry", "consent_entry_id"))
            self.ledger.consents.setdefault(customer_id, []).append((made.consent_entry_id, action))

    async def change_dealer(self) -> None:
        """Moves a dealer to another region, which every service hears of."""
        dealer_id = self._rng.choice([*self.ledger.dealers])
        region = f"R{next(self._numbers)}"
        change = {"dealer": {"dealer_id": dealer_id, "region_code": region}}
        made = await self._write(f"{_DEALERS}/UpdateDealer", change, ("update", "dealer", "dealer_id"))
        version = int(made.etag.strip('"').lstrip("v"))
        known = self.ledger.dealers[dealer_id]
        if version > known["version"]:  # two clerks may change one dealer, and their answers come in any order
            known.update(region=region, version=version)

    async def _customer(self, *, may_leave: bool = False) -> str:
        person = {"kind": "CUSTOMER_KIND_PERSON", "name": {"full_name": f"{self._name} {next(self._numbers)}"}}
        owed = ("create", "customer", "customer_id")
        made = await self._write(f"{_CUSTOMERS}/CreateCustomer", {"customer": person}, owed, may_leave=may_leave)
        return str(made.customer_id)

    async def _car(self) -> str:
        vin = new_vin()
        car = {"vin": vin, "make": "Marque", "model": "One", "model_year": 2025}
        await self._write(f"{_CARS}/RegisterVehicle", {"vehicle": car}, ("create", "vehicle", "vin"))
        return vin

    async def _importer(self) -> None:
        while not self._stopping.is_set():
            number, rows = next(self._numbers), self._rng.randint(100, 600)
            source = f"{self._name}-file-{number}"
            lines = ["source_key,full_name", *(f"{row},Import {number} {row}" for row in range(rows))]
            made = await self._doors.upload("customer", "customers", source, "\n".join(lines).encode(), source)
            self.ledger.files[made["importId"]] = rows
            self.ledger.owed["customer", "upload", "import", made["importId"]] += 1
            try:
                async with asyncio.timeout(self._rng.uniform(4, 12)):
                    await self._stopping.wait()
            except TimeoutError:
                continue

    async def _write(
        self, rpc: str, request: dict[str, Any], owed: tuple[str, str, str], *, may_leave: bool = False
    ) -> Any:
        write = Write(rpc, request, f"{self._name}-{next(self._numbers)}")
        leaves, door = may_leave and self._rng.random() < _AWAY, self._rng.choice(_DOORS)
        try:
            answer = await self._doors.write(write, door, attempts=1 if leaves else 0)
        except GaveUp:
            self.ledger.open.append(write)
            raise
        if self._rng.random() < _ECHO:
            self.echoes += 1
            if await self._doors.write(write, door) != answer:
                raise Surprise(f"{write.rpc} under {write.key} was answered in two ways")
        self._keep(write, answer, owed)
        return answer

    def _keep(self, write: Write, answer: Any, owed: tuple[str, str, str] | None = None) -> None:
        """Notes an answer and what it owes. What a writer who went away had sent is a customer or a sale."""
        ledger = self.ledger
        ledger.done.append((write, answer))
        if write.rpc.endswith("/CreateCustomer"):
            owed = ("create", "customer", "customer_id")
            ledger.customers[answer.customer_id] = {"name": answer.name.full_name, "tags": [], "version": 1}
        elif write.rpc.endswith("/RecordSale"):
            owed = ("create", "sale", "sale_id")
            ledger.sales[answer.sale_id] = {"vin": answer.vin, "customer": answer.buyer_customer_id}
        elif write.rpc.endswith("/RegisterVehicle"):
            ledger.cars[answer.vin] = write.key
        assert owed is not None
        action, kind, name = owed
        ledger.owed[write.owner, action, kind, getattr(answer, name)] += 1
