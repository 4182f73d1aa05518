"""What every service must do: snapshots, a customer's rights, aliases."""

from __future__ import annotations

import uuid
from typing import Any

from marque.network.v1 import dealer_events_pb2, staff_events_pb2
from marque.type.v1 import operations_pb2, personal_data_pb2
from marque_network.repository.snapshots import READERS
from servicekit.db.engine import Database
from servicekit.testing.platform import until


async def read_all(database: Database, aggregate: str, limit: int) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    async with database.session() as session:
        while page := await READERS[aggregate](session, found[-1][0] if found else "", limit):
            found += page
    return found


class TestSnapshots:
    async def test_they_tell_the_state_and_version_of_everything_once(self, network: Any) -> None:
        dealer = await network.make_dealer(region_code="SNAP")
        await network.update_dealer([], dealer_id=dealer.dealer_id, service_bays=3)
        people = [await network.make_staff(dealer_id=dealer.dealer_id) for _ in range(3)]
        database = Database(network.platform.databases["network"])
        try:
            dealers = dict(await read_all(database, "dealer", 2))
            staff = await read_all(database, "staff", 2)
        finally:
            await database.stop()
        told: dealer_events_pb2.DealerSnapshot = dealers[dealer.dealer_id]
        assert (told.code, told.region_code, told.aggregate_version, told.status) == (dealer.code, "SNAP", 2, 2)
        assert [key for key, _ in staff] == sorted(person.staff_id for person in people)
        person: staff_events_pb2.StaffSnapshot = staff[0][1]
        assert (person.dealer_id, list(person.roles), person.aggregate_version) == (
            dealer.dealer_id,
            ["dealer.sales"],
            1,
        )


class TestPersonalData:
    async def test_nothing_is_held_of_a_customer(self, network: Any) -> None:
        customer, name = str(uuid.uuid4()), "network.v1.NetworkPersonalDataService"
        request = personal_data_pb2.ExportPersonalDataRequest(customer_id=customer)
        assert [record async for record in network.service.stream(f"{name}/ExportPersonalData", request)] == []
        erase = personal_data_pb2.ErasePersonalDataRequest(customer_id=customer, erasure_id=str(uuid.uuid4()))
        first = await network.service.call(f"{name}/ErasePersonalData", erase)
        assert (dict(first.erased_counts), list(first.retained)) == ({}, [])
        assert await network.service.call(f"{name}/ErasePersonalData", erase) == first


class TestRepublish:
    async def test_an_operator_has_the_state_said_again(self, network: Any) -> None:
        dealer, name = await network.make_dealer(), "network.v1.NetworkOperationsService"
        admin = network.client("oem.admin")
        await admin.call(f"{name}/Republish", operations_pb2.RepublishRequest(aggregate="dealer"))

        async def said() -> list[Any]:
            return [event for event in await network.events(dealer.dealer_id) if "Snapshot" in type(event).__name__]

        (snapshot, *_) = await until(said, 20, "no snapshot was said")
        assert (snapshot.code, snapshot.aggregate_version) == (dealer.code, 1)
