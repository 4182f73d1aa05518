"""The consent ledger: entries are added, never changed; an answer as known at an instant never changes either."""

from __future__ import annotations

import uuid
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
from marque_customer.repository import ledger
from marque_customer.rules import consents as rules


async def add(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Writes an entry. Raises ControllerNotOwn, CustomerNotFound, CustomerErased, CustomerMerged."""
    refuse_foreign(uow.principal, values["controller_kind"], values["controller_id"])
    async with uow:
        customer = await repository.find(uow.session, uow.principal, customer_id, lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=customer_id)
        customer.refuse_if_gone()
        clock = await ledger.lock(uow.session, customer_id, alone=True)
        before = await ledger.last(uow.session, customer_id)
        entry = ConsentEntry(
            consent_entry_id=new_uuid(),
            customer_id=customer_id,
            sequence=before.sequence + 1 if before else 1,
            known_time=rules.next_known_time(clock, before.known_time if before else None),
            actor=uow.principal.subject,
            **values,
        )
        uow.add(entry)
        await uow.flush()
        uow.emit(_changed(entry))
        uow.audit(
            "grant" if entry.action == rules.GRANTED else "withdraw", "consent_entry", str(entry.consent_entry_id)
        )
        return await uow.answer(entry)


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
    standing = await ledger.standing(session, principal, customer_id)
    if standing is None:
        raise CustomerNotFound(customer_id=customer_id)
    moment = refuse_future(known, clock)
    proof = await ledger.deciding(session, customer_id, subject, moment)
    allowed, reason = rules.answer(proof.action if proof else None, standing.status, standing.status_time, moment)
    return allowed, reason, proof, moment
