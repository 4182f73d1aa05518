"""Plans, invitations and the answers to them. Numbers are those of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ARRAY, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_survey.errors import InvitationNotResendable
from marque_survey.models.base import Model
from marque_survey.rules import kinds


class SurveyPlan(Aggregate, Model):
    """When whom is asked what. `dealer_quota` 0: no limit."""

    __tablename__ = "survey_plans"

    plan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    questionnaire_id: Mapped[uuid.UUID]
    trigger: Mapped[int]
    active: Mapped[bool] = mapped_column(default=False)
    delay_days: Mapped[int] = mapped_column(default=0)
    expire_days: Mapped[int] = mapped_column(default=14)
    sample_permille: Mapped[int] = mapped_column(default=1000)
    dealer_quota: Mapped[int] = mapped_column(default=0)
    way: Mapped[int] = mapped_column(default=kinds.BY_EMAIL)
    call_attempts: Mapped[int] = mapped_column(default=3)
    check_permille: Mapped[int] = mapped_column(default=50)
    swept_time: Mapped[datetime | None]

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes new values and returns the names of the fields that changed."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        return changed


class SurveyQuota(Model):
    """How many invitations of a plan are reserved for a dealer in a month; the dealer is the nil id where there is none."""

    __tablename__ = "survey_quotas"

    plan_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    dealer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    period: Mapped[date] = mapped_column(primary_key=True)
    taken: Mapped[int]


class Invitation(Aggregate, Model):
    """Somebody who is asked, and how far that is.

    `claim` numbers the takings of the row by workers that send; `handing`: the worker went on to the provider, so that what became of the
    mail is not known where it broke off.
    """

    __tablename__ = "invitations"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    plan_id: Mapped[uuid.UUID | None]
    questionnaire_id: Mapped[uuid.UUID]
    questionnaire_number: Mapped[int]
    customer_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
    vin: Mapped[str] = mapped_column(default="")
    model: Mapped[str] = mapped_column(default="")
    trigger: Mapped[int]
    occurrence: Mapped[str] = mapped_column(default="")
    about_case_id: Mapped[uuid.UUID | None]
    anonymous: Mapped[bool] = mapped_column(default=False)
    state: Mapped[int]
    reason: Mapped[str] = mapped_column(default="")
    channel: Mapped[int] = mapped_column(default=kinds.EMAIL)
    language: Mapped[str] = mapped_column(default="")
    due_time: Mapped[datetime | None]
    quota_period: Mapped[date | None]
    claim: Mapped[int] = mapped_column(default=0)
    claim_time: Mapped[datetime | None]
    handing: Mapped[bool] = mapped_column(default=False)
    attempts: Mapped[int] = mapped_column(default=0)
    send_count: Mapped[int] = mapped_column(default=0)
    send_time: Mapped[datetime | None]
    expire_time: Mapped[datetime | None]
    first_answer_time: Mapped[datetime | None]
    finish_time: Mapped[datetime | None]
    late: Mapped[bool] = mapped_column(default=False)
    alarms: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)
    adviser_staff_id: Mapped[uuid.UUID | None]
    wave: Mapped[int] = mapped_column(default=0)
    signs: Mapped[list[str]] = mapped_column(ARRAY(Text), default=list)

    @property
    def about_handling(self) -> bool:
        """Whether it asks how a case was handled: what it brings to light opens no further case."""
        return self.trigger == kinds.CASE

    def resend(self, moment: datetime) -> None:
        """Makes it due again. Raises InvitationNotResendable."""
        if self.channel != kinds.EMAIL or self.state in (kinds.PLANNED, kinds.SENDING, kinds.FINISHED):
            raise InvitationNotResendable()
        self.state, self.reason, self.due_time, self.attempts = kinds.PLANNED, "", moment, 0
        self.claim_time, self.handing = None, False

    def saved(self, moment: datetime) -> None:
        """Notes that an answer came."""
        self.first_answer_time = self.first_answer_time or moment
        if self.state != kinds.ANSWERING:
            self.state, self.reason = kinds.ANSWERING, ""
        self.touch()

    def finish(self, moment: datetime, alarms: list[str]) -> None:
        """Ends it with the answers that were given; one that comes after its time is kept and marked."""
        self.state, self.finish_time, self.alarms = kinds.FINISHED, moment, alarms
        self.first_answer_time = self.first_answer_time or moment
        self.late = self.expire_time is not None and moment > self.expire_time


class SurveyAnswer(Model):
    """An answer as it was given last; `sequence` counts within the submission (a page that was opened)."""

    __tablename__ = "survey_answers"

    invitation_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    question_code: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[dict[str, Any]] = mapped_column(JSONB)
    submission_id: Mapped[str]
    sequence: Mapped[int]
    save_time: Mapped[datetime]
