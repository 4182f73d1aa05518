"""Work that time makes due at the vehicle service: reminders of appointments, and those that nobody came to."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from servicekit.db.due import DueHandler

from marque_vehicle.rules.diary import Policy
from marque_vehicle.usecases import appointments


def handlers(policy: Policy) -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {appointments.REMIND: appointments.remind, appointments.MISS: partial(appointments.miss, policy=policy)}
