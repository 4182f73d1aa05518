"""The consent ledger: entries are added, never changed; an answer as known at an instant never changes either."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from marque.customer.v1 import consent_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.errors import ControllerNotOwn, CustomerNotFound
from marque_customer.mapping.consents import refuse_future
from marque_customer.models import ConsentEntry
from marque_customer.repository import customers as repository
from marque_customer.repository import ledger, permits, timeline
from marque_customer.repository.notes import connection_of
from marque_customer.rules import consents as rules
from marque_customer.rules.kinds import ACTIVE


class Place(NamedTuple):
    """The end of a ledger that is held for writing: the last entry's sequence and known time, and the clock since the lock."""

    sequence: int
    known_time: datetime | None
    clock: datetime


async def add(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes an entry. Raises ControllerNotOwn, CustomerNotFound, CustomerErased, CustomerMerged."""
    refuse_foreign(uow.principal, values["controller_kind"], values["controller_id"])
    async with uow:
        before = await begin(uow, customer_id)
        entry = await append(uow, customer_id, before, values)
        return await uow.answer(entry)


async def begin(uow: UnitOfWork, customer_id: uuid.UUID) -> Place:
    """Takes the ledger of a customer for writing; returns where its end is. Raises CustomerNotFound, CustomerErased, CustomerMerged."""
    customer = await repository.find(uow.session, uow.principal, customer_id, lock=True)
    if customer is None:
        raise CustomerNotFound(customer_id=customer_id)
    customer.refuse_if_gone()
    clock = await ledger.lock(uow.session, customer_id, alone=True)
    before = await ledger.last(uow.session, customer_id)
    return Place(before.sequence if before else 0, before.known_time if before else None, clock)


async def append(uow: UnitOfWork, customer_id: uuid.UUID, place: Place, values: dict[str, Any]) -> ConsentEntry:
    """Writes the next entry of a ledger that was taken. A withdrawal voids what is permitted and not yet spent; whoever answers it waits
    for the rest (`usecases.settling`).
    """
    entry = ConsentEntry(
        consent_entry_id=new_uuid(),
        customer_id=customer_id,
        sequence=place.sequence + 1,
        known_time=rules.next_known_time(place.clock, place.known_time),
        actor=uow.principal.subject,
        **values,
    )
    uow.add(entry)
    await uow.flush()
    if entry.action == rules.WITHDRAWN:
        await permits.withdraw(await connection_of(uow.session), customer_id)
    uow.emit(_changed(entry))
    uow.audit("grant" if entry.action == rules.GRANTED else "withdraw", "consent_entry", str(entry.consent_entry_id))
    return entry


def _changed(entry: ConsentEntry) -> consent_events_pb2.ConsentChanged:
    event = consent_events_pb2.ConsentChanged(
        customer_id=str(entry.customer_id),
        aggregate_version=entry.sequence,
        consent_entry_id=str(entry.consent_entry_id),
        purpose=entry.purpose,  # type: ignore[arg-type]
        channel=entry.channel,  # type: ignore[arg-type]
        action=entry.action,  # type: ignore[arg-type]
    )
    event.controller.kind = entry.controller_kind  # type: ignore[assignment]
    event.controller.controller_id = entry.controller_id
    event.known_time.FromDatetime(entry.known_time)
    return event


def refuse_foreign(principal: Principal, kind: int, controller_id: str) -> None:
    """Raises ControllerNotOwn where a dealer speaks for, or asks about, another controller."""
    if principal.is_dealer and not (kind == rules.DEALER and controller_id in principal.dealers):
        raise ControllerNotOwn()


async def check(
    *,
    session: AsyncSession,
    principal: Principal,
    customer_id: uuid.UUID,
    subject: dict[str, Any],
    known: datetime | None,
) -> tuple[bool, str, sa.Row[Any] | None, datetime]:
    """Returns whether a use is allowed as known at an instant, why, the deciding entry, and the instant.

    Raises CustomerNotFound, and InvalidArgument for an instant in the future.
    """
    clock = await ledger.lock(session, customer_id, alone=False)
    if not await timeline.is_visible(session, principal, customer_id):
        raise CustomerNotFound(customer_id=customer_id)
    moment = refuse_future(known, await present(session, customer_id, clock))
    proof = await ledger.deciding(session, customer_id, subject, moment)
    standing = await ledger.standing(session, customer_id, moment)
    status, since = (standing.status, standing.known_time) if standing else (ACTIVE, moment)
    allowed, reason = rules.answer(proof.action if proof else None, status, since, moment)
    return allowed, reason, proof, moment


async def present(session: AsyncSession, customer_id: uuid.UUID, clock: datetime) -> datetime:
    """Returns the moment as of which everything is known: the clock, or the last entry's known time where the clock has stepped back."""
    latest = await ledger.latest(session, customer_id)
    return clock if latest is None or clock > latest else latest
