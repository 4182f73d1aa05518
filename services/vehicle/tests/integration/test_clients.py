"""What the customer service is asked, against the service itself."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from marque.customer.v1 import customer_pb2, customer_service_pb2
from marque_vehicle.clients import Customers
from servicekit.rpc.client import Peer
from servicekit.rpc.tokens import ServiceIdentity


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def customers(garage: Any) -> AsyncIterator[Customers]:
    """The client as the service has it."""
    platform = garage.platform
    identity = ServiceIdentity(issuer=platform.issuer.url, client_id="vehicle", secret_file=platform.folder / "secret")
    made = Customers(Peer("customer", platform.peers["customer"], identity))
    yield made
    await made.close()


async def keyed(garage: Any, source: str, key: str) -> str:
    """A customer that another system knows by a key."""
    request = customer_service_pb2.CreateCustomerRequest(
        customer=customer_pb2.Customer(
            kind=customer_pb2.CUSTOMER_KIND_PERSON,
            name={"family_name": "Li", "given_name": "Wei"},
            source_references=[customer_pb2.SourceReference(source=source, source_key=key)],
        )
    )
    client = garage.platform.client("customer", "oem.agent")
    return str((await client.call("customer.v1.CustomerService/CreateCustomer", request)).customer_id)


class TestBySourceKeys:
    async def test_keys_of_the_source_alone_are_found_whatever_their_length(
        self, garage: Any, customers: Customers
    ) -> None:
        source, tail = f"dms-{uuid.uuid4().hex[:8]}", uuid.uuid4().hex
        short, long = await keyed(garage, source, "7"), await keyed(garage, source, tail.ljust(100, "x"))
        await keyed(garage, f"{source}-other", tail)
        keys = ["7", tail.ljust(100, "x"), tail, "", tail.ljust(101, "x"), "7"]
        assert await customers.by_source_keys(source, keys, None) == {"7": short, tail.ljust(100, "x"): long}

    async def test_more_keys_than_one_question_holds_are_all_answered(self, garage: Any, customers: Customers) -> None:
        source = f"dms-{uuid.uuid4().hex[:8]}"
        first, last = await keyed(garage, source, "k00000"), await keyed(garage, source, "k02500")
        keys = (f"k{number:05d}" for number in range(2501))
        assert await customers.by_source_keys(source, keys, None) == {"k00000": first, "k02500": last}

    async def test_the_key_of_a_merged_customer_gives_the_survivor(self, garage: Any, customers: Customers) -> None:
        source = f"dms-{uuid.uuid4().hex[:8]}"
        merged, survivor = await keyed(garage, source, "old"), await garage.make_customer()
        await garage.platform.sql(
            "customer", "UPDATE customers SET status = 2, merged_into = $2 WHERE customer_id = $1",
            uuid.UUID(merged), uuid.UUID(survivor),
        )  # fmt: skip
        assert await customers.by_source_keys(source, ["old", "new"], None) == {"old": survivor}

    async def test_a_dealer_is_told_of_those_it_has_to_do_with_and_a_caller_without_dealers_of_nobody(
        self, garage: Any, customers: Customers
    ) -> None:
        source, dealer = f"dms-{uuid.uuid4().hex[:8]}", uuid.UUID(await garage.make_dealer())
        met, stranger = await keyed(garage, source, "met"), await keyed(garage, source, "stranger")
        await garage.meet(str(dealer), met)
        assert await customers.by_source_keys(source, ["met", "stranger"], [dealer]) == {"met": met}
        assert await customers.existing([met, stranger], [dealer]) == {met}
        assert await customers.existing([met, stranger], []) == set()
        assert await customers.by_source_keys(source, ["met"], []) == {}
