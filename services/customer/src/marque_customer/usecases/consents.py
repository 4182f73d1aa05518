"""The consent ledger: entries are added, never changed; an answer as known at an instant never changes either.

Each customer keeps a ledger of its own, also while it is merged; `rules.merged_consents` says what several say together.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

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
from marque_customer.repository import families, ledger
from marque_customer.rules import consents as rules
from marque_customer.rules import merged_consents

_CONTACT_POINT = "customer.contact_point"


async def add(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes an entry. Raises ControllerNotOwn, CustomerNotFound, CustomerErased, CustomerMerged.

    Where others are merged into the customer, a withdrawal is written for each of them, and a grant for the one whose contact point proves
    it (evidence `customer.contact_point`): so both stay right when they are two again. The customer's own entry is the answer.
    """
    refuse_foreign(uow.principal, values["controller_kind"], values["controller_id"])
    async with uow:
        customer = await repository.find(uow.session, uow.principal, customer_id, lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=customer_id)
        customer.refuse_if_gone()
        family = await families.family(uow.session, customer_id)
        clock = await ledger.lock_family(uow.session, family, alone=True)
        whose = family if values["action"] == rules.WITHDRAWN else [await _giver(uow.session, family, values)]
        entries = await _write(uow, whose, family, values, clock)
        return await uow.answer(entries[0])


async def _giver(session: AsyncSession, family: Sequence[uuid.UUID], values: dict[str, Any]) -> uuid.UUID:
    """Who gave a grant: whose contact point it was given by, else the customer."""
    if len(family) == 1 or values["evidence_type"] != _CONTACT_POINT:
        return family[0]
    return await repository.whose_point(session, family, values["evidence_id"]) or family[0]


async def _write(
    uow: UnitOfWork, whose: Sequence[uuid.UUID], family: Sequence[uuid.UUID], values: dict[str, Any], clock: datetime
) -> list[ConsentEntry]:
    """Writes an entry in each of some ledgers; known times rise over the whole family, so that its entries have one order."""
    last = await ledger.last_of(uow.session, family)
    known = max((row.known_time for row in last.values()), default=None)
    entries = []
    for customer_id in whose:
        before = last.get(customer_id)
        known = rules.next_known_time(clock, known)
        entry = ConsentEntry(
            consent_entry_id=new_uuid(),
            customer_id=customer_id,
            sequence=before.sequence + 1 if before else 1,
            known_time=known,
            actor=uow.principal.subject,
            **values,
        )
        entries.append(entry)
    uow.add(*entries)
    await uow.flush()
    for entry in entries:
        uow.emit(_changed(entry))
        action = "grant" if entry.action == rules.GRANTED else "withdraw"
        uow.audit(action, "consent_entry", str(entry.consent_entry_id))
    return entries


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
    standing = await ledger.standing(session, principal, customer_id)
    if standing is None:
        raise CustomerNotFound(customer_id=customer_id)
    clock, proof = await decide(session, customer_id, subject, known)
    moment = refuse_future(known, clock)
    allowed, reason = rules.answer(proof.action if proof else None, standing.status, standing.status_time, moment)
    return allowed, reason, proof, moment


async def decide(
    session: AsyncSession, customer_id: uuid.UUID, subject: dict[str, Any], known: datetime | None = None
) -> tuple[datetime, sa.Row[Any] | None]:
    """Returns the clock, and the entry that decides over a use as known at an instant (none: now) for whoever the customer was then.

    Takes the ledgers of all who ever were one with the customer before it reads the clock: merging and writing hold them alone.
    """
    edges = await families.edges(session, customer_id)
    clock = await ledger.lock_family(session, families.everybody(customer_id, edges), alone=False)
    edges = await families.edges(session, customer_id)  # a merge that was waited for
    moment = min(known, clock) if known is not None else clock
    stood = merged_consents.standing(edges, moment)
    family = merged_consents.family(customer_id, stood)
    return clock, await ledger.deciding(session, family, stood, subject, moment)
