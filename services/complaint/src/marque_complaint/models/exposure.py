"""What complaints are set against, heard from others: cars sold, visits that ended, the cars' models, stages of customers' lives."""

from __future__ import annotations

import uuid
from datetime import date

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from marque_complaint.models.base import Model


class KnownDeed(Model):
    """A sale or a visit. Without a month nothing but its reversal was heard yet."""

    __tablename__ = "known_deeds"

    deed_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[int]
    vin: Mapped[str]
    dealer_id: Mapped[uuid.UUID | None]
    month: Mapped[date | None]
    voided: Mapped[bool]


class KnownCar(Model):
    """Of which model a car is."""

    __tablename__ = "known_cars"

    vin: Mapped[str] = mapped_column(primary_key=True)
    make: Mapped[str]
    model: Mapped[str]
    model_year: Mapped[int]


class KnownStage(Model):
    """Where somebody stands as a customer."""

    __tablename__ = "known_stages"

    customer_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    stage: Mapped[int]
    version: Mapped[int] = mapped_column(BigInteger)
