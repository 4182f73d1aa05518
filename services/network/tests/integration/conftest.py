"""A network service on a real PostgreSQL and NATS, and the requests that its tests are made of."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import pytest_asyncio
from marque.network.v1 import calendar_service_pb2 as calendars
from marque.network.v1 import dealer_pb2, staff_pb2
from marque.network.v1 import dealer_service_pb2 as dealers
from marque.network.v1 import network_import_service_pb2 as imports
from marque.network.v1 import staff_service_pb2 as staff
from marque.type.v1 import import_pb2
from servicekit import contract
from servicekit.testing.client import Client
from servicekit.testing.platform import Platform

_numbers = itertools.count(1000)


class Network:
    """The started service with clients by role; `make_*` write with the maker's rights and return the answers."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.manager = self.client("oem.manager")
        self.service = self.client("service")

    def client(self, role: str = "", **scope: Any) -> Client:
        return self.platform.client("network", role, **scope)

    async def ask(self, rpc: str, client: Client | None = None, **fields: Any) -> Any:
        """Calls an RPC (`TargetService/GetTarget`) with the fields of its request; for the maker where nobody is named."""
        service, _, name = rpc.partition("/")
        method = contract.methods(f"marque.network.v1.{service}")[name]
        return await (client or self.manager).call(f"network.v1.{rpc}", method.input(**fields))

    async def pages(self, rpc: str, items: str, client: Client | None = None, **fields: Any) -> list[Any]:
        """Reads all pages of a list, two rows at a time."""
        found, token = [], ""
        while True:
            answer = await self.ask(rpc, client, page_size=2, page_token=token, **fields)
            found += getattr(answer, items)
            token = answer.next_page_token
            if not token:
                return found

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        return await self.platform.sql("network", query, *arguments)

    @staticmethod
    def number() -> int:
        """A number that no other row of this worker has."""
        return next(_numbers)

    def dealer(self, **fields: Any) -> dealer_pb2.Dealer:
        given = {
            "code": f"T-{self.number()}",
            "names": {"en": "Test Motors"},
            "kinds": [dealer_pb2.DEALER_KIND_SALES],
            "time_zone": "Asia/Shanghai",
            "status": dealer_pb2.DEALER_STATUS_ACTIVE,
        }
        return dealer_pb2.Dealer(**{**given, **fields})

    async def make_dealer(self, **fields: Any) -> dealer_pb2.Dealer:
        request = dealers.CreateDealerRequest(dealer=self.dealer(**fields))
        found: dealer_pb2.Dealer = await self.manager.call("network.v1.DealerService/CreateDealer", request)
        return found

    async def get_dealer(self, dealer_id: str) -> dealer_pb2.Dealer:
        request = dealers.GetDealerRequest(dealer_id=dealer_id)
        found: dealer_pb2.Dealer = await self.manager.call("network.v1.DealerService/GetDealer", request)
        return found

    async def update_dealer(self, mask: list[str], **fields: Any) -> dealer_pb2.Dealer:
        request = dealers.UpdateDealerRequest(dealer=dealer_pb2.Dealer(**fields))
        request.update_mask.paths.extend(mask)
        found: dealer_pb2.Dealer = await self.manager.call("network.v1.DealerService/UpdateDealer", request)
        return found

    def person(self, **fields: Any) -> staff_pb2.StaffMember:
        given = {
            "employee_number": f"E{self.number()}",
            "name": {"family_name": "Li", "given_name": "Wei"},
            "roles": ["dealer.sales"] if fields.get("dealer_id") else ["oem.agent"],
        }
        return staff_pb2.StaffMember(**{**given, **fields})

    async def make_staff(self, client: Client | None = None, **fields: Any) -> staff_pb2.StaffMember:
        request = staff.CreateStaffRequest(staff=self.person(**fields))
        caller = client or self.manager
        found: staff_pb2.StaffMember = await caller.call("network.v1.StaffService/CreateStaff", request)
        return found

    async def update_staff(self, mask: list[str], client: Client | None = None, **fields: Any) -> staff_pb2.StaffMember:
        request = staff.UpdateStaffRequest(staff=staff_pb2.StaffMember(**fields))
        request.update_mask.paths.extend(mask)
        caller = client or self.manager
        found: staff_pb2.StaffMember = await caller.call("network.v1.StaffService/UpdateStaff", request)
        return found

    async def put_hours(self, client: Client | None = None, **fields: Any) -> Any:
        request = calendars.PutDealerCalendarRequest(calendar=fields)
        return await (client or self.manager).call("network.v1.CalendarService/PutDealerCalendar", request)

    async def get_hours(self, dealer_id: str, client: Client | None = None, **fields: Any) -> Any:
        request = calendars.GetDealerCalendarRequest(dealer_id=dealer_id, **fields)
        return await (client or self.manager).call("network.v1.CalendarService/GetDealerCalendar", request)

    async def do_import(
        self, kind: str, rows: list[Any], client: Client | None = None, *, dry_run: bool = False
    ) -> Any:
        """Sends one message of rows; returns its answer."""
        header = import_pb2.ImportStreamHeader(source="test", dry_run=dry_run)
        message = getattr(imports, f"Import{kind}Request")(header=header, rows=rows)
        name = f"network.v1.NetworkImportService/Import{kind}"
        answers = [answer async for answer in (client or self.manager).stream(name, iter([message]))]
        assert len(answers) == 1
        return answers[0]

    async def events(self, key: str) -> list[Any]:
        """The events of an aggregate in the order in which they were emitted, as messages."""
        rows = await self.sql(
            "SELECT event_type, payload FROM outbox_messages WHERE aggregate_id = $1 ORDER BY position", key
        )
        return [contract.message(row["event_type"]).FromString(row["payload"]) for row in rows]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network(platform: Platform) -> AsyncIterator[Network]:
    """The network service of this test module."""
    await platform.start("network")
    yield Network(platform)


@pytest.fixture
def new_id() -> Callable[[], str]:
    """Makes ids that nothing has."""
    return lambda: str(uuid.uuid4())
