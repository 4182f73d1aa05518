"""SQL of demo fleets and test drives. Each dealer sees its own; the rules of sight are those of leads."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from servicekit.paging import Page
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import DemoCar, Lead, TestDrive
from marque_customer.repository.leads import visible_to as scoped

_cars: sa.Table = DemoCar.__table__  # type: ignore[assignment]
_drives: sa.Table = TestDrive.__table__  # type: ignore[assignment]
_HOLD = (TestDrive.BOOKED, TestDrive.CONFIRMED, TestDrive.DONE)
MOST_CARS = 200


def cars_visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The cars that a caller may see."""
    return scoped(principal, _cars.c.dealer_id)


def visible_to(principal: Principal) -> sa.ColumnElement[bool]:
    """The test drives that a caller may see."""
    return scoped(principal, _drives.c.dealer_id)


async def car(session: AsyncSession, principal: Principal, demo_car_id: uuid.UUID) -> DemoCar | None:
    """Returns a car in sight, to change or to book."""
    query = sa.select(DemoCar).where(DemoCar.demo_car_id == demo_car_id, cars_visible_to(principal))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def car_page(
    session: AsyncSession,
    principal: Principal,
    dealer_id: uuid.UUID | None,
    active_only: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of cars by VIN, and one more."""
    query = sa.select(_cars).where(cars_visible_to(principal))
    if dealer_id is not None:
        query = query.where(_cars.c.dealer_id == dealer_id)
    if active_only:
        query = query.where(_cars.c.active)
    key = (_cars.c.vin, _cars.c.demo_car_id)
    if after is not None:
        query = query.where(sa.tuple_(*key) > after)
    return (await session.execute(query.order_by(*key).limit(page.size + 1))).all()


async def fleet(session: AsyncSession, dealer_id: uuid.UUID, demo_car_id: uuid.UUID | None) -> list[uuid.UUID]:
    """Returns the cars of a dealer that can be booked, at most 200."""
    query = sa.select(_cars.c.demo_car_id).where(_cars.c.dealer_id == dealer_id, _cars.c.active)
    if demo_car_id is not None:
        query = query.where(_cars.c.demo_car_id == demo_car_id)
    return list(await session.scalars(query.order_by(_cars.c.vin, _cars.c.demo_car_id).limit(MOST_CARS)))


async def taken(
    session: AsyncSession, cars: Sequence[uuid.UUID], start: datetime, end: datetime
) -> dict[uuid.UUID, list[tuple[datetime, datetime]]]:
    """Returns for each car the spans in which somebody has it, as far as they touch [start, end)."""
    found: dict[uuid.UUID, list[tuple[datetime, datetime]]] = {car: [] for car in cars}
    c = _drives.c
    query = sa.select(c.demo_car_id, c.start_time, c.end_time).where(
        c.demo_car_id.in_(cars), c.state.in_(_HOLD), c.start_time < end, c.end_time > start
    )
    for row in await session.execute(query):
        found[row.demo_car_id].append((row.start_time, row.end_time))
    return found


async def customer_of(session: AsyncSession, principal: Principal, test_drive_id: uuid.UUID) -> uuid.UUID | None:
    """Returns the customer of a test drive in sight, who is locked before it is."""
    query = sa.select(_drives.c.customer_id).where(_drives.c.test_drive_id == test_drive_id, visible_to(principal))
    found: uuid.UUID | None = await session.scalar(query)
    return found


async def locked(session: AsyncSession, principal: Principal, test_drive_id: uuid.UUID) -> TestDrive | None:
    """Returns a test drive in sight, to change."""
    query = sa.select(TestDrive).where(TestDrive.test_drive_id == test_drive_id, visible_to(principal))
    return (await session.scalars(query.with_for_update())).one_or_none()


async def of_registration(session: AsyncSession, registration_id: uuid.UUID) -> TestDrive | None:
    """Returns the drive of who registered for an event, to change; the person's row must be locked."""
    query = sa.select(TestDrive).where(TestDrive.event_registration_id == registration_id)
    return (await session.scalars(query.with_for_update())).one_or_none()


async def part_from_leads(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> None:
    """Takes the leads of some people from drives that stand under another id of theirs, or of whom they were merged with once."""
    mine = sa.select(Lead.lead_id).where(Lead.customer_id.in_(customer_ids))
    await session.execute(
        sa.update(TestDrive)
        .where(TestDrive.event_registration_id.isnot(None), TestDrive.lead_id.in_(mine))
        .values(lead_id=None)
        .execution_options(synchronize_session=False)
    )


async def read(session: AsyncSession, principal: Principal, test_drive_id: uuid.UUID) -> Any:
    """Returns the row of a test drive in sight, or None."""
    query = sa.select(_drives).where(_drives.c.test_drive_id == test_drive_id, visible_to(principal))
    return (await session.execute(query)).one_or_none()


async def page(
    session: AsyncSession,
    principal: Principal,
    equal: dict[str, Any],
    family: Sequence[uuid.UUID] | None,
    between: tuple[datetime | None, datetime | None],
    descending: bool,
    page: Page,
    after: tuple[Any, ...] | None,
) -> Sequence[Any]:
    """Returns a page of test drives and one more; `family`: only of these ids of one person, None for everybody's."""
    c = _drives.c
    query = sa.select(_drives).where(visible_to(principal), *(c[name] == value for name, value in equal.items()))
    if family is not None:
        query = query.where(c.customer_id.in_(family))
    if between[0] is not None:
        query = query.where(c.start_time >= between[0])
    if between[1] is not None:
        query = query.where(c.start_time < between[1])
    key = sa.tuple_(c.start_time, c.test_drive_id)
    if after is not None:
        query = query.where(key < after if descending else key > after)
    order = (c.start_time, c.test_drive_id)
    sorted_by = [column.desc() if descending else column for column in order]
    return (await session.execute(query.order_by(*sorted_by).limit(page.size + 1))).all()


async def of_staff(session: AsyncSession, staff_id: uuid.UUID, limit: int) -> list[TestDrive]:
    """Returns drives to come on which somebody goes along, to change, in the order of their ids."""
    query = sa.select(TestDrive).where(
        TestDrive.adviser_staff_id == staff_id, TestDrive.state.in_((TestDrive.BOOKED, TestDrive.CONFIRMED))
    )
    return list(await session.scalars(query.order_by(TestDrive.test_drive_id).limit(limit).with_for_update()))
