"""Adding, removing and verifying contact points. Each answers with the whole customer."""

from __future__ import annotations

import uuid
from typing import Any

from marque.customer.v1 import contact_point_pb2
from servicekit.db.uow import UnitOfWork

from marque_customer.errors import ContactPointNotFound, ContactPointsFull, ContactPointTaken
from marque_customer.mapping import profiles
from marque_customer.models import ContactPoint, Customer
from marque_customer.repository import customers as repository
from marque_customer.repository.customers import Parts
from marque_customer.rules.kinds import PHONE
from marque_customer.rules.sources import speaker_of
from marque_customer.usecases.customers import add_point, new_point
from marque_customer.usecases.duplicates import met
from marque_customer.usecases.golden import Said
from marque_customer.usecases.saving import for_change, save_changed

_CHANGED = ["contact_points"]
MOST = 20


async def add(*, uow: UnitOfWork, customer_id: uuid.UUID, message: contact_point_pb2.ContactPoint, etag: str) -> Any:
    """Adds a contact point; one that the customer has already is left as it is. Raises ContactPointTaken, ContactPointsFull."""
    async with uow:
        customer, parts = await for_change(uow, customer_id, etag)
        contact = profiles.one_contact(message, _region(customer))
        if not any((point.kind, point.match_key) == (contact.kind, contact.match_key) for point in parts.points):
            if len(parts.points) >= MOST:
                raise ContactPointsFull(most=MOST)
            keys = [contact.match_key] if contact.kind == PHONE else []
            if await repository.verified_elsewhere(uow.session, keys, parts.family, unshared_only=True):
                raise ContactPointTaken()
            point = new_point(customer, contact, message, uow)
            add_point(parts, point, primary=message.primary)
            uow.add(point)
            said = await Said.of(uow, [customer_id])
            said.say_contacts(speaker_of(uow.principal), [contact])
            await save_changed(uow, customer, parts, _CHANGED)
        matches = await met(uow, customer, parts, [(contact.kind, contact.match_key)], born=False)
        return await uow.answer((customer, matches))


async def remove(*, uow: UnitOfWork, customer_id: uuid.UUID, contact_point_id: uuid.UUID, etag: str) -> Any:
    """Removes a contact point. Raises ContactPointNotFound."""
    async with uow:
        customer, parts = await for_change(uow, customer_id, etag)
        gone = _of(parts, contact_point_id)
        for point in [one for one in parts.points if (one.kind, one.match_key) == (gone.kind, gone.match_key)]:
            parts.points.remove(point)  # of each who is merged here, or it would be seen again at once
            await uow.session.delete(point)
        await save_changed(uow, customer, parts, _CHANGED)
        return await uow.answer(customer)


async def verify(
    *, uow: UnitOfWork, customer_id: uuid.UUID, contact_point_id: uuid.UUID, method: int, shared: bool, etag: str
) -> Any:
    """Records a verification. Two live customers have the same phone verified only where the person said that it is shared.

    Raises:
        ContactPointNotFound: the customer has no such contact point.
        ContactPointTaken: another live customer has this phone verified, and it is not said to be shared.
    """
    async with uow:
        customer, parts = await for_change(uow, customer_id, etag)
        point = _of(parts, contact_point_id)
        if point.kind == PHONE:
            await repository.lock_phone(uow.session, point.match_key)
            if not shared and await repository.verified_elsewhere(
                uow.session, [point.match_key], parts.family, unshared_only=False
            ):
                raise ContactPointTaken()
        point.verify(method, shared, uow.now)
        await save_changed(uow, customer, parts, _CHANGED)
        return await uow.answer(customer)


def _of(parts: Parts, contact_point_id: uuid.UUID) -> ContactPoint:
    for point in parts.points:
        if point.contact_point_id == contact_point_id:
            return point
    raise ContactPointNotFound(contact_point_id=contact_point_id)


def _region(customer: Customer) -> str:
    """The country in which a number without country code was dialled: that of the primary address, else of the first."""
    addresses = sorted(customer.addresses, key=lambda item: not item["primary"])
    return str(addresses[0]["address"].get("country_code", "")) if addresses else ""
