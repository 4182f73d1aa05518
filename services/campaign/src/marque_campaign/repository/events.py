"""SQL of events, their sessions, and who registered for them. Whoever writes any of it has locked the event's row."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

import asyncpg
import sqlalchemy as sa
from servicekit.db import families
from servicekit.db.engine import Reader
from servicekit.paging import Page
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import EventRegistration, EventSession, MarketingEvent
from marque_campaign.repository.lists import Kind
from marque_campaign.repository.scope import Scope
from marque_campaign.rules.events import LIVE, WAITING

EVENTS = Kind(MarketingEvent, "marketing_event_id")
_NAMES = ", ".join(column.name for column in EventRegistration.__table__.columns)
# The number moves without the version: what people do is no change of the event that somebody may be writing meanwhile.
_ARRIVE = sa.text(
    "UPDATE marketing_events SET arrivals = arrivals + 1 WHERE marketing_event_id = :event RETURNING arrivals"
)
_MOVED = sa.text("UPDATE marketing_events SET moves = moves + 1 WHERE marketing_event_id = :event RETURNING moves")
_OF_PERSON = sa.text(f"""
WITH RECURSIVE {families.family("CAST(:person AS uuid)")}
SELECT registration_id FROM event_registrations WHERE marketing_event_id = :event
AND customer_id IN (SELECT customer_id FROM family) ORDER BY state, arrival LIMIT 1
""")  # noqa: S608 - our own words
_READ_OF_PERSON = f"""
WITH RECURSIVE {families.family("$2::uuid")}
SELECT {_NAMES} FROM event_registrations WHERE marketing_event_id = $1
AND customer_id IN (SELECT customer_id FROM family) ORDER BY state, arrival LIMIT 1
"""  # noqa: S608 - our own words
_SESSIONS = """
SELECT s.session_id, s.start_time, s.end_time, s.capacity, s.taken,
       EXISTS (SELECT FROM event_registrations r WHERE r.session_id = s.session_id AND r.state = 2) AS waited_for
FROM event_sessions s WHERE s.marketing_event_id = $1 ORDER BY s.start_time, s.session_id
"""
_INVITED = """
SELECT s.send_id, s.campaign_id, s.customer_id, c.marketing_event_id FROM campaign_sends s
JOIN campaigns c ON c.campaign_id = s.campaign_id
WHERE s.send_id = $1 AND s.hand_time IS NOT NULL AND c.marketing_event_id IS NOT NULL
"""
_BEFORE = "SELECT count(*) FROM event_registrations WHERE session_id = $1 AND state = 2 AND arrival <= $2"
_LIVE, _WAITS = tuple(sorted(LIVE)), WAITING


async def lock(session: AsyncSession, event_id: uuid.UUID) -> MarketingEvent | None:
    """Returns an event for change, whoever asks, or None."""
    found = sa.select(MarketingEvent).where(MarketingEvent.marketing_event_id == event_id).with_for_update()
    return (await session.scalars(found)).one_or_none()


async def sessions_of(session: AsyncSession, event_id: uuid.UUID) -> list[EventSession]:
    """Returns an event's sessions by when they begin."""
    found = sa.select(EventSession).where(EventSession.marketing_event_id == event_id)
    return list(await session.scalars(found.order_by(EventSession.start_time, EventSession.session_id)))


async def session_of(session: AsyncSession, session_id: uuid.UUID) -> EventSession | None:
    """Returns a session."""
    return await session.get(EventSession, session_id)


async def arrive(session: AsyncSession, event_id: uuid.UUID) -> int:
    """Returns the number of somebody who comes in."""
    return int(await session.scalar(_ARRIVE, {"event": event_id}) or 0)


async def moved(session: AsyncSession, event_id: uuid.UUID) -> int:
    """Counts that the place was changed; returns how often it was."""
    return int(await session.scalar(_MOVED, {"event": event_id}) or 0)


async def of_person(session: AsyncSession, event_id: uuid.UUID, customer_id: uuid.UUID) -> EventRegistration | None:
    """Returns somebody's registration for an event, under whatever id they registered; one that counts before others."""
    key = await session.scalar(_OF_PERSON, {"event": event_id, "person": customer_id})
    return None if key is None else await session.get(EventRegistration, key)


async def waiting(session: AsyncSession, session_id: uuid.UUID, most: int) -> list[EventRegistration]:
    """Returns who waits for a session, in the order of arrival."""
    mine = sa.and_(EventRegistration.session_id == session_id, EventRegistration.state == _WAITS)
    return list(
        await session.scalars(
            sa.select(EventRegistration).where(mine).order_by(EventRegistration.arrival).limit(max(most, 1))
        )
    )


