"""How long data of each kind are kept: rules as data, applied by due work."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.errors import CustomerNotFound
from marque_customer.repository import retention as repository
from marque_customer.usecases.rights import erasing

RETENTION = "retention"
_EVERY = timedelta(hours=1)
_STEP = 500
_ERASED_AT_ONCE = 20
_REASON = "RETENTION"


async def put(*, uow: UnitOfWork, kind: int, days: int | None, basis: str, etag: str) -> Any:
    """Sets a rule; the next run obeys it. Raises EtagMismatch."""
    async with uow:
        row = await repository.rule(uow.session, kind)
        assert row is not None, "migration 0008 brings a rule for every kind"
        row.check_etag(etag)
        row.put(days, basis, uow.principal.subject)
        await uow.flush()
        uow.audit("put", "retention_rule", str(kind), ("days", "basis"))
        return await uow.answer(row)


async def run(uow: UnitOfWork, key: str) -> datetime | None:
    """Applies every rule one step; comes again at once where there may be more."""
    full = False
    for rule in await repository.rules(uow.session):
        if rule.days is None:
            continue
        before = uow.now - timedelta(days=rule.days)
        if rule.kind == repository.SILENT_PROSPECT:
            removed, most = await _erase(uow, before), _ERASED_AT_ONCE
        else:
            removed, most = await repository.remove(uow.session, rule.kind, before, _STEP, uow.now), _STEP
        if removed:
            uow.audit("apply", "retention_rule", str(rule.kind))
        await repository.ran(uow.session, rule.kind, removed, uow.now)
        full = full or removed >= most
    return uow.now + (timedelta(seconds=1) if full else _EVERY)


async def _erase(uow: UnitOfWork, before: datetime) -> int:
    """Begins the erasures of people of whom nothing was heard; who was merged meanwhile is left to the next run."""
    begun = 0
    for customer_id in await repository.silent(uow.session, before, _ERASED_AT_ONCE):
        try:
            await erasing.begin(uow, customer_id, _REASON)
        except CustomerNotFound:
            continue
        begun += 1
    return begun
