"""Writing the rules for leads."""

from __future__ import annotations

from typing import Any

from servicekit.db.base import etag_of
from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch

from marque_customer.models import LeadRulesVersion
from marque_customer.repository import lead_work


async def put(*, uow: UnitOfWork, values: dict[str, Any], etag: str) -> Any:
    """Writes a new version; the same rules again make none. Raises EtagMismatch."""
    async with uow:
        await lead_work.lock_rules(uow.session)
        latest = await lead_work.latest_rules(uow.session)
        if etag and etag.strip('"') != etag_of(latest.version):
            raise EtagMismatch()
        if latest.rules == values:
            return await uow.answer(latest)
        row = LeadRulesVersion(
            version=latest.version + 1, rules=values, create_time=uow.now, principal=uow.principal.subject
        )
        uow.add(row)
        uow.audit("put", "lead_rules", str(row.version))
        return await uow.answer(row)
