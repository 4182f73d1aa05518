"""Holdings: what else a customer has from us or from partners."""

from __future__ import annotations

import uuid
from datetime import date, datetime

from servicekit.db.base import Aggregate
from servicekit.ids import new_uuid
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from marque_customer.errors import HoldingEnded
from marque_customer.models.base import Model


class Holding(Aggregate, Model):
    """A loan, an insurance, a membership …; without a dealer it is the maker's. `minor` is its value in the smallest unit."""

    __tablename__ = "holdings"
    ACTIVE, ENDED, REDEEMED, CANCELLED = 1, 2, 3, 4

    holding_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    customer_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("customers.customer_id"))
    dealer_id: Mapped[uuid.UUID | None]
    kind: Mapped[int]
    state: Mapped[int] = mapped_column(default=ACTIVE)
    provider: Mapped[str] = mapped_column(default="")
    product: Mapped[str] = mapped_column(default="")
    number: Mapped[str] = mapped_column(default="")
    vin: Mapped[str] = mapped_column(default="")
    currency: Mapped[str] = mapped_column(default="")
    minor: Mapped[int | None]
    start_date: Mapped[date | None]
    end_date: Mapped[date | None]
    renewal_date: Mapped[date | None]
    renewals: Mapped[int] = mapped_column(default=0)
    close_time: Mapped[datetime | None]
    close_reason: Mapped[str] = mapped_column(default="")
    source: Mapped[str] = mapped_column(default="")
    source_key: Mapped[str] = mapped_column(default="")
    owner_id: Mapped[uuid.UUID | None]
    content_hash: Mapped[str] = mapped_column(default="")

    def close(self, state: int, reason: str, moment: datetime) -> None:
        """Ends, redeems or cancels it. Raises HoldingEnded."""
        self.require_active()
        self.state, self.close_reason, self.close_time = state, reason, moment

    def renew(self, end_date: date | None, renewal_date: date | None, value: tuple[str, int] | None) -> None:
        """Goes on until another end, for another value where one is given. Raises HoldingEnded."""
        self.require_active()
        self.end_date, self.renewal_date = end_date, renewal_date
        if value is not None:
            self.currency, self.minor = value
        self.renewals += 1

    def require_active(self) -> None:
        """Raises HoldingEnded for one that was ended, redeemed or cancelled."""
        if self.state != self.ACTIVE:
            raise HoldingEnded(holding_id=self.holding_id)
