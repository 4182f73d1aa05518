"""Contact permits: their rows, under lock in the order of person and permit; hot, so past the ORM.

Numbers of states in the statements are those of the contract: 1 taken, 2 spent, 3 finished, 4 returned, 5 revoked.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa
from servicekit.db.engine import Reader
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.repository.people import kin_of
from marque_customer.rules import permits as rules
from marque_customer.rules.permits import Asked

_CLOCK = "SELECT clock_timestamp()"
_OF_KEYS = """
SELECT contact_permit_id, person_id, customer_id, occurrence_key, channel, state, holding, take_time, expire_time, spend_time, stop_time,
    consent_entry_id
FROM contact_permits
WHERE (person_id = ANY($1) OR (customer_id = ANY($1) AND customer_id <> person_id)) AND occurrence_key = ANY($2)
ORDER BY person_id, contact_permit_id FOR UPDATE"""
_WRITE = """
INSERT INTO contact_permits (contact_permit_id, person_id, customer_id, occurrence_key, channel, channel_class, contact_class, purpose,
    controller_kind, controller_id, content_key, consent_entry_id, state, holding, take_time, expire_time,
    contact_point_id, spend_time)
SELECT n.*, CASE WHEN n.state = 2 THEN n.take_time END
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::smallint[], $6::smallint[], $7::smallint[], $8::smallint[],
    $9::smallint[], $10::text[], $11::text[], $12::uuid[], $13::smallint[], $14::bigint[], $15::timestamptz[], $16::timestamptz[],
    $17::uuid[])
    AS n (contact_permit_id, person_id, customer_id, occurrence_key, channel, channel_class, contact_class, purpose, controller_kind,
        controller_id, content_key, consent_entry_id, state, holding, take_time, expire_time, contact_point_id)
ON CONFLICT (contact_permit_id) DO UPDATE SET customer_id = excluded.customer_id, channel = excluded.channel,
    channel_class = excluded.channel_class, contact_class = excluded.contact_class, purpose = excluded.purpose,
    controller_kind = excluded.controller_kind, controller_id = excluded.controller_id, content_key = excluded.content_key,
    consent_entry_id = excluded.consent_entry_id, state = excluded.state, holding = excluded.holding, take_time = excluded.take_time,
    expire_time = excluded.expire_time, contact_point_id = excluded.contact_point_id,
    spend_time = excluded.spend_time, end_time = NULL, stop_time = NULL"""
_HELD = """
SELECT contact_permit_id, state, holding, expire_time, spend_time, stop_time FROM contact_permits
WHERE contact_permit_id = ANY($1) ORDER BY person_id, contact_permit_id FOR UPDATE"""
_SPEND = "UPDATE contact_permits SET state = 2, spend_time = $2 WHERE contact_permit_id = ANY($1)"
_END = "UPDATE contact_permits SET state = $3, end_time = $2 WHERE contact_permit_id = ANY($1) AND state < 3"
_MINE = "(person_id = ANY($1) OR (customer_id = ANY($1) AND customer_id <> person_id))"
_ORDERED = f"SELECT 1 FROM contact_permits WHERE {_MINE} AND state < 3 ORDER BY person_id, contact_permit_id FOR UPDATE"  # noqa: S608
_REVOKE = f"UPDATE contact_permits SET state = 5, end_time = clock_timestamp() WHERE {_MINE} AND state = 1"  # noqa: S608
_STOP = f"UPDATE contact_permits SET stop_time = clock_timestamp() WHERE {_MINE} AND state = 2 AND stop_time IS NULL"  # noqa: S608
_RUNNING = (
    f"SELECT contact_permit_id FROM contact_permits WHERE {_MINE} AND state = 2"  # noqa: S608
    " AND spend_time > clock_timestamp() - $2::interval"
)
_STILL = "SELECT contact_permit_id FROM contact_permits WHERE contact_permit_id = ANY($1) AND state = 2"
_FORGET = (
    f"DELETE FROM contact_permits WHERE {_MINE}"  # noqa: S608
    " AND NOT (state = 2 AND spend_time > clock_timestamp() - $2::interval)"
)
_LEFT = f"SELECT count(*) FROM contact_permits WHERE {_MINE}"  # noqa: S608
_OF_PERSONS = f"SELECT * FROM contact_permits WHERE {_MINE} ORDER BY take_time, contact_permit_id"  # noqa: S608
_PRUNE = sa.text(
    "DELETE FROM contact_permits WHERE ctid = ANY(ARRAY(SELECT ctid FROM contact_permits"
    " WHERE take_time < clock_timestamp() - CAST(:age AS interval) LIMIT :step))"
)
STEP = 5000


class Written(NamedTuple):
    """A permit that is taken, anew or again."""

    contact_permit_id: uuid.UUID
    person_id: uuid.UUID
    asked: Asked
    consent_entry_id: uuid.UUID | None
    state: int
    holding: int
    take_time: datetime
    expire_time: datetime
    contact_point_id: uuid.UUID | None = None


async def clock(connection: Any) -> datetime:
    """Returns the database's clock, now rather than when the transaction began."""
    moment: datetime = await connection.fetchval(_CLOCK)
    return moment


