"""Writing what profiles must hold; everybody is counted by a new version within minutes."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch

from marque_customer.models import ProfileRulesVersion
from marque_customer.repository import completeness as repository
from marque_customer.repository.notes import connection_of

SPREAD = "profile-rules"
_STEP = 1000


async def put(*, uow: UnitOfWork, values: dict[str, Any], etag: str) -> Any:
    """Writes a new version; the same rules again make none. Raises EtagMismatch."""
    async with uow:
        await repository.lock_rules(uow.session)
        latest = await repository.version(uow.session)
        if etag and etag.strip('"') != etag_of(latest.version):
            raise EtagMismatch()
        if latest.rules == values:
            return await uow.answer(latest)
        row = ProfileRulesVersion(
            version=latest.version + 1, rules=values, create_time=uow.now, principal=uow.principal.subject
        )
        uow.add(row)
        await uow.schedule(SPREAD, f"{row.version}/{uuid.UUID(int=0)}", uow.now)
        uow.audit("put", "profile_rules", str(row.version))
        return await uow.answer(row)


async def spread(uow: UnitOfWork, key: str) -> datetime | None:
    """Has the next 1,000 customers counted by a new version; each step makes the next one due, so that no transaction is long.

    A newer version overtakes: what is left of the older one's round is of no use.
    """
    number, _, after = key.partition("/")
    latest = await repository.version(uow.session)
    if latest.version > int(number):
        return None
    noted = await repository.note_some(await connection_of(uow.session), uuid.UUID(after), _STEP)
    if len(noted) == _STEP:
        await uow.schedule(SPREAD, f"{number}/{noted[-1]}", uow.now)
    return None
