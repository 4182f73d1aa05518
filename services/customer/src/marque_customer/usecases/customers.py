"""Creating and changing customers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from marque.customer.v1 import customer_events_pb2, customer_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid

from marque_customer.errors import ContactPointTaken
from marque_customer.mapping import profiles
from marque_customer.mapping.interactions import staff_of
from marque_customer.models import ContactPoint, Customer, SourceReference
from marque_customer.repository import customers as repository
from marque_customer.repository.customers import Parts
from marque_customer.rules.contacts import Contact
from marque_customer.rules.kinds import PHONE, RELATION_ENTRY
from marque_customer.rules.records import told, units_in
from marque_customer.rules.sources import MAKER, Speaker, owner_of, speaker_of
from marque_customer.rules.survivorship import UNIT_OF
from marque_customer.usecases.duplicates import met
from marque_customer.usecases.golden import Said
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
    """Creates a customer, and the entry relation with a dealer. Answers with it and with others who have something exactly the same.

    Raises ContactPointTaken, SourceReferenceTaken.
    """
    async with uow:
        customer, parts = await begin(uow, values=values, contacts=contacts, references=references, dealer_id=dealer_id)
        keys = [(contact.kind, contact.match_key) for contact, _ in contacts]
        return await uow.answer((customer, await met(uow, customer, parts, keys, born=True)))


async def begin(
    uow: UnitOfWork,
    *,
    values: dict[str, Any],
    contacts: list[tuple[Contact, Any]],
    references: Iterable[customer_pb2.SourceReference] = (),
    dealer_id: uuid.UUID | None = None,
) -> tuple[Customer, Parts]:
    """Returns a new customer with its parts, inside the open unit of work. Raises ContactPointTaken, SourceReferenceTaken."""
    phones = [contact.match_key for contact, _ in contacts if contact.kind == PHONE]
    if await repository.verified_elsewhere(uow.session, phones, (), unshared_only=True):
        raise ContactPointTaken()
    customer, parts = draft(uow, values=values, contacts=contacts, references=references, dealer_id=dealer_id)
    uow.add(customer)
    await save(uow, customer, parts)
    uow.add(*parts.points, *parts.references)
    keep_said(uow, customer, parts, values, contacts, dealer_id)
    await uow.flush()
    say_created(uow, customer, parts)
    if dealer_id is not None:
        await begin_relation(uow, customer, dealer_id, RELATION_ENTRY, staff_id=staff_of(uow.principal))
    return customer, parts


def draft(
    uow: UnitOfWork,
    *,
    values: dict[str, Any],
    contacts: list[tuple[Contact, Any]],
    references: Iterable[customer_pb2.SourceReference] = (),
    dealer_id: uuid.UUID | None = None,
) -> tuple[Customer, Parts]:
    """Returns a new customer with its parts, which nobody has written yet."""
    customer = Customer(customer_id=new_uuid(), status_time=uow.now, create_time=uow.now, status=1, **values)
    for name in ("interests", "tags", "addresses"):
        setattr(customer, name, values.get(name, []))
    parts = Parts(references=_references(customer, references, uow, dealer_id))
    for contact, message in contacts:
        add_point(parts, new_point(customer, contact, message, uow), primary=message.primary)
    return customer, parts


def keep_said(
    uow: UnitOfWork,
    customer: Customer,
    parts: Parts,
    values: dict[str, Any],
    contacts: list[tuple[Contact, Any]],
    dealer_id: uuid.UUID | None = None,
) -> None:
    """Keeps what the caller said of a new customer."""
    reference = next(((item.source, item.source_key) for item in parts.references), None)
    said = Said(uow, [customer.customer_id], {customer.customer_id: []})
    speaker = speaker_of(uow.principal, dealer_id, reference)
    said.say(speaker, told(values))
    said.say_contacts(speaker, [contact for contact, _ in contacts])


def say_created(uow: UnitOfWork, customer: Customer, parts: Parts) -> None:
    """Says that a customer is new."""
    source = parts.references[0].source if parts.references else ""
    created = customer_events_pb2.CustomerCreated(customer_id=str(customer.customer_id), source=source)
    created.kind = customer.kind  # type: ignore[assignment]
    uow.emit(created, of=customer)
    uow.audit("create", "customer", str(customer.customer_id))


async def update(
    *, uow: UnitOfWork, message: customer_pb2.Customer, mask: Iterable[str], verified: Iterable[str] = ()
) -> Any:
    """Keeps what the caller says of the fields of a mask, or of all that are set, and changes those whose golden value differs then.

    A value that only repeats the golden one is no statement, unless it is `verified`: else who sends back what was read would be the source
    of everything. Raises what `for_change` raises, InvalidArgument, SourceReferenceTaken.
    """
    named, sure = list(mask), set(verified)
    customer_id = profiles.customer_id_of(message)
    paths = profiles.changed_paths(message, named)
    profiles.refuse_unsaid(sure, paths)
    if sure and uow.principal.is_owner:
        raise InvalidArgument.of("verified_fields", "NOT_FOR_CUSTOMERS", "Nobody vouches for what they say themselves.")
    async with uow:
        customer, parts = await for_change(uow, customer_id, message.etag)
        values = profiles.update_values(message, paths, named, customer)
        units = units_in(column for column, value in values.items() if getattr(customer, column) != value) | sure
        mine = {name: v for name, v in values.items() if UNIT_OF[name] in units}
        changed = await say(uow, customer, parts, mine, speaker_of(uow.principal), sure)
        fields = {_FIELD_OF.get(column, column) for column in changed}
        if profiles.REFERENCES in paths and await _replace_references(uow, customer, parts, message):
            fields.add(profiles.REFERENCES)
        if fields:
            await save_changed(uow, customer, parts, sorted(fields))
        matches = await met(uow, customer, parts, [], born=True) if fields & {"name", "birth_date"} else []
        return await uow.answer((customer, matches))


async def say(
    uow: UnitOfWork,
    customer: Customer,
    parts: Parts,
    values: dict[str, Any],
    speaker: Speaker,
    verified: Iterable[str] = (),
) -> list[str]:
    """Keeps what a source says of a locked customer; returns the columns that differ by it."""
    if not values:
        return []
    said = await Said.of(uow, parts.family)
    said.complete(customer)
    said.say(speaker, values, verified)
    return customer.change(said.golden(sorted(units_in(values))))


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
            if other.kind == point.kind and other.is_primary and other.customer_id == point.customer_id:
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
