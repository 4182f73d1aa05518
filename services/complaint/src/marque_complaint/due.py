"""Work that time makes due at the complaint service: promises that are broken, files that must go."""

from __future__ import annotations

from collections.abc import Mapping

from servicekit.db.due import DueHandler
from servicekit.objects import ObjectStore

from marque_complaint.usecases import attaching, tasks, timers
from marque_complaint.usecases.common import CLOCK


def handlers(store: ObjectStore | None) -> Mapping[str, DueHandler]:
    """Returns the due work of this service by its kind; without a store there are no files to remove."""
    found: dict[str, DueHandler] = {CLOCK: timers.tick, tasks.DUE: tasks.tick}
    return {**found, attaching.REMOVAL: attaching.Removing(store)} if store is not None else found
