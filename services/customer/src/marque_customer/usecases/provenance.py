"""Where the values of a customer come from."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, SourceRecord
from marque_customer.repository import customers, records
from marque_customer.rules import records as rules
from marque_customer.rules.families import shown_points
from marque_customer.rules.sources import MAKER
from marque_customer.rules.survivorship import RULES, UNRECORDED, Statement, winners

Told = dict[str, tuple[Sequence[Statement], Sequence[Statement]]]


async def tell(*, session: AsyncSession, family: Sequence[uuid.UUID]) -> tuple[Told, list[tuple[Any, bool]]]:
    """Returns for each unit what wins and everything said, and each contact point with whether it is shown. `family`: a customer in sight
    and those merged into it.
    """
    known = await records.of(session, family)
    said = [
        statement
        for member, customer_id in enumerate(family)
        for record in known[customer_id]
        for statement in rules.statements(record, member)
    ]
    customer = await session.get_one(Customer, family[0])
    said += _unrecorded(customer, said)
    told: Told = {}
    for unit in RULES:
        mine = [statement for statement in said if statement.unit == unit]
        told[unit] = (winners(unit, mine), mine)
    points = (await customers.parts_of(session, family[0])).points
    shown = {point.contact_point_id for point in shown_points(points, family[0])}
    return told, [(point, point.contact_point_id in shown) for point in points]


def _unrecorded(customer: Customer, said: Sequence[Statement]) -> list[Statement]:
    """What stands in the row and nobody is known to have said: from before statements were kept."""
    values = rules.missing(customer, said)
    if not values:
        return []
    moment = customer.create_time
    record = SourceRecord(
        customer_id=customer.customer_id,
        source="",
        dealer_id=MAKER,
        source_key="",
        origin=UNRECORDED,
        said=values,
        older={},
        verified=[],
        first_time=moment,
        last_time=moment,
        actor="",
    )
    return rules.statements(record)
