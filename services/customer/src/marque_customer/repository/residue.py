"""What may be left of a person in rows that name nobody: letters and calls of a stranger, rejected rows of files."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import sqlalchemy as sa
from servicekit.db.tables import import_errors
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint, CustomerMerge, Lead, PhoneCall, SourceReference
from marque_customer.rules.kinds import EMAIL, FAX, PHONE

# The end of a number without its country and trunk prefix, as people write it; shorter ones would meet strangers.
_NUMBER_END = 8
_LETTERS = sa.text("""
DELETE FROM lead_intakes WHERE customer_id IS NULL AND (
    EXISTS (SELECT FROM unnest(CAST(:mails AS text[])) AS m (mail) WHERE position(m.mail IN lower(raw)) > 0)
    OR EXISTS (SELECT FROM unnest(CAST(:ends AS text[])) AS e (digits)
        WHERE position(e.digits IN regexp_replace(raw, '[^0-9]', '', 'g')) > 0))""")


async def forget_unnamed(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> dict[str, int]:
    """Deletes letters and calls of nobody that hold an address of the persons, and rejected rows of files under their keys.

    Must run before their contact points and references go. Returns rows by kind.
    """
    points = list(
        await session.execute(
            sa.select(ContactPoint.kind, ContactPoint.value, ContactPoint.match_key).where(
                ContactPoint.customer_id.in_(customer_ids)
            )
        )
    )
    numbers = [point.value for point in points if point.kind in (PHONE, FAX)]
    digits = ["".join(filter(str.isdigit, number)) for number in numbers]
    ends = [number[-_NUMBER_END:] for number in digits if len(number) >= _NUMBER_END]
    mails = [point.value.lower() for point in points if point.kind == EMAIL]
    letters = await session.execute(_LETTERS, {"mails": mails, "ends": ends})
    calls = await session.execute(
        sa.delete(PhoneCall).where(PhoneCall.customer_id.is_(None), PhoneCall.number.in_(numbers))
    )
    keys = sa.select(SourceReference.source_key).where(SourceReference.customer_id.in_(customer_ids))
    rows = await session.execute(sa.delete(import_errors).where(import_errors.c.key.in_(keys)))
    found = {"customer.lead_intake": letters, "customer.call": calls, "customer.import_error": rows}
    return {kind: result.rowcount for kind, result in found.items()}  # type: ignore[attr-defined]


async def merges(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> Sequence[sa.Row]:
    """Returns the merges of persons, without who did them."""
    columns = ("merge_id", "customer_id", "merged_customer_id", "merge_time", "reasons", "unmerge_time")
    query = sa.select(*(getattr(CustomerMerge, name) for name in columns)).where(
        sa.or_(CustomerMerge.customer_id.in_(customer_ids), CustomerMerge.merged_customer_id.in_(customer_ids))
    )
    return list(await session.execute(query.order_by(CustomerMerge.merge_time, CustomerMerge.merge_id)))


async def leads(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    """Returns the leads of persons: answers about a promise name the lead alone."""
    return list(await session.scalars(sa.select(Lead.lead_id).where(Lead.customer_id.in_(customer_ids))))
