"""Writing the rules of stages, tiers and next actions; at the time of a version everybody is judged by it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import etag_of, now
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch, InvalidArgument

from marque_customer.models import LifecycleRulesVersion
from marque_customer.repository import values as repository
from marque_customer.repository.notes import connection_of

SPREAD = "lifecycle-rules"
_STEP = 1000


async def put(*, uow: UnitOfWork, values: dict[str, Any], effective: datetime | None, etag: str) -> Any:
    """Writes a new version; the same rules again, for now, make none. Raises EtagMismatch, InvalidArgument."""
    async with uow:
        await repository.lock_rules(uow.session)
        latest = await repository.version(uow.session, 0)
        if etag and etag.strip('"') != etag_of(latest.version):
            raise EtagMismatch()
        if effective is None and latest.rules == values and latest.effective_time <= uow.now:
            return await uow.answer(latest)
        begin = effective or now()  # after the lock: two versions for now stand in the order in which they were written
        if begin < uow.now or begin < latest.effective_time:
            text = "A version begins neither in the past nor before the one before it: what was stays as it was."
            raise InvalidArgument.of("rules.effective_time", "EFFECTIVE_TIME_PAST", text)
        row = LifecycleRulesVersion(
            version=latest.version + 1,
            effective_time=begin,
            rules=values,
            create_time=uow.now,
            principal=uow.principal.subject,
        )
        uow.add(row)
        await uow.schedule(SPREAD, f"{row.version}:{uuid.UUID(int=0)}", uow.now)
        uow.audit("put", "lifecycle_rules", str(row.version))
        return await uow.answer(row)


async def spread(uow: UnitOfWork, key: str) -> datetime | None:
    """Has the next 1,000 customers judged when a version begins; each step makes the next one due, so that no transaction is long."""
    number, _, after = key.partition(":")
    row = await repository.version(uow.session, int(number))
    connection = await connection_of(uow.session)
    marked = await repository.mark_some(connection, uuid.UUID(after), row.effective_time, _STEP)
    if len(marked) == _STEP:
        await uow.schedule(SPREAD, f"{number}:{marked[-1]}", uow.now)
    return None
