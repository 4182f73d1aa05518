"""What is older than its rule says, deleted in small steps; a hold on the person or an open case of theirs keeps it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Lead, RetentionRule
from marque_customer.repository import gone_leads

INTERACTION, CLOSED_LEAD, ENDED_TASK, SILENT_PROSPECT = 1, 2, 3, 4
# A hold speaks of a person and of those merged with them: whoever stands for a row's customer is looked at as well.
_FREE = """NOT EXISTS (SELECT FROM legal_holds h WHERE h.customer_id IN ({of}, customer_root({of})) AND h.release_time IS NULL
        AND (h.until_time IS NULL OR h.until_time > now()) AND (h.kinds = '{{}}' OR h.kinds && ARRAY['*', {kind}]))
    AND NOT EXISTS (SELECT FROM contact_holds h WHERE h.customer_id IN ({of}, customer_root({of})) AND h.open)"""


def _free(of: str, *kinds: str) -> str:
    return _FREE.format(of=of, kind=", ".join(f"'{kind}'" for kind in kinds))


# What goes with a lead; each stays where any of them is held, as it names the lead.
_PARTS = (
    "customer.test_drive", "customer.lead_recall", "customer.referral", "customer.quote", "customer.quote_version"
)  # fmt: skip
_INTERACTIONS = sa.text(
    "DELETE FROM interactions WHERE interaction_id = ANY(ARRAY("  # noqa: S608 - of our own names only, here and below
    "SELECT interaction_id FROM interactions i WHERE i.occur_time < :before AND "
    f"{_free('i.customer_id', 'customer.interaction')} LIMIT :step))"
)
_TASKS = sa.text(
    "DELETE FROM tasks WHERE task_id = ANY(ARRAY(SELECT task_id FROM tasks t WHERE t.end_time < :before AND "  # noqa: S608
    f"(t.customer_id IS NULL OR {_free('t.customer_id', 'customer.task')}) LIMIT :step))"
)
_LEADS = sa.text(
    "SELECT lead_id FROM leads l WHERE l.close_time < :before AND l.stage IN (7, 8) AND l.assignment_id IS NULL AND "  # noqa: S608
    f"{_free('l.customer_id', 'customer.lead', *_PARTS)} LIMIT :step FOR UPDATE SKIP LOCKED"
)
_OF_LEADS = (
    "test_drives",
    "lead_recalls",
    "referrals",
    "quotes",
    "lead_changes",
    "lead_promises",
    "lead_intakes",
    "tasks",
    "leads",
)
_VERSIONS = sa.text(
    "DELETE FROM quote_versions v USING quotes q WHERE q.quote_id = v.quote_id AND q.lead_id = ANY(:ids)"
)
_DRIVES = sa.text(
    "DELETE FROM test_drives WHERE test_drive_id = ANY(ARRAY(SELECT test_drive_id FROM test_drives d "  # noqa: S608
    f"WHERE d.lead_id IS NULL AND d.start_time < :before AND {_free('d.customer_id', 'customer.test_drive')} LIMIT :step))"
)
_SILENT = sa.text(
    "SELECT customer_id FROM customers c WHERE c.status = 1 AND c.kind = 1 AND c.update_time < :before "  # noqa: S608
    "AND NOT EXISTS (SELECT FROM known_cars k WHERE k.customer_id = c.customer_id AND NOT k.voided) "
    "AND NOT EXISTS (SELECT FROM interactions i WHERE i.customer_id = c.customer_id AND i.occur_time >= :before) "
    "AND NOT EXISTS (SELECT FROM leads l WHERE l.customer_id = c.customer_id AND (l.stage NOT IN (7, 8) OR l.update_time >= :before)) "
    "AND NOT EXISTS (SELECT FROM consent_entries e WHERE e.customer_id = c.customer_id AND e.known_time >= :before) "
    "AND NOT EXISTS (SELECT FROM customers m WHERE m.merged_into = c.customer_id) "
    "AND NOT EXISTS (SELECT FROM customer_erasures e WHERE e.customer_id = c.customer_id) "
    f"AND {_free('c.customer_id', 'customer.customer')} LIMIT :step"
)


async def rules(session: AsyncSession) -> Sequence[RetentionRule]:
    """Returns the rules in the order of their kinds."""
    return list(await session.scalars(sa.select(RetentionRule).order_by(RetentionRule.kind)))


async def rule(session: AsyncSession, kind: int) -> RetentionRule | None:
    """Returns a rule under lock."""
    return (
        await session.scalars(sa.select(RetentionRule).where(RetentionRule.kind == kind).with_for_update())
    ).one_or_none()


async def ran(session: AsyncSession, kind: int, removed: int, moment: datetime) -> None:
    """Notes that a rule was run; its version is that of what people set."""
    change = sa.update(RetentionRule).where(RetentionRule.kind == kind)
    values = {"removed": RetentionRule.removed + removed, "run_time": moment, "update_time": RetentionRule.update_time}
    await session.execute(change.values(**values).execution_options(synchronize_session=False))


async def remove(session: AsyncSession, kind: int, before: datetime, step: int, now: datetime) -> int:
    """Deletes one step of what is older than a moment; returns how many rows, parts not counted."""
    given = {"before": before, "step": step}
    if kind == CLOSED_LEAD:
        return await _remove_leads(session, given, now)
    result = await session.execute(_INTERACTIONS if kind == INTERACTION else _TASKS, given)
    return int(result.rowcount)  # type: ignore[attr-defined]


async def _remove_leads(session: AsyncSession, given: dict[str, object], now: datetime) -> int:
    found = list(await session.scalars(_LEADS, given))
    if found:
        await gone_leads.remember(session, Lead.lead_id.in_(found), now)
        await session.execute(_VERSIONS, {"ids": found})
        for table in _OF_LEADS:
            await session.execute(sa.text(f"DELETE FROM {table} WHERE lead_id = ANY(:ids)"), {"ids": found})  # noqa: S608
    drives = await session.execute(_DRIVES, given)
    return len(found) + int(drives.rowcount)  # type: ignore[attr-defined]


async def silent(session: AsyncSession, before: datetime, step: int) -> list[uuid.UUID]:
    """Returns some people of whom nothing was heard since a moment, who have no car, and whom nothing holds."""
    return list(await session.scalars(_SILENT, {"before": before, "step": step}))
