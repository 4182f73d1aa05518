"""What can go wrong with the clauses of the warranty."""

from __future__ import annotations

from servicekit.errors import FailedPrecondition


class WarrantyTermInForce(FailedPrecondition):
    """Cars were sold under the clause: what they were promised stands."""

    reason = "WARRANTY_TERM_IN_FORCE"
    message = "Vehicles are sold under this clause already: end it, and write one that holds from a later day."
