"""One running customer service per module, and shorthands for what the tests do again and again."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC
from typing import Any

import pytest
import pytest_asyncio
from marque.customer.v1 import (
    contact_point_pb2,
    contact_point_service_pb2,
    customer_pb2,
    customer_service_pb2,
    relation_service_pb2,
)
from marque.type.v1 import person_name_pb2
from servicekit import contract
from servicekit.ids import new_uuid
from servicekit.messaging import envelope
from servicekit.service import connect_nats
from servicekit.testing.client import Client, RpcFailure
from servicekit.testing.platform import Platform, until

PHONE, EMAIL = contact_point_pb2.CONTACT_POINT_KIND_PHONE, contact_point_pb2.CONTACT_POINT_KIND_EMAIL


class Desk:
    """The running service as people of a dealer, a region, the maker and owners meet it."""

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.agent = platform.client("customer", "oem.agent")
        self.service = platform.client("customer", "service")
        self.failure = RpcFailure
        self._number = uuid.uuid4().int % 9_000_000

    def dealer(self, dealer_id: str, role: str = "dealer.sales", **scope: Any) -> Client:
        """A client of one dealer's staff."""
        return self.platform.client("customer", role, subject=str(uuid.uuid4()), dealers=[dealer_id], **scope)

    def owner(self, customer_id: str) -> Client:
        """A client of a customer signed in."""
        return self.platform.client("customer", "owner", customer=customer_id)

    def phone(self) -> str:
        """A mobile number that no other test has."""
        self._number += 1
        return f"+86138{self._number:08d}"

    async def known_dealer(self, region: str = "", group: str = "") -> str:
        """A dealer that the service knows of, as if heard."""
        dealer_id = new_uuid()
        await self.platform.sql(
            "customer",
            "INSERT INTO known_dealers VALUES ($1, $2, $3, $4, 'Asia/Shanghai', 1, 1)",
            dealer_id,
            f"D{dealer_id.int % 10**9}",
            region,
            group,
        )
        return str(dealer_id)

    async def create(self, client: Client | None = None, *, name: str = "王伟", **fields: Any) -> customer_pb2.Customer:
        """Creates a person; `phones`, `emails`, `dealer_id`, `request_id` and fields of the customer may be given."""
        request = customer_service_pb2.CreateCustomerRequest(
            dealer_id=fields.pop("dealer_id", ""), request_id=fields.pop("request_id", "")
        )
        points = [(PHONE, value) for value in fields.pop("phones", [])] + [
            (EMAIL, value) for value in fields.pop("emails", [])
        ]
        request.customer.CopyFrom(
            customer_pb2.Customer(
                kind=customer_pb2.CUSTOMER_KIND_PERSON,
                name=person_name_pb2.PersonName(full_name=name),
                contact_points=[contact_point_pb2.ContactPoint(kind=kind, value=value) for kind, value in points],
                **fields,
            )
        )
        return await (client or self.agent).call("customer.v1.CustomerService/CreateCustomer", request)

    async def get(self, client: Client, customer_id: str) -> customer_pb2.Customer:
        """Reads a customer."""
        request = customer_service_pb2.GetCustomerRequest(customer_id=customer_id)
        return await client.call("customer.v1.CustomerService/GetCustomer", request)

    async def sees(self, client: Client, customer_id: str) -> bool:
        """Tells whether a caller can read a customer."""
        try:
            await self.get(client, customer_id)
        except RpcFailure as failure:
            if (failure.code, failure.reason) != ("NOT_FOUND", "CUSTOMER_NOT_FOUND"):
                raise
            return False
        return True

    async def search(self, client: Client, query: str, **more: Any) -> customer_service_pb2.SearchCustomersResponse:
        """Searches."""
        request = customer_service_pb2.SearchCustomersRequest(query=query, **more)
        return await client.call("customer.v1.CustomerService/SearchCustomers", request)

    async def found(self, client: Client, query: str) -> list[str]:
        """The ids that a search finds, best first."""
        return [match.customer.customer_id for match in (await self.search(client, query)).results]

    async def listed(self, client: Client, **filters: Any) -> list[customer_pb2.Customer]:
        """All customers of a list, page by page."""
        found: list[customer_pb2.Customer] = []
        token = ""
        while True:
            request = customer_service_pb2.ListCustomersRequest(page_token=token, **filters)
            page = await client.call("customer.v1.CustomerService/ListCustomers", request)
            found += page.customers
            token = page.next_page_token
            if not token:
                return found

    async def relations(self, client: Client, customer_id: str) -> list[Any]:
        """The relations that a caller sees of a customer."""
        request = relation_service_pb2.ListRelationsRequest(customer_id=customer_id)
        return list((await client.call("customer.v1.RelationService/ListRelations", request)).relations)

    async def verify(
        self, customer: customer_pb2.Customer, index: int = 0, *, shared: bool = False
    ) -> customer_pb2.Customer:
        """Records that a contact point was shown to be the customer's."""
        request = contact_point_service_pb2.VerifyContactPointRequest(
            customer_id=customer.customer_id,
            contact_point_id=customer.contact_points[index].contact_point_id,
            method=contact_point_pb2.VERIFICATION_METHOD_CODE,
            shared=shared,
        )
        return await self.agent.call("customer.v1.ContactPointService/VerifyContactPoint", request)

    async def events(self, name: str, key: str) -> list[Any]:
        """The payloads in the outbox of an event type and aggregate."""
        return await self.platform.sql(
            "customer",
            "SELECT payload, aggregate_version FROM outbox_messages WHERE event_type = $1 AND aggregate_id = $2 ORDER BY position",
            f"marque.customer.v1.{name}",
            key,
        )


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(platform: Platform) -> AsyncIterator[Desk]:
    """The service, running for one module of tests."""
    await platform.start("customer")
    yield Desk(platform)


@pytest.fixture(scope="session")
def make_desk() -> type[Desk]:
    """The shorthands, for a module that starts its services otherwise."""
    return Desk


class Publisher:
    """Says what other services say: events on their streams, through the broker."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def say(self, event: Any, version: int = 1) -> uuid.UUID:
        """Publishes an event; returns its id."""
        kind = contract.event(event.DESCRIPTOR)
        event.aggregate_version = version
        event.occur_time.GetCurrentTime()
        event_id = new_uuid()
        broker = await connect_nats(self._platform.nats.url, "test")
        head = envelope.headers(
            event_id=str(event_id),
            event_type=kind.name,
            key=getattr(event, kind.key),
            version=version,
            time=event.occur_time.ToDatetime(UTC),
            traceparent=None,
        )
        await broker.jetstream().publish(kind.name, event.SerializeToString(), headers=head)
        await broker.close()
        return event_id

    async def heard(self, event: Any, version: int = 1) -> None:
        """Publishes an event and waits until the customer service has applied it."""
        event_id = await self.say(event, version)

        async def applied() -> Any:
            return await self._platform.sql("customer", "SELECT 1 FROM inbox_messages WHERE event_id = $1", event_id)

        await until(applied, 20.0, "the event was not applied")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def publisher(desk: Desk) -> Publisher:
    """Other services' voice."""
    return Publisher(desk.platform)


@pytest.fixture(scope="session")
def publisher_of() -> Callable[[Desk], Publisher]:
    """Other services' voice, for a module that starts its services otherwise."""
    return lambda desk: Publisher(desk.platform)
