"""What is said about cases: with the customer, and apart from it among those who work on them."""

from __future__ import annotations

import uuid
from datetime import datetime

from servicekit.ids import new_uuid
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class CaseMessage(Model):
    """A word that the customer reads."""

    __tablename__ = "case_messages"

    message_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    case_id: Mapped[uuid.UUID]
    author: Mapped[int]
    staff_id: Mapped[uuid.UUID | None]
    text: Mapped[str]
    create_time: Mapped[datetime]


class CaseNote(Model):
    """A word that the customer never reads."""

    __tablename__ = "case_notes"

    note_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    case_id: Mapped[uuid.UUID]
    staff_id: Mapped[uuid.UUID | None]
    text: Mapped[str]
    create_time: Mapped[datetime]
