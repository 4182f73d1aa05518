"""Classes of value, found anew once a day after midnight: first where they end, then everybody, some thousands in a transaction."""

from __future__ import annotations

import uuid
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from servicekit.db.uow import UnitOfWork

from marque_campaign.repository import value as repository
from marque_campaign.usecases.segments import Days

WORK = "value-classes"
AT_ONCE = 20_000
_AFTER_MIDNIGHT = time(0, 20)


async def renew(uow: UnitOfWork, key: str, days: Days = Days()) -> datetime | None:
    """Does a day's first step (`key` empty) or the next one (`key`: the last customer that was reached)."""
    today = days.day(uow.now)
    if not key:
        await repository.measure(uow.session, today)
        await uow.schedule(WORK, str(uuid.UUID(int=0)), uow.now)
        zone = ZoneInfo(days.zone)
        return datetime.combine(today + timedelta(days=1), _AFTER_MIDNIGHT, zone)
    reached = await repository.classify_next(uow.session, uuid.UUID(key), AT_ONCE, today)
    if reached is not None:
        await uow.schedule(WORK, str(reached), uow.now)
    return None
