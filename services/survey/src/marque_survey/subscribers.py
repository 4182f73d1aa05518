"""What the survey service hears from others: what people are asked about, and which case was opened for an alarm."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime
from typing import Any

from marque.vehicle.v1 import repair_order_types_pb2, sale_pb2
from servicekit import aliases, dealers, staff
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Subscription
from servicekit.messaging.envelope import Event

from marque_survey.errors import CONSTRAINTS
from marque_survey.rules import kinds
from marque_survey.usecases import lapsing, planning
from marque_survey.usecases.planning import Occurrence

ALARMED = "marque.survey.v1.SurveyAlarmed"
_PLANNED = frozenset({"invitations", "survey_quotas", "survey_calls"})


async def on_sale_recorded(uow: UnitOfWork, event: Event) -> None:
    """A car was sold: its buyer is asked, counted from the day of delivery."""
    data: Any = event.data
    told = data.delivery_date if data.HasField("delivery_date") else data.invoice_date
    day = date(told.year, told.month, told.day)
    await _see(uow, data, data.sale_id, _day_of(data))
    await _plan(uow, kinds.SALE, f"sale:{data.sale_id}", data, day=day)


async def on_repair_order_closed(uow: UnitOfWork, event: Event) -> None:
    """A visit ended: who brought the car is asked."""
    data: Any = event.data
    moment = data.close_time.ToDatetime(UTC)
    opened = data.open_time if data.HasField("open_time") else data.close_time
    await _see(uow, data, data.repair_order_id, opened.ToDatetime(UTC))
    await _plan(uow, kinds.VISIT, f"repair_order:{data.repair_order_id}", data, moment=moment)


async def on_sale_snapshot(uow: UnitOfWork, event: Event) -> None:
    """The state of a sale, for a read model that is rebuilt: nobody is asked."""
    data: Any = event.data
    await _see(uow, data, data.sale_id, _day_of(data), voided=data.state == sale_pb2.SALE_STATE_REVERSED)


async def on_repair_order_opened(uow: UnitOfWork, event: Event) -> None:
    """A car was checked in: it was seen."""
    data: Any = event.data
    await _see(uow, data, data.repair_order_id, data.open_time.ToDatetime(UTC))


async def on_repair_order_snapshot(uow: UnitOfWork, event: Event) -> None:
    """The state of a repair order, for a read model that is rebuilt."""
    data: Any = event.data
    voided = data.state == repair_order_types_pb2.REPAIR_ORDER_STATE_REVERSED
    await _see(uow, data, data.repair_order_id, data.open_time.ToDatetime(UTC), voided=voided)


async def on_reversed(uow: UnitOfWork, event: Event) -> None:
    """A sale or visit was taken back: the car was not seen then."""
    data: Any = event.data
    values = _sighting(data, event.key, data.occur_time.ToDatetime(UTC))
    await lapsing.taken_back(uow=uow, values=values)


def _day_of(data: Any) -> datetime:
    """When a car was delivered, else invoiced: noon of that day."""
    told = data.delivery_date if data.HasField("delivery_date") else data.invoice_date
    return datetime(told.year, told.month, told.day, 12, tzinfo=UTC)


async def _see(uow: UnitOfWork, data: Any, deed_id: str, moment: datetime, *, voided: bool = False) -> None:
    await lapsing.seen(uow=uow, values={**_sighting(data, deed_id, moment), "voided": voided})


def _sighting(data: Any, deed_id: str, moment: datetime) -> dict[str, Any]:
    ids = {
        name: uuid.UUID(found) if (found := getattr(data, name, "")) else None for name in ("customer_id", "dealer_id")
    }
    return {"deed_id": uuid.UUID(deed_id), "vin": data.vin, "seen_time": moment, **ids}


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
                "marque.vehicle.v1.RepairOrderOpened": on_repair_order_opened,
                "marque.vehicle.v1.SaleReversed": on_reversed,
                "marque.vehicle.v1.RepairOrderReversed": on_reversed,
                "marque.vehicle.v1.SaleSnapshot": on_sale_snapshot,
                "marque.vehicle.v1.RepairOrderSnapshot": on_repair_order_snapshot,
            },
            CONSTRAINTS,
            lane="dealer_id",
            rebuilds={"car_sightings": "marque.vehicle.v1.SaleSnapshot"},
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
