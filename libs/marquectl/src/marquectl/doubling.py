"""Lets the sample show people who are on file twice: as a web form, a card at a fair and a call leave them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from google.protobuf.message import Message
from marque.customer.v1 import contact_point_pb2, customer_pb2

from marquectl.door import Door
from marquectl.world import World

DOUBLES = 6
_CREATE = "customer.v1.CustomerService/CreateCustomer"


class Doubles:
    """Enters some people of a world again: every second under the Latin name. The platform finds the pairs itself and queues them."""

    def __init__(self, agent: Door, world: World, request: Callable[..., Message]) -> None:
        self._agent = agent
        self._world = world
        self._request = request

    async def enter(self) -> int:
        """Enters them, once however often it is called; returns how many."""
        people = [made.row for made in self._world.customers if made.row.phone and made.row.full_name][:DOUBLES]
        for place, row in enumerate(people):
            customer = self._again(row, latin=bool(place % 2))
            await self._agent.call(_CREATE, self._request(_CREATE, f"double-{place}", customer=customer))
        return len(people)

    def _again(self, row: Any, *, latin: bool) -> customer_pb2.Customer:
        customer = customer_pb2.Customer(kind=customer_pb2.CUSTOMER_KIND_PERSON, language="en" if latin else "zh-CN")
        customer.name.full_name = row.latin_name if latin and row.latin_name else row.full_name
        points = [(contact_point_pb2.CONTACT_POINT_KIND_PHONE, row.phone)]
        if row.email and not latin:
            points.append((contact_point_pb2.CONTACT_POINT_KIND_EMAIL, row.email))
        for kind, value in points:
            customer.contact_points.add(kind=kind, value=value, source="fair-2026")
        if row.country_code:  # a number is read as it is dialled there
            customer.addresses.add(address={"country_code": row.country_code, "city": row.city})
        return customer
