"""What segments ask of people and cars.

Events tell ids and facts. What is told of a sale or visit is kept; of whom an event is about, the owners are asked again.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from marque.complaint.v1 import case_types_pb2
from marque.vehicle.v1 import ownership_pb2, repair_order_types_pb2, sale_pb2
from servicekit import aliases
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Handler, Subscription
from servicekit.messaging.envelope import Event

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.repository.audience import CASE, OWNERSHIP, SALE, VISIT
from marque_campaign.usecases import audience

_CUSTOMER, _VEHICLE = "marque.customer.v1.", "marque.vehicle.v1."
_COMPLAINT, _SURVEY = "marque.complaint.v1.", "marque.survey.v1."
# Whom the owners are to be asked about again: at rest there is nobody.
_MARKS = frozenset({"audience_stale"})


async def on_person(uow: UnitOfWork, event: Event) -> None:
    """Something changed of a customer."""
    data: Any = event.data
    await audience.mark(uow=uow, kind=audience.PERSON, keys={data.customer_id})


async def on_car(uow: UnitOfWork, event: Event) -> None:
    """Something changed of a car."""
    data: Any = event.data
    await audience.mark(uow=uow, kind=audience.CAR, keys={data.vin})


def _merging(handler: Handler) -> Handler:
    async def heard(uow: UnitOfWork, event: Event) -> None:
        """Two customers became one, or two again: both are looked at."""
        data: Any = event.data
        await handler(uow, event)
        await audience.mark(uow=uow, kind=audience.PERSON, keys={data.customer_id, data.merged_customer_id})

    return heard


async def on_recall_closed(uow: UnitOfWork, event: Event) -> None:
    """A recall was closed."""
    await audience.recall_closed(uow=uow)


async def on_ownership(uow: UnitOfWork, event: Event) -> None:
    """A car came to somebody, or left them; who merely drives it is no owner."""
    data: Any = event.data
    if data.role not in (ownership_pb2.OWNERSHIP_ROLE_OWNER, ownership_pb2.OWNERSHIP_ROLE_LESSEE):
        return
    ended = (
        event.type == _VEHICLE + "OwnershipEnded" or data.HasField("valid_end_time") or getattr(data, "voided", False)
    )
    start = "valid_start_time" if event.type != _VEHICLE + "OwnershipEnded" else ""
    moment = getattr(data, start).ToDatetime(UTC) if start and data.HasField(start) else None
    await _note(uow, event, OWNERSHIP, data.ownership_id, moment, standing=not ended)


async def on_sale(uow: UnitOfWork, event: Event) -> None:
    """A car was sold, or a sale was taken back."""
    data: Any = event.data
    reversed_ = event.type == _VEHICLE + "SaleReversed" or getattr(data, "state", 0) == sale_pb2.SALE_STATE_REVERSED
    await _note(uow, event, SALE, data.sale_id, _noon(data), standing=not reversed_)


async def on_visit(uow: UnitOfWork, event: Event) -> None:
    """A car was checked in, or a visit was taken back."""
    data: Any = event.data
    gone = event.type == _VEHICLE + "RepairOrderReversed"
    gone = gone or getattr(data, "state", 0) == repair_order_types_pb2.REPAIR_ORDER_STATE_REVERSED
    moment = data.open_time.ToDatetime(UTC) if hasattr(data, "open_time") and data.HasField("open_time") else None
    await _note(uow, event, VISIT, data.repair_order_id, moment, standing=not gone)


async def on_case(uow: UnitOfWork, event: Event) -> None:
    """A case was opened, closed, opened again, or found to be about somebody."""
    data: Any = event.data
    closed = event.type == _COMPLAINT + "CaseClosed" or getattr(data, "state", 0) == case_types_pb2.CASE_STATE_CLOSED
    moment = (
        data.receive_time.ToDatetime(UTC) if hasattr(data, "receive_time") and data.HasField("receive_time") else None
    )
    former = getattr(data, "former_customer_id", "")
    await _note(uow, event, CASE, data.case_id, moment, standing=not closed, also=former)


async def on_scored(uow: UnitOfWork, event: Event) -> None:
    """Somebody's answers were scored: the first measure of them counts, which is the one that the questionnaire puts first."""
    data: Any = event.data
    if data.customer_id and data.scores:
        values = {
            "invitation_id": uuid.UUID(data.invitation_id),
            "customer_id": uuid.UUID(data.customer_id),
            "score": data.scores[0].value,
            "moment": data.occur_time.ToDatetime(UTC),
            "version": event.version,
        }
        await audience.note_score(uow=uow, values=values)


