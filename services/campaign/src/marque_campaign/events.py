"""The events of campaigns, made from their rows; `aggregate_version` is set as they are emitted. Ids and facts, no words of people."""

from __future__ import annotations

from marque.campaign.v1 import campaign_events_pb2 as told

from marque_campaign.models import Campaign


def campaign_snapshot(row: Campaign) -> told.CampaignSnapshot:
    """Says a campaign again."""
    return told.CampaignSnapshot(
        campaign_id=str(row.campaign_id),
        aggregate_version=row.version,
        dealer_id=str(row.dealer_id or ""),
        kind=row.kind,  # type: ignore[arg-type]
        channel=row.channel,  # type: ignore[arg-type]
        state=row.state,  # type: ignore[arg-type]
    )
