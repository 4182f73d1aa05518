"""What the complaint service hears from others."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from marque.vehicle.v1 import lemon_watch_pb2
from servicekit import aliases, dealers, staff
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_complaint.errors import CONSTRAINTS
from marque_complaint.mapping import deeds
from marque_complaint.repository import exposure
from marque_complaint.rules import kinds
from marque_complaint.usecases import assigning, creating, timers


async def on_calendar_changed(uow: UnitOfWork, event: Event) -> None:
    """A dealer has other hours: the clocks of its cases are computed anew when they were asked for."""
    data: Any = event.data
    await timers.hours_changed(uow=uow, dealer_id=uuid.UUID(data.dealer_id), department=data.department)


async def on_assignment_made(uow: UnitOfWork, event: Event) -> None:
    """Network found somebody for a case that had waited in its dealer's queue."""
    data: Any = event.data
    if data.item_type == assigning.ITEM and data.dealer_id and data.staff_id:
        await assigning.take(uow, uuid.UUID(data.item_id), uuid.UUID(data.dealer_id), uuid.UUID(data.staff_id))


async def on_lemon_law_reached(uow: UnitOfWork, event: Event) -> None:
    """A car reached a threshold of the law of replacement and return: a case is opened for it, once."""
    data: Any = event.data
    trigger = lemon_watch_pb2.LemonTrigger.Name(data.trigger).removeprefix("LEMON_TRIGGER_")
    await creating.open_for(
        uow=uow, source=event.type, key=str(event.id), vin=data.vin, category=f"LEMON_LAW:{trigger}"
    )


async def on_survey_alarmed(uow: UnitOfWork, event: Event) -> None:
    """Somebody's answers need an act: a case is opened for them, once, with the key of the answers. What is about the handling of a case
    opens none, or it would go in a circle.
    """
    data: Any = event.data
    if data.about_handling:
        return
    known: dict[str, Any] = {"channel": kinds.BY_SURVEY}
    for name in ("customer_id", "dealer_id"):
        if getattr(data, name):
            known[name] = uuid.UUID(getattr(data, name))
    category = f"SURVEY:{data.rules[0]}" if data.rules else "SURVEY"
    await creating.open_for(
        uow=uow, source=event.type, key=data.invitation_id, vin=data.vin, category=category, known=known
    )


async def on_deeds(uow: UnitOfWork, told: Sequence[Event]) -> None:
    """Cars were sold or taken back, visits ended: what complaints are set against."""
    if rows := [row for event in told if (row := deeds.row_of(event)) is not None]:
        await exposure.hear_deeds(uow.session, rows)


async def on_cars(uow: UnitOfWork, told: Sequence[Event]) -> None:
    """Of which model cars are."""
    await exposure.hear_cars(uow.session, [deeds.car_of(event) for event in told])


async def on_stage_changed(uow: UnitOfWork, event: Event) -> None:
    """Somebody stands elsewhere as a customer."""
    data: Any = event.data
    await exposure.hear_stage(uow.session, uuid.UUID(data.customer_id), data.stage, event.version)


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
                "marque.network.v1.AssignmentMade": on_assignment_made,
            },
            CONSTRAINTS,
            rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
            effects=frozenset({"known_calendars", "cases", "case_entries", "case_marks"}),
        ),
        Subscription(
            "complaint_customer",
            "customer",
            {**aliases.handlers(), "marque.customer.v1.LifecycleStageChanged": on_stage_changed},
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds=aliases.REBUILDS,
            effects=frozenset({"known_stages"}),
        ),
        Subscription(
            "complaint_vehicle",
            "vehicle",
            {"marque.vehicle.v1.LemonLawReached": on_lemon_law_reached},
            CONSTRAINTS,
            groups={**dict.fromkeys(deeds.TYPES, on_deeds), **dict.fromkeys(deeds.CAR_TYPES, on_cars)},
            rebuilds={
                "known_deeds": "marque.vehicle.v1.SaleSnapshot",
                "known_cars": "marque.vehicle.v1.VehicleSnapshot",
            },
            effects=frozenset({"cases", "case_entries", "case_clocks", "case_search", "case_marks"}),
        ),
        Subscription(
            "complaint_survey",
            "survey",
            {"marque.survey.v1.SurveyAlarmed": on_survey_alarmed},
            CONSTRAINTS,
            effects=frozenset({"cases", "case_entries", "case_clocks", "case_search", "case_marks", "known_calendars"}),
        ),
    ]
