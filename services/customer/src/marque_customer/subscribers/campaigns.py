"""What campaigns tell beside what they sent: addresses at which nothing arrives, calls not to be made, and that they were called off."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

from marque.campaign.v1 import campaign_types_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_customer.errors import CONSTRAINTS
from marque_customer.usecases import campaign_calls, unreachable


async def on_message_bounced(uow: UnitOfWork, event: Event) -> None:
    """Nothing arrives at the address to which a message went."""
    data: Any = event.data
    await unreachable.mark(
        uow=uow,
        customer_id=uuid.UUID(data.customer_id),
        occurrence_key=data.occurrence_key,
        send_id=data.send_id,
        reason=data.reason,
        moment=data.occur_time.ToDatetime(UTC),
    )


async def on_message_bounce_lifted(uow: UnitOfWork, event: Event) -> None:
    """It arrived after all."""
    await unreachable.lift(uow=uow, send_id=event.key)


async def on_campaign_finished(uow: UnitOfWork, event: Event) -> None:
    """A campaign is over; the calls of one that was called off are not to be made any more."""
    data: Any = event.data
    if data.state == campaign_types_pb2.CAMPAIGN_STATE_CANCELLED:
        await campaign_calls.call_off(uow=uow, campaign_id=uuid.UUID(data.campaign_id))


async def on_campaign_call_withdrawn(uow: UnitOfWork, event: Event) -> None:
    """A call is not to be made any more: its person left the campaign, or its time is over."""
    await campaign_calls.withdrawn(uow=uow, send_id=uuid.UUID(event.key))


def subscription() -> Subscription:
    """Returns by what it is heard."""
    return Subscription(
        "customer_campaign_ends",
        "campaign",
        {
            "marque.campaign.v1.MessageBounced": on_message_bounced,
            "marque.campaign.v1.MessageBounceLifted": on_message_bounce_lifted,
            "marque.campaign.v1.CampaignFinished": on_campaign_finished,
            "marque.campaign.v1.CampaignCallWithdrawn": on_campaign_call_withdrawn,
        },
        CONSTRAINTS,
        effects=frozenset({"contact_points", "customers", "tasks", "unreachable_places"}),
    )
