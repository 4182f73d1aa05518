"""What the complaint service hears from others."""

from __future__ import annotations

import uuid
from typing import Any

from servicekit import aliases, dealers, staff
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_complaint.errors import CONSTRAINTS
from marque_complaint.usecases import timers


async def on_calendar_changed(uow: UnitOfWork, event: Event) -> None:
    """A dealer has other hours: the clocks of its cases are computed anew when they were asked for."""
    data: Any = event.data
    await timers.hours_changed(uow=uow, dealer_id=uuid.UUID(data.dealer_id), department=data.department)


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to."""
    return [
        Subscription(
            "complaint_network",
            "network",
            {
                **dealers.handlers(),
                **staff.handlers(),
                "marque.network.v1.CalendarChanged": on_calendar_changed,
            },
            CONSTRAINTS,
            rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
            effects=frozenset({"known_calendars"}),
        ),
        Subscription(
            "complaint_customer",
            "customer",
            aliases.handlers(),
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds=aliases.REBUILDS,
        ),
    ]
