"""The consent ledger: entries are added, never changed; an answer as known at an instant never changes either.

Each customer keeps a ledger of its own, also while it is merged; `rules.merged_consents` says what several say together.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from marque.customer.v1 import consent_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import Aborted
from servicekit.ids import new_uuid
from servicekit.rpc.principal import Principal
from sqlalchemy.ext.asyncio import AsyncSession

from marque_customer.errors import ControllerNotOwn, CustomerNotFound
from marque_customer.mapping.consents import refuse_future
from marque_customer.models import ConsentEntry
from marque_customer.repository import customers as repository
from marque_customer.repository import families, ledger, permits
from marque_customer.repository.notes import connection_of
from marque_customer.rules import consents as rules
from marque_customer.rules import merged_consents
from marque_customer.rules.kinds import ACTIVE
from marque_customer.rules.merged_consents import Edge
from marque_customer.usecases import open_calls

_CONTACT_POINT = "customer.contact_point"


@dataclass
class Place:
    """The ends of the ledgers of a customer and those merged into it, held for writing: the last sequences and known time, and the clock
    since the locks. The customer's own is the first of `family`.
    """

    family: Sequence[uuid.UUID]
    sequences: dict[uuid.UUID, int]
    known_time: datetime | None
    clock: datetime

    @property
    def count(self) -> int:
        """How many entries there are: the state that an etag stands for."""
        return sum(self.sequences.values())


class View(NamedTuple):
    """As of when a question about consent is answered, for whom: the family as it stood then, its survivor first, and its merges."""

    family: Sequence[uuid.UUID]
    stood: Sequence[Edge]
    moment: datetime


async def add(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes an entry. Raises ControllerNotOwn, CustomerNotFound, CustomerErased, CustomerMerged.

    Who is merged can still be named, by an old link. A withdrawal is written for all who are one with the customer, a grant for the one
    whose contact point proves it (evidence `customer.contact_point`), else the one named: so all stay right when they are two again. The
    entry of the one named, or of the giver, is the answer.
    """
    refuse_foreign(uow.principal, values["controller_kind"], values["controller_id"])
    async with uow:
        place = await begin(uow, customer_id)
        return await uow.answer(await append(uow, place, values))


async def begin(uow: UnitOfWork, customer_id: uuid.UUID, seer: Principal | None = None) -> Place:
    """Takes the ledgers of a customer and its family for writing, its own first; returns where their ends are. `seer`: in whose sight
    the customer must be, where that is not the caller's.

    Raises CustomerNotFound, CustomerErased, Aborted.
    """
    root = (await families.roots(uow.session, [customer_id])).get(customer_id, customer_id)
    customer = await repository.find(uow.session, seer or uow.principal, root, lock=True)
    if customer is None:
        raise CustomerNotFound(customer_id=customer_id)
    customer.refuse_if_gone()
    members = await families.family(uow.session, root)
    if customer_id not in members:  # what it stands for changed before the lock was got
        raise Aborted()
    family = [customer_id, *(one for one in members if one != customer_id)]
    clock = await ledger.lock_family(uow.session, family, alone=True)
    last = await ledger.last_of(uow.session, family)
    known = max((row.known_time for row in last.values()), default=None)
    return Place(family, {one: row.sequence for one, row in last.items()}, known, clock)


async def append(uow: UnitOfWork, place: Place, values: dict[str, Any]) -> ConsentEntry:
    """Writes the next entry in each ledger that it belongs to, and returns the first; known times rise over the whole family, so that its
    entries have one order. A withdrawal voids what is permitted and not yet spent, and cancels calls that are still to be made; whoever
    answers it waits for the rest (`usecases.settling`).
    """
    withdrawn = values["action"] == rules.WITHDRAWN
    entries = []
    for customer_id in place.family if withdrawn else [await _giver(uow.session, place.family, values)]:
        place.known_time = rules.next_known_time(place.clock, place.known_time)
        place.sequences[customer_id] = place.sequences.get(customer_id, 0) + 1
        entry = ConsentEntry(
            consent_entry_id=new_uuid(),
            customer_id=customer_id,
            sequence=place.sequences[customer_id],
            known_time=place.known_time,
            actor=uow.principal.subject,
            **values,
        )
        entries.append(entry)
    uow.add(*entries)
    await uow.flush()
    if withdrawn:
        await permits.withdraw(await connection_of(uow.session), place.family[0])
        await open_calls.stop(uow, place.family, values)
    for entry in entries:
        uow.emit(_changed(entry))
        uow.audit("withdraw" if withdrawn else "grant", "consent_entry", str(entry.consent_entry_id))
    return entries[0]


async def _giver(session: AsyncSession, family: Sequence[uuid.UUID], values: dict[str, Any]) -> uuid.UUID:
    """Who gave a grant: whose contact point it was given by, else the customer."""
    if len(family) == 1 or values["evidence_type"] != _CONTACT_POINT:
        return family[0]
    return await repository.whose_point(session, family, values["evidence_id"]) or family[0]


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
    seen = await view(session, principal, customer_id, known)
    proof = await ledger.deciding(session, seen.family, seen.stood, subject, seen.moment)
    status, since = await standing(session, seen)
    allowed, reason = rules.answer(proof.action if proof else None, status, since, seen.moment)
    return allowed, reason, proof, seen.moment


async def view(
    session: AsyncSession, principal: Principal, customer_id: uuid.UUID, known: datetime | None = None
) -> View:
    """Returns whom a question is about, as known at an instant (none: now). Raises CustomerNotFound, InvalidArgument for the future.

    Takes the ledgers of all who ever were one with the customer before it reads the clock: merging and writing hold them alone.
    """
    tied = families.everybody(customer_id, await families.edges(session, customer_id))
    clock = await ledger.lock_family(session, tied, alone=False)
    if not await families.seen(session, principal, customer_id):
        raise CustomerNotFound(customer_id=customer_id)
    edges = await families.edges(session, customer_id)  # a merge that was waited for
    latest = await ledger.latest(session, families.everybody(customer_id, edges))
    moment = refuse_future(known, clock if latest is None or clock > latest else latest)
    stood = merged_consents.standing(edges, moment)
    return View(merged_consents.family(customer_id, stood), stood, moment)


async def deciding(
    session: AsyncSession, principal: Principal, customer_id: uuid.UUID, subject: dict[str, Any]
) -> sa.Row[Any] | None:
    """Returns the entry that decides over a use now; None where nobody was asked. Raises CustomerNotFound."""
    seen = await view(session, principal, customer_id)
    return await ledger.deciding(session, seen.family, seen.stood, subject, seen.moment)


async def standing(session: AsyncSession, seen: View) -> tuple[int, datetime]:
    """Returns the status of whom a question is about, and since when, as known at its instant."""
    found = await ledger.standing(session, seen.family[0], seen.moment)
    return (found.status, found.known_time) if found else (ACTIVE, seen.moment)
