"""Campaign, customer and vehicle side by side, for tests of lists of people."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from google.protobuf import json_format
from marque.campaign.v1 import campaign_import_service_pb2
from marque.customer.v1 import customer_service_pb2, identity_service_pb2
from marque.type.v1 import import_pb2, personal_data_pb2
from marque.vehicle.v1 import ownership_service_pb2, vehicle_service_pb2
from servicekit.testing.platform import Platform, until
from servicekit.testing.world import new_vin

IMPORTS = "campaign.v1.CampaignImportService"
Row = dict[str, str]


class Desk:
    """People with numbers, addresses and cars, and the lists on which they come."""

    def __init__(self, platform: Platform, post: Any) -> None:
        self.platform, self.post = platform, post
        self.numbers = random.Random(15)
        self.mark = uuid.uuid4().hex[:8]

    def number(self) -> str:
        return f"+86139{self.numbers.randrange(10**8):08}"

    def address(self) -> str:
        return f"{uuid.uuid4().hex}@example.com"

    async def person(self, phone: str = "", email: str = "", dealer: str = "", key: str = "") -> str:
        """Somebody of this name whom a dealer knows."""
        points = [("PHONE", phone or self.number()), ("EMAIL", email or self.address())]
        customer: dict[str, Any] = {
            "kind": "CUSTOMER_KIND_PERSON",
            "name": {"full_name": "王小明"},
            "contact_points": [{"kind": f"CONTACT_POINT_KIND_{kind}", "value": value} for kind, value in points],
        }
        if key:
            customer["source_references"] = [{"source": "dms", "source_key": key}]
        request = json_format.ParseDict(
            {"customer": customer, "dealer_id": dealer}, customer_service_pb2.CreateCustomerRequest()
        )
        agent = self.platform.client("customer", "oem.manager")
        made = await agent.call("customer.v1.CustomerService/CreateCustomer", request, timeout=60)
        return str(made.customer_id)

    async def merge(self, survivor: str, gone: str) -> None:
        """Makes two one, and waits until campaign has heard it."""
        request = identity_service_pb2.MergeCustomersRequest(
            customer_id=survivor, from_customer_id=gone, reasons=["SAME_PHONE"]
        )
        manager = self.platform.client("customer", "oem.manager")
        await manager.call("customer.v1.IdentityService/MergeCustomers", request)

        async def heard() -> bool:
            return bool(await self.sql("SELECT 1 FROM customer_aliases WHERE from_customer_id = $1", gone))

        await until(heard, 30, "the merge is not heard")

    async def erase(self, customer: str) -> None:
        """Erases somebody at campaign, as the customer service has it done."""
        client = self.platform.client("campaign", "service")
        request = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
        await client.call("campaign.v1.CampaignPersonalDataService/ErasePersonalData", request)

    async def car(self, **holders: str) -> str:
        """A car and who has which role with it."""
        vin = new_vin()
        manager, agent = (self.platform.client("vehicle", role) for role in ("oem.manager", "oem.agent"))
        car = {"vin": vin, "make": "Marque", "model": "M1", "market": "CN"}
        made = json_format.ParseDict({"vehicle": car}, vehicle_service_pb2.RegisterVehicleRequest())
        await manager.call("vehicle.v1.VehicleService/RegisterVehicle", made)
        for role, customer in holders.items():
            held = {"vin": vin, "customer_id": customer, "role": f"OWNERSHIP_ROLE_{role.upper()}", "source": "registry",
                    "valid_start_time": "2025-01-01T00:00:00Z"}  # fmt: skip
            started = json_format.ParseDict({"ownership": held}, ownership_service_pb2.StartOwnershipRequest())
            await agent.call("vehicle.v1.OwnershipService/StartOwnership", started)
        return vin

    async def dealer(self) -> str:
        """A dealer as campaign and customer would have heard of it."""
        dealer: str = await self.post.make_dealer()
        (row,) = await self.sql("SELECT * FROM known_dealers WHERE dealer_id = $1", dealer)
        names = list(row.keys())
        places = ", ".join(f"${number}" for number in range(1, len(names) + 1))
        for service in ("customer", "vehicle"):
            sql = f"INSERT INTO known_dealers ({', '.join(names)}) VALUES ({places})"
            await self.platform.sql(service, sql, *row.values())
        return dealer

    async def sql(self, query: str, *arguments: Any) -> list[Any]:
        found: list[Any] = await self.post.sql(query, *arguments)
        return found

    async def make(self, *people: str, client: Any = None, **fields: Any) -> str:
        return str((await self.post.make_list(*people, client=client, **fields)).audience_list_id)

    async def send(self, rows: list[Row], client: Any = None, *, dry_run: bool = False) -> tuple[list[int], list[Any]]:
        """Streams rows; returns how many were created, updated, unchanged and rejected, and (row, field, reason) of the rejected."""
        header = {"header": {"source": "dms", "dry_run": dry_run}, "rows": rows}
        request = json_format.ParseDict(header, campaign_import_service_pb2.ImportAudienceListMembersRequest())
        client = client or self.post.marketing
        (told,) = [one async for one in client.stream(f"{IMPORTS}/ImportAudienceListMembers", iter([request]))]
        counts = [getattr(told.summary, name) for name in ("created", "updated", "unchanged", "rejected")]
        return counts, [(one.row, fault.field, fault.reason) for one in told.rejected for fault in one.errors]

    async def upload(self, text: str, client: Any = None, **more: Any) -> Any:
        """Sends a file and waits for its end."""
        client = client or self.post.marketing
        header = import_pb2.ImportFileHeader(kind="audience-list-members", source="dms", file_name="people.csv", **more)
        parts = [
            import_pb2.UploadImportRequest(header=header),
            import_pb2.UploadImportRequest(chunk=text.encode()),
        ]
        (made,) = [one async for one in client.stream(f"{IMPORTS}/UploadImport", iter(parts))]
        asked = import_pb2.GetImportRequest(import_id=made.import_id)

        async def ended() -> Any:
            found = await client.call(f"{IMPORTS}/GetImport", asked)
            return found if found.HasField("end_time") else None

        return await until(ended, 30, "the import did not end")

    async def members(self, list_id: str, client: Any = None, **request: Any) -> list[Any]:
        """Everybody on a list, by pages of two."""
        found: list[Any] = []
        token = ""
        while True:
            given = {"audience_list_id": list_id, "page_size": 2, "page_token": token, **request}
            page = await self.post.call("ListAudienceListMembers", client, **given)
            found += page.members
            if not (token := page.next_page_token):
                return found

    async def on(self, list_id: str) -> list[str]:
        return [one.customer_id for one in await self.members(list_id)]

    async def counted(self, list_id: str) -> tuple[int, int]:
        """What a list says that it holds, and what it holds."""
        sql = (
            "SELECT member_count, (SELECT count(*) FROM audience_list_members m WHERE m.audience_list_id = l.audience_list_id) AS n "
            "FROM audience_lists l WHERE audience_list_id = $1"
        )
        (row,) = await self.sql(sql, list_id)
        return row["member_count"], row["n"]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform: Platform, make_post: Any) -> AsyncIterator[Desk]:
    """Each service knows those that were started before it."""
    for name in ("customer", "vehicle", "campaign"):
        await platform.start(name)
    yield Desk(platform, make_post(platform, None))
