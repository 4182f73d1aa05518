"""SQL of a customer's rights over registrations for events and codes of offers."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_campaign.models import EventRegistration, OfferCode, OfferRedemption
from marque_campaign.rules.events import LIVE

Ids = Sequence[uuid.UUID]
_REGISTRATIONS: Any = EventRegistration.__table__
_CODES: Any = OfferCode.__table__
_REDEMPTIONS: Any = OfferRedemption.__table__


async def registrations(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """What the person registered for."""
    for row in await session.execute(sa.select(_REGISTRATIONS).where(_REGISTRATIONS.c.customer_id.in_(ids))):
        yield str(row.registration_id), dict(row._mapping)


async def codes(session: AsyncSession, ids: Ids) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """The codes that the person was given, and what they redeemed."""
    for row in await session.execute(sa.select(_CODES).where(_CODES.c.customer_id.in_(ids))):
        yield str(row.code), dict(row._mapping)
    for row in await session.execute(sa.select(_REDEMPTIONS).where(_REDEMPTIONS.c.customer_id.in_(ids))):
        yield str(row.redemption_id), dict(row._mapping)


async def live(session: AsyncSession, ids: Ids) -> list[uuid.UUID]:
    """Returns the person's registrations that still count for something."""
    mine = sa.and_(EventRegistration.customer_id.in_(ids), EventRegistration.state.in_(sorted(LIVE)))
    found = sa.select(EventRegistration.registration_id).where(mine)
    return list(await session.scalars(found.order_by(EventRegistration.marketing_event_id)))


async def count(session: AsyncSession, ids: Ids) -> tuple[int, int]:
    """Returns how many registrations, and codes and redemptions, are the person's."""
    asked = [
        sa.select(sa.func.count()).select_from(table).where(table.c.customer_id.in_(ids))
        for table in (_REGISTRATIONS, _CODES, _REDEMPTIONS)
    ]
    registered, given, redeemed = [int(await session.scalar(one) or 0) for one in asked]
    return registered, given + redeemed


async def unname_registrations(session: AsyncSession, ids: Ids) -> int:
    """Puts an id of nobody in the place of the person, so that an event's numbers stay; returns how many."""
    return await _unname(session, _REGISTRATIONS, ids)


async def unname_codes(session: AsyncSession, ids: Ids) -> int:
    """Does the same for codes and redemptions. A shared code stays redeemed once by whom it was."""
    return await _unname(session, _CODES, ids) + await _unname(session, _REDEMPTIONS, ids)


async def _unname(session: AsyncSession, table: Any, ids: Ids) -> int:
    values = {"customer_id": sa.func.gen_random_uuid()}
    if table is _REDEMPTIONS:
        own = sa.func.gen_random_uuid().cast(sa.Text)
        values["once_key"] = sa.case((table.c.once_key == "", ""), else_=own)
    done: Any = await session.execute(sa.update(table).where(table.c.customer_id.in_(ids)).values(**values))
    return int(done.rowcount)
