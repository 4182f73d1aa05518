"""Between maintenance and its messages."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from marque.vehicle.v1 import maintenance_pb2, maintenance_service_pb2
from servicekit import fields
from servicekit.db.query import json_of
from servicekit.errors import InvalidArgument

from marque_vehicle.models import MaintenancePlan
from marque_vehicle.rules import maintenance as rules

_PLAIN = ("plan_code", "market", "make", "model", "repeat_km", "repeat_months")
Span = tuple[date | None, date | None]


def plan_values(message: maintenance_pb2.MaintenancePlan) -> dict[str, Any]:
    """Returns the columns of a plan. Raises InvalidArgument."""
    first = fields.as_day(message, "effective_from", "maintenance_plan.effective_from")
    last = fields.as_day(message, "effective_before", "maintenance_plan.effective_before")
    if last is not None and first is not None and last <= first:
        field = "maintenance_plan.effective_before"
        raise InvalidArgument.of(field, "RANGE_REVERSED", "The last day lies before the first.")
    steps = [[one.km, one.months] for one in message.steps]
    for place, (earlier, later) in enumerate(pairwise(steps), 1):
        if later[0] <= earlier[0] or later[1] <= earlier[1]:
            field = f"maintenance_plan.steps[{place}]"
            raise InvalidArgument.of(
                field, "STEPS_NOT_RISING", "Each service is farther and later than the one before."
            )
    plain = {name: getattr(message, name) for name in _PLAIN}
    codes = list(message.operation_codes)
    return {**plain, "steps": steps, "operation_codes": codes, "effective_from": first, "effective_before": last}


def plan_message(row: fields.Row) -> maintenance_pb2.MaintenancePlan:
    """Returns a plan."""
    message = maintenance_pb2.MaintenancePlan(
        operation_codes=row["operation_codes"], **{name: row[name] for name in _PLAIN}
    )
    for km, months in json_of(row["steps"]):
        message.steps.add(km=km, months=months)
    fields.set_day(message, "effective_from", row["effective_from"])
    fields.set_day(message, "effective_before", row["effective_before"])
    fields.set_moment(message, "update_time", row["update_time"])
    return message


def rendered(plan: MaintenancePlan) -> maintenance_pb2.MaintenancePlan:
    """Returns a plan that was written."""
    return plan_message(fields.row_of(plan))


def span(request: maintenance_service_pb2.ListMaintenanceDuesRequest, today: date, notice_days: int) -> Span:
    """Returns the first and the last day of what a list asks for; the state asked for narrows the days. Raises InvalidArgument."""
    first, last = fields.as_day(request, "due_date_from"), fields.as_day(request, "due_date_to")
    notice = today + timedelta(days=notice_days)
    begin, end = {
        rules.OVERDUE: (None, today - timedelta(days=1)),
        rules.DUE: (today, notice),
        rules.AHEAD: (notice + timedelta(days=1), None),
    }.get(request.state, (None, None))
    firsts, lasts = [one for one in (first, begin) if one], [one for one in (last, end) if one]
    return max(firsts, default=None), min(lasts, default=None)


def due_message(row: fields.Row, today: date, notice_days: int) -> maintenance_pb2.NextMaintenance:
    """Returns what is due of a car."""
    message = maintenance_pb2.NextMaintenance(
        vin=row["vin"],
        dealer_id=fields.text(row["dealer_id"]),
        plan_code=row["plan_code"],
        service_number=row["service_number"],
        cause=row["cause"],
        due_distance_km=row["due_distance_km"],
        metres_per_day=row["metres_per_day"],
        state=rules.state_of(row["due_date"], today, notice_days),  # type: ignore[arg-type]
    )
    fields.set_day(message, "plan_effective_from", row["plan_effective_from"])
    for name in ("due_date", "time_due_date", "distance_due_date", "distance_due_date_early", "distance_due_date_late"):
        fields.set_day(message, name, row[name])
    fields.set_moment(message, "update_time", row["update_time"])
    return message


def return_message(row: fields.Row) -> maintenance_pb2.MilestoneReturn:
    """Returns how many cars came for a service."""
    names = ("service_number", "milestone_km", "reached_count", "returned_count", "returned_to_seller_count")
    return maintenance_pb2.MilestoneReturn(dealer_id=str(row["dealer_id"]), **{name: row[name] for name in names})
