"""Keeps the platform's tables bounded: what is older than its stated age is deleted in small steps."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from servicekit.db.base import now
from servicekit.db.due import DueHandler
from servicekit.db.uow import UnitOfWork
from servicekit.settings import ServiceSettings

HOUSEKEEPING = "housekeeping"
EVERY = timedelta(minutes=5)
_STEP = 5000


def housekeeping(settings: ServiceSettings) -> DueHandler:
    """Returns the due work that prunes; each service's first migration makes it due.

    Outbox rows go once published and `outbox_days` old, inbox rows after `inbox_days` (longer than streams and dead letters live, so that
    no old message can be applied twice), request ids after `idempotency_days`.
    """
    ages = {
        "DELETE FROM outbox_messages WHERE position IN (SELECT position FROM outbox_messages WHERE publish_time < :before LIMIT :step)": settings.outbox_days,
        "DELETE FROM inbox_messages WHERE ctid = ANY(ARRAY(SELECT ctid FROM inbox_messages WHERE create_time < :before LIMIT :step))": settings.inbox_days,
        "DELETE FROM idempotency_keys WHERE ctid = ANY(ARRAY(SELECT ctid FROM idempotency_keys WHERE create_time < :before LIMIT :step))": settings.idempotency_days,
    }

    async def prune(uow: UnitOfWork, key: str) -> datetime | None:
        full = False
        for statement, days in ages.items():
            result = await uow.session.execute(
                sa.text(statement), {"before": now() - timedelta(days=days), "step": _STEP}
            )
            full = full or result.rowcount == _STEP  # type: ignore[attr-defined]
        return now() + (timedelta(seconds=1) if full else EVERY)

    return prune
