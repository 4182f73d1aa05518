"""What can go wrong with maintenance."""

from __future__ import annotations

from servicekit.errors import FailedPrecondition


class MaintenancePlanInForce(FailedPrecondition):
    """Cars follow the plan: what their owners were told stands."""

    reason = "MAINTENANCE_PLAN_IN_FORCE"
    message = "Vehicles follow this plan already: end it, and write one that holds from a later day."


class MaintenanceNotPlanned(FailedPrecondition):
    """The car was not sold, is scrapped, or no plan holds for it."""

    reason = "MAINTENANCE_NOT_PLANNED"
    message = "No maintenance is planned for this vehicle."
