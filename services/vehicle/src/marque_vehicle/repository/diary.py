"""SQL of stations' diaries: hours, what is given away by the hour, and what is taken."""

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
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_vehicle.models import Appointment, DealerHours, ServiceResource
from marque_vehicle.repository.scope import Scope
from marque_vehicle.rules.diary import Hours, Resource

COLUMNS = "resource_id, version, create_time, update_time, dealer_id, kind, name, staff_id, vin, active"
_LOCK_SPACE = 0x4449  # of the advisory locks: one diary each


async def hours(reader: Reader, dealer_id: uuid.UUID, departments: Sequence[str]) -> Hours | None:
    """Returns the latest known hours of the first of some departments that has any."""
    row = await reader.fetchrow(
        "SELECT department, version, time_zone, week, holiday_country, exceptions FROM dealer_hours "
        "WHERE dealer_id = $1 AND department = ANY($2) ORDER BY array_position($2, department), version DESC LIMIT 1",
        dealer_id,
        list(departments),
    )
    if row is None:
        return None
    week, exceptions = query.json_of(row["week"]), query.json_of(row["exceptions"])
    return Hours(
        dealer_id, row["department"], row["version"], row["time_zone"], week, row["holiday_country"], exceptions
    )


async def keep_hours(session: AsyncSession, found: Hours, moment: datetime) -> None:
    """Keeps a version of hours that an appointment is judged by; a version that is known never changes."""
    row = insert(DealerHours).values(
        dealer_id=found.dealer_id,
        department=found.department,
        version=found.version,
        time_zone=found.time_zone,
        week=found.week,
        holiday_country=found.holiday_country,
        exceptions=found.exceptions,
        heard_time=moment,
    )
    await session.execute(row.on_conflict_do_nothing())


async def resources(reader: Reader, dealer_id: uuid.UUID, start: datetime, end: datetime) -> list[Resource]:
    """Returns what a station gives away, with what is taken in a span."""
    rows = await reader.fetch(
        "SELECT r.resource_id, r.kind, array_agg(lower(b.during)) FILTER (WHERE b.during IS NOT NULL) AS starts, "
        "array_agg(upper(b.during)) FILTER (WHERE b.during IS NOT NULL) AS ends FROM service_resources r "
        "LEFT JOIN resource_bookings b ON b.resource_id = r.resource_id AND b.during && tstzrange($2, $3) "
        "WHERE r.dealer_id = $1 AND r.active GROUP BY r.resource_id, r.kind ORDER BY r.resource_id",
        dealer_id,
        start,
        end,
    )
    return [
        Resource(
            row["resource_id"], row["kind"], tuple(zip(row["starts"] or (), row["ends"] or (), strict=True))
        )
        for row in rows
    ]  # fmt: skip


async def lock(session: AsyncSession, dealer_id: uuid.UUID) -> None:
    """Waits for other writers of a station's diary, so that callers who ask for the same hour do not meet in a deadlock, nor find taken
    what is given back. What is never given away twice is seen to by the table itself.
    """
    statement = sa.text("SELECT pg_advisory_xact_lock(:space, hashtext(:key))")
    await session.execute(statement, {"space": _LOCK_SPACE, "key": str(dealer_id)})


_TAKE = """
INSERT INTO resource_bookings (appointment_id, kind, resource_id, during)
SELECT :appointment_id, r.kind, r.resource_id, tstzrange(:start_time, :end_time) FROM service_resources r
WHERE r.dealer_id = :dealer_id AND r.kind = :kind AND r.active AND (CAST(:wanted AS uuid) IS NULL OR r.resource_id = :wanted)
    AND NOT EXISTS (
        SELECT FROM resource_bookings b WHERE b.resource_id = r.resource_id AND b.during && tstzrange(:start_time, :end_time))
ORDER BY r.resource_id = :before DESC NULLS LAST, r.name, r.resource_id LIMIT 1
ON CONFLICT DO NOTHING RETURNING resource_id
"""


async def take(
    session: AsyncSession, made: Appointment, kind: int, wanted: uuid.UUID | None, before: uuid.UUID | None
) -> uuid.UUID | None:
    """Takes a free resource of a kind for an appointment: the one wanted, else rather the one had before. None where none is free."""
    values: dict[str, Any] = {
        "appointment_id": made.appointment_id, "dealer_id": made.dealer_id, "kind": kind, "wanted": wanted, "before": before,
        "start_time": made.start_time, "end_time": made.end_time,
    }  # fmt: skip
    found: uuid.UUID | None = await session.scalar(sa.text(_TAKE), values)
    return found


async def give_back(session: AsyncSession, appointment_id: uuid.UUID) -> None:
    """Gives back what an appointment took."""
    await session.execute(sa.text("DELETE FROM resource_bookings WHERE appointment_id = :id"), {"id": appointment_id})


async def staff_of(session: AsyncSession, resource_id: uuid.UUID) -> uuid.UUID | None:
    """Returns who an adviser is."""
    found: uuid.UUID | None = await session.scalar(
        sa.select(ServiceResource.staff_id).where(ServiceResource.resource_id == resource_id)
    )
    return found


async def has_kind(session: AsyncSession, dealer_id: uuid.UUID, kind: int) -> bool:
    """Tells whether a station gives away anything of a kind."""
    found = sa.select(ServiceResource.resource_id).where(
        ServiceResource.dealer_id == dealer_id, ServiceResource.kind == kind, ServiceResource.active
    )
    return bool(await session.scalar(sa.select(found.exists())))


async def lock_resource(session: AsyncSession, scope: Scope, resource_id: uuid.UUID) -> ServiceResource | None:
    """Returns a resource in the caller's sight for change."""
    found = sa.select(ServiceResource).where(ServiceResource.resource_id == resource_id)
    if not scope.everything:
        found = found.where(ServiceResource.dealer_id.in_(scope.dealers))
    return (await session.scalars(found.with_for_update(key_share=True))).one_or_none()


async def lock_advisers(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> Sequence[ServiceResource]:
    """Returns the columns of a member of staff in diaries for change, at most `limit`, in one order."""
    found = sa.select(ServiceResource).where(ServiceResource.staff_id == staff_id)
    return (
        await session.scalars(found.order_by(ServiceResource.resource_id).limit(limit).with_for_update(key_share=True))
    ).all()


async def hand_on(session: AsyncSession, resource_id: uuid.UUID, staff_id: uuid.UUID | None, moment: datetime) -> None:
    """Puts another adviser into the appointments of a column that are to come."""
    await session.execute(
        sa.text(
            "UPDATE appointments SET adviser_staff_id = :staff_id, version = version + 1, update_time = :moment "
            "WHERE adviser_id = :resource_id AND state = 1"
        ),
        {"staff_id": staff_id, "resource_id": resource_id, "moment": moment},
    )


async def list_resources(
    reader: Reader, scope: Scope, filters: dict[str, Any], order: query.Order, page: Page, after: tuple[Any, ...] | None
) -> list[asyncpg.Record]:
    """Returns a page of resources in sight and one more."""
    conditions = query.Conditions()
    if not scope.everything:
        conditions.add("dealer_id = ANY({})", list(scope.dealers))
    conditions.equal("kind", filters["kind"])
    order.after(conditions, after)
    dealers: Sequence[uuid.UUID] = [uuid.UUID(filters["dealer_id"])] if filters["dealer_id"] else scope.dealers
    driver = ("dealer_id", dealers, "uuid") if dealers else None
    return await query.page(reader, "service_resources", COLUMNS, conditions, order, page, driver)
