"""What the survey service hears from others: what people are asked about, and which case was opened for an alarm."""

from __future__ import annotations

import uuid
from datetime import UTC, date
from typing import Any

from servicekit import aliases, dealers, staff
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_survey.errors import CONSTRAINTS
from marque_survey.rules import kinds
from marque_survey.usecases import planning
from marque_survey.usecases.planning import Occurrence

ALARMED = "marque.survey.v1.SurveyAlarmed"
_PLANNED = frozenset({"invitations", "survey_quotas"})


async def on_sale_recorded(uow: UnitOfWork, event: Event) -> None:
    """A car was sold: its buyer is asked, counted from the day of delivery."""
    data: Any = event.data
    told = data.delivery_date if data.HasField("delivery_date") else data.invoice_date
    day = date(told.year, told.month, told.day)
    await _plan(uow, kinds.SALE, f"sale:{data.sale_id}", data, day=day)


async def on_repair_order_closed(uow: UnitOfWork, event: Event) -> None:
    """A visit ended: who brought the car is asked."""
    data: Any = event.data
    moment = data.close_time.ToDatetime(UTC)
    await _plan(uow, kinds.VISIT, f"repair_order:{data.repair_order_id}", data, moment=moment)


async def on_case_closed(uow: UnitOfWork, event: Event) -> None:
    """A case was closed: who complained is asked how it was handled; once, however often it is opened and closed again. One that
    goes on in another case is not over.
    """
    data: Any = event.data
    if data.merged_into_case_id:
        return
    moment, case_id = data.occur_time.ToDatetime(UTC), uuid.UUID(data.case_id)
    await _plan(uow, kinds.CASE, f"case:{data.case_id}", data, moment=moment, case_id=case_id)


async def on_case_received(uow: UnitOfWork, event: Event) -> None:
    """A case was opened; one for an alarm of ours is noted."""
    data: Any = event.data
    if data.source == ALARMED:
        await planning.name_case(uow=uow, invitation_id=uuid.UUID(data.source_key), case_id=uuid.UUID(data.case_id))


async def _plan(uow: UnitOfWork, trigger: int, key: str, data: Any, **when: Any) -> None:
    if data.customer_id:
        dealer = uuid.UUID(data.dealer_id) if data.dealer_id else None
        if adviser := getattr(data, "adviser_staff_id", ""):
            when["adviser"] = uuid.UUID(adviser)
        when["model"] = getattr(data, "model", "")
        happened = Occurrence(trigger, key, uuid.UUID(data.customer_id), dealer, data.vin, **when)
        await planning.plan(uow=uow, happened=happened)


def subscriptions() -> list[Subscription]:
    """Returns the streams that this service listens to. What plans is in lanes by dealer, whose quota it takes."""
    return [
        Subscription(
            "survey_network",
            "network",
            {**dealers.handlers(), **staff.handlers()},
            CONSTRAINTS,
            rebuilds={**dealers.REBUILDS, **staff.REBUILDS},
        ),
        Subscription(
            "survey_customer",
            "customer",
            aliases.handlers(),
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds=aliases.REBUILDS,
        ),
        Subscription(
            "survey_vehicle",
            "vehicle",
            {
                "marque.vehicle.v1.SaleRecorded": on_sale_recorded,
                "marque.vehicle.v1.RepairOrderClosed": on_repair_order_closed,
            },
            CONSTRAINTS,
            lane="dealer_id",
            effects=_PLANNED,
        ),
        Subscription(
            "survey_complaint",
            "complaint",
            {
                "marque.complaint.v1.CaseClosed": on_case_closed,
                "marque.complaint.v1.CaseReceived": on_case_received,
            },
            CONSTRAINTS,
            lane="dealer_id",
            effects=_PLANNED | {"survey_alarms"},
        ),
    ]
