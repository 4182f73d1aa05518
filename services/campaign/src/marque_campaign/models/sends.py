"""The ledger of what was sent. Its lines change in sets, by the statements of the repository; the rules say which state follows which."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class CampaignSend(Model):
    """One message to one person, unique by campaign, person, step and occurrence.

    `lease` is the worker that has it until `lease_time`; `retry_time` is before when it is not begun; `address_hash` is the keyed hash of
    the address to which it was handed over; `told_state` is of what the owner of a recall was told, NULL where nobody is.
    """

    __tablename__ = "campaign_sends"

    send_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID]
    step: Mapped[int] = mapped_column(default=0)
    occurrence: Mapped[str] = mapped_column(default="")
    version: Mapped[int] = mapped_column(BigInteger, default=1)
    channel: Mapped[int]
    state: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    language: Mapped[str] = mapped_column(default="")
    attempts: Mapped[int] = mapped_column(default=0)
    lease: Mapped[uuid.UUID | None]
    lease_time: Mapped[datetime | None]
    retry_time: Mapped[datetime | None]
    claim_time: Mapped[datetime | None]
    hand_time: Mapped[datetime | None]
    variant: Mapped[str] = mapped_column(default="")
    address_hash: Mapped[str] = mapped_column(default="")
    told_state: Mapped[int | None]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]
