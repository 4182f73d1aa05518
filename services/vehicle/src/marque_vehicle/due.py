"""Work that time makes due at the vehicle service: reminders of appointments, those that nobody came to, the cars
of a recall that was opened, the look at cars under the law of replacement and return, promises of orders that were broken."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from servicekit.db.due import DueHandler

from marque_vehicle.rules.diary import Policy
from marque_vehicle.usecases import appointments, lemon, plant, recalls


def handlers(policy: Policy) -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {
        appointments.REMIND: appointments.remind,
        appointments.MISS: partial(appointments.miss, policy=policy),
        recalls.TELL: recalls.tell,
        lemon.CHECK: lemon.check,
        plant.LATE: plant.tell_late,
    }
