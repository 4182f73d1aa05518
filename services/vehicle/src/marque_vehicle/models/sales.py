"""Sales, and the ownerships that they start. States and roles are the numbers of the contract's enums."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.errors import DomainError
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model


class Sale(Aggregate, Model):
    """One sale of one car by one dealer. Amounts are minor units of `currency`; `start_time` is when the buyer's ownership begins."""

    __tablename__ = "sales"

    RECORDED, REVERSED = 1, 2

    sale_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    vin: Mapped[str] = mapped_column(String(17))
    buyer_customer_id: Mapped[uuid.UUID | None]
    invoice_number: Mapped[str]
    invoice_date: Mapped[date]
    delivery_date: Mapped[date | None]
    start_time: Mapped[datetime]
    currency: Mapped[str] = mapped_column(default="")
    price: Mapped[int | None] = mapped_column(BigInteger)
    discount: Mapped[int | None] = mapped_column(BigInteger)
    options: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, default=list)
    adviser_staff_id: Mapped[uuid.UUID | None]
    adviser_employee_number: Mapped[str] = mapped_column(default="")
    payment_kind: Mapped[int] = mapped_column(default=0)
    use: Mapped[int]
    odometer_km: Mapped[int] = mapped_column(default=0)
    source: Mapped[str] = mapped_column(default="")
    source_key: Mapped[str] = mapped_column(default="")
    state: Mapped[int] = mapped_column(default=RECORDED)
    reversal_reason: Mapped[str] = mapped_column(default="")
    reverse_time: Mapped[datetime | None]
    order_id: Mapped[uuid.UUID | None]
    trade_in: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    margin: Mapped[int | None] = mapped_column(BigInteger)
    lead_id: Mapped[uuid.UUID | None]
    quote_number: Mapped[str] = mapped_column(default="")

    def reverse(self, reason: str, moment: datetime) -> None:
        """Takes the sale back. Raises SaleAlreadyReversed."""
        if self.state == self.REVERSED:
            raise errors.SaleAlreadyReversed(sale_id=self.sale_id)
        self.state, self.reversal_reason, self.reverse_time = self.REVERSED, reason, moment


class Ownership(Model):
    """One way in which an ownership is or was known. Rows are never changed but in `known_until`, once."""

    __tablename__ = "ownerships"

    OWNER, LESSEE, DRIVER, KEEPER = 1, 2, 3, 4
    TRADED_IN = 1  # as the reason of an end

    ownership_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, default=1)
    vin: Mapped[str] = mapped_column(String(17))
    customer_id: Mapped[uuid.UUID | None]
    role: Mapped[int]
    valid_from: Mapped[datetime]
    valid_until: Mapped[datetime | None]
    known_from: Mapped[datetime]
    known_until: Mapped[datetime | None]
    sale_id: Mapped[uuid.UUID | None]
    source: Mapped[str] = mapped_column(default="")
    end_reason: Mapped[int] = mapped_column(default=0)
    ended_by_sale_id: Mapped[uuid.UUID | None]

    def void(self, known: datetime) -> None:
        """Says that it never was, as known from `known` on."""
        self.known_until = known

    def corrected(self, known: datetime, **values: Any) -> Ownership:
        """Ends this row's known interval and returns the row that follows, with other values."""
        self.known_until = known
        kept = {
            name: getattr(self, name)
            for name in (
                "ownership_id", "vin", "customer_id", "role", "valid_from", "valid_until", "sale_id", "source", "end_reason",
                "ended_by_sale_id",
            )
        }  # fmt: skip
        return Ownership(**{**kept, "version": self.version + 1, "known_from": known, **values})

    def handed_on(self, moment: datetime, known: datetime) -> Ownership:
        """Returns the row that says that another followed at a moment. Raises OwnershipAlreadyEnded, TransferBeforeStart."""
        return self._ended(moment, known, errors.TransferBeforeStart, 0, None)

    def ended(self, moment: datetime, known: datetime, reason: int, sale_id: uuid.UUID | None = None) -> Ownership:
        """Returns the row that says that it ended at a moment, by a sale or of itself. Raises OwnershipAlreadyEnded, EndBeforeStart."""
        return self._ended(moment, known, errors.EndBeforeStart, reason, sale_id)

    def _ended(
        self,
        moment: datetime,
        known: datetime,
        too_early: type[DomainError],
        reason: int,
        sale_id: uuid.UUID | None,
    ) -> Ownership:
        if self.valid_until is not None:
            raise errors.OwnershipAlreadyEnded()
        if moment <= self.valid_from:
            raise too_early()
        return self.corrected(known, valid_until=moment, end_reason=reason, ended_by_sale_id=sale_id)

    def reopened(self, known: datetime) -> Ownership:
        """Returns the row that says that it goes on after all."""
        return self.corrected(known, valid_until=None, end_reason=0, ended_by_sale_id=None)
