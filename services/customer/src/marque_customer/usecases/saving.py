"""What every change of a customer ends with: search document, card and list orders are rebuilt in the same transaction."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from marque.customer.v1 import customer_events_pb2, relation_events_pb2
from servicekit.db.uow import UnitOfWork

from marque_customer.errors import CustomerNotFound
from marque_customer.mapping.customers import card
from marque_customer.models import Customer, Relation
from marque_customer.repository import customers as repository
from marque_customer.repository import families
from marque_customer.repository.customers import Parts
from marque_customer.rules import documents
from marque_customer.rules.families import shown_points
from marque_customer.rules.kinds import MERGED


async def for_change(uow: UnitOfWork, customer_id: uuid.UUID, etag: str = "") -> tuple[Customer, Parts]:
    """Returns a customer that can be written to, under lock, with its parts. Raises CustomerNotFound, EtagMismatch and the states."""
    customer = await repository.find(uow.session, uow.principal, customer_id, lock=True)
    if customer is None:
        raise CustomerNotFound(customer_id=customer_id)
    customer.check_etag(etag)
    customer.refuse_if_gone()
    return customer, await repository.parts_of(uow.session, customer_id)


async def standing(uow: UnitOfWork, customer_ids: Sequence[uuid.UUID]) -> list[Customer]:
    """Returns customers, and the survivors of those that are merged, under lock in the order of their ids."""
    found = await repository.locked(uow.session, customer_ids)
    while any(customer.status == MERGED for customer in found):  # hardly ever: who is not merged stands for itself
        before = await families.roots(uow.session, customer_ids)
        found = await repository.locked(uow.session, sorted({*before, *before.values()}))
        if await families.roots(uow.session, customer_ids) == before:
            break
    return found


async def save(uow: UnitOfWork, customer: Customer, parts: Parts) -> None:
    """Writes a changed customer. Nothing of it may have been flushed before: the card holds the version that this flush gives."""
    compose(uow, customer, parts)
    await uow.flush()
    if parts.dealers:
        await repository.repeat_times(uow.session, customer)


def compose(uow: UnitOfWork, customer: Customer, parts: Parts) -> None:
    """Rebuilds what repeats a customer's row and parts; the card holds the version that the next flush gives."""
    customer.search_text, customer.search_tokens = _document(customer, parts)
    customer.update_time = uow.now
    message = card(
        customer,
        shown_points(parts.points, customer.customer_id),
        parts.references,
        version=(customer.version or 0) + 1,
        update_time=customer.update_time,
    )
    customer.card = message.SerializeToString()


async def save_changed(uow: UnitOfWork, customer: Customer, parts: Parts, fields: list[str]) -> None:
    """Writes a changed customer and tells which fields changed, in the trail and as an event."""
    await save(uow, customer, parts)
    event = customer_events_pb2.CustomerUpdated(customer_id=str(customer.customer_id), changed_fields=fields)
    event.status = customer.status  # type: ignore[assignment]
    uow.emit(event, of=customer)
    uow.audit("update", "customer", str(customer.customer_id), tuple(fields))


async def refresh_found(uow: UnitOfWork, customers: Sequence[Customer]) -> None:
    """Rebuilds what customers are found by, and the survivors of those that are merged; their rows must be locked, survivors' too."""
    if not customers:
        return
    parts = await repository.parts_of_all(uow.session, [customer.customer_id for customer in customers])
    await refresh_search_of(uow, [(customer, parts[customer.customer_id]) for customer in customers])


async def refresh_search(uow: UnitOfWork, customer: Customer, parts: Parts) -> None:
    """Rebuilds only what a customer is found by; the customer's row must be locked."""
    await repository.set_search(uow.session, customer.customer_id, *_document(customer, parts))


async def refresh_search_of(uow: UnitOfWork, found: Sequence[tuple[Customer, Parts]]) -> None:
    """Rebuilds what some customers are found by, whose rows must be locked."""
    await repository.set_search_of(
        uow.session, [(customer.customer_id, *_document(customer, parts)) for customer, parts in found]
    )


def _document(customer: Customer, parts: Parts) -> tuple[str, list[str]]:
    return documents.build(
        row=customer,
        points=shown_points(parts.points, customer.customer_id),
        keys=[reference.source_key for reference in parts.references],
        vins=parts.vins,
        plates=parts.plates,
        dealers=parts.dealers,
    )


def say_started(uow: UnitOfWork, relation: Relation) -> None:
    """Says that a relation began."""
    started = relation_events_pb2.RelationStarted(
        relation_id=str(relation.relation_id),
        customer_id=str(relation.customer_id),
        dealer_id=str(relation.dealer_id),
    )
    started.kind = relation.kind  # type: ignore[assignment]
    uow.emit(started, of=relation)


async def begin_relation(
    uow: UnitOfWork,
    customer: Customer,
    dealer_id: uuid.UUID,
    kind: int,
    *,
    origin: tuple[str, str] = ("", ""),
    staff_id: uuid.UUID | None = None,
) -> Relation:
    """Returns the dealer's relation of a kind with a customer, begun where it was not there. The customer's row must be locked."""
    known = await repository.relation(uow.session, customer.customer_id, dealer_id, kind)
    if known is not None:
        return known
    relation = Relation(
        customer_id=customer.customer_id,
        dealer_id=dealer_id,
        kind=kind,
        start_time=uow.now,
        origin_type=origin[0],
        origin_id=origin[1],
        staff_id=staff_id,
    )
    uow.add(relation)
    await uow.flush()
    say_started(uow, relation)
    await repository.show_to_dealer(uow.session, customer, dealer_id, customer.update_time)
    await refresh_search(uow, customer, await repository.parts_of(uow.session, customer.customer_id))
    return relation
