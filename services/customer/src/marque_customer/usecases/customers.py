"""Creating and changing customers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from marque.customer.v1 import customer_events_pb2, customer_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.ids import new_uuid

from marque_customer.errors import ContactPointTaken
from marque_customer.mapping import profiles
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import ContactPoint, Customer, SourceReference
from marque_customer.repository import customers as repository
from marque_customer.repository.customers import Parts
from marque_customer.rules.contacts import Contact
from marque_customer.rules.kinds import PHONE, RELATION_ENTRY
from marque_customer.rules.sources import MAKER, owner_of
from marque_customer.usecases.saving import begin_relation, for_change, save, save_changed

_FIELD_OF = dict.fromkeys(("family_name", "given_name", "full_name", "latin_name"), "name")


async def create(
    *,
    uow: UnitOfWork,
    values: dict[str, Any],
    contacts: list[tuple[Contact, Any]],
    references: Iterable[customer_pb2.SourceReference],
    dealer_id: uuid.UUID | None,
) -> Any:
    """Creates a customer, and the entry relation with a dealer. Raises ContactPointTaken, SourceReferenceTaken."""
    async with uow:
        customer = await begin(uow, values=values, contacts=contacts, references=references, dealer_id=dealer_id)
        return await uow.answer(customer)


async def begin(
    uow: UnitOfWork,
    *,
    values: dict[str, Any],
    contacts: list[tuple[Contact, Any]],
    references: Iterable[customer_pb2.SourceReference] = (),
    dealer_id: uuid.UUID | None = None,
) -> Customer:
    """Returns a new customer, inside the open unit of work. Raises ContactPointTaken, SourceReferenceTaken."""
    phones = [contact.match_key for contact, _ in contacts if contact.kind == PHONE]
    if await repository.verified_elsewhere(uow.session, phones, None, unshared_only=True):
        raise ContactPointTaken()
    customer = Customer(customer_id=new_uuid(), status_time=uow.now, create_time=uow.now, status=1, **values)
    for name in ("interests", "tags", "addresses"):
        setattr(customer, name, values.get(name, []))
    parts = Parts(references=_references(customer, references, uow, dealer_id))
    for contact, message in contacts:
        add_point(parts, new_point(customer, contact, message, uow), primary=message.primary)
    uow.add(customer)
    await save(uow, customer, parts)
    uow.add(*parts.points, *parts.references)
    await uow.flush()
    source = parts.references[0].source if parts.references else ""
    created = customer_events_pb2.CustomerCreated(customer_id=str(customer.customer_id), source=source)
    created.kind = customer.kind  # type: ignore[assignment]
    uow.emit(created, of=customer)
    uow.audit("create", "customer", str(customer.customer_id))
    if dealer_id is not None:
        await begin_relation(uow, customer, dealer_id, RELATION_ENTRY, staff_id=staff_of(uow.principal))
    return customer


async def update(*, uow: UnitOfWork, message: customer_pb2.Customer, mask: Iterable[str]) -> Any:
    """Changes the fields of a mask, or all that are set. Raises what `for_change` raises, InvalidArgument, SourceReferenceTaken."""
    named = list(mask)
    customer_id = profiles.customer_id_of(message)
    paths = profiles.changed_paths(message, named)
    async with uow:
        customer, parts = await for_change(uow, customer_id, message.etag)
        changed = customer.change(profiles.update_values(message, paths, named, customer))
        fields = {_FIELD_OF.get(column, column) for column in changed}
        if profiles.REFERENCES in paths and await _replace_references(uow, customer, parts, message):
            fields.add(profiles.REFERENCES)
        if fields:
            await save_changed(uow, customer, parts, sorted(fields))
        return await uow.answer(customer)


def new_point(customer: Customer, contact: Contact, message: Any, uow: UnitOfWork) -> ContactPoint:
    """Returns a contact point that nobody has verified yet."""
    return ContactPoint(
        contact_point_id=new_uuid(),
        customer_id=customer.customer_id,
        kind=contact.kind,
        value=contact.value,
        match_key=contact.match_key,
        provider=contact.provider,
        label=message.label,
        is_primary=False,
        source=message.source,
        verification_method=0,
        shared=False,
        create_time=uow.now,
    )


def add_point(parts: Parts, point: ContactPoint, *, primary: bool) -> None:
    """Adds a contact point; one that is primary takes the mark from the others of its kind."""
    if primary:
        for other in parts.points:
            if other.kind == point.kind and other.is_primary:
                other.is_primary = False
        point.is_primary = True
    parts.points.append(point)


def _references(
    customer: Customer,
    messages: Iterable[customer_pb2.SourceReference],
    uow: UnitOfWork,
    dealer_id: uuid.UUID | None = None,
) -> list[SourceReference]:
    keys = dict.fromkeys((message.source, message.source_key) for message in messages)
    owner = owner_of(uow.principal, dealer_id) if keys else MAKER
    return [
        SourceReference(
            source=source,
            source_key=key,
            dealer_id=owner,
            customer_id=customer.customer_id,
            last_seen_time=uow.now,
        )
        for source, key in keys
    ]


async def _replace_references(
    uow: UnitOfWork, customer: Customer, parts: Parts, message: customer_pb2.Customer
) -> bool:
    wanted = _references(customer, message.source_references, uow)
    kept = {(item.source, item.source_key) for item in wanted}
    known = {(item.source, item.source_key) for item in parts.references}
    if kept == known:
        return False
    gone = [item for item in parts.references if (item.source, item.source_key) not in kept]
    if gone and not uow.principal.sees_all_rows:  # a dealer takes back its own names, not those of others
        owner = owner_of(uow.principal)
        gone = [item for item in gone if item.dealer_id == owner]
    for item in gone:
        await uow.session.delete(item)
    added = [item for item in wanted if (item.source, item.source_key) not in known]
    uow.add(*added)
    parts.references = [item for item in parts.references if item not in gone] + added
    return bool(gone or added)
