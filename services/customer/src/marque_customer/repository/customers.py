"""Customers and their parts, for changes: rows under lock, with everything that the search document and the card are made of."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from marque.vehicle.v1 import ownership_pb2
from servicekit.rpc.principal import Principal
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.models import ContactPoint, Customer, DealerCustomer, KnownCar, Relation, SourceReference
from marque_customer.repository import families
from marque_customer.repository.sight import visible_to
from marque_customer.rules.kinds import LISTED, MERGED, PHONE

_PHONE_LOCK = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('phone:' || :key, 0))")
LOOKED_UP = 10
_REACHED = (*LISTED, MERGED)  # what a merged customer has, its survivor has
OWNING = (ownership_pb2.OWNERSHIP_ROLE_OWNER, ownership_pb2.OWNERSHIP_ROLE_LESSEE)


@dataclass
class Parts:
    """What belongs to a customer beside its own row, and to those merged into it: `family` names them, the customer first."""

    family: list[uuid.UUID] = field(default_factory=list)
    points: list[ContactPoint] = field(default_factory=list)
    references: list[SourceReference] = field(default_factory=list)
    vins: list[str] = field(default_factory=list)
    plates: list[str] = field(default_factory=list)
    dealers: set[uuid.UUID] = field(default_factory=set)

    def add_cars(self, cars: Iterable[tuple[str, str]]) -> None:
        """Adds cars (VIN, plate), each once; a fleet has thousands."""
        known = list(cars)
        self.vins = list(dict.fromkeys(vin for vin, _ in known))
        self.plates = list(dict.fromkeys(plate for _, plate in known if plate))


async def find(
    session: AsyncSession, principal: Principal, customer_id: uuid.UUID, *, lock: bool = False
) -> Customer | None:
    """Returns a customer in the caller's sight."""
    query = sa.select(Customer).where(Customer.customer_id == customer_id, visible_to(principal))
    return (await session.scalars(query.with_for_update() if lock else query)).one_or_none()


async def parts_of(session: AsyncSession, customer_id: uuid.UUID) -> Parts:
    """Returns the parts of a customer, oldest first."""
    return (await parts_of_all(session, [customer_id]))[customer_id]


async def parts_of_all(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Parts]:
    """Returns the parts of customers, oldest first; five statements whatever the number."""
    below = await families.members(session, customer_ids)
    found = {customer_id: Parts(family=[customer_id, *below[customer_id]]) for customer_id in customer_ids}
    of: dict[uuid.UUID, list[Parts]] = {}
    for parts in found.values():
        for member in parts.family:
            of.setdefault(member, []).append(parts)
    points = sa.select(ContactPoint).where(ContactPoint.customer_id.in_(of))
    for point in await session.scalars(points.order_by(ContactPoint.create_time, ContactPoint.contact_point_id)):
        for parts in of[point.customer_id]:
            parts.points.append(point)
    references = sa.select(SourceReference).where(SourceReference.customer_id.in_(of))
    for item in await session.scalars(references.order_by(SourceReference.source, SourceReference.source_key)):
        for parts in of[item.customer_id]:
            parts.references.append(item)
    cars = sa.select(KnownCar.customer_id, KnownCar.vin, KnownCar.plate).distinct()
    cars = cars.where(KnownCar.customer_id.in_(of), ~KnownCar.voided, KnownCar.valid_end_time.is_(None))
    owned: dict[uuid.UUID, list[tuple[str, str]]] = {}
    for car in await session.execute(cars.order_by(KnownCar.vin, KnownCar.plate)):
        owned.setdefault(car.customer_id, []).append((car.vin, car.plate))
    for parts in found.values():
        parts.add_cars(car for member in parts.family for car in owned.get(member, ()))
    shown = sa.select(DealerCustomer.customer_id, DealerCustomer.dealer_id)
    for row in await session.execute(shown.where(DealerCustomer.customer_id.in_(customer_ids))):
        found[row.customer_id].dealers.add(row.dealer_id)
    return found


def _current() -> list[sa.ColumnElement[bool]]:
    return [~KnownCar.voided, KnownCar.valid_end_time.is_(None)]


async def repeat_times(session: AsyncSession, customer: Customer) -> None:
    """Carries the list orders and filters of a customer to the rows of its dealers."""
    await session.execute(
        sa.update(DealerCustomer)
        .where(DealerCustomer.customer_id == customer.customer_id)
        .values(update_time=customer.update_time, status=customer.status)
        .execution_options(synchronize_session=False)
    )


async def lock_phone(session: AsyncSession, match_key: str) -> None:
    """Holds a phone number until the transaction ends, so that two customers cannot be verified for it at once."""
    await session.execute(_PHONE_LOCK, {"key": match_key})


