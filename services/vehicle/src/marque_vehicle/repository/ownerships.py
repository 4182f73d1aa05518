"""SQL of ownerships: who had which role with a car, at any valid time as known at any time."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import query
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Ownership
from marque_vehicle.repository.scope import Scope

COLUMNS = "ownership_id, version, vin, customer_id, role, valid_from, valid_until, known_from, known_until, sale_id, source, end_reason"
# Writers of a car's ownership hold its lock till commit and take their known time under it; a question about the past waits for writers
# that have taken an earlier time, so that an answer once given for (valid, known) never changes. The locks are few, so that a bulk
# of any size can hold them all, and are always taken in order.
_LOCKS, _LOCK_SPACE = 256, 0x4F57
# Who leases a car has it rather than who owns it, and who owns it rather than who is merely registered as its keeper.
_HOLDERS = """
SELECT vin, customer_id FROM (
    SELECT vin, customer_id, role, min(array_position(ARRAY[2, 1, 4], role)) OVER (PARTITION BY vin) AS nearest FROM ownerships
    WHERE vin = ANY($1) AND role IN (1, 2, 4) AND customer_id IS NOT NULL AND known_until IS NULL AND valid_from <= $2
        AND (valid_until IS NULL OR valid_until > $2)) o
WHERE array_position(ARRAY[2, 1, 4], role) = nearest GROUP BY vin, customer_id ORDER BY vin, customer_id"""


async def lock(session: AsyncSession, vins: Sequence[str]) -> datetime:
    """Waits for other writers of these cars' ownerships and returns the known time of this one, later than all that is known of them."""
    await session.execute(
        sa.text(
            "SELECT pg_advisory_xact_lock(:space, bucket) FROM (SELECT DISTINCT abs(hashtext(vin) % :locks) AS bucket "
            "FROM unnest(CAST(:vins AS text[])) AS vin ORDER BY 1) AS buckets"
        ),
        {"space": _LOCK_SPACE, "locks": _LOCKS, "vins": list(vins)},
    )
    found: datetime = await session.scalar(
        sa.text(
            "SELECT greatest(clock_timestamp(), max(greatest(known_from, known_until)) + interval '1 microsecond') "
            "FROM ownerships WHERE vin = ANY(:vins)"
        ),
        {"vins": list(vins)},
    )
    return found


async def of_sale(session: AsyncSession, sale_id: uuid.UUID) -> Ownership | None:
    """Returns the ownership that a sale started, as known now; None where it is void."""
    found = sa.select(Ownership).where(Ownership.sale_id == sale_id, Ownership.known_until.is_(None))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def known(session: AsyncSession, ownership_id: uuid.UUID) -> Ownership | None:
    """Returns an ownership as known now, for change."""
    found = sa.select(Ownership).where(Ownership.ownership_id == ownership_id, Ownership.known_until.is_(None))
    return (await session.scalars(found.with_for_update())).one_or_none()


async def going_on(session: AsyncSession, vin: str, moment: datetime) -> list[Ownership]:
    """Returns the ownerships of a car, of whatever role, that began before a moment and go on, as known now, for change."""
    found = sa.select(Ownership).where(
        Ownership.vin == vin,
        Ownership.known_until.is_(None),
        Ownership.valid_until.is_(None),
        Ownership.valid_from < moment,
    )
    return list(await session.scalars(found.order_by(Ownership.ownership_id).with_for_update()))


async def ended_by(session: AsyncSession, sale_id: uuid.UUID) -> list[Ownership]:
    """Returns the ownerships that a sale ended, as known now, for change."""
    found = sa.select(Ownership).where(Ownership.ended_by_sale_id == sale_id, Ownership.known_until.is_(None))
    return list(await session.scalars(found.order_by(Ownership.ownership_id).with_for_update()))


async def owned_from(session: AsyncSession, vins: Sequence[str]) -> dict[str, datetime | None]:
    """Returns, for the cars that somebody owns, the end of the latest ownership as known now; None where it goes on."""
    rows = await session.execute(
        sa.text(
            "SELECT vin, nullif(max(coalesce(valid_until, 'infinity')), 'infinity') AS ends FROM ownerships "
            "WHERE vin = ANY(:vins) AND known_until IS NULL AND role = 1 GROUP BY vin"
        ),
        {"vins": list(vins)},
    )
    return {row.vin: row.ends for row in rows}


