"""SQL of ties between customers. Rows keep the ids under which they were written; readers resolve who stands for whom."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import Customer, CustomerTie, KnownCar, OrganisationProfile
from marque_customer.repository import families
from marque_customer.repository.customers import OWNING
from marque_customer.repository.sight import visible_to

_ties: sa.Table = CustomerTie.__table__  # type: ignore[assignment]
_profiles: sa.Table = OrganisationProfile.__table__  # type: ignore[assignment]
FLEET = 100


async def lock_kind(session: AsyncSession, kind: int) -> None:
    """Lets those who tie customers in one way wait for each other: two ties at once could make a circle together."""
    await session.execute(
        sa.text("SELECT pg_advisory_xact_lock(hashtextextended('ties:' || :kind, 0))"), {"kind": str(kind)}
    )


def _seen(principal: Principal, column: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Whether a caller sees who stands for a customer. One that is erased has no ties any more."""
    return sa.exists(
        sa.select(Customer.customer_id).where(
            Customer.customer_id == sa.func.customer_root(column), visible_to(principal)
        )
    )


async def page(
    session: AsyncSession,
    principal: Principal,
    family: Sequence[uuid.UUID],
    kind: int,
    with_ended: bool,
    page: Page,
    descending: bool,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of the ties of a customer in sight (`family`: it and those merged into it) and one more."""
    c = _ties.c
    mine, theirs = c.customer_id.in_(family), c.other_customer_id.in_(family)
    query = sa.select(_ties).where(sa.or_(mine, theirs), ~sa.and_(mine, theirs))
    query = query.where(_seen(principal, c.customer_id), _seen(principal, c.other_customer_id))
    if kind:
        query = query.where(c.kind == kind)
    if not with_ended:
        query = query.where(c.end_time.is_(None))
    key = sa.tuple_(c.create_time, c.tie_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.create_time.desc(), c.tie_id.desc()) if descending else (c.create_time, c.tie_id)
    return (await session.execute(query.order_by(*order).limit(page.size + 1))).all()


async def contacts(
    session: AsyncSession, principal: Principal, family: Sequence[uuid.UUID], kind: int
) -> Sequence[Any]:
    """Returns the standing ties of a kind that lead to an organisation, as far as the caller sees who they are; primary ones first."""
    c = _ties.c
    query = sa.select(_ties).where(c.other_customer_id.in_(family), c.kind == kind, c.end_time.is_(None))
    query = query.where(_seen(principal, c.customer_id))
    return (await session.execute(query.order_by(c.is_primary.desc(), c.create_time, c.tie_id).limit(FLEET))).all()


async def standing(session: AsyncSession, customer_ids: Iterable[uuid.UUID], kind: int, limit: int) -> Sequence[Any]:
    """Returns `customer_id, other_customer_id, role` of the standing ties of a kind at either end of some customers, oldest first."""
    c, ids = _ties.c, list(customer_ids)
    query = sa.select(c.customer_id, c.other_customer_id, c.role).where(
        sa.or_(c.customer_id.in_(ids), c.other_customer_id.in_(ids)), c.kind == kind, c.end_time.is_(None)
    )
    return (await session.execute(query.order_by(c.create_time, c.tie_id).limit(limit))).all()


async def count(session: AsyncSession, customer_ids: Sequence[uuid.UUID], kind: int) -> int:
    """Returns how many standing ties of a kind some customers have at either end."""
    c = _ties.c
    query = sa.select(sa.func.count()).where(
        sa.or_(c.customer_id.in_(customer_ids), c.other_customer_id.in_(customer_ids)),
        c.kind == kind,
        c.end_time.is_(None),
    )
    return int(await session.scalar(query) or 0)


async def locked(session: AsyncSession, principal: Principal, tie_id: uuid.UUID) -> CustomerTie | None:
    """Returns a tie in sight, to change."""
    c = _ties.c
    query = sa.select(CustomerTie).where(
        c.tie_id == tie_id, _seen(principal, c.customer_id), _seen(principal, c.other_customer_id)
    )
    return (await session.scalars(query.with_for_update(of=CustomerTie))).one_or_none()


async def roots(session: AsyncSession, rows: Iterable[Any]) -> dict[uuid.UUID, uuid.UUID]:
    """Returns for every end of some ties who stands for it."""
    return await families.roots(session, {one for row in rows for one in (row.customer_id, row.other_customer_id)})


async def visible(session: AsyncSession, principal: Principal, customer_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """Returns which of some customers a caller sees."""
    query = sa.select(Customer.customer_id).where(Customer.customer_id.in_(customer_ids), visible_to(principal))
    return set(await session.scalars(query))


async def cars(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns `customer_id, vin` of the cars that some customers own or lease now, in the order of the VINs."""
    query = sa.select(KnownCar.customer_id, KnownCar.vin).distinct().order_by(KnownCar.vin)
    return (await session.execute(query.where(*_owned(customer_ids)))).all()


async def fleet(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> tuple[int, list[str]]:
    """Returns how many cars an organisation owns or leases now, and the first 101 VINs."""
    total = await session.scalar(sa.select(sa.func.count(KnownCar.vin.distinct())).where(*_owned(customer_ids)))
    query = sa.select(KnownCar.vin).distinct().where(*_owned(customer_ids)).order_by(KnownCar.vin).limit(FLEET + 1)
    return int(total or 0), list(await session.scalars(query))


def _owned(customer_ids: Sequence[uuid.UUID]) -> list[sa.ColumnElement[bool]]:
    now = sa.func.now()
    begun = sa.or_(KnownCar.valid_start_time.is_(None), KnownCar.valid_start_time <= now)
    going_on = sa.or_(KnownCar.valid_end_time.is_(None), KnownCar.valid_end_time > now)
    return [KnownCar.customer_id.in_(customer_ids), KnownCar.role.in_(OWNING), ~KnownCar.voided, begun, going_on]


async def profile(session: AsyncSession, family: Sequence[uuid.UUID]) -> Any:
    """Returns what is stated of an organisation: its own word, else that of one merged into it, the latest first; or None."""
    c = _profiles.c
    query = sa.select(_profiles).where(c.customer_id.in_(family))
    query = query.order_by((c.customer_id == family[0]).desc(), c.update_time.desc()).limit(1)
    return (await session.execute(query)).one_or_none()


async def own_profile(session: AsyncSession, customer_id: uuid.UUID) -> OrganisationProfile | None:
    """Returns an organisation's own profile, to change; its customer's row must be locked."""
    return await session.get(OrganisationProfile, customer_id, with_for_update=True, populate_existing=True)


async def customer(session: AsyncSession, customer_id: uuid.UUID) -> Any:
    """Returns `customer_id, kind, industry` of a customer that a statement before found visible."""
    query = sa.select(Customer.customer_id, Customer.kind, Customer.industry).where(Customer.customer_id == customer_id)
    return (await session.execute(query)).one()


async def forget(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> int:
    """Deletes every tie at either end of some customers; returns how many."""
    c = _ties.c
    gone = sa.delete(_ties).where(sa.or_(c.customer_id.in_(customer_ids), c.other_customer_id.in_(customer_ids)))
    return int((await session.execute(gone)).rowcount)  # type: ignore[attr-defined]


async def of(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> Sequence[Any]:
    """Returns every tie at either end of some customers."""
    c = _ties.c
    query = sa.select(_ties).where(sa.or_(c.customer_id.in_(customer_ids), c.other_customer_id.in_(customer_ids)))
    return (await session.execute(query.order_by(c.tie_id))).all()
