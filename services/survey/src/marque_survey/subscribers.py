"""What the survey service hears from others: what people are asked about, and which case was opened for an alarm."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
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


async def on_deeds(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Sales and visits, opened, closed, or told again for a read model that is rebuilt: the car was seen. Of a sale the buyer is asked,
    counted from the day of delivery; of a visit that ended, who brought the car. For a snapshot nobody is asked.
    """
    told = [_READ[event.type](event.data) for event in events]
    await lapsing.seen(uow=uow, deeds=[deed for deed, _ in told])
    await planning.plan(uow=uow, happened=[happened for _, happened in told if happened is not None])


def _sale_recorded(data: Any) -> tuple[dict[str, Any], Occurrence | None]:
    told = _day_of(data)
    day = date(told.year, told.month, told.day)
    return _sale(data), _occurrence(kinds.SALE, f"sale:{data.sale_id}", data, day=day)


def _sale(data: Any) -> dict[str, Any]:
    told = _day_of(data)  # a car was delivered, else invoiced: noon of that day
    noon = datetime(told.year, told.month, told.day, 12, tzinfo=UTC)
    return _sighting(data, data.sale_id, noon)


def _sale_snapshot(data: Any) -> tuple[dict[str, Any], None]:
    return {**_sale(data), "voided": data.state == sale_pb2.SALE_STATE_REVERSED}, None


def _visit_opened(data: Any) -> tuple[dict[str, Any], None]:
    return _sighting(data, data.repair_order_id, data.open_time.ToDatetime(UTC)), None


def _visit_closed(data: Any) -> tuple[dict[str, Any], Occurrence | None]:
    moment = data.close_time.ToDatetime(UTC)
    opened = data.open_time if data.HasField("open_time") else data.close_time
    happened = _occurrence(kinds.VISIT, f"repair_order:{data.repair_order_id}", data, moment=moment)
    return _sighting(data, data.repair_order_id, opened.ToDatetime(UTC)), happened


def _visit_snapshot(data: Any) -> tuple[dict[str, Any], None]:
    voided = data.state == repair_order_types_pb2.REPAIR_ORDER_STATE_REVERSED
    return {**_sighting(data, data.repair_order_id, data.open_time.ToDatetime(UTC)), "voided": voided}, None


_READ: dict[str, Callable[[Any], tuple[dict[str, Any], Occurrence | None]]] = {
    "marque.vehicle.v1.SaleRecorded": _sale_recorded,
    "marque.vehicle.v1.RepairOrderClosed": _visit_closed,
    "marque.vehicle.v1.RepairOrderOpened": _visit_opened,
    "marque.vehicle.v1.SaleSnapshot": _sale_snapshot,
    "marque.vehicle.v1.RepairOrderSnapshot": _visit_snapshot,
}


async def on_reversed(uow: UnitOfWork, event: Event) -> None:
    """A sale or visit was taken back: the car was not seen then."""
    data: Any = event.data
    values = _sighting(data, event.key, data.occur_time.ToDatetime(UTC))
    await lapsing.taken_back(uow=uow, values=values)


def _day_of(data: Any) -> Any:
    return data.delivery_date if data.HasField("delivery_date") else data.invoice_date


def _sighting(data: Any, deed_id: str, moment: datetime) -> dict[str, Any]:
    ids = {
        name: uuid.UUID(found) if (found := getattr(data, name, "")) else None for name in ("customer_id", "dealer_id")
    }
    return {"deed_id": uuid.UUID(deed_id), "vin": data.vin, "seen_time": moment, "voided": False, **ids}


async def on_cases_closed(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Cases were closed: who complained is asked how it was handled; once, however often it is opened and closed again. One that
    goes on in another case is not over.
    """
    happened = [_handled(event.data) for event in events if not event.data.merged_into_case_id]
    await planning.plan(uow=uow, happened=[one for one in happened if one is not None])


def _handled(data: Any) -> Occurrence | None:
    moment, case_id = data.occur_time.ToDatetime(UTC), uuid.UUID(data.case_id)
    return _occurrence(kinds.CASE, f"case:{data.case_id}", data, moment=moment, case_id=case_id)


async def on_case_received(uow: UnitOfWork, event: Event) -> None:
    """A case was opened; one for an alarm of ours is noted."""
    data: Any = event.data
    if data.source == ALARMED:
        await planning.name_case(uow=uow, invitation_id=uuid.UUID(data.source_key), case_id=uuid.UUID(data.case_id))


def _occurrence(trigger: int, key: str, data: Any, **when: Any) -> Occurrence | None:
    """What somebody can be asked about; None where nobody is known."""
    if not data.customer_id:
        return None
    dealer = uuid.UUID(data.dealer_id) if data.dealer_id else None
    if adviser := getattr(data, "adviser_staff_id", ""):
        when["adviser"] = uuid.UUID(adviser)
    return Occurrence(
        trigger, key, uuid.UUID(data.customer_id), dealer, data.vin, model=getattr(data, "model", ""), **when
    )


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
                "marque.vehicle.v1.SaleReversed": on_reversed,
                "marque.vehicle.v1.RepairOrderReversed": on_reversed,
            },
            CONSTRAINTS,
            lane="dealer_id",
            groups=dict.fromkeys(_READ, on_deeds),
            rebuilds={"car_sightings": "marque.vehicle.v1.SaleSnapshot"},
            effects=_PLANNED,
        ),
        Subscription(
            "survey_complaint",
            "complaint",
            {"marque.complaint.v1.CaseReceived": on_case_received},
            CONSTRAINTS,
            lane="dealer_id",
            groups={"marque.complaint.v1.CaseClosed": on_cases_closed},
            effects=_PLANNED | {"survey_alarms"},
        ),
    ]