async def _note(
    uow: UnitOfWork, event: Event, kind: int, key: str, moment: datetime | None, *, standing: bool, also: str = ""
) -> None:
    data: Any = event.data
    ids = {
        name: uuid.UUID(found) if (found := getattr(data, name, "")) else None for name in ("customer_id", "dealer_id")
    }
    values = {
        "kind": kind,
        "deed_id": uuid.UUID(key),
        "vin": data.vin,
        "moment": moment,
        "standing": standing,
        "heard_version": event.version,
        **ids,
    }
    await audience.note_deed(uow=uow, values=values, also=also)


def _noon(data: Any) -> datetime | None:
    """When a car was delivered, else invoiced: noon of that day, which is the same day almost everywhere."""
    for name in ("delivery_date", "invoice_date"):
        if hasattr(data, name) and (day := getattr(data, name)).day:
            return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return None


def _of(prefix: str, handler: Handler, *names: str) -> dict[str, Handler]:
    return {prefix + name: handler for name in names}


def _alias_handlers() -> dict[str, Handler]:
    return {name: _merging(handler) for name, handler in aliases.handlers().items()}


def subscriptions() -> list[Subscription]:
    """Returns those that feed the read model. Sales, visits and ownerships are in lanes by car."""
    person = ("CustomerCreated", "CustomerUpdated", "CustomerErased", "CustomerSnapshot", "ConsentChanged")
    values = ("LifecycleStageChanged", "CustomerTierChanged", "HoldingChanged")
    cars = (
        "VehicleRegistered",
        "VehicleUpdated",
        "VehicleSnapshot",
        "VehicleRecalled",
        "RecallRemedied",
        "MaintenanceDue",
    )
    return [
        Subscription(
            "campaign_customer",
            "customer",
            {**_alias_handlers(), **_of(_CUSTOMER, on_person, *person, *values)},
            CONSTRAINTS,
            lane=aliases.LANE,
            rebuilds={
                **aliases.REBUILDS,
                **dict.fromkeys(("audience_people", "audience_holdings"), _CUSTOMER + "CustomerSnapshot"),
            },
            effects=_MARKS,
        ),
        Subscription(
            "campaign_vehicle",
            "vehicle",
            {
                **_of(_VEHICLE, on_car, *cars),
                **_of(_VEHICLE, on_recall_closed, "RecallClosed"),
                **_of(_VEHICLE, on_ownership, "OwnershipStarted", "OwnershipEnded", "OwnershipSnapshot"),
                **_of(_VEHICLE, on_sale, "SaleRecorded", "SaleReversed", "SaleSnapshot"),
                **_of(_VEHICLE, on_visit, "RepairOrderOpened", "RepairOrderReversed", "RepairOrderSnapshot"),
            },
            CONSTRAINTS,
            lane="vin",
            rebuilds={
                "audience_deeds": _VEHICLE + "SaleSnapshot",
                "audience_cars": _VEHICLE + "VehicleSnapshot",
            },
            effects=_MARKS,
        ),
        Subscription(
            "campaign_complaint",
            "complaint",
            _of(_COMPLAINT, on_case, "CaseReceived", "CaseClosed", "CaseReopened", "CaseLinked", "CaseSnapshot"),
            CONSTRAINTS,
            rebuilds={"audience_deeds": _COMPLAINT + "CaseSnapshot"},
            effects=_MARKS,
        ),
        Subscription(
            "campaign_survey",
            "survey",
            _of(_SURVEY, on_scored, "SurveyScored"),
            CONSTRAINTS,
            effects=_MARKS | {"audience_scores"},
        ),
    ]
