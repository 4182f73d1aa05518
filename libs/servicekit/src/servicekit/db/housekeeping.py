"""Keeps the platform's tables bounded: what is older than its stated age is deleted in small steps."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from servicekit.audit.drops import drop_segment
from servicekit.audit.keys import AuditKeys
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


def _prune_import_errors() -> sa.TextClause:
    """Returns the statement that deletes rejected rows of long ended imports: they quote keys of a dealer's file."""
    old = (
        "SELECT found.ctid FROM imports JOIN import_errors AS found USING (import_id)"
        " WHERE imports.end_time < :before LIMIT :step"
    )
    return sa.text(f"DELETE FROM import_errors WHERE ctid = ANY(ARRAY({old}))")  # noqa: S608 - of our own names only


def _prune_imports() -> sa.TextClause:
    """Returns the statement that deletes long ended imports whose rejected rows are gone, so that no delete cascades far."""
    return sa.text(
        "DELETE FROM imports WHERE import_id = ANY(ARRAY(SELECT import_id FROM imports WHERE end_time < :before"
        " AND NOT EXISTS (SELECT FROM import_errors WHERE import_errors.import_id = imports.import_id) LIMIT :step))"
    )


def housekeeping(settings: ServiceSettings, keys: AuditKeys) -> DueHandler:
    """Returns the due work that prunes; each service's first migration makes it due.

    Outbox rows go once published and `outbox_days` old, inbox rows after `inbox_days` (longer than streams and dead letters live, so that
    no old message can be applied twice), request ids after `idempotency_days`, dead letters `dead_letter_days` after their replay and
    republications and imports with their rejected rows `import_days` after their end. What waits is never pruned, however old. A segment
    of the audit trail goes whole, one in a step, `audit_days` after it was closed; without a key to sign the drop it stays.
    """
    ages = {
        _prune("outbox_messages", "publish_time"): settings.outbox_days,
        _prune("inbox_messages", "create_time"): settings.inbox_days,
        _prune("handed_over", "create_time"): settings.inbox_days,  # long after the report of network has them
        _prune("idempotency_keys", "create_time"): settings.idempotency_days,
        _prune("dead_letters", "replay_time"): settings.dead_letter_days,
        _prune("republishes", "end_time"): settings.import_days,
        _prune_import_errors(): settings.import_days,
        _prune_imports(): settings.import_days,
    }

    async def prune(uow: UnitOfWork, key: str) -> datetime | None:
        full = False
        for statement, days in ages.items():
            result = await uow.session.execute(statement, {"before": now() - timedelta(days=days), "step": _STEP})
            full = full or result.rowcount == _STEP  # type: ignore[attr-defined]
        full = await drop_segment(uow, keys, settings.audit_days) or full
        return now() + (timedelta(seconds=1) if full else EVERY)

    return prune
