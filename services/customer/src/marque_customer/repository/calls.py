"""Calls, the events that tell of them, and who may be calling."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from servicekit.dealers import in_scope
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint, Customer, Interaction, KnownCar, PhoneCall
from marque_customer.repository.sight import own_dealers, visible_to
from marque_customer.rules.kinds import LISTED, PHONE

CANDIDATES, CARS, MATTERS, TOUCHES = 10, 20, 20, 5
_TOUCH = Interaction.__table__.c
# The ids under which rows of a customer stand, by the customer's own; and what was found for each.
Families = Mapping[uuid.UUID, Sequence[uuid.UUID]]
Found = dict[uuid.UUID, list[Any]]
_EVENTS = sa.table(
    "call_events",
    *(sa.column(name) for name in ("provider", "event_id", "call_id", "kind", "event_time", "create_time")),
)
_MATTERS = sa.text(
    "SELECT customer_id, reference_type, reference_id, update_time FROM contact_holds"
    " WHERE customer_id = ANY(CAST(:ids AS uuid[])) AND open ORDER BY update_time DESC"
)
_EVENT_DAYS = 31
_STEP = 5000
_PRUNE = """
DELETE FROM {0} WHERE ctid = ANY(ARRAY(
    SELECT ctid FROM {0} WHERE create_time < clock_timestamp() - CAST(:age AS interval) LIMIT :step))"""


def seen_by(principal: Principal) -> sa.ColumnElement[bool]:
    """Calls of the maker's lines are seen by the maker's people, those of a dealer's also by its own."""
    return sa.true() if principal.sees_all_rows else in_scope(principal, PhoneCall.__table__.c.dealer_id)


async def find(
    session: AsyncSession, principal: Principal, call_id: uuid.UUID, *, lock: bool = False
) -> PhoneCall | None:
    """Returns a call in sight."""
    query = sa.select(PhoneCall).where(PhoneCall.call_id == call_id, seen_by(principal))
    options = {"populate_existing": True} if lock else {}
    return (await session.scalars(query.with_for_update() if lock else query, execution_options=options)).one_or_none()


async def take(session: AsyncSession, values: dict[str, Any], placed: uuid.UUID | None) -> tuple[PhoneCall, bool]:
    """Returns the call that an event is about, under lock, and whether it is new; `placed` is the one that PlaceCall made."""
    if placed is not None:
        known = sa.select(PhoneCall).where(PhoneCall.call_id == placed).with_for_update()
        if (call := (await session.scalars(known)).one_or_none()) is not None:
            return call, False
    row = insert(PhoneCall).values(version=1, **values).on_conflict_do_nothing()
    fresh = bool((await session.execute(row)).rowcount)  # type: ignore[attr-defined]
    mine = sa.and_(PhoneCall.provider == values["provider"], PhoneCall.provider_call_id == values["provider_call_id"])
    return (await session.scalars(sa.select(PhoneCall).where(mine).with_for_update())).one(), fresh


async def tell(session: AsyncSession, values: dict[str, Any]) -> bool:
    """Keeps an event; tells whether it is new."""
    row = insert(_EVENTS).values(**values).on_conflict_do_nothing()
    return bool((await session.execute(row)).rowcount)  # type: ignore[attr-defined]


async def candidates(session: AsyncSession, principal: Principal, match_key: str) -> list[Customer]:
    """Returns the live customers in sight with a phone number, those who were shown to have it first, at most 10."""
    verified = sa.func.bool_or(ContactPoint.verify_time.isnot(None)).label("verified")
    person = sa.func.customer_root(ContactPoint.customer_id).label("customer_id")
    phones = (
        sa.select(person, verified)
        .where(ContactPoint.match_key == match_key, ContactPoint.kind == PHONE)
        .group_by(person)
        .subquery()
    )
    query = (
        sa.select(Customer)
        .join(phones, phones.c.customer_id == Customer.customer_id)
        .where(Customer.status.in_(LISTED), visible_to(principal))
        .order_by(phones.c.verified.desc(), Customer.update_time.desc(), Customer.customer_id)
        .limit(CANDIDATES)
    )
    return list(await session.scalars(query))


async def cars_of(session: AsyncSession, ids: Collection[uuid.UUID]) -> Sequence[Any]:
    """Returns `customer_id, vin, role` of the cars that customers have now."""
    columns = (KnownCar.customer_id, KnownCar.vin, KnownCar.role)
    query = sa.select(*columns).where(
        KnownCar.customer_id.in_(ids), ~KnownCar.voided, KnownCar.valid_end_time.is_(None)
    )
    return (await session.execute(query.order_by(KnownCar.role, KnownCar.vin))).all()


async def matters_of(session: AsyncSession, ids: Collection[uuid.UUID]) -> Sequence[Any]:
    """Returns what is open of customers, newest first."""
    return (await session.execute(_MATTERS, {"ids": list(ids)})).all()


async def touches_of(session: AsyncSession, principal: Principal, families: Families) -> Found:
    """Returns for each customer the last touches, with those of the ones merged into it, that the caller may see."""
    return await _touches(session, principal, families, (), lambda touch: touch.occur_time.desc())


async def promises_of(session: AsyncSession, principal: Principal, families: Families, since: datetime) -> Found:
    """Returns for each customer the touches whose next step is due after a moment, soonest first."""
    return await _touches(
        session, principal, families, (_TOUCH.next_step_time > since,), lambda touch: touch.next_step_time
    )


async def _touches(
    session: AsyncSession, principal: Principal, families: Families, only: Sequence[Any], order: Callable[[Any], Any]
) -> Found:
    """The first few touches of each of some families, in one statement."""
    found: Found = {root: [] for root in families}
    if not families:
        return found
    parts = [
        sa.select(sa.literal(root, sa.Uuid()).label("root"), Interaction.__table__)
        .where(_TOUCH.customer_id.in_(family), own_dealers(principal, _TOUCH.dealer_id), *only)
        .order_by(order(_TOUCH))
        .limit(TOUCHES)
        .subquery()
        for root, family in families.items()
    ]
    touches = sa.union_all(*(sa.select(part) for part in parts)).subquery()
    for row in await session.execute(sa.select(touches).order_by(order(touches.c))):
        found[row.root].append(row)
    return found


async def prune(session: AsyncSession, days: int) -> bool:
    """Deletes one step of calls of an age, and of what was told of calls a month ago; tells whether more is left."""
    more = False
    for table, age in (("call_events", _EVENT_DAYS), ("calls", days)):
        statement = sa.text(_PRUNE.format(table))
        result = await session.execute(statement, {"age": timedelta(days=age), "step": _STEP})
        more = more or result.rowcount == _STEP  # type: ignore[attr-defined]
    return more
