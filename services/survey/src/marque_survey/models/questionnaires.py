"""Questionnaires and the versions that were published of them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_survey.errors import QuestionnaireEmpty, QuestionnaireUnchanged
from marque_survey.models.base import Model
from marque_survey.rules import kinds


class Questionnaire(Aggregate, Model):
    """A questionnaire with its draft. `number` is that of the latest version, 0 for none."""

    __tablename__ = "questionnaires"

    questionnaire_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    name: Mapped[str]
    state: Mapped[int] = mapped_column(default=kinds.DRAFT)
    number: Mapped[int] = mapped_column(default=0)
    changed: Mapped[bool] = mapped_column(default=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    publish_time: Mapped[datetime | None]

    def change(self, values: dict[str, Any]) -> list[str]:
        """Takes a new name or document and returns the names of the fields that changed."""
        changed = [name for name, value in values.items() if getattr(self, name) != value]
        for name in changed:
            setattr(self, name, values[name])
        self.changed = self.changed or "document" in changed
        return changed

    def publish(self, publisher: str, moment: datetime) -> QuestionnaireVersion:
        """Returns the next version, which says what the draft says. Raises QuestionnaireEmpty, QuestionnaireUnchanged."""
        if not self.document.get("questions"):
            raise QuestionnaireEmpty()
        if not self.changed:
            raise QuestionnaireUnchanged(number=self.number)
        self.number, self.state, self.changed, self.publish_time = self.number + 1, kinds.PUBLISHED, False, moment
        return QuestionnaireVersion(
            questionnaire_id=self.questionnaire_id,
            number=self.number,
            document=self.document,
            publisher=publisher,
            publish_time=moment,
        )


class QuestionnaireVersion(Model):
    """A version. Rows never change."""

    __tablename__ = "questionnaire_versions"

    questionnaire_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSONB)
    publisher: Mapped[str]
    publish_time: Mapped[datetime]


class SurveyWave(Model):
    """A wave of a questionnaire. Rows never change."""

    __tablename__ = "survey_waves"

    questionnaire_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    start_time: Mapped[datetime]
