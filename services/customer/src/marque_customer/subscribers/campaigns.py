"""What campaigns tell beside what they sent: dead addresses, calls not to be made, that they were called off, who came to events."""

from __future__ import annotations

import uuid
from datetime import UTC
from typing import Any

from marque.campaign.v1 import campaign_types_pb2, marketing_event_pb2
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_customer.errors import CONSTRAINTS
from marque_customer.usecases import campaign_calls, unreachable
from marque_customer.usecases.showroom import event_drives
from marque_customer.usecases.showroom.event_drives import Attendance

_SNAPSHOT = "marque.campaign.v1.CampaignSnapshot"
_STATES = {
    "marque.campaign.v1.CampaignLaunched": campaign_types_pb2.CAMPAIGN_STATE_RUNNING,
    "marque.campaign.v1.CampaignPaused": campaign_types_pb2.CAMPAIGN_STATE_PAUSED,
    "marque.campaign.v1.CampaignHalted": campaign_types_pb2.CAMPAIGN_STATE_PAUSED,
    "marque.campaign.v1.CampaignResumed": campaign_types_pb2.CAMPAIGN_STATE_RUNNING,
}
_DRIVING = marketing_event_pb2.MARKETING_EVENT_KIND_TEST_DRIVE


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


async def on_campaign_moved(uow: UnitOfWork, event: Event) -> None:
    """A campaign began, rests, goes on, or is said again."""
    state = _STATES.get(event.type) or event.data.state  # type: ignore[attr-defined]
    await campaign_calls.went_on(uow=uow, campaign_id=uuid.UUID(event.key), state=state, version=event.version)


async def on_campaign_finished(uow: UnitOfWork, event: Event) -> None:
    """A campaign is over; the calls of one that was called off are not to be made any more."""
    data: Any = event.data
    await on_campaign_moved(uow, event)
    if data.state == campaign_types_pb2.CAMPAIGN_STATE_CANCELLED:
        await campaign_calls.call_off(uow=uow, campaign_id=uuid.UUID(data.campaign_id))


async def on_campaign_call_withdrawn(uow: UnitOfWork, event: Event) -> None:
    """A call is not to be made any more: its person left the campaign, or its time is over."""
    await campaign_calls.withdrawn(uow=uow, send_id=uuid.UUID(event.key))


async def on_attendance(uow: UnitOfWork, event: Event) -> None:
    """Somebody came to an event, or did not. Of one at which nobody drives nothing is kept, unless it became such a one since.

    Without the time of the session it is of a campaign service that counted the drive itself.
    """
    data: Any = event.data
    if not data.HasField("start_time") or (data.attended and data.kind != _DRIVING):
        return
    told = Attendance(
        registration_id=uuid.UUID(data.registration_id),
        version=event.version,
        marketing_event_id=uuid.UUID(data.marketing_event_id),
        customer_id=uuid.UUID(data.customer_id),
        dealer_id=uuid.UUID(data.dealer_id) if data.dealer_id else None,
        start=data.start_time.ToDatetime(UTC),
        end=data.end_time.ToDatetime(UTC),
        vin=data.vin,
        came=data.attended,
        corrected=data.corrected and data.kind == _DRIVING,
    )
    await event_drives.attended(uow=uow, told=told)


def subscriptions() -> list[Subscription]:
    """Returns those by which it is heard."""
    return [_ends(), _attendances()]


def _attendances() -> Subscription:
    return Subscription(
        "customer_campaign_events",
        "campaign",
        {"marque.campaign.v1.EventAttendanceRecorded": on_attendance},
        CONSTRAINTS,
        lane="customer_id",
        effects=frozenset({"test_drives", "interactions", "leads", "lead_changes"}),
    )


def _ends() -> Subscription:
    return Subscription(
        "customer_campaign_ends",
        "campaign",
        {
            "marque.campaign.v1.MessageBounced": on_message_bounced,
            "marque.campaign.v1.MessageBounceLifted": on_message_bounce_lifted,
            "marque.campaign.v1.CampaignFinished": on_campaign_finished,
            "marque.campaign.v1.CampaignCallWithdrawn": on_campaign_call_withdrawn,
            **dict.fromkeys((*_STATES, _SNAPSHOT), on_campaign_moved),
        },
        CONSTRAINTS,
        rebuilds={"known_campaigns": _SNAPSHOT},
        effects=frozenset({"contact_points", "customers", "tasks", "unreachable_places"}),
    )
