"""SQL of clocks: the history that they are computed from, the policy, dealers' hours, and the clocks as stored."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db.engine import Reader
from servicekit.db.staff_tables import known_staff
from servicekit.db.tables import known_dealers
from servicekit.staff import LEFT
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_complaint.models import Case, CaseClock, CaseEntry, CasePolicy, KnownCalendar
from marque_complaint.rules.clocks import MEANINGFUL, Entry
from marque_complaint.rules.hours import Hours

_calendars: sa.Table = KnownCalendar.__table__  # type: ignore[assignment]
_STALE = "SELECT dealer_id, stale_time FROM known_calendars WHERE stale_time IS NOT NULL ORDER BY stale_time LIMIT $1"
_HISTORY = "SELECT action, occur_time, waiting, minutes FROM case_entries WHERE case_id = $1 AND action = ANY($2) ORDER BY sequence"
_HOURS = """
SELECT c.version, CASE WHEN c.time_zone <> '' THEN c.time_zone ELSE d.time_zone END AS time_zone, c.week::text AS week,
    c.holiday_country, c.exceptions::text AS exceptions
FROM known_calendars c LEFT JOIN known_dealers d ON d.dealer_id = c.dealer_id WHERE c.dealer_id = $1 AND c.fetch_time IS NOT NULL"""


async def history(session: AsyncSession, case_id: uuid.UUID) -> list[Entry]:
    """Returns what was done with a case as the clocks read it, in order."""
    query = sa.select(CaseEntry).where(CaseEntry.case_id == case_id, CaseEntry.action.in_(sorted(MEANINGFUL)))
    rows = await session.scalars(query.order_by(CaseEntry.sequence))
    return [_entry(row.action, row.occur_time, row.waiting, row.minutes) for row in rows]


async def read_history(reader: Reader, case_id: uuid.UUID) -> list[Entry]:
    """Returns the same for a plain read."""
    rows = await reader.fetch(_HISTORY, case_id, sorted(MEANINGFUL))
    return [_entry(row["action"], row["occur_time"], row["waiting"], row["minutes"]) for row in rows]


def _entry(action: str, at: datetime, waiting: int, minutes: Sequence[int] | None) -> Entry:
    return Entry(action, at, waiting, (minutes[0], minutes[1], minutes[2]) if minutes else None)


async def stored(session: AsyncSession, case_id: uuid.UUID) -> dict[int, CaseClock]:
    """Returns the clocks as stored, by kind."""
    rows = await session.scalars(sa.select(CaseClock).where(CaseClock.case_id == case_id))
    return {row.kind: row for row in rows}


async def latest_policy(session: AsyncSession) -> CasePolicy:
    """Returns the latest version; the migration wrote the first."""
    return (await session.scalars(sa.select(CasePolicy).order_by(CasePolicy.version.desc()).limit(1))).one()


async def policy_of(session: AsyncSession, version: int) -> CasePolicy | None:
    """Returns a version of the policy; 0 for the latest."""
    if not version:
        return await latest_policy(session)
    return (await session.scalars(sa.select(CasePolicy).where(CasePolicy.version == version))).one_or_none()


async def lock_policies(session: AsyncSession) -> None:
    """Holds the policy until the transaction ends, so that two versions are never written at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("case_policies", 0))))


async def hours(session: AsyncSession, dealer_id: uuid.UUID) -> Hours | None:
    """Returns the known hours of a dealer, or None where network was never asked."""
    query = sa.select(_calendars).where(_calendars.c.dealer_id == dealer_id, _calendars.c.fetch_time.isnot(None))
    row = (await session.execute(query)).one_or_none()
    if row is None:
        return None
    zone = row.time_zone or await session.scalar(
        sa.select(known_dealers.c.time_zone).where(known_dealers.c.dealer_id == dealer_id)
    )
    return Hours(row.version, zone or "UTC", row.week, row.holiday_country, row.exceptions)


async def read_hours(reader: Reader, dealer_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns the row of a dealer's known hours, weeks as JSON text, for a plain read."""
    return await reader.fetchrow(_HOURS, dealer_id)


async def read_policy(reader: Reader, version: int) -> asyncpg.Record | None:
    """Returns `document` (JSON text) of a version, for a plain read."""
    return await reader.fetchrow("SELECT document::text AS document FROM case_policies WHERE version = $1", version)


async def want_hours(session: AsyncSession, dealer_id: uuid.UUID, moment: datetime) -> None:
    """Notes that a dealer's hours are to be asked for."""
    row = insert(_calendars).values(
        dealer_id=dealer_id, version=0, time_zone="", week={}, holiday_country="", exceptions={}, stale_time=moment
    )
    await session.execute(row.on_conflict_do_nothing())


async def mark_hours_stale(session: AsyncSession, dealer_id: uuid.UUID, moment: datetime) -> None:
    """Notes that known hours may be others now."""
    change = sa.update(_calendars).where(_calendars.c.dealer_id == dealer_id).values(stale_time=moment)
    await session.execute(change)


async def stale_hours(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `dealer_id, stale_time` of hours that must be asked for."""
    return list(await reader.fetch(_STALE, limit))


async def keep_hours(
    session: AsyncSession, dealer_id: uuid.UUID, stale_time: datetime, told: dict[str, Any] | None, moment: datetime
) -> None:
    """Writes the hours that network told, or that it knows none; what was marked stale meanwhile stays so."""
    c = _calendars.c
    values = told or {"version": 0, "week": {}, "exceptions": {}, "holiday_country": "", "time_zone": ""}
    fresh = sa.case((c.stale_time == stale_time, None), else_=c.stale_time)
    change = sa.update(_calendars).where(c.dealer_id == dealer_id)
    await session.execute(change.values(**values, fetch_time=moment, stale_time=fresh))


async def on_the_clock(session: AsyncSession, dealer_id: uuid.UUID, after: uuid.UUID | None, limit: int) -> list[Case]:
    """Returns the next cases of a dealer that are not resolved, to change, in the order of their ids."""
    query = sa.select(Case).where(Case.dealer_id == dealer_id, Case.close_time.is_(None), Case.policy_version > 0)
    if after is not None:
        query = query.where(Case.case_id > after)
    return list(await session.scalars(query.order_by(Case.case_id).limit(limit).with_for_update()))


async def staff_dealer(session: AsyncSession, staff_id: uuid.UUID) -> tuple[bool, uuid.UUID | None]:
    """Returns whether somebody of this id works here, and for which dealer (None: the maker)."""
    c = known_staff.c
    query = sa.select(c.dealer_id).where(c.staff_id == staff_id, c.status != LEFT).limit(1)
    row = (await session.execute(query)).one_or_none()
    return (row is not None, row.dealer_id if row is not None else None)
