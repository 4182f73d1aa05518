"""Counting how complete profiles are: a sweep over those whose profile, stage or dealers changed.

One counts at a time, as the counts are few rows that all would wait for. What a customer counted as is written down, so that looking twice
changes nothing; a note that comes while its customer is looked at is left for the next look.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from marque.customer.v1 import customer_pb2
from servicekit.db.uow import Work
from servicekit.messaging.inbox import SYSTEM
from servicekit.rpc.call import Call

from marque_customer.mapping.completeness import present
from marque_customer.repository import completeness as repository
from marque_customer.repository import values
from marque_customer.repository.notes import connection_of
from marque_customer.rules import completeness as rules
from marque_customer.rules.kinds import LISTED
from marque_customer.rules.survivorship import MAKER_STAFF

AT_ONCE = 500
_NAME = "sweep:completeness"


async def sweep(*, work: Work) -> bool:
    """Counts up to 500 notes of changes anew; returns whether more may be left."""
    async with work(Call(SYSTEM, _NAME)) as uow:
        if not await repository.alone(uow.session):
            return False
        connection = await connection_of(uow.session)
        stale = await repository.take(connection, AT_ONCE)
        if stale:
            version = await repository.version(uow.session)
            found = await _look(connection, stale, version.rules)
            before = await repository.marks(connection, stale)
            await repository.put(connection, found)
            await repository.count(connection, rules.changes((before.get(one), found[one]) for one in stale))
    return len(stale) >= AT_ONCE // 2  # a customer that changed often is taken once


async def _look(
    connection: Any, customer_ids: list[uuid.UUID], requirements: Mapping[str, Any]
) -> dict[uuid.UUID, rules.Mark | None]:
    """Returns what customers count as now: nothing for the merged, of whom the survivor speaks, and the erased."""
    found: dict[uuid.UUID, rules.Mark | None] = dict.fromkeys(customer_ids)
    living = [row for row in await repository.customers(connection, customer_ids) if row["status"] in LISTED]
    whose = await values.families(connection, [row["customer_id"] for row in living])
    dealers, clerks, firsts = await repository.dealings(connection, whose)
    at: dict[uuid.UUID, list[uuid.UUID]] = {}
    by: dict[uuid.UUID, dict[uuid.UUID, uuid.UUID]] = {}
    said: dict[uuid.UUID, Any] = {}
    for row in dealers:
        at.setdefault(whose[row["customer_id"]], []).append(row["dealer_id"])
    for row in sorted(clerks, key=lambda row: row["start_time"]):
        by.setdefault(whose[row["customer_id"]], {}).setdefault(row["dealer_id"], row["staff_id"])
    for row in sorted(firsts, key=lambda row: row["first_time"]):
        said.setdefault(whose[row["customer_id"]], row)
    for row in living:
        one = row["customer_id"]
        asked = rules.required(requirements, row["kind"], row["stage"])
        first = said.get(one)
        entered = {rules.EVERYBODY: _clerk(first)}
        found[one] = rules.Mark(
            row["kind"],
            row["stage"],
            first["source"] if first else "",
            asked,
            asked - present(customer_pb2.Customer.FromString(row["card"])),
            rules.places_of(at.get(one, []), by.get(one, {}) | entered),
        )
    return found


def _clerk(first: Any) -> uuid.UUID:
    """Returns who of the maker entered a customer: the subject of their token, where that is the id of a member of staff."""
    if first is None or first["origin"] != MAKER_STAFF:
        return rules.NOBODY
    try:
        return uuid.UUID(first["actor"])
    except ValueError:
        return rules.NOBODY
