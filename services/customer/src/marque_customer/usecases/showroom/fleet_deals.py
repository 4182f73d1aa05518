"""Fleet deals: begun by the maker, worked on part by part."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

from marque.customer.v1 import fleet_deal_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_customer.errors import CustomerNotFound
from marque_customer.errors.showroom import FleetDealNotFound, FleetDealPartNotFound, FleetDealPartsFull
from marque_customer.models import Customer, FleetDeal, FleetDealPart
from marque_customer.repository import customers, lead_work
from marque_customer.repository import fleet_deals as repository
from marque_customer.rules.fleet_deals import MOST_PARTS, OPEN
from marque_customer.rules.kinds import ORGANISATION
from marque_customer.usecases.leads.common import RELATION_LEAD
from marque_customer.usecases.saving import begin_relation


class View(NamedTuple):
    """A deal with the parts that the caller may see."""

    deal: Any
    parts: Sequence[Any]


async def create(*, uow: UnitOfWork, customer_id: uuid.UUID, title: str, parts: list[dict[str, Any]]) -> Any:
    """Begins a deal. Raises CustomerNotFound and its states, InvalidArgument."""
    async with uow:
        customer = await customers.find(uow.session, uow.principal, customer_id, lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=customer_id)
        customer.refuse_if_gone()
        if customer.kind != ORGANISATION:
            raise InvalidArgument.of("customer_id", "NOT_AN_ORGANISATION", "Fleet deals are made with organisations.")
        deal = FleetDeal(customer_id=customer_id, title=title, create_time=uow.now)
        uow.add(deal)
        await uow.flush()
        for index, values in enumerate(parts):
            await _begin(uow, customer, deal, values, f"parts[{index}].dealer_id")
        uow.audit("create", "fleet_deal", str(deal.fleet_deal_id))
        return await _answer(uow, deal)


async def add_part(*, uow: UnitOfWork, fleet_deal_id: uuid.UUID, values: dict[str, Any]) -> Any:
    """Adds a part. Raises FleetDealNotFound, FleetDealPartsFull, CustomerErased, CustomerMerged, InvalidArgument."""
    async with uow:
        deal, customer = await _found(uow, fleet_deal_id)
        customer.refuse_if_gone()
        if await repository.part_count(uow.session, fleet_deal_id) >= MOST_PARTS:
            raise FleetDealPartsFull(most=MOST_PARTS)
        await _begin(uow, customer, deal, values, "part.dealer_id")
        uow.audit("add_part", "fleet_deal", str(fleet_deal_id))
        return await _answer(uow, deal)


async def close_part(
    *, uow: UnitOfWork, fleet_deal_id: uuid.UUID, part_id: uuid.UUID, etag: str, said: dict[str, Any]
) -> Any:
    """Says how a part ended. Raises FleetDealNotFound, FleetDealPartNotFound, FleetDealPartClosed, EtagMismatch, InvalidArgument."""
    async with uow:
        deal, _ = await _found(uow, fleet_deal_id)
        part = await repository.part(uow.session, uow.principal, fleet_deal_id, part_id)
        if part is None:
            raise FleetDealPartNotFound(fleet_deal_part_id=part_id)
        part.check_etag(etag)
        if said["won_quantity"] > part.quantity:
            raise InvalidArgument.of("won_quantity", "QUANTITY_WRONG", "More than were dealt about.")
        part.close(**said, moment=uow.now)
        await uow.flush()
        _say(uow, part)
        uow.audit("close_part", "fleet_deal", str(fleet_deal_id), ("parts",))
        return await _answer(uow, deal)


async def _found(uow: UnitOfWork, fleet_deal_id: uuid.UUID) -> tuple[FleetDeal, Customer]:
    """Returns a deal in sight and whose it is, both locked, the organisation first. Raises FleetDealNotFound."""
    row = await repository.read(uow.session, uow.principal, fleet_deal_id)
    people = await customers.locked(uow.session, [row.customer_id]) if row is not None else []
    deal = await repository.locked(uow.session, uow.principal, fleet_deal_id)
    if deal is None or not people:
        raise FleetDealNotFound(fleet_deal_id=fleet_deal_id)
    return deal, people[0]


async def _begin(uow: UnitOfWork, customer: Customer, deal: FleetDeal, values: dict[str, Any], path: str) -> None:
    if await lead_work.zone_of(uow.session, values["dealer_id"]) is None:
        raise InvalidArgument.of(path, "DEALER_UNKNOWN", "There is no such dealer.")
    part = FleetDealPart(
        fleet_deal_id=deal.fleet_deal_id,
        customer_id=deal.customer_id,
        deal_create_time=deal.create_time,
        state=OPEN,
        won_quantity=0,
        loss_reason=0,
        **values,
    )
    uow.add(part)
    await uow.flush()
    origin = ("customer.fleet_deal", str(deal.fleet_deal_id))
    await begin_relation(uow, customer, part.dealer_id, RELATION_LEAD, origin=origin)
    _say(uow, part)


def _say(uow: UnitOfWork, part: FleetDealPart) -> None:
    event = fleet_deal_events_pb2.FleetDealPartChanged(
        fleet_deal_part_id=str(part.fleet_deal_part_id),
        fleet_deal_id=str(part.fleet_deal_id),
        customer_id=str(part.customer_id),
        dealer_id=str(part.dealer_id),
        quantity=part.quantity,
        won_quantity=part.won_quantity,
    )
    event.state, event.loss_reason = part.state, part.loss_reason  # type: ignore[assignment]
    uow.emit(event, of=part)


async def _answer(uow: UnitOfWork, deal: FleetDeal) -> Any:
    await uow.flush()
    parts = await repository.parts_of(uow.session, uow.principal, [deal.fleet_deal_id])
    return await uow.answer(View(deal, parts[deal.fleet_deal_id]))
