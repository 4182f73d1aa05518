"""The events of campaigns, made from their rows; `aggregate_version` is set as they are emitted. Ids and facts, no words of people."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from marque.campaign.v1 import campaign_events_pb2 as told
from marque.campaign.v1 import event_registration_events_pb2 as registered

from marque_campaign.models import Campaign, EventRegistration, EventSession, MarketingEvent
from marque_campaign.rules import ledger
from marque_campaign.rules.events import ATTENDED


def _facts(row: Campaign) -> dict[str, Any]:
    return {
        "campaign_id": str(row.campaign_id),
        "dealer_id": str(row.dealer_id or ""),
        "kind": row.kind,
        "channel": row.channel,
    }


def campaign_launched(row: Campaign) -> told.CampaignLaunched:
    """Tells that a campaign began to send."""
    return told.CampaignLaunched(**_facts(row))


def campaign_halted(row: Campaign) -> told.CampaignHalted:
    """Tells that a campaign paused by itself."""
    return told.CampaignHalted(**_facts(row), reason=row.pause_reason)


def campaign_paused(row: Campaign) -> told.CampaignPaused:
    """Tells that somebody paused a campaign."""
    return told.CampaignPaused(**_facts(row))


def campaign_resumed(row: Campaign) -> told.CampaignResumed:
    """Tells that a paused campaign goes on."""
    return told.CampaignResumed(**_facts(row))


def campaign_finished(row: Campaign) -> told.CampaignFinished:
    """Tells that a campaign is over."""
    return told.CampaignFinished(**_facts(row), state=row.state)  # type: ignore[arg-type]


def campaign_snapshot(row: Campaign) -> told.CampaignSnapshot:
    """Says a campaign again."""
    return told.CampaignSnapshot(**_facts(row), aggregate_version=row.version, state=row.state)  # type: ignore[arg-type]


def message_ended(row: Any, state: int, reason: str) -> Message:
    """Tells what became of a line of the ledger, whose row has the version after it: it was sent, or it was not, for a reason."""
    return message_sent(row) if state in ledger.TAKEN else message_suppressed(row, state, reason)


def message_sent(row: Any) -> told.MessageSent:
    """Tells that a provider took a message."""
    return told.MessageSent(**_line(row))


def message_suppressed(row: Any, state: int, reason: str) -> told.MessageSuppressed:
    """Tells that somebody gets no message, or that nobody knows."""
    return told.MessageSuppressed(**_line(row), state=state, reason=reason)  # type: ignore[arg-type]


def message_bounced(row: Any, reason: str) -> told.MessageBounced:
    """Tells that an address can get nothing any more, by the line whose message it was."""
    return told.MessageBounced(**_line(row), reason=reason, occurrence_key=occurrence_key(row))


def message_bounce_lifted(row: Any) -> told.MessageBounceLifted:
    """Tells that a message arrived after all at an address of which it was told that it can get nothing."""
    return told.MessageBounceLifted(**_line(row), occurrence_key=occurrence_key(row))


def campaign_call_withdrawn(row: Any) -> told.CampaignCallWithdrawn:
    """Tells that nobody needs to make a call any more."""
    facts = _line(row)
    del facts["channel"]
    return told.CampaignCallWithdrawn(**facts, reason=row.reason)


def occurrence_key(row: Any) -> str:
    """Returns the key of the contact permit of a line: the same for every attempt."""
    return f"campaign:{row.campaign_id}:{row.step}:{row.occurrence}"


def _line(row: Any) -> dict[str, Any]:
    return {
        "send_id": str(row.send_id),
        "aggregate_version": row.version,
        "campaign_id": str(row.campaign_id),
        "customer_id": str(row.customer_id),
        "channel": row.channel,
    }


def event_registered(event: MarketingEvent, row: EventRegistration) -> registered.EventRegistered:
    """Tells that somebody has a place at an event."""
    told_of = {**_registration(event, row), "campaign_id": str(row.campaign_id or "")}
    return registered.EventRegistered(**told_of, seat_count=row.seats)


def event_registration_cancelled(
    event: MarketingEvent, row: EventRegistration
) -> registered.EventRegistrationCancelled:
    """Tells that a registration was taken back."""
    return registered.EventRegistrationCancelled(**_registration(event, row))


def event_attendance_recorded(
    event: MarketingEvent, session: EventSession, row: EventRegistration, *, vin: str, corrected: bool
) -> registered.EventAttendanceRecorded:
    """Tells whether somebody who had a place came, and which car they drove (empty: nobody said); `corrected`: the opposite was told."""
    told_of = {**_registration(event, row), "vin": vin, "corrected": corrected}
    message = registered.EventAttendanceRecorded(**told_of, attended=row.state == ATTENDED)
    message.start_time.FromDatetime(session.start_time)
    message.end_time.FromDatetime(session.end_time)
    return message


def _registration(event: MarketingEvent, row: EventRegistration) -> dict[str, Any]:
    return {
        "registration_id": str(row.registration_id),
        "marketing_event_id": str(row.marketing_event_id),
        "session_id": str(row.session_id),
        "customer_id": str(row.customer_id),
        "dealer_id": str(event.dealer_id or ""),
        "kind": event.kind,
    }
