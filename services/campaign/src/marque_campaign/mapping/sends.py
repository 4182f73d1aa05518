"""Between lines of the ledger and their messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from marque.campaign.v1 import campaign_pb2, campaign_send_pb2
from servicekit import fields

_PLAIN = ("channel", "state", "reason", "language", "attempts")


def send_message(row: Any) -> campaign_send_pb2.CampaignSend:
    """Returns a line, from a read row."""
    ids: dict[str, Any] = {name: str(row[name]) for name in ("send_id", "campaign_id", "customer_id")}
    message = campaign_send_pb2.CampaignSend(**{name: row[name] for name in _PLAIN}, **ids)
    for name in ("retry_time", "hand_time", "create_time", "update_time"):
        fields.set_moment(message, name, row[name])
    return message


def add_counts(message: campaign_pb2.Campaign, rows: Iterable[Any]) -> campaign_pb2.Campaign:
    """Adds how far a campaign is."""
    for row in rows:
        message.send_counts.add(state=row["state"], reason=row["reason"], count=row["count"])
    return message
