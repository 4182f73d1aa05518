"""What a campaign says of an event must fit the event: it is its owner's, and a notice goes to who registered, to nobody else."""

from __future__ import annotations

from servicekit.db.uow import UnitOfWork
from servicekit.errors import InvalidArgument

from marque_campaign.errors import MarketingEventNotFound
from marque_campaign.models import Campaign
from marque_campaign.repository import lists
from marque_campaign.repository.events import EVENTS
from marque_campaign.repository.scope import Scope


async def check(uow: UnitOfWork, scope: Scope, campaign: Campaign) -> None:
    """Sees to it that a draft names an event that it may. Raises MarketingEventNotFound, InvalidArgument."""
    key = campaign.marketing_event_id
    if key is not None and await lists.used(uow.session, EVENTS, scope, key, campaign.dealer_id) is None:
        raise MarketingEventNotFound()
    if not campaign.event_notice:
        return
    if key is None:
        raise InvalidArgument.of(
            "campaign.marketing_event_id", "MARKETING_EVENT_MISSING", "A notice is about an event."
        )
    for field, given in (("trigger", campaign.trigger), ("holdout_percent", campaign.holdout_percent)):
        if given:
            raise InvalidArgument.of(
                f"campaign.{field}",
                "NOTICE_NOT_ALLOWED",
                "A notice goes to everybody who registered, and to nobody else.",
            )
