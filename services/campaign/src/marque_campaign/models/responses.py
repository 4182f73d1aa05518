"""What came of messages: addresses that can get nothing any more, and what people did."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class BouncedAddress(Model):
    """An address to which nothing is sent any more, by its keyed hash; the line whose message came back says whose it was."""

    __tablename__ = "bounced_addresses"

    address_hash: Mapped[str] = mapped_column(primary_key=True)
    channel: Mapped[int]
    reason: Mapped[str]
    send_id: Mapped[uuid.UUID]
    create_time: Mapped[datetime]


class CampaignResponse(Model):
    """Something that a person did after a message, or without one in the holdout; `source_key` names the deed, so that it counts once.

    `credited`: by the campaign's rule it is owed to this campaign. `in_trial`: it counts in the comparison with the holdout.
    """

    __tablename__ = "campaign_responses"

    campaign_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[int] = mapped_column(primary_key=True)
    send_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    source_key: Mapped[str] = mapped_column(primary_key=True)
    occur_time: Mapped[datetime]
    credited: Mapped[bool]
    in_trial: Mapped[bool] = mapped_column(default=False)
