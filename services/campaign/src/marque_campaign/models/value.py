"""Where the classes of value end, as data: found anew every day, and kept so that a class can be explained."""

from __future__ import annotations

from datetime import date

from sqlalchemy import ARRAY, BigInteger, Double
from sqlalchemy.orm import Mapped, mapped_column

from marque_campaign.models.base import Model


class ValueClass(Model):
    """The upper ends of the first four fifths of a measure (`rules.value`), of how many people, and on which day."""

    __tablename__ = "value_classes"

    measure: Mapped[str] = mapped_column(primary_key=True)
    ends: Mapped[list[float]] = mapped_column(ARRAY(Double))
    people: Mapped[int] = mapped_column(BigInteger)
    day: Mapped[date]
