"""Codes of offers, and their redemptions."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class OfferCode(Model):
    """A code that was drawn: for somebody, once a campaign, or for everybody (no `customer_id`)."""

    __tablename__ = "offer_codes"

    code: Mapped[str] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID | None]
    send_id: Mapped[uuid.UUID | None]
    create_time: Mapped[datetime]


class OfferRedemption(Model):
    """A code that was redeemed. `once_key` is what makes it single: nothing for a person's own code, the person for a shared one."""

    __tablename__ = "offer_redemptions"

    redemption_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    code: Mapped[str]
    once_key: Mapped[str] = mapped_column(default="")
    customer_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
    redeem_time: Mapped[datetime]
