"""How far mailboxes were read, and what came in for which a case is to be opened."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Interaction, LeadIntake

_STATE = "SELECT uid_validity, last_uid FROM mailboxes WHERE address = :address"
_PUT = """
INSERT INTO mailboxes (address, uid_validity, last_uid, read_time) VALUES (:address, :uid_validity, :last_uid, :moment)
ON CONFLICT (address) DO UPDATE SET uid_validity = :uid_validity, last_uid = :last_uid, read_time = :moment"""
_intakes: sa.Table = LeadIntake.__table__  # type: ignore[assignment]


async def state(session: AsyncSession, address: str, *, lock: bool = False) -> tuple[int, int]:
    """Returns UIDVALIDITY and the last UID taken of a mailbox, zeros at first; `lock` holds it until the transaction ends."""
    if lock:
        name = sa.func.hashtextextended(f"mailbox:{address}", 0)
        await session.execute(sa.select(sa.func.pg_advisory_xact_lock(name)))
    row = (await session.execute(sa.text(_STATE), {"address": address})).one_or_none()
    return (row.uid_validity, row.last_uid) if row is not None else (0, 0)


async def put(session: AsyncSession, address: str, uid_validity: int, last_uid: int, moment: datetime) -> None:
    """Notes how far a mailbox was read."""
    values = {"address": address, "uid_validity": uid_validity, "last_uid": last_uid, "moment": moment}
    await session.execute(sa.text(_PUT), values)


async def for_cases(session: AsyncSession, moment: datetime, limit: int) -> Sequence[Any]:
    """Returns `intake_id, customer_id, case_kind, interaction_id, kind, subject, note, dealer_id` of what waits for its case, the oldest
    first.
    """
    i, intake = Interaction, _intakes.c
    query = (
        sa.select(
            intake.intake_id,
            intake.customer_id,
            intake.case_kind,
            i.interaction_id,
            i.kind,
            i.subject,
            i.note,
            i.dealer_id,
        )
        .join(i, i.interaction_id == _intakes.c.interaction_id)
        .where(_intakes.c.case_time <= moment)
        .order_by(_intakes.c.case_time)
        .limit(limit)
    )
    return (await session.execute(query)).all()


async def settle_case(
    session: AsyncSession, intake_id: uuid.UUID, *, case_id: uuid.UUID | None, again: datetime | None
) -> None:
    """Notes the case that was opened, or when to try again."""
    change = sa.update(_intakes).where(_intakes.c.intake_id == intake_id, _intakes.c.case_id.is_(None))
    await session.execute(change.values(case_id=case_id, case_time=again))
