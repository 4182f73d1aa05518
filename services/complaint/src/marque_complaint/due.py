"""Work that time makes due at the complaint service: promises that are broken."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.due import DueHandler

from marque_complaint.usecases import timers
from marque_complaint.usecases.common import CLOCK


def handlers() -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind."""
    return {CLOCK: timers.tick}
