"""SQL of referrals. A dealer sees those of its leads; persons are compared by who stands for them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Referral
from marque_customer.repository.leads import visible_to as scoped

_referrals: sa.Table = Referral.__table__  # type: ignore[assignment]
# Everybody by whom a person was referred, directly or through others, each as who stands for them now. UNION ends a circle.
_ABOVE = sa.text("""
WITH RECURSIVE chain AS (
    SELECT customer_root(CAST(:person AS uuid)) AS person
    UNION SELECT customer_root(r.referrer_customer_id) FROM chain c
        JOIN referrals r ON r.customer_id IN (
            WITH RECURSIVE family AS (
                SELECT c.person AS customer_id
                UNION SELECT m.customer_id FROM family f JOIN customers m ON m.merged_into = f.customer_id AND m.status = 2)
            SELECT customer_id FROM family))
SELECT EXISTS (SELECT 1 FROM chain WHERE person = customer_root(CAST(:sought AS uuid)))""")


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The referrals that a caller may see."""
    return scoped(principal, _referrals.c.dealer_id)


async def hold(session: AsyncSession) -> None:
    """Lets one referral be written down at a time: circles close over many people, of whom no two writers lock the same."""
    await session.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended("referrals", 0))))


async def was_referred_by(session: AsyncSession, person: uuid.UUID, sought: uuid.UUID) -> bool:
    """Tells whether somebody is, or was referred directly or through others by, somebody."""
    return bool(await session.scalar(_ABOVE, {"person": person, "sought": sought}))


async def read(session: AsyncSession, principal: Principal, referral_id: uuid.UUID) -> Any:
    """Returns the row of a referral in sight, or None."""
    query = sa.select(_referrals).where(_referrals.c.referral_id == referral_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def of_lead(session: AsyncSession, lead_id: uuid.UUID) -> Referral | None:
    """Returns the referral of a lead, to change."""
    query = sa.select(Referral).where(Referral.lead_id == lead_id).with_for_update()
    return (await session.scalars(query)).one_or_none()


async def same_persons(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[Referral]:
    """Returns the referrals of some people that nobody has the credit for, to change."""
    c = Referral
    mine = sa.or_(c.customer_id.in_(customer_ids), c.referrer_customer_id.in_(customer_ids))
    query = sa.select(Referral).where(mine, c.state == Referral.SAME_PERSON).order_by(c.referral_id)
    return list(await session.scalars(query.with_for_update()))


async def page(
    session: AsyncSession,
    principal: Principal,
    equal: dict[str, Any],
    families: dict[str, Sequence[uuid.UUID]],
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of referrals and one more; `families`: columns of persons to all ids of the one who is asked for."""
    c = _referrals.c
    query = sa.select(_referrals).where(
        visible_to(principal),
        *(c[name] == value for name, value in equal.items()),
        *(c[name].in_(ids) for name, ids in families.items()),
    )
    key = sa.tuple_(c.create_time, c.referral_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.create_time.desc(), c.referral_id.desc()) if descending else (c.create_time, c.referral_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def by_referrers(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns the rows in which some people are who referred."""
    query = sa.select(_referrals).where(_referrals.c.referrer_customer_id.in_(customer_ids))
    return (await session.execute(query.order_by(_referrals.c.referral_id))).all()


async def forget_referrers(session: AsyncSession, customer_id: uuid.UUID) -> int:
    """Deletes the referrals that somebody gave: the fact that they referred is theirs too."""
    result = await session.execute(sa.delete(Referral).where(Referral.referrer_customer_id == customer_id))
    return int(result.rowcount)  # type: ignore[attr-defined]
