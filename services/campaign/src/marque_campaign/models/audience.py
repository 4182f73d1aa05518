"""What is known of people for whom segments are asked, and the segments. The read model is written in sets by the repository alone."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ARRAY, BigInteger, Double, Identity, Integer, Text, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class AudiencePerson(Model):
    """One customer who stands for themselves (a merged one has no row), as their owners told last. What is not known is NULL."""

    __tablename__ = "audience_people"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str | None]
    language: Mapped[str | None]
    market: Mapped[str | None]
    region: Mapped[str | None]
    city: Mapped[str | None]
    birth_month: Mapped[int | None]
    birth_day: Mapped[int | None]
    time_zone: Mapped[str | None]
    stage: Mapped[str | None]
    tier: Mapped[str | None]
    consents: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    interests: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    restricted: Mapped[bool] = mapped_column(default=False)
    last_activity_date: Mapped[date | None]
    spend: Mapped[int | None]
    visit_count: Mapped[int] = mapped_column(default=0)
    last_visit_date: Mapped[date | None]
    purchase_count: Mapped[int] = mapped_column(default=0)
    last_purchase_date: Mapped[date | None]
    open_cases: Mapped[int] = mapped_column(default=0)
    last_score: Mapped[float | None] = mapped_column(Double)
    last_score_date: Mapped[date | None]
    dealer_ids: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid), default=list)
    first_activity_date: Mapped[date | None]
    active_days: Mapped[int] = mapped_column(default=0)
    rfm_recency: Mapped[int | None]
    rfm_frequency: Mapped[int | None]
    rfm_monetary: Mapped[int | None]


class AudienceCar(Model):
    """A car and whose it is now (`person_id`, the survivor of merged ones; NULL for nobody known)."""

    __tablename__ = "audience_cars"

    vin: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID | None]
    make: Mapped[str | None]
    model: Mapped[str | None]
    model_year: Mapped[int | None]
    energy: Mapped[str | None]
    use: Mapped[str | None]
    odometer_km: Mapped[int | None]
    sold_date: Mapped[date | None]
    warranty_end_date: Mapped[date | None]
    next_service_date: Mapped[date | None]
    open_recalls: Mapped[int] = mapped_column(default=0)


class AudienceHolding(Model):
    """A running contract of somebody."""

    __tablename__ = "audience_holdings"

    holding_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    person_id: Mapped[uuid.UUID]
    kind: Mapped[str]
    vin: Mapped[str | None]
    end_date: Mapped[date | None]
    renewal_date: Mapped[date | None]


class AudienceDeed(Model):
    """What happened, as it was told: an ownership, sale, visit or case, by its own id and under the person's id of then."""

    __tablename__ = "audience_deeds"

    kind: Mapped[int] = mapped_column(primary_key=True)
    deed_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID | None]
    vin: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    moment: Mapped[datetime | None]
    standing: Mapped[bool]
    heard_version: Mapped[int] = mapped_column(BigInteger)


class AudienceScore(Model):
    """What somebody scored in a survey last told: by its invitation."""

    __tablename__ = "audience_scores"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    customer_id: Mapped[uuid.UUID]
    score: Mapped[float] = mapped_column(Double)
    moment: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)


class AudienceStale(Model):
    """Somebody, or a car, of whom something changed: the owners are asked again. One row for each change, gone when it was taken over."""

    __tablename__ = "audience_stale"
    PERSON, CAR = 1, 2

    mark_id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[int]
    key: Mapped[str]
    since: Mapped[datetime]


class Segment(Aggregate, Model):
    """People by a rule, which is kept as it was written; it is read again whenever it is used."""

    __tablename__ = "segments"

    segment_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    rule: Mapped[str]
    archived: Mapped[bool] = mapped_column(default=False)


class SuppressionRule(Aggregate, Model):
    """Whom no campaign addresses, and why: `kinds` are the kinds of campaigns that it holds for, none for all."""

    __tablename__ = "suppression_rules"

    code: Mapped[str] = mapped_column(primary_key=True)
    rule: Mapped[str]
    kinds: Mapped[list[int]] = mapped_column(ARRAY(Integer), default=list)
    enabled: Mapped[bool] = mapped_column(default=True)
