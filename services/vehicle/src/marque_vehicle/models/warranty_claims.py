"""Claims under warranty. States are the numbers of the contract's enums; amounts are minor units of `currency`."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from servicekit.db.base import Aggregate
from servicekit.errors import FieldViolation, InvalidArgument
from servicekit.ids import new_uuid
from sqlalchemy import BigInteger, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from marque_vehicle import errors
from marque_vehicle.models.base import Model
from marque_vehicle.rules import claims as rules


class WarrantyClaim(Aggregate, Model):
    """What a station claims for a repair order: submitted → checked → approved or refused → paid; returned ones are submitted again."""

    __tablename__ = "warranty_claims"

    SUBMITTED, CHECKED, RETURNED, APPROVED, REFUSED, PAID, REVERSED = range(1, 8)
    NOT_NEEDED, REQUESTED, SENT, RECEIVED = range(1, 5)

    claim_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_uuid)
    dealer_id: Mapped[uuid.UUID]
    repair_order_id: Mapped[uuid.UUID]
    repair_order_number: Mapped[str]
    vin: Mapped[str] = mapped_column(String(17))
    state: Mapped[int] = mapped_column(default=SUBMITTED)
    currency: Mapped[str] = mapped_column(default="")
    items: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    claimed: Mapped[int] = mapped_column(BigInteger)
    approved: Mapped[int | None] = mapped_column(BigInteger)
    recoverable: Mapped[int | None] = mapped_column(BigInteger)
    reason: Mapped[str] = mapped_column(default="")
    parts_return: Mapped[int] = mapped_column(default=0)
    submissions: Mapped[int] = mapped_column(default=1)
    submit_time: Mapped[datetime]
    decide_time: Mapped[datetime | None]
    pay_time: Mapped[datetime | None]
    payment_reference: Mapped[str] = mapped_column(default="")

    def _require(self, *states: int) -> None:
        if self.state not in states:
            raise errors.WarrantyClaimStateWrong()

    def submit_again(self, items: list[dict[str, Any]], currency: str, moment: datetime) -> None:
        """Takes the lines as they stand now. Raises WarrantyClaimStateWrong."""
        self._require(self.RETURNED)
        self.state, self.reason, self.submit_time = self.SUBMITTED, "", moment
        self.items, self.currency, self.claimed = items, currency, rules.claimed(items)
        self.submissions += 1

    def check(self, judged: Mapping[int, tuple[int, str]]) -> None:
        """Takes (reason, clause) of each line by its number; checking again judges anew. Raises WarrantyClaimStateWrong."""
        self._require(self.SUBMITTED, self.CHECKED)
        self.items = [
            {**item, "coverage": judged[item["line_number"]][0], "term_code": judged[item["line_number"]][1]}
            for item in self.items
        ]
        self.state = self.CHECKED

    def send_back(self, reason: str) -> None:
        """Sends it back to the station. Raises WarrantyClaimStateWrong."""
        self._require(self.SUBMITTED, self.CHECKED)
        self.state, self.reason = self.RETURNED, reason

    def refuse(self, reason: str, moment: datetime) -> None:
        """Refuses it. Raises WarrantyClaimStateWrong."""
        self._require(self.SUBMITTED, self.CHECKED)
        self.state, self.reason, self.decide_time, self.approved = self.REFUSED, reason, moment, 0

    def approve(self, amounts: Mapping[int, int], limit: int | None, moment: datetime, *, parts: bool) -> None:
        """Approves amounts by line; none named: the whole of what is covered. `limit`: in minor units, None for none.

        Raises WarrantyClaimStateWrong, InvalidArgument, WarrantyClaimNotCovered, WarrantyClaimAboveLimit.
        """
        self._require(self.CHECKED)
        given = dict(amounts) or rules.approved_in_full(self.items)
        known = {item["line_number"] for item in self.items}
        wrong = [(number, "LINE_NOT_CLAIMED", "The claim has no such line.") for number in given if number not in known]
        too_much = rules.over_claimed(self.items, given)
        wrong += [(number, "AMOUNT_ABOVE_CLAIMED", "More is approved than is claimed.") for number in too_much]
        if wrong:
            fields = [FieldViolation(f"approvals[{number}]", reason, text) for number, reason, text in wrong]
            raise InvalidArgument(violations=fields)
        if rules.uncovered(self.items, given):
            raise errors.WarrantyClaimNotCovered()
        whole = sum(given.values())
        if limit is not None and whole > limit:
            raise errors.WarrantyClaimAboveLimit()
        self.items = [{**item, "approved": given.get(item["line_number"], 0)} for item in self.items]
        self.state, self.decide_time, self.approved = self.APPROVED, moment, whole
        self.parts_return = self.REQUESTED if parts else self.NOT_NEEDED

    def move_parts(self, before: int, after: int) -> None:
        """Says that the old parts were sent, or received. Raises PartsReturnStateWrong."""
        if self.state != self.APPROVED or self.parts_return != before:
            raise errors.PartsReturnStateWrong()
        self.parts_return = after

    def pay(self, reference: str, moment: datetime) -> None:
        """Says that it was paid. Raises WarrantyClaimStateWrong, WarrantyPartsMissing."""
        self._require(self.APPROVED)
        if self.parts_return not in (self.NOT_NEEDED, self.RECEIVED):
            raise errors.WarrantyPartsMissing()
        self.state, self.pay_time, self.payment_reference = self.PAID, moment, reference

    def reverse(self) -> bool:
        """Falls with its repair order; tells whether it had been paid, so that the sum is to be taken back."""
        paid = self.state == self.PAID
        self.state, self.recoverable = self.REVERSED, self.approved if paid else None
        return paid
