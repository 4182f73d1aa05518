"""The rules of how often and when people are contacted, and what holds contacts of a person."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactRule
from marque_customer.rules.permits import Limit

_LIMITS = """
SELECT channel_class, purpose, most_per_day, quiet_start_minute, quiet_end_minute, repeat_days, held_by_complaint
FROM contact_rules"""
# What is older than what is known says nothing; the newest of a thing also says whose it is, for a case may move to another person.
_HOLD = sa.text("""
INSERT INTO contact_holds (reference_type, reference_id, customer_id, open, version, update_time)
VALUES (:reference_type, :reference_id, :customer_id, :open, :version, :moment)
ON CONFLICT (reference_type, reference_id) DO UPDATE SET customer_id = excluded.customer_id, open = excluded.open,
    version = excluded.version, update_time = excluded.update_time
WHERE contact_holds.version < excluded.version""")
_HELD = sa.text(
    "SELECT customer_id, reference_type, reference_id, open, version, update_time FROM contact_holds"
    " WHERE reference_type = :reference_type AND reference_id = :reference_id"
)
_HOLDS_OF = "SELECT * FROM contact_holds WHERE customer_id = ANY($1) ORDER BY reference_type, reference_id"
_FORGET = sa.text("DELETE FROM contact_holds WHERE customer_id = ANY(CAST(:ids AS uuid[])) AND NOT open")


async def limits(connection: Any) -> list[Limit]:
    """Returns all rules as the judge takes them."""
    return [_limit(row) for row in await connection.fetch(_LIMITS)]


def _limit(row: Any) -> Limit:
    quiet = None if row["quiet_start_minute"] is None else (row["quiet_start_minute"], row["quiet_end_minute"])
    return Limit(
        row["channel_class"], row["purpose"], row["most_per_day"], quiet, row["repeat_days"], row["held_by_complaint"]
    )


async def listed(session: AsyncSession) -> Sequence[ContactRule]:
    """Returns all rules, by class and purpose."""
    return (
        await session.scalars(sa.select(ContactRule).order_by(ContactRule.channel_class, ContactRule.purpose))
    ).all()


async def find(session: AsyncSession, channel_class: int, purpose: int) -> ContactRule | None:
    """Returns a rule, under lock."""
    query = sa.select(ContactRule).where(ContactRule.channel_class == channel_class, ContactRule.purpose == purpose)
    return (await session.scalars(query.with_for_update())).one_or_none()


async def hold(session: AsyncSession, customer_id: uuid.UUID, values: dict[str, Any], moment: datetime) -> Any:
    """Writes what is open or no longer open of a person; returns what is known of that thing now."""
    await session.execute(_HOLD, {**values, "customer_id": customer_id, "moment": moment})
    return (await session.execute(_HELD, values)).one()


async def holds_of(connection: Any, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns all that holds, or held, contacts of persons."""
    found: Sequence[Any] = await connection.fetch(_HOLDS_OF, list(customer_ids))
    return found


async def forget_holds(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> int:
    """Deletes what held contacts of persons and is over; returns how many rows."""
    result = await session.execute(_FORGET, {"ids": list(customer_ids)})
    return int(result.rowcount)  # type: ignore[attr-defined]
