"""Work calendars."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.models.base import Model


class WorkCalendar(Model):
    """One version of the hours of a dealer or a department (`rules.hours.Hours`); never changed.

    `change_number` counts all versions of the dealer, departments together: the aggregate version of `CalendarChanged`.
    """

    __tablename__ = "work_calendars"

    dealer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dealers.dealer_id"), primary_key=True)
    department: Mapped[str] = mapped_column(Text, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    change_number: Mapped[int] = mapped_column(BigInteger)
    time_zone: Mapped[str] = mapped_column(Text)
    week: Mapped[dict[str, list[str]]] = mapped_column(JSONB)
    holiday_country: Mapped[str] = mapped_column(Text)
    exceptions: Mapped[dict[str, dict[str, Any]]] = mapped_column(JSONB)
    create_time: Mapped[datetime]
