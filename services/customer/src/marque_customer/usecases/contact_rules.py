"""The rules of contact as data, and what holds contacts of a person."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit.db.uow import UnitOfWork
from servicekit.errors import EtagMismatch

from marque_customer.errors import CustomerNotFound
from marque_customer.models import ContactRule
from marque_customer.repository import contact_rules as repository
from marque_customer.repository import people
from marque_customer.repository.notes import connection_of


async def put(*, uow: UnitOfWork, values: dict[str, Any], etag: str) -> Any:
    """Sets a rule as a whole; permits taken from then on obey it. Raises EtagMismatch."""
    async with uow:
        rule = await repository.find(uow.session, values["channel_class"], values["purpose"])
        if rule is None:
            if etag:
                raise EtagMismatch()
            rule = ContactRule(**values, actor=uow.principal.subject)
            uow.add(rule)
        else:
            rule.check_etag(etag)
            for name, value in values.items():
                setattr(rule, name, value)
            rule.actor = uow.principal.subject
        await uow.flush()
        uow.audit("put", "contact_rule", f"{rule.channel_class}:{rule.purpose}")
        return await uow.answer(rule)


async def hold(*, uow: UnitOfWork, customer_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Holds or frees contacts of a person, under their lock as permits are taken. Raises CustomerNotFound."""
    async with uow:
        connection = await connection_of(uow.session)
        if not await people.lock(connection, [customer_id]):
            raise CustomerNotFound(customer_id=customer_id)
        row = await repository.hold(uow.session, customer_id, values, uow.now)
        uow.audit("hold" if row.open else "free", "contact_hold", f"{row.reference_type}:{row.reference_id}")
        return row
