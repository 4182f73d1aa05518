"""SQL of what the platform does with leads by itself: rules, dealers' hours, who waits for a dealer, who is found for a new lead."""

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
from servicekit.rpc.principal import Principal
from servicekit.staff import LEFT
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint, Customer, KnownCalendar, Lead, LeadIntake, LeadRulesVersion
from marque_customer.repository.leads import visible_to
from marque_customer.rules.kinds import EMAIL, FAX, LISTED, PHONE
from marque_customer.rules.leads import ASSIGNED, LOST, NO_DEALER, WAITING, WON

_calendars: sa.Table = KnownCalendar.__table__  # type: ignore[assignment]
_leads: sa.Table = Lead.__table__  # type: ignore[assignment]
_intakes: sa.Table = LeadIntake.__table__  # type: ignore[assignment]
_rules: sa.Table = LeadRulesVersion.__table__  # type: ignore[assignment]
_SOUGHT = ", ".join(map(str, sorted((*WAITING, ASSIGNED))))
_WAITING = f"""
SELECT lead_id, customer_id, group_id, dealer_id, route_round, passed_dealers, interest->>'brand' AS brand, place::text AS place,
    traceparent
FROM leads WHERE route_time <= now() AND stage IN ({_SOUGHT}) ORDER BY route_time, lead_id LIMIT $1"""  # noqa: S608
_BUSY = f"""
SELECT dealer_id, count(*) FILTER (WHERE stage = {ASSIGNED}) AS waiting, bool_or(group_id = $2) AS has_wish
FROM leads WHERE dealer_id = ANY($1) AND (stage = {ASSIGNED} OR (group_id = $2 AND stage NOT IN ({WON}, {LOST}))) GROUP BY dealer_id"""  # noqa: S608
_RELATED = """
SELECT v.dealer_id FROM dealer_customers v JOIN known_dealers k USING (dealer_id)
WHERE v.customer_id = $1 AND k.status = 2 ORDER BY v.update_time DESC, v.dealer_id LIMIT 20"""
_STALE = "SELECT dealer_id, stale_time FROM known_calendars WHERE stale_time IS NOT NULL ORDER BY stale_time LIMIT $1"
_ENDED = "SELECT lead_id, assignment_id FROM leads WHERE assignment_id IS NOT NULL AND close_time IS NOT NULL ORDER BY close_time LIMIT $1"
# In the order of the array, so that two who hold several never wait for each other.
_LOCK_ALL = sa.text(
    "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS n (name, place)"
)
CALIBRATED = 5000


async def latest_rules(session: AsyncSession) -> Any:
    """Returns the row of the latest version of the rules; the migration wrote the first."""
    return (await session.execute(sa.select(_rules).order_by(_rules.c.version.desc()).limit(1))).one()


async def rules_of(session: AsyncSession, version: int) -> Any:
    """Returns the row of a version, or None."""
    return (await session.execute(sa.select(_rules).where(_rules.c.version == version))).one_or_none()


async def lock_rules(session: AsyncSession) -> None:
    """Holds the rules until the transaction ends, so that two versions are never written at once."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("lead_rules", 0))))


async def hours(session: AsyncSession, dealer_id: uuid.UUID) -> Any:
    """Returns the known hours of a dealer, or None where network was never asked."""
    query = sa.select(_calendars).where(_calendars.c.dealer_id == dealer_id, _calendars.c.fetch_time.isnot(None))
    return (await session.execute(query)).one_or_none()


async def want_hours(session: AsyncSession, dealer_id: uuid.UUID, moment: datetime) -> None:
    """Notes that a dealer's hours are to be asked for."""
    row = insert(_calendars).values(
        dealer_id=dealer_id, version=0, time_zone="", week={}, exceptions={}, stale_time=moment
    )
    await session.execute(row.on_conflict_do_nothing())


async def mark_hours_stale(session: AsyncSession, dealer_id: uuid.UUID, moment: datetime) -> None:
    """Notes that known hours are old."""
    change = sa.update(_calendars).where(_calendars.c.dealer_id == dealer_id).values(stale_time=moment)
    await session.execute(change)


