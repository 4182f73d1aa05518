"""What can go wrong with claims under warranty, and with the reversal of what they rest on."""

from __future__ import annotations

from servicekit.errors import AlreadyExists, FailedPrecondition, NotFound


class WarrantyClaimNotFound(NotFound):
    """No such claim in the caller's sight."""

    reason = "WARRANTY_CLAIM_NOT_FOUND"
    message = "There is no such claim, or you may not see it."


class WarrantyClaimExists(AlreadyExists):
    """A claim for the repair order stands."""

    reason = "WARRANTY_CLAIM_EXISTS"
    message = "There is a claim for this repair order already."


class WarrantyClaimStateWrong(FailedPrecondition):
    """The claim does not stand where this may be done."""

    reason = "WARRANTY_CLAIM_STATE_WRONG"
    message = "The claim does not stand where this may be done."


class WarrantyClaimNotCovered(FailedPrecondition):
    """Nothing is approved of a line that no clause covers."""

    reason = "WARRANTY_CLAIM_NOT_COVERED"
    message = "A line is not covered by any clause of the warranty: nothing of it can be approved."


class WarrantyClaimAboveLimit(FailedPrecondition):
    """The sum is for somebody with a higher limit."""

    reason = "WARRANTY_CLAIM_ABOVE_LIMIT"
    message = "The sum is more than you may approve; ask a manager."


class WarrantyLinesMissing(FailedPrecondition):
    """Nothing of the order is to be paid under warranty."""

    reason = "WARRANTY_LINES_MISSING"
    message = "The repair order has no line that is paid under warranty."


class WarrantyPartsMissing(FailedPrecondition):
    """The maker asked for the old parts and does not have them."""

    reason = "WARRANTY_PARTS_MISSING"
    message = "The old parts were not received yet."


class PartsReturnStateWrong(FailedPrecondition):
    """No parts are to be sent, or they were sent or received already."""

    reason = "PARTS_RETURN_STATE_WRONG"
    message = "The return of the old parts does not stand where this may be done."


class RepairOrderNotClosed(FailedPrecondition):
    """Only a closed order is claimed or reversed."""

    reason = "REPAIR_ORDER_NOT_CLOSED"
    message = "The repair order is not closed."


class RepairOrderRemediedRecall(FailedPrecondition):
    """A recall was told to be remedied by it: that cannot be taken back."""

    reason = "REPAIR_ORDER_REMEDIED_RECALL"
    message = "A recall was remedied by this repair order."
