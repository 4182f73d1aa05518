"""Where customers stand, the rules of it, what is known of their purchases and visits."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.ids import new_uuid
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.types import Text

from marque_customer.models.base import Model


class CustomerValue(Model):
    """What a customer is worth, as it was found last; the stage and tier themselves stand in `customers`, by which lists go.

    A row exists for who has a purchase, visit or car; `next_time` is when it must be looked at again, none where only facts change it.
    """

    __tablename__ = "customer_values"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    stage_start_time: Mapped[datetime | None]
    stage_reason: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    tier_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    last_activity_time: Mapped[datetime | None]
    visits: Mapped[int] = mapped_column(default=0)
    cars: Mapped[int] = mapped_column(default=0)
    spend_minor: Mapped[int] = mapped_column(default=0)
    currency: Mapped[str] = mapped_column(default="")
    rules_version: Mapped[int] = mapped_column(default=0)
    next_time: Mapped[datetime | None]


class LifecycleChange(Model):
    """One change of stage or tier, numbered by customer."""

    __tablename__ = "lifecycle_changes"

    change_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID]
    sequence: Mapped[int]
    from_stage: Mapped[int]
    stage: Mapped[int]
    from_tier: Mapped[str]
    tier: Mapped[str]
    stage_reason: Mapped[dict[str, Any]] = mapped_column(JSONB)
    tier_reasons: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    start_time: Mapped[datetime | None]
    create_time: Mapped[datetime]
    rules_version: Mapped[int]


class LifecycleRulesVersion(Model):
    """A version of the rules as the contract's message in JSON; it never changes."""

    __tablename__ = "lifecycle_rules"

    version: Mapped[int] = mapped_column(primary_key=True)
    effective_time: Mapped[datetime]
    rules: Mapped[dict[str, Any]] = mapped_column(JSONB)
    create_time: Mapped[datetime]
    principal: Mapped[str]


class KnownSale(Model):
    """A sale as the vehicle service said last; `standing` is false for one that was reversed."""

    __tablename__ = "known_sales"

    sale_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    vin: Mapped[str]
    dealer_id: Mapped[uuid.UUID]
    occur_time: Mapped[datetime | None]
    standing: Mapped[bool]
    version: Mapped[int]


class KnownVisit(Model):
    """A repair order as the vehicle service said last, at the time of its check-in."""

    __tablename__ = "known_visits"

    repair_order_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    vin: Mapped[str]
    dealer_id: Mapped[uuid.UUID]
    occur_time: Mapped[datetime | None]
    standing: Mapped[bool]
    version: Mapped[int]


class LostReason(Model):
    """Why somebody stays away, as they answered an invitation of the survey service; `dealer_id` is none where it is about the maker."""

    __tablename__ = "lost_reasons"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    vin: Mapped[str] = mapped_column(default="")
    reasons: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    tell_time: Mapped[datetime]


class SpendEntry(Model):
    """What a sale or repair order cost the customer, in the smallest unit; `ask_time` is since when the vehicle service is to be asked."""

    __tablename__ = "spend_entries"
    SALE, VISIT = 1, 2

    kind: Mapped[int] = mapped_column(primary_key=True)
    reference_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    currency: Mapped[str] = mapped_column(default="")
    minor: Mapped[int] = mapped_column(default=0)
    ask_time: Mapped[datetime | None]
