"""What is said to people about their registrations: a line of the ledger, once for each time that it comes about."""

from __future__ import annotations

from servicekit.db.uow import UnitOfWork

from marque_campaign import events
from marque_campaign.models import EventRegistration, MarketingEvent
from marque_campaign.repository import notices as repository
from marque_campaign.rules import events as rules
from marque_campaign.usecases.ending import ended

OUTDATED = "REGISTRATION_CHANGED"


async def stands(uow: UnitOfWork, event: MarketingEvent, one: EventRegistration, notice: int) -> None:
    """Says where somebody's registration stands now. What was to be said of it before and nobody has begun is said no more."""
    await outdate(uow, one)
    await repository.plan(uow.session, [one.registration_id], notice, f"{notice}:{one.arrival}", uow.now)
    if one.state == rules.CONFIRMED:
        uow.emit(events.event_registered(event, one), of=one)


async def outdate(uow: UnitOfWork, one: EventRegistration) -> None:
    """Ends the notices about a registration that nobody has begun."""
    await uow.flush()
    for row in await repository.end(uow.session, one.customer_id, one.registration_id, OUTDATED, uow.now):
        ended(uow, row, row.state, row.reason)
