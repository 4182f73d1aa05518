"""Who goes through the steps of campaigns, and how often a campaign came again. Runs change in sets, by the repository alone."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class CampaignRun(Model):
    """The way of one subject through the steps, unique by campaign, subject and occurrence.

    `subject` is the key of what it is about: a customer, VIN, repair order or contract. `line_key` is the occurrence of its lines in the
    ledger; `send_id` the line of its step, since `step_time`. `wake_time` is before when nothing is to be done.
    """

    __tablename__ = "campaign_runs"

    run_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    campaign_id: Mapped[uuid.UUID]
    customer_id: Mapped[uuid.UUID]
    subject: Mapped[str]
    occurrence: Mapped[str] = mapped_column(default="")
    line_key: Mapped[str] = mapped_column(default="")
    vin: Mapped[str] = mapped_column(default="")
    holding_id: Mapped[uuid.UUID | None]
    due_date: Mapped[date | None]
    step: Mapped[int] = mapped_column(default=0)
    state: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    send_id: Mapped[uuid.UUID | None]
    step_time: Mapped[datetime]
    wake_time: Mapped[datetime | None]
    create_time: Mapped[datetime]
    update_time: Mapped[datetime]


class CampaignOccurrence(Model):
    """One time that a campaign came: whom it was for then, and how far they are written down; `skipped`: it was too late."""

    __tablename__ = "campaign_occurrences"

    campaign_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    occur_time: Mapped[datetime]
    audience_list_id: Mapped[uuid.UUID | None]
    plan_cursor: Mapped[uuid.UUID | None]
    plan_time: Mapped[datetime | None]
    skipped: Mapped[bool] = mapped_column(default=False)
    create_time: Mapped[datetime]