async def of_keys(connection: Any, ids: Collection[uuid.UUID], keys: Collection[str]) -> Sequence[Any]:
    """Returns the permits with these occurrence keys of persons, under any of their ids, under lock."""
    found: Sequence[Any] = await connection.fetch(_OF_KEYS, list(ids), sorted(keys))
    return found


async def write(connection: Any, taken: Sequence[Written]) -> None:
    """Writes permits that are taken; the caller holds the locks of their persons."""
    if taken:
        columns = (
            [one.contact_permit_id for one in taken], [one.person_id for one in taken], [one.asked.customer_id for one in taken],
            [one.asked.occurrence_key for one in taken], [one.asked.channel for one in taken],
            [one.asked.channel_class for one in taken], [one.asked.contact_class for one in taken],
            [one.asked.purpose for one in taken], [one.asked.controller_kind for one in taken],
            [one.asked.controller_id for one in taken], [one.asked.content_key for one in taken],
            [one.consent_entry_id for one in taken], [one.state for one in taken], [one.holding for one in taken],
            [one.take_time for one in taken], [one.expire_time for one in taken], [one.contact_point_id for one in taken],
        )  # fmt: skip
        await connection.execute(_WRITE, *columns)


async def held(connection: Any, permit_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Any]:
    """Returns permits by id, under lock."""
    return {row["contact_permit_id"]: row for row in await connection.fetch(_HELD, list(permit_ids))}


async def spend(connection: Any, permit_ids: Sequence[uuid.UUID], now: datetime) -> None:
    """Marks locked permits as spent."""
    await connection.execute(_SPEND, permit_ids, now)


async def end(connection: Any, permit_ids: Sequence[uuid.UUID], state: int, now: datetime) -> None:
    """Marks locked permits as finished or returned; those that were revoked stay so."""
    await connection.execute(_END, permit_ids, now, state)


async def withdraw(connection: Any, customer_id: uuid.UUID) -> None:
    """Voids what a person's permits still allow: taken ones are revoked, spent ones are not spent again."""
    kin = await kin_of(connection, customer_id)
    await connection.execute(_ORDERED, kin)
    await connection.execute(_REVOKE, kin)
    await connection.execute(_STOP, kin)


async def running(reader: Reader, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns the permits of a person under which a hand-over may be under way or begin."""
    async with reader.acquire() as connection:
        kin = await kin_of(connection, customer_id)
        return [row["contact_permit_id"] for row in await connection.fetch(_RUNNING, kin, rules.LONGEST_SPENT)]


async def still_running(reader: Reader, permit_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns those of some permits that are spent and not ended."""
    return [row["contact_permit_id"] for row in await reader.fetch(_STILL, permit_ids)]


async def forget(connection: Any, customer_ids: Sequence[uuid.UUID]) -> tuple[int, int]:
    """Deletes a person's permits but those of hand-overs that may be under way; returns how many, and how many stay until they are old."""
    done = await connection.execute(_FORGET, list(customer_ids), rules.LONGEST_SPENT)
    return int(done.rsplit(" ", 1)[1]), await connection.fetchval(_LEFT, list(customer_ids))


async def of_persons(connection: Any, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns all permits of persons, oldest first."""
    found: Sequence[Any] = await connection.fetch(_OF_PERSONS, list(customer_ids))
    return found


async def prune(session: AsyncSession, days: int) -> bool:
    """Deletes one step of what is older; tells whether more is left."""
    result = await session.execute(_PRUNE, {"age": timedelta(days=days), "step": STEP})
    return bool(result.rowcount == STEP)  # type: ignore[attr-defined]