async def verified_elsewhere(
    session: AsyncSession, match_keys: Sequence[str], family: Sequence[uuid.UUID], *, unshared_only: bool
) -> bool:
    """Tells whether a live customer but those of a family has one of these phones verified, itself or by one merged into it."""
    if not match_keys:
        return False
    other = (
        sa.select(ContactPoint.contact_point_id)
        .join(Customer, Customer.customer_id == ContactPoint.customer_id)
        .where(
            ContactPoint.match_key.in_(match_keys),
            ContactPoint.kind == PHONE,
            ContactPoint.verify_time.isnot(None),
            Customer.status.in_(_REACHED),
        )
    )
    if family:
        other = other.where(ContactPoint.customer_id.not_in(family))
    if unshared_only:
        other = other.where(~ContactPoint.shared)
    return bool(await session.scalar(sa.select(other.exists())))


async def whose_point(
    session: AsyncSession, customer_ids: Sequence[uuid.UUID], contact_point_id: str
) -> uuid.UUID | None:
    """Returns to which of some customers a contact point belongs; none for a text that names none of theirs."""
    query = sa.select(ContactPoint.customer_id).where(
        sa.cast(ContactPoint.contact_point_id, sa.Text) == contact_point_id.lower(),
        ContactPoint.customer_id.in_(customer_ids),
    )
    found: uuid.UUID | None = await session.scalar(query)
    return found


async def by_phone(session: AsyncSession, match_key: str) -> list[uuid.UUID]:
    """Returns the live customers with exactly this phone, verified ones first, at most 10."""
    query = (
        sa.select(ContactPoint.customer_id)
        .join(Customer, Customer.customer_id == ContactPoint.customer_id)
        .where(ContactPoint.match_key == match_key, ContactPoint.kind == PHONE, Customer.status.in_(_REACHED))
        .order_by(ContactPoint.verify_time.is_(None), ContactPoint.customer_id)
        .limit(LOOKED_UP)
    )
    return await _survivors(session, query)


async def by_vin(session: AsyncSession, vin: str) -> list[uuid.UUID]:
    """Returns the live customers to whom exactly this car belongs now, at most 10."""
    query = (
        sa.select(KnownCar.customer_id)
        .join(Customer, Customer.customer_id == KnownCar.customer_id)
        .where(KnownCar.vin == vin, KnownCar.role.in_(OWNING), *_current(), Customer.status.in_(_REACHED))
        .distinct()
        .order_by(KnownCar.customer_id)
        .limit(LOOKED_UP)
    )
    return await _survivors(session, query)


async def _survivors(session: AsyncSession, query: sa.Select[tuple[uuid.UUID]]) -> list[uuid.UUID]:
    """The customers of a query, each once; of a merged one the survivor."""
    found = list(await session.scalars(query))
    standing = await families.roots(session, found)
    return list(dict.fromkeys(standing[customer_id] for customer_id in found))


async def locked(session: AsyncSession, customer_ids: Sequence[uuid.UUID]) -> list[Customer]:
    """Returns customers under lock, in the order of their ids so that two look-ups never wait for each other."""
    query = sa.select(Customer).where(Customer.customer_id.in_(customer_ids)).order_by(Customer.customer_id)
    return list(await session.scalars(query.with_for_update()))


async def relation(session: AsyncSession, customer_id: uuid.UUID, dealer_id: uuid.UUID, kind: int) -> Relation | None:
    """Returns the relation of a kind that a dealer has with a customer."""
    query = sa.select(Relation).where(
        Relation.customer_id == customer_id, Relation.dealer_id == dealer_id, Relation.kind == kind
    )
    return (await session.scalars(query)).one_or_none()


async def show_to_dealer(session: AsyncSession, customer: Customer, dealer_id: uuid.UUID, moment: datetime) -> None:
    """Lets a dealer see a customer from now on."""
    row = insert(DealerCustomer).values(
        customer_id=customer.customer_id,
        dealer_id=dealer_id,
        update_time=moment,
        create_time=customer.create_time,
        kind=customer.kind,
        status=customer.status,
    )
    await session.execute(row.on_conflict_do_nothing())


async def set_search(session: AsyncSession, customer_id: uuid.UUID, text: str, tokens: list[str]) -> None:
    """Renews the search document alone: cars and dealers change what a customer is found by, not the customer's version."""
    statement = sa.update(Customer).where(Customer.customer_id == customer_id)
    await session.execute(
        statement.values(search_text=text, search_tokens=tokens, update_time=Customer.update_time).execution_options(
            synchronize_session=False
        )
    )


async def set_search_of(session: AsyncSession, found: Sequence[tuple[uuid.UUID, str, list[str]]]) -> None:
    """Renews the search documents (id, text, tokens) of some customers, as `set_search` does one's."""
    if not found:
        return
    table: sa.Table = Customer.__table__  # type: ignore[assignment]
    change = sa.update(table).where(table.c.customer_id == sa.bindparam("of"))
    change = change.values(
        search_text=sa.bindparam("text"), search_tokens=sa.bindparam("tokens"), update_time=table.c.update_time
    )
    await session.execute(change, [{"of": one, "text": text, "tokens": tokens} for one, text, tokens in found])
