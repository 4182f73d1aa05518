"""When cars were seen: at their sale, and whenever they were checked in at a station."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy.orm import Mapped, mapped_column

from marque_survey.models.base import Model


class CarSighting(Model):
    """A sale or visit. `voided`: it was taken back, and stays so whatever is heard later."""

    __tablename__ = "car_sightings"

    deed_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    vin: Mapped[str]
    customer_id: Mapped[uuid.UUID | None]
    dealer_id: Mapped[uuid.UUID | None]
    seen_time: Mapped[datetime]
    voided: Mapped[bool] = mapped_column(default=False)
