"""Lets old segments of the audit trail go: records and links are deleted, the anchor stays and says so under a signature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from servicekit.audit import encoding
from servicekit.audit.keys import AuditKeys
from servicekit.db.audit_tables import audit_anchors
from servicekit.db.base import now
from servicekit.db.uow import UnitOfWork

_RECORDS = sa.text(
    "DELETE FROM audit_records WHERE audit_id = ANY(ARRAY("
    "SELECT audit_id FROM audit_links WHERE position BETWEEN :first_position AND :last_position))"
)
_LINKS = sa.text("DELETE FROM audit_links WHERE position BETWEEN :first_position AND :last_position")


async def drop_segment(uow: UnitOfWork, keys: AuditKeys, days: int) -> bool:
    """Drops the oldest segment that still has its records, where it was closed `days` ago; tells whether there was one.

    Records, links, the signed statement and an audit record of the drop are one transaction. Without a key that signs nothing is dropped:
    records that are gone without a statement look like a theft.
    """
    if not keys.current:
        return False
    anchor = await _oldest(uow.session)
    moment = now()
    if anchor is None or anchor["close_time"] > moment - timedelta(days=days):
        return False
    await uow.session.execute(_RECORDS, _span(anchor))
    await uow.session.execute(_LINKS, _span(anchor))
    body = encoding.drop_body(anchor["hash"], moment, days, keys.current)
    said = {"drop_time": moment, "drop_days": days, "drop_key_id": keys.current, "drop_signature": keys.sign(body)}
    await uow.session.execute(
        sa.update(audit_anchors).where(audit_anchors.c.segment == anchor["segment"]).values(**said)
    )
    uow.audit("drop", "audit_segment", str(anchor["segment"]))
    return True


async def _oldest(session: AsyncSession) -> Mapping[str, Any] | None:
    kept = sa.select(audit_anchors).where(audit_anchors.c.drop_time.is_(None)).order_by(audit_anchors.c.segment)
    return (await session.execute(kept.limit(1))).mappings().one_or_none()


def _span(anchor: Mapping[str, Any]) -> dict[str, int]:
    return {name: anchor[name] for name in ("first_position", "last_position")}
