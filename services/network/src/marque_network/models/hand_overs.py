"""Hand-overs of people who have left."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from marque_network.models.base import Model


class HandOver(Model):
    """Everything that somebody had, on its way to `successors`, in turn."""

    __tablename__ = "hand_overs"

    hand_over_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    staff_id: Mapped[uuid.UUID]
    dealer_id: Mapped[uuid.UUID | None]
    successors: Mapped[list[uuid.UUID]] = mapped_column(ARRAY(Uuid))
    create_time: Mapped[datetime]
    end_time: Mapped[datetime | None]


class HandOverStep(Model):
    """How far one service is; `position` is that of the last row which is in the report."""

    __tablename__ = "hand_over_steps"

    hand_over_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, default=0)
    handed: Mapped[int] = mapped_column(BigInteger, default=0)
    refused: Mapped[int] = mapped_column(BigInteger, default=0)
    failure: Mapped[str] = mapped_column(Text, default="")
    try_time: Mapped[datetime]
    end_time: Mapped[datetime | None]

    def take(self, position: int, handed: int, refused: int) -> None:
        """Goes on to a position."""
        self.position, self.handed, self.refused = position, self.handed + handed, self.refused + refused
        self.failure = ""

    def put_off(self, failure: str, until: datetime) -> None:
        """Waits, for a failure or because something late may still come."""
        self.failure, self.try_time = failure, until


class HandOverItem(Model):
    """One row of the report."""

    __tablename__ = "hand_over_items"

    hand_over_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    service: Mapped[str] = mapped_column(Text, primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    to_staff_id: Mapped[uuid.UUID | None]
    reason: Mapped[str] = mapped_column(Text)


@dataclass(frozen=True, slots=True)
class Report:
    """A hand-over and how far the services are."""

    row: Any
    steps: Sequence[Any]
