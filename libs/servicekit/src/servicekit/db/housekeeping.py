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


def _prune(table: str, moment: str) -> sa.TextClause:
    """Returns the statement that deletes one step of what is older than `:before`."""
    old = f"SELECT ctid FROM {table} WHERE {moment} < :before LIMIT :step"  # noqa: S608 - of our own names only
    return sa.text(f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({old}))")  # noqa: S608


def housekeeping(settings: ServiceSettings) -> DueHandler:
    """Returns the due work that prunes; each service's first migration makes it due.

    Outbox rows go once published and `outbox_days` old, inbox rows after `inbox_days` (longer than streams and dead letters live, so that
    no old message can be applied twice), request ids after `idempotency_days`.
    """
    ages = {
        _prune("outbox_messages", "publish_time"): settings.outbox_days,
        _prune("inbox_messages", "create_time"): settings.inbox_days,
        _prune("idempotency_keys", "create_time"): settings.idempotency_days,
    }

    async def prune(uow: UnitOfWork, key: str) -> datetime | None:
        full = False
        for statement, days in ages.items():
            result = await uow.session.execute(statement, {"before": now() - timedelta(days=days), "step": _STEP})
            full = full or result.rowcount == _STEP  # type: ignore[attr-defined]
        return now() + (timedelta(seconds=1) if full else EVERY)

    return prune
