"""How a lead begins: joined with what the person has open already, graded, given to the dealer who is named, else sought one."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from marque.customer.v1 import lead_events_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument
from servicekit.ids import new_uuid
from servicekit.telemetry import propagation

from marque_customer.errors import CustomerNotFound
from marque_customer.models import Customer, Lead
from marque_customer.repository import customers, families, lead_work
from marque_customer.repository import leads as repository
from marque_customer.rules.leads import NEW, same_wish, wish_key
from marque_customer.usecases.leads import common


@dataclass(frozen=True, slots=True)
class Wish:
    """What is known of a new lead, in columns; whose it is and where it goes are said beside."""

    source: int
    source_detail: str = ""
    interest: dict[str, Any] = field(default_factory=dict)
    timeframe_days: int | None = None
    budget_currency: str = ""
    budget_minor: int | None = None
    comments: str = ""
    place: dict[str, Any] = field(default_factory=dict)


async def create(*, uow: UnitOfWork, customer_id: uuid.UUID, wish: Wish, dealer_id: uuid.UUID | None) -> Any:
    """Takes a lead of a person in sight. Raises CustomerNotFound, CustomerErased, CustomerMerged, InvalidArgument."""
    async with uow:
        customer = await customers.find(uow.session, uow.principal, customer_id, lock=True)
        if customer is None:
            raise CustomerNotFound(customer_id=customer_id)
        customer.refuse_if_gone()
        if dealer_id is not None and await lead_work.zone_of(uow.session, dealer_id) is None:
            raise InvalidArgument.of("dealer_id", "DEALER_UNKNOWN", "There is no such dealer.")
        lead, _ = await begin(uow, customer, wish, dealer_id)
        return await uow.answer(lead)


async def begin(uow: UnitOfWork, customer: Customer, wish: Wish, dealer_id: uuid.UUID | None) -> tuple[Lead, bool]:
    """Returns the lead of a wish, and whether it is new. The person's row must be locked, so that a wish is never doubled."""
    key = wish_key(wish.interest)
    person = await families.family(uow.session, customer.customer_id)
    others = [one for one in await repository.open_of(uow.session, person) if same_wish(one.wish_key, key)]
    # With the dealer who is named; with nobody yet; and where none is named, wherever the person is looked after already.
    known = [one for one in others if one.dealer_id == dealer_id]
    known = known or [one for one in others if dealer_id is None]
    known.sort(key=lambda one: one.wish_key != key)  # the very same wish before one that may be the same
    if known:
        await _asked_again(uow, known[0], customer, wish)
        return known[0], False
    waiting = [one for one in others if one.dealer_id is None]
    if waiting:
        await _asked_again(uow, waiting[0], customer, wish)
        assert dealer_id is not None
        await common.place(uow, waiting[0], customer, dealer_id, None, [{"code": "DEALER_NAMED"}], "")
        return waiting[0], False
    return await _new(uow, customer, wish, dealer_id, key, others[0].group_id if others else None), True


async def _new(
    uow: UnitOfWork, customer: Customer, wish: Wish, dealer_id: uuid.UUID | None, key: str, group: uuid.UUID | None
) -> Lead:
    lead = draft(customer.customer_id, wish, key, group, uow.now)
    uow.add(lead)
    await common.grade(uow, lead, customer, await customers.parts_of(uow.session, customer.customer_id))
    common.write_down(uow, lead, "CREATED", dealer_id=dealer_id)
    if dealer_id is None:
        lead.seek_dealer(uow.now)
    await uow.flush()
    say_created(uow, lead, dealer_id)
    if dealer_id is not None:
        await common.place(uow, lead, customer, dealer_id, None, [{"code": "DEALER_NAMED"}], "")
        # The dealer is given; the adviser is still to be found, as for every lead that the platform brings to a dealer.
        lead.route_round = 1
        lead.route_time = uow.now
        await uow.flush()
    return lead


def draft(customer_id: uuid.UUID, wish: Wish, key: str, group: uuid.UUID | None, moment: datetime) -> Lead:
    """Returns a new lead that nobody has yet; `group` is that of the leads for the same wish elsewhere."""
    lead_id = new_uuid()
    return Lead(
        lead_id=lead_id,
        customer_id=customer_id,
        group_id=group or lead_id,
        wish_key=key,
        stage=NEW,
        create_time=moment,
        traceparent=propagation.inject(),
        change_count=0,
        contact_count=0,
        lapse_count=0,
        route_round=0,
        passed_dealers=[],
        held_reason="",
        **{name: getattr(wish, name) for name in Wish.__slots__},
    )


def say_created(uow: UnitOfWork, lead: Lead, dealer_id: uuid.UUID | None) -> None:
    """Says that a lead came; `dealer_id` is the dealer who was named."""
    created = lead_events_pb2.LeadCreated(
        lead_id=str(lead.lead_id),
        customer_id=str(lead.customer_id),
        dealer_id=str(dealer_id or ""),
        grade=lead.grade,
    )
    created.source = lead.source  # type: ignore[assignment]
    created.aggregate_version = lead.version
    uow.emit(created)
    uow.audit("create", "lead", str(lead.lead_id))


async def _asked_again(uow: UnitOfWork, lead: Lead, customer: Customer, wish: Wish) -> None:
    """The person asks once more: what is new is added, the grade may rise, and somebody is to answer."""
    interest = {
        **lead.interest,
        **{name: value for name, value in wish.interest.items() if value and not lead.interest.get(name)},
    }
    lead.interest = interest
    lead.wish_key = wish_key(interest)
    if wish.timeframe_days is not None:
        lead.timeframe_days = wish.timeframe_days
    if wish.budget_minor is not None:
        lead.budget_currency, lead.budget_minor = wish.budget_currency, wish.budget_minor
    if wish.place and not lead.place:
        lead.place = wish.place
    if wish.comments and wish.comments not in lead.comments:
        lead.comments = f"{lead.comments}\n{wish.comments}".strip()[:4000]
    await common.grade(uow, lead, customer, await customers.parts_of(uow.session, customer.customer_id))
    if lead.next_due_time is not None and lead.respond_due_time is None:
        lead.next_due_time = min(lead.next_due_time, uow.now)
    common.write_down(uow, lead, "ASKED_AGAIN")
    uow.audit("join", "lead", str(lead.lead_id))
    await uow.flush()
