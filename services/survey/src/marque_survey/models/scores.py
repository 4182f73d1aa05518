"""Scores, the weights that they are made with, and alarms."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from servicekit.ids import new_uuid
from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_survey.models.base import Model


class WeightSet(Model):
    """The weights of an index from a day on. Rows never change."""

    __tablename__ = "weight_sets"

    weight_set_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    kind: Mapped[str]
    market: Mapped[str]
    effective_date: Mapped[date]
    factors: Mapped[dict[str, int]] = mapped_column(JSONB)
    minimum_percent: Mapped[int]
    source: Mapped[str]
    create_time: Mapped[datetime]


class SurveyScore(Model):
    """A score of a response; `weight_set_id` is the nil id but for an index."""

    __tablename__ = "survey_scores"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    measure: Mapped[int] = mapped_column(primary_key=True)
    weight_set_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    value: Mapped[float]
    questionnaire_id: Mapped[uuid.UUID]
    plan_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
    model: Mapped[str] = mapped_column(default="")
    finish_time: Mapped[datetime]
    adviser_staff_id: Mapped[uuid.UUID | None]
    wave: Mapped[int] = mapped_column(default=0)
    signed: Mapped[bool] = mapped_column(default=False)


class SurveyFactor(Model):
    """How far up its scale a step of the index was rated in a response, 0 to 1."""

    __tablename__ = "survey_factors"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    factor: Mapped[str] = mapped_column(primary_key=True)
    share: Mapped[float]
    questionnaire_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    finish_time: Mapped[datetime]


class SurveyText(Model):
    """A hash of the free text of a response, by which copies are found."""

    __tablename__ = "survey_texts"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    text_hash: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]


class SurveyAlarm(Model):
    """A response at which somebody looks at once; `case_id` once a case was opened for it."""

    __tablename__ = "survey_alarms"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    rules: Mapped[list[str]] = mapped_column(ARRAY(Text))
    about_handling: Mapped[bool]
    raise_time: Mapped[datetime]
    case_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
