"""What can go wrong with vehicles, sales and visits, in words for people and reasons for programs."""

from __future__ import annotations

from servicekit.db.uow import Constraints
from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound


class SaleNotFound(NotFound):
    """No such sale in the caller's sight."""

    reason = "SALE_NOT_FOUND"
    message = "There is no sale {sale_id}, or you may not see it."


class SaleAlreadyReversed(FailedPrecondition):
    """A sale is reversed once."""

    reason = "SALE_ALREADY_REVERSED"
    message = "The sale {sale_id} is reversed already."


class InvoiceAlreadyRecorded(AlreadyExists):
    """The dealer has a sale under this invoice number."""

    reason = "INVOICE_ALREADY_RECORDED"
    message = "This dealer has recorded a sale under this invoice number already."


CONSTRAINTS: Constraints = {"uq_sales_dealer_id": InvoiceAlreadyRecorded}
