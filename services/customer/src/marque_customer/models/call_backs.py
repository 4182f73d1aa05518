"""Who is to be called back: the missed call behind a task, until somebody spoke with the caller."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.models.base import Model


class CallBack(Model):
    """One missed call and its task. `assign_time`: since when somebody is looked for to do it, none where that is settled."""

    __tablename__ = "call_backs"

    task_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("tasks.task_id"), primary_key=True)
    call_id: Mapped[uuid.UUID]
    number: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    customer_id: Mapped[uuid.UUID | None]
    assign_time: Mapped[datetime | None]
    assignment_id: Mapped[uuid.UUID | None]
    create_time: Mapped[datetime]
