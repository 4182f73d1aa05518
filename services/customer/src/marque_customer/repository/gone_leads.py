"""Leads that are removed: that they came stays, without whose they were, so that whoever counts leads can be told again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import GoneLead, Lead

_NAMES = ("lead_id", "version", "dealer_id", "source", "create_time", "remove_time")


async def remember(session: AsyncSession, where: sa.ColumnElement[bool], now: datetime) -> None:
    """Keeps what may stay of leads that the caller removes in this transaction."""
    moment = sa.literal(now, sa.DateTime(timezone=True))
    found: Any = sa.select(Lead.lead_id, Lead.version + 1, Lead.dealer_id, Lead.source, Lead.create_time, moment)
    rows = insert(GoneLead).from_select(_NAMES, found.where(where))
    await session.execute(rows.on_conflict_do_nothing())
