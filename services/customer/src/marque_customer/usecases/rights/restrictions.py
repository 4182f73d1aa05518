"""Restriction of processing: a person's data are kept and not used, until it is lifted."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork

from marque_customer.errors import CustomerNotFound, ErasureUnderWay, RestrictionNotFound
from marque_customer.models import Customer, ProcessingRestriction
from marque_customer.models.rights import COMPLETED
from marque_customer.repository import erasures as repository
from marque_customer.repository import families
from marque_customer.usecases.saving import for_change, save_changed


async def restrict(*, uow: UnitOfWork, customer_id: uuid.UUID, reason: str) -> Any:
    """Restricts a person in sight; a restriction that stands is given. Raises CustomerNotFound, CustomerErased."""
    async with uow:
        person = await person_of(uow, customer_id)
        await keep_unused(uow, person)
        row = await repository.standing(uow.session, person)
        if row is None:
            row = ProcessingRestriction(
                customer_id=person, reason=reason, actor=uow.principal.subject, set_time=uow.now
            )
            uow.add(row)
            uow.audit("restrict", "customer", str(person))
        return await uow.answer(row)


async def keep_unused(uow: UnitOfWork, customer_id: uuid.UUID) -> Customer:
    """Sets a customer to restricted inside the open unit of work, so that no permit is taken any more. Raises what `for_change` raises."""
    customer, parts = await for_change(uow, customer_id)
    if customer.restrict(uow.now):
        await save_changed(uow, customer, parts, ["status"])
    return customer


async def lift(*, uow: UnitOfWork, customer_id: uuid.UUID, reason: str) -> Any:
    """Lifts the restriction of a person in sight. Raises CustomerNotFound, RestrictionNotFound, ErasureUnderWay."""
    async with uow:
        person = await person_of(uow, customer_id)
        customer, parts = await for_change(uow, person)
        erasure = await repository.of_customer(uow.session, person)
        if erasure is not None and erasure.state != COMPLETED:
            raise ErasureUnderWay(customer_id=person)
        row = await repository.standing(uow.session, person)
        if row is None:
            raise RestrictionNotFound(customer_id=person)
        row.lift(reason, uow.principal.subject, uow.now)
        customer.use_again(uow.now)
        await save_changed(uow, customer, parts, ["status"])
        uow.audit("lift_restriction", "customer", str(person))
        return await uow.answer(row)


async def person_of(uow: UnitOfWork, customer_id: uuid.UUID) -> uuid.UUID:
    """Returns who stands for a customer in sight. Raises CustomerNotFound."""
    family = await families.seen(uow.session, uow.principal, customer_id)
    if not family:
        raise CustomerNotFound(customer_id=customer_id)
    return family[0]
