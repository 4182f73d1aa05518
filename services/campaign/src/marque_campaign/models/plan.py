"""Plans of marketing, what was spent outside campaigns, and where leads came from."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class MarketingPlan(Aggregate, Model):
    """What may be spent. Months are YYYY-MM; `lines` have month, channel, source and `minor`, in the plan's currency."""

    __tablename__ = "marketing_plans"

    marketing_plan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    currency: Mapped[str]
    first_month: Mapped[str]
    last_month: Mapped[str]
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)


class OutsideSpend(Model):
    """Money spent outside campaigns, by the key of whoever told it. `owner` is the dealer, or the nil id for the maker."""

    __tablename__ = "outside_spends"

    owner: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    source_key: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date]
    channel: Mapped[int]
    source: Mapped[str]
    currency: Mapped[str]
    minor: Mapped[int] = mapped_column(BigInteger)
    note: Mapped[str] = mapped_column(default="")
    update_time: Mapped[datetime]


class KnownLead(Model):
    """That somebody became a lead, where they came from, and which dealer has it now (NULL for none); not who.

    Of one that was given to a dealer before its coming was heard, `source` and `create_time` are NULL until they are told.
    """

    __tablename__ = "known_leads"

    lead_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dealer_id: Mapped[uuid.UUID | None]
    source: Mapped[int | None]
    create_time: Mapped[datetime | None]
    heard_version: Mapped[int] = mapped_column(BigInteger)
