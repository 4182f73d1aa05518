"""An identity provider, played by the SCIM client of a third party (scim2-client), creates, changes and removes staff; access follows."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest_asyncio
from marque.customer.v1 import customer_service_pb2
from scim2_client.engines.httpx2 import AsyncSCIMClient
from scim2_models import (
    EnterpriseUser,
    Group,
    GroupMember,
    PatchOp,
    PatchOperation,
    ResourceType,
    ScimProvider,
    User,
)
from servicekit.testing.client import RpcFailure
from servicekit.testing.platform import until
from servicekit.testing.world import World

Person = User[EnterpriseUser]
SECONDS = 20


@pytest_asyncio.fixture(loop_scope="session")
async def provider(world: World) -> AsyncIterator[AsyncSCIMClient]:
    """A client that speaks of users and groups as the standard describes them."""
    token = world.platform.token("provisioner", subject="client:identity-provider")
    http = httpx2.AsyncClient(
        base_url=f"{world.platform.http_url}/scim/v2", headers={"authorization": f"Bearer {token}"}, timeout=60
    )
    types = [ResourceType.from_resource(Person), ResourceType.from_resource(Group)]
    yield AsyncSCIMClient(http, provider=ScimProvider([User, EnterpriseUser, Group], types))
    await http.aclose()


@dataclass
class Visitor:
    """Somebody with a token that names no role: what it is worth is said by the staff record alone."""

    world: World
    subject: str = field(default_factory=lambda: f"oid-{uuid.uuid4()}")

    @property
    def token(self) -> str:
        return self.world.platform.issuer.issuer.person_token(self.subject, [])

    async def at_gateway(self, path: str) -> int:
        async with self.world.http("", token=self.token) as client:
            return (await client.get(path)).status_code

    async def at_service(self, service: str = "customer") -> str:
        """The code of the service itself, past the gateway."""
        client = self.world.platform.client(service, token=self.token)
        try:
            await client.call(
                "customer.v1.CustomerService/ListCustomers", customer_service_pb2.ListCustomersRequest(page_size=1)
            )
        except RpcFailure as failure:
            return failure.code
        finally:
            await client.close()
        return "OK"

    async def becomes(self, path: str, status: int) -> None:
        async def so() -> bool:
            return await self.at_gateway(path) == status

        await until(so, SECONDS, f"{path} does not answer {status}")

    async def becomes_at_service(self, code: str) -> None:
        async def so() -> bool:
            return await self.at_service() == code

        await until(so, SECONDS, f"the customer service does not answer {code}")


CUSTOMERS, ORDERS = "/v1/customers?pageSize=1", "/v1/repairOrders?pageSize=1"


def person(visitor: Visitor, **fields: Any) -> Any:
    made = Person(user_name=f"li.wei.{uuid.uuid4().hex[:8]}@example.com", external_id=visitor.subject, active=True)
    made.name = User.Name(family_name="李", given_name="伟")
    made.emails = [User.Emails(value=made.user_name, type="work", primary=True)]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest_asyncio.fixture(loop_scope="session")
async def dealer_code(world: World) -> str:
    code = f"SC-{uuid.uuid4().hex[:10].upper()}"
    await world.dealer(code=code)
    return code


async def group_of(provider: AsyncSCIMClient, role: str) -> Any:
    """The group that is called as the role; made where it is not there yet."""
    found = await provider.query(Group, query_parameters={"filter": f'displayName eq "{role}"'})
    if found.resources:
        return found.resources[0]
    return await provider.create(Group(display_name=role))


async def member(provider: AsyncSCIMClient, op: str, group: Any, user: Any) -> None:
    operation = PatchOperation[Group](
        op=op, path="members" if op == "add" else f'members[value eq "{user.id}"]',
        **({"value": [GroupMember(value=user.id)]} if op == "add" else {}),
    )  # fmt: skip
    await provider.modify(Group, group.id, PatchOp[Group](operations=[operation]))


class TestAccessFollows:
    async def test_from_the_first_day_to_the_last(
        self, world: World, provider: AsyncSCIMClient, dealer_code: str
    ) -> None:
        visitor = Visitor(world)
        assert await visitor.at_gateway(CUSTOMERS) == 403

        given = person(visitor)
        given[EnterpriseUser] = EnterpriseUser(employee_number=uuid.uuid4().hex[:8], organization=dealer_code)
        user = await provider.create(given)
        sales, workshop = await group_of(provider, "dealer.sales"), await group_of(provider, "dealer.technician")
        await member(provider, "add", sales, user)
        await visitor.becomes(CUSTOMERS, 200)
        await visitor.becomes_at_service("OK")

        await member(provider, "add", workshop, user)
        await member(provider, "remove", sales, user)
        await visitor.becomes(CUSTOMERS, 403)
        await visitor.becomes_at_service("PERMISSION_DENIED")
        assert await visitor.at_gateway(ORDERS) == 200

        away = PatchOperation[Person](op="replace", path="active", value=False)
        await provider.modify(Person, user.id, PatchOp[Person](operations=[away]))
        await visitor.becomes(ORDERS, 401)
        back = PatchOperation[Person](op="replace", path="active", value=True)
        await provider.modify(Person, user.id, PatchOp[Person](operations=[back]))
        await visitor.becomes(ORDERS, 200)

        await provider.delete(Person, user.id)
        await visitor.becomes(ORDERS, 401)
        await visitor.becomes_at_service("UNAUTHENTICATED")

    async def test_a_token_that_names_more_gets_no_more_than_the_record(
        self, world: World, provider: AsyncSCIMClient, dealer_code: str
    ) -> None:
        visitor = Visitor(world)
        given = person(visitor)
        given[EnterpriseUser] = EnterpriseUser(organization=dealer_code)
        user = await provider.create(given)
        await member(provider, "add", await group_of(provider, "dealer.technician"), user)
        bold = world.platform.issuer.issuer.person_token(visitor.subject, ["oem.admin", "dealer.technician"])

        async def narrowed() -> bool:
            async with world.http("", token=bold) as client:
                codes = [(await client.get(path)).status_code for path in (CUSTOMERS, ORDERS)]
            return codes == [403, 200]

        await until(narrowed, SECONDS, "the token is worth more than the record")