async def live(session: AsyncSession, event_id: uuid.UUID, most: int) -> list[EventRegistration]:
    """Returns registrations of an event that still count for something."""
    mine = sa.and_(EventRegistration.marketing_event_id == event_id, EventRegistration.state.in_(_LIVE))
    return list(await session.scalars(sa.select(EventRegistration).where(mine).limit(most)))


async def is_registered_for(session: AsyncSession, session_id: uuid.UUID) -> bool:
    """Tells whether anybody ever registered for a session and stands there still, for whatever became of it."""
    found = sa.select(EventRegistration.registration_id).where(EventRegistration.session_id == session_id).limit(1)
    return await session.scalar(found) is not None


async def find(session: AsyncSession, scope: Scope, registration_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the event of a registration in the caller's sight."""
    query = (
        sa.select(EventRegistration.marketing_event_id)
        .join(MarketingEvent, MarketingEvent.marketing_event_id == EventRegistration.marketing_event_id)
        .where(EventRegistration.registration_id == registration_id, scope.clause(MarketingEvent.dealer_id))
    )
    return await session.scalar(query)


async def registration(session: AsyncSession, registration_id: uuid.UUID) -> EventRegistration | None:
    """Returns a registration as it stands now that its event is locked."""
    return await session.get(EventRegistration, registration_id)


async def page(reader: Reader, event_id: uuid.UUID, state: int, size: Page, after: int | None) -> list[asyncpg.Record]:
    """Returns a page of an event's registrations in the order of arrival, and one more."""
    only = "AND state = $4 " if state else ""
    sql = (
        f"SELECT {_NAMES} FROM event_registrations WHERE marketing_event_id = $1 AND arrival > $2 {only}"  # noqa: S608
        "ORDER BY arrival LIMIT $3"
    )
    more = (state,) if state else ()
    return list(await reader.fetch(sql, event_id, after or 0, size.size + 1, *more))


async def read(reader: Reader, event_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns an event, whoever asks."""
    return await reader.fetchrow(
        f"SELECT {EVENTS.columns} FROM marketing_events WHERE marketing_event_id = $1",  # noqa: S608
        event_id,
    )


async def dealer_code(reader: Reader, dealer_id: uuid.UUID | None) -> str:
    """Returns a dealer's code; empty for the maker, and for one of which nothing was heard."""
    sql = "SELECT code FROM known_dealers WHERE dealer_id = $1"
    return str(await reader.fetchval(sql, dealer_id) or "") if dealer_id is not None else ""


async def read_sessions(reader: Reader, event_id: uuid.UUID) -> list[asyncpg.Record]:
    """Returns an event's sessions and whether somebody waits for each."""
    return list(await reader.fetch(_SESSIONS, event_id))


async def read_registration(reader: Reader, registration_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns a registration, whoever asks."""
    sql = f"SELECT {_NAMES} FROM event_registrations WHERE registration_id = $1"  # noqa: S608 - our own words
    return await reader.fetchrow(sql, registration_id)


async def read_registrations(reader: Reader, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, asyncpg.Record]:
    """Returns registrations by their ids, whoever asks."""
    sql = f"SELECT {_NAMES} FROM event_registrations WHERE registration_id = ANY($1::uuid[])"  # noqa: S608
    return {row["registration_id"]: row for row in await reader.fetch(sql, list(ids))} if ids else {}


async def read_of_person(reader: Reader, event_id: uuid.UUID, customer_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns somebody's registration for an event, as `of_person`."""
    return await reader.fetchrow(_READ_OF_PERSON, event_id, customer_id)


async def waiting_place(reader: Reader, registration: Any) -> int:
    """Returns how many wait up to somebody who waits, with them."""
    return int(await reader.fetchval(_BEFORE, registration["session_id"], registration["arrival"]) or 0)


async def invited(reader: Reader, send_id: uuid.UUID) -> asyncpg.Record | None:
    """Returns whom a message that was handed over invites, and to which event."""
    return await reader.fetchrow(_INVITED, send_id)


async def ids_of(session: AsyncSession, session_ids: Sequence[uuid.UUID], states: Collection[int]) -> list[uuid.UUID]:
    """Returns the registrations for some sessions that stand in one of some states."""
    mine = sa.and_(EventRegistration.session_id.in_(session_ids), EventRegistration.state.in_(sorted(states)))
    return list(await session.scalars(sa.select(EventRegistration.registration_id).where(mine)))
