"""Words by which cases are counted, what is counted of each case, and what was learned from past ones."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from sqlalchemy import ARRAY, BigInteger, Float, LargeBinary, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class CaseTerm(Aggregate, Model):
    """A word of a taxonomy. It is never deleted, so the sum of the versions only grows: that says whether counts are by words of now."""

    __tablename__ = "case_terms"

    scheme: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    names: Mapped[dict[str, str]] = mapped_column(JSONB, default=dict)
    aliases: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    product: Mapped[bool] = mapped_column(default=False)
    retired: Mapped[bool] = mapped_column(default=False)


class CaseMark(Model):
    """A case that changed and is to be counted anew."""

    __tablename__ = "case_marks"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class CaseFact(Model):
    """What is counted of a case: a row for each component it is about, at least one. No person and none of their words stand in it."""

    __tablename__ = "case_facts"

    case_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    ordinal: Mapped[int] = mapped_column(primary_key=True)
    month: Mapped[date]
    receive_time: Mapped[datetime]
    dealer_id: Mapped[uuid.UUID | None]
    kind: Mapped[int]
    severity: Mapped[int]
    make: Mapped[str]
    model: Mapped[str]
    model_year: Mapped[int]
    system: Mapped[str]
    leads_system: Mapped[bool]
    component: Mapped[str]
    category: Mapped[str]
    cause: Mapped[str]
    weekday: Mapped[int]
    hour: Mapped[int]
    predicted: Mapped[bool]
    category_predicted: Mapped[bool]
    system_score: Mapped[float] = mapped_column(Float(24))
    category_score: Mapped[float] = mapped_column(Float(24))
    suggester_version: Mapped[int]
    basis: Mapped[int] = mapped_column(BigInteger)
    mileage_from_km: Mapped[int]
    place: Mapped[str]
    response: Mapped[int]
    resolution: Mapped[int]
    reopened: Mapped[bool]
    is_open: Mapped[bool]


class CaseSuggester(Model):
    """A version of what was learned; `document` holds it, of the latest ones alone."""

    __tablename__ = "case_suggesters"

    version: Mapped[int] = mapped_column(primary_key=True)
    create_time: Mapped[datetime]
    train_time: Mapped[datetime | None]
    too_few: Mapped[bool] = mapped_column(default=False)
    decided_count: Mapped[int] = mapped_column(BigInteger, default=0)
    measures: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    document: Mapped[bytes | None] = mapped_column(LargeBinary)
