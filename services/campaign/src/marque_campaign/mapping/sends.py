"""Between lines of the ledger and their messages."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from marque.campaign.v1 import campaign_pb2, campaign_send_pb2
from servicekit import fields
from servicekit.mail import bounces
from servicekit.sealing.tokens import Digests

from marque_campaign.rules import ledger, links

_PLAIN = ("channel", "state", "reason", "language", "attempts", "step")


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


def report_of(mail: bytes, digests: Digests) -> tuple[uuid.UUID, int, str, bool] | None:
    """Returns what a mail tells of one of ours: line, state, reason, whether the address is gone; None where it tells nothing.

    A mail that says to return one of ours, but does not know the id that we gave it, is not believed.
    """
    told = bounces.read(mail)
    if told is None or not (told.failed or told.action == "delivered"):
        return None
    send_id = links.read(links.MAIL, told.message_id.partition("@")[0], digests)
    if send_id is None:
        return None
    if told.failed:
        return send_id, ledger.BOUNCED, f"BOUNCE_{told.status or 'UNKNOWN'}", told.address_gone
    return send_id, ledger.DELIVERED, "", False