async def stale_hours(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `dealer_id, stale_time` of hours that must be asked for."""
    found: list[asyncpg.Record] = await reader.fetch(_STALE, limit)
    return found


async def keep_hours(
    session: AsyncSession, dealer_id: uuid.UUID, stale_time: datetime, told: dict[str, Any] | None, moment: datetime
) -> None:
    """Writes the hours that network told, or that it knows none; what was marked stale meanwhile stays so."""
    c = _calendars.c
    values = told or {"version": 0, "week": {}, "exceptions": {}, "holiday_country": "", "time_zone": ""}
    fresh = sa.case((c.stale_time == stale_time, None), else_=c.stale_time)
    change = sa.update(_calendars).where(c.dealer_id == dealer_id)
    await session.execute(change.values(**values, fetch_time=moment, stale_time=fresh))


async def zone_of(session: AsyncSession, dealer_id: uuid.UUID) -> str | None:
    """Returns the zone of a known dealer, None for one that is not known."""
    query = sa.select(known_dealers.c.time_zone).where(known_dealers.c.dealer_id == dealer_id)
    found: str | None = await session.scalar(query)
    return found


async def on_the_clock(session: AsyncSession, dealer_id: uuid.UUID, limit: int) -> list[Lead]:
    """Returns the unanswered leads of a dealer, to change, in the order of their ids."""
    query = sa.select(Lead).where(Lead.dealer_id == dealer_id, Lead.stage == ASSIGNED)
    return list(await session.scalars(query.order_by(Lead.lead_id).limit(limit).with_for_update()))


async def staff_dealer(session: AsyncSession, staff_id: uuid.UUID) -> tuple[bool, uuid.UUID | None]:
    """Returns whether somebody of this id works here, and for which dealer (None: the maker)."""
    c = known_staff.c
    query = sa.select(c.dealer_id).where(c.staff_id == staff_id, c.status != LEFT).limit(1)
    row = (await session.execute(query)).one_or_none()
    return (row is not None, row.dealer_id if row is not None else None)


async def waiting(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns leads for which a dealer, or at their dealer an adviser, is to be found now."""
    found: list[asyncpg.Record] = await reader.fetch(_WAITING, limit)
    return found


async def busy(reader: Reader, dealers: Sequence[uuid.UUID], group_id: uuid.UUID) -> dict[uuid.UUID, tuple[int, bool]]:
    """Returns how many unanswered leads dealers have, and whether they have one for this wish already."""
    rows = await reader.fetch(_BUSY, dealers, group_id)
    return {row["dealer_id"]: (row["waiting"], row["has_wish"]) for row in rows}


async def related(reader: Reader, customer_id: uuid.UUID) -> list[uuid.UUID]:
    """Returns the active dealers who know a person, who met them last first."""
    return [row["dealer_id"] for row in await reader.fetch(_RELATED, customer_id)]


async def held_count(session: AsyncSession) -> int:
    """Returns how many leads wait for a dealer whom nobody could find."""
    query = sa.select(sa.func.count()).select_from(_leads)
    return int(await session.scalar(query.where(_leads.c.held_reason == NO_DEALER)) or 0)


async def ended(reader: Reader, limit: int) -> list[asyncpg.Record]:
    """Returns `lead_id, assignment_id` of closed leads whose assignment is still to be ended at network."""
    found: list[asyncpg.Record] = await reader.fetch(_ENDED, limit)
    return found


async def forget_assignments(session: AsyncSession, lead_ids: Sequence[uuid.UUID]) -> None:
    """Notes that the assignments of closed leads are ended; no change of the leads themselves."""
    change = sa.update(_leads).where(_leads.c.lead_id.in_(lead_ids)).values(assignment_id=None)
    await session.execute(change)


async def holders(session: AsyncSession, contacts: Sequence[tuple[int, str]]) -> list[Any]:
    """Returns `customer_id, full_name, organisation_name, kind, owned` of the live people with one of these phones, e-mails or faxes.

    `owned`: it is shown to be theirs alone. At most 20, those first.
    """
    pairs = [pair for pair in contacts if pair[0] in (PHONE, EMAIL, FAX)]
    if not pairs:
        return []
    owned = sa.and_(ContactPoint.kind == PHONE, ContactPoint.verify_time.isnot(None), ~ContactPoint.shared)
    query = (
        sa.select(
            Customer.customer_id,
            Customer.full_name,
            Customer.organisation_name,
            ContactPoint.kind,
            owned.label("owned"),
        )
        .join(ContactPoint, ContactPoint.customer_id == Customer.customer_id)
        .where(sa.tuple_(ContactPoint.kind, ContactPoint.match_key).in_(pairs), Customer.status.in_(LISTED))
        .order_by(sa.desc("owned"), ContactPoint.kind, Customer.customer_id)
        .limit(20)
    )
    return list((await session.execute(query)).all())


async def lock_contacts(session: AsyncSession, contacts: Sequence[tuple[int, str]]) -> None:
    """Holds phones and e-mails until the transaction ends, so that two messages of one new person make one person."""
    names = [f"lead-contact:{kind}:{key}" for kind, key in sorted(contacts)]
    await session.execute(_LOCK_ALL, {"names": names})


async def intake(session: AsyncSession, sender: str, sender_key: str) -> Any:
    """Returns what was received under a sender's key, or None. Holds the key until the transaction ends."""
    name = f"lead-intake:{sender}:{sender_key}"
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))
    query = sa.select(_intakes).where(_intakes.c.sender == sender, _intakes.c.sender_key == sender_key)
    return (await session.execute(query)).one_or_none()


async def intakes(session: AsyncSession, keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns which of some keys (sender, its key) were received before. Holds all of them until the transaction ends."""
    names = [f"lead-intake:{sender}:{key}" for sender, key in sorted(keys)]
    await session.execute(_LOCK_ALL, {"names": names})
    c = _intakes.c
    query = sa.select(c.sender, c.sender_key).where(sa.tuple_(c.sender, c.sender_key).in_(keys))
    return {(row.sender, row.sender_key) for row in await session.execute(query)}


async def drop_rejected(session: AsyncSession, intake_id: uuid.UUID) -> None:
    """Deletes an intake of which no lead came."""
    await session.execute(sa.delete(_intakes).where(_intakes.c.intake_id == intake_id, _intakes.c.lead_id.is_(None)))


async def calibration(
    session: AsyncSession,
    principal: Principal,
    dealer_id: uuid.UUID | None,
    begin: datetime,
    end: datetime | None,
) -> Sequence[Any]:
    """Returns how leads turned out by dealer, source and grade; one row more than are shown."""
    c = _leads.c
    count = sa.func.count
    query = sa.select(
        c.dealer_id,
        c.source,
        c.grade,
        count().label("leads"),
        count().filter(c.stage == WON).label("won"),
        count().filter(c.stage == LOST).label("lost"),
        count().filter(c.lapse_count > 0).label("lapsed"),
    ).where(visible_to(principal), c.create_time >= begin)
    if dealer_id is not None:
        query = query.where(c.dealer_id == dealer_id)
    if end is not None:
        query = query.where(c.create_time < end)
    query = query.group_by(c.dealer_id, c.source, c.grade).order_by(c.dealer_id, c.source, c.grade)
    return (await session.execute(query.limit(CALIBRATED + 1))).all()
