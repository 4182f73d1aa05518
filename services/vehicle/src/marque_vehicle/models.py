"""The tables of the vehicle service, with their behaviour."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate, Base, metadata
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, String, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle.errors import SaleAlreadyReversed


class Model(Base):
    """Base of the vehicle service's tables."""

    __abstract__ = True
    metadata = metadata()


class Sale(Aggregate, Model):
    """One sale of one car by one dealer. Amounts are minor units of `currency`; states are the numbers of `SaleState`."""

    __tablename__ = "sales"
    __table_args__ = (UniqueConstraint("dealer_id", "invoice_number"),)

    RECORDED, REVERSED = 1, 2

    sale_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    vin: Mapped[str] = mapped_column(String(17))
    buyer_customer_id: Mapped[uuid.UUID]
    invoice_number: Mapped[str]
    invoice_date: Mapped[date]
    delivery_date: Mapped[date | None]
    currency: Mapped[str | None] = mapped_column(String(3))
    price: Mapped[int | None] = mapped_column(BigInteger)
    discount: Mapped[int | None] = mapped_column(BigInteger)
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    adviser_staff_id: Mapped[uuid.UUID | None]
    payment_kind: Mapped[int] = mapped_column(default=0)
    use: Mapped[int]
    odometer_km: Mapped[int] = mapped_column(default=0)
    source: Mapped[str] = mapped_column(default="")
    source_key: Mapped[str] = mapped_column(default="")
    state: Mapped[int] = mapped_column(default=RECORDED)
    reversal_reason: Mapped[str] = mapped_column(default="")
    reverse_time: Mapped[datetime | None]

    def reverse(self, reason: str, moment: datetime) -> None:
        """Takes the sale back. Raises SaleAlreadyReversed."""
        if self.state == self.REVERSED:
            raise SaleAlreadyReversed(sale_id=self.sale_id)
        self.state, self.reversal_reason, self.reverse_time = self.REVERSED, reason, moment
