"""Work that time makes due at the vehicle service: reminders of appointments, those that nobody came to, the cars of a recall that was
opened, the look at cars under the law of replacement and return, promises of orders that were broken, what is due of maintenance, and
counts of cars in use."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from servicekit.db.due import DueHandler

from marque_vehicle.rules.diary import Policy
from marque_vehicle.usecases import appointments, exposure, lemon, maintenance, plant, recalls, roadside


def handlers(policy: Policy) -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {
        appointments.REMIND: appointments.remind,
        appointments.MISS: partial(appointments.miss, policy=policy),
        recalls.TELL: recalls.tell,
        lemon.CHECK: lemon.check,
        lemon.ALONE: lemon.check_alone,
        lemon.DAY: lemon.day,
        lemon.SWEEP: lemon.sweep,
        plant.LATE: plant.tell_late,
    }


def upkeep(notice_days: int) -> Mapping[str, DueHandler]:
    """Returns the due work of maintenance, of which is told some days before, of counts, and of what is forgotten."""
    return {
        maintenance.LOOK: partial(maintenance.look, notice_days=notice_days),
        maintenance.WATCH: maintenance.watch,
        maintenance.SWEEP: maintenance.sweep,
        exposure.COUNT: exposure.count,
        roadside.FORGET: roadside.forget,
    }