def _at(conditions: query.Conditions, valid: datetime | None, known_at: datetime | None) -> None:
    if known_at is None:
        conditions.add("known_until IS NULL")
    else:
        conditions.add("known_from <= {} AND (known_until IS NULL OR known_until > {})", known_at, known_at)
    if valid is not None:
        conditions.add("valid_from <= {} AND (valid_until IS NULL OR valid_until > {})", valid, valid)


async def list_ownerships(
    reader: Reader,
    scope: Scope,
    *,
    vin: str,
    customers: Sequence[uuid.UUID],
    role: int,
    valid: datetime | None,
    known_at: datetime | None,
    order: query.Order,
    page: Page,
    after: tuple[Any, ...] | None,
    now: datetime,
) -> list[asyncpg.Record]:
    """Returns a page and one more, with `person` telling whether the caller sees who it is. Asked by customer, rows whose person the caller
    may not see are not found at all; a person finds own rows only.
    """
    conditions = query.Conditions()
    conditions.equal("vin", vin)
    conditions.equal("role", role)
    _at(conditions, valid, known_at)
    order.after(conditions, after)
    person = _person(conditions, scope, now)
    if scope.customers:
        customers = [one for one in customers if one in scope.customers] if customers else scope.customers
    elif customers and not scope.everything:
        conditions.parts.append(person)
    columns = f"{COLUMNS}, {person} AS person"
    driver = ("customer_id", customers, "uuid") if customers or scope.customers else None
    return await query.page(reader, "ownerships", columns, conditions, order, page, driver)


def _person(conditions: query.Conditions, scope: Scope, now: datetime) -> str:
    """The condition that a caller sees the person of a row: a dealer that of the present owner of a related car, others any in sight."""
    if scope.everything or scope.customers:
        return "true"
    moment, dealers = conditions.bind(now), conditions.bind(list(scope.dealers))
    return (
        f"(known_until IS NULL AND valid_from <= {moment} AND (valid_until IS NULL OR valid_until > {moment}) AND EXISTS "
        f"(SELECT FROM dealer_vehicles r WHERE r.vin = ownerships.vin AND r.dealer_id = ANY({dealers}::uuid[])))"
    )


async def owners_at(
    reader: Reader, scope: Scope, vin: str, valid: datetime, known_at: datetime | None
) -> tuple[list[asyncpg.Record], datetime]:
    """Returns who had the car and the known time of the answer. Without one asked for it is that of the last change known of the car, so
    that asking again for it gives the same for ever.
    """
    async with reader.acquire() as connection, connection.transaction():
        await connection.execute(
            "SELECT pg_advisory_xact_lock_shared($1, abs(hashtext($2) % $3))", _LOCK_SPACE, vin, _LOCKS
        )
        if known_at is None:
            known_at = await connection.fetchval(
                "SELECT coalesce(max(greatest(known_from, known_until)), clock_timestamp()) FROM ownerships WHERE vin = $1",
                vin,
            )
        conditions = query.Conditions()
        conditions.add("vin = {}", vin)
        _at(conditions, valid, known_at)
        person = _person(conditions, scope, await connection.fetchval("SELECT clock_timestamp()"))
        if scope.customers:
            conditions.add("customer_id = ANY({})", list(scope.customers))
        sql = f"SELECT {COLUMNS}, {person} AS person FROM ownerships WHERE {conditions.sql} ORDER BY role, valid_from, ownership_id"  # noqa: S608
        rows = list(await connection.fetch(sql, *conditions.arguments))
    assert known_at is not None
    return rows, known_at


async def holders(reader: Reader, vins: Sequence[str], moment: datetime) -> list[asyncpg.Record]:
    """Returns `vin, customer_id` of who holds cars at a moment, as known now."""
    return list(await reader.fetch(_HOLDERS, vins, moment))


async def vin_of(reader: Reader, scope: Scope, ownership_id: uuid.UUID) -> str | None:
    """Returns the car of an ownership in sight for change, which never changes: its lock is taken first. One statement, so that what is
    hidden takes as long as what is not there.
    """
    found: str | None = await reader.fetchval(
        "SELECT vin FROM ownerships o WHERE ownership_id = $1 AND ($2 OR EXISTS ("
        "SELECT FROM dealer_vehicles d WHERE d.vin = o.vin AND d.dealer_id = ANY($3))) LIMIT 1",
        ownership_id,
        scope.everything,
        list(scope.dealers),
    )
    return found
