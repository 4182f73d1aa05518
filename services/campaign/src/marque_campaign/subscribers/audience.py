"""What segments ask of people and cars.

Events tell ids and facts. What is told of a sale or visit is kept; of whom an event is about, the owners are asked again.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from marque.complaint.v1 import case_types_pb2
from marque.survey.v1 import survey_answer_pb2
from marque.vehicle.v1 import ownership_pb2, repair_order_types_pb2, sale_pb2
from servicekit import aliases
from servicekit.db.uow import UnitOfWork
from servicekit.messaging.consumer import Handler, Subscription
from servicekit.messaging.envelope import Event

from marque_campaign.errors import CONSTRAINTS
from marque_campaign.repository.audience import CASE, OWNERSHIP, SALE, VISIT
from marque_campaign.subscribers import letters
from marque_campaign.usecases import audience, letter_files

_CUSTOMER, _VEHICLE = "marque.customer.v1.", "marque.vehicle.v1."
_COMPLAINT, _SURVEY = "marque.complaint.v1.", "marque.survey.v1."
_SCORES = _SURVEY + "SurveyScoreSnapshot"
# Whom the owners are to be asked about again: at rest there is nobody.
_MARKS = frozenset({"audience_stale"})


async def on_people(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Something changed of customers."""
    await audience.mark(uow=uow, kind=audience.PERSON, keys={_told(event).customer_id for event in events})


async def on_cars(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Something changed of cars."""
    await audience.mark(uow=uow, kind=audience.CAR, keys={_told(event).vin for event in events})


def _merging(handler: Handler) -> Handler:
    async def heard(uow: UnitOfWork, event: Event) -> None:
        """Two customers became one, or two again: both are looked at, and their letters."""
        data: Any = event.data
        await handler(uow, event)
        for one in (data.customer_id, data.merged_customer_id):
            await letter_files.heard(uow=uow, customer_id=uuid.UUID(one))
        await audience.mark(uow=uow, kind=audience.PERSON, keys={data.customer_id, data.merged_customer_id})

    return heard


async def on_recall_closed(uow: UnitOfWork, event: Event) -> None:
    """A recall was closed."""
    await audience.recall_closed(uow=uow)


def _ownership(event: Event) -> dict[str, Any] | None:
    """A car came to somebody, or left them; who merely drives it is no owner."""
    data = _told(event)
    if data.role not in (ownership_pb2.OWNERSHIP_ROLE_OWNER, ownership_pb2.OWNERSHIP_ROLE_LESSEE):
        return None
    ended = (
        event.type == _VEHICLE + "OwnershipEnded" or data.HasField("valid_end_time") or getattr(data, "voided", False)
    )
    start = "valid_start_time" if event.type != _VEHICLE + "OwnershipEnded" else ""
    moment = getattr(data, start).ToDatetime(UTC) if start and data.HasField(start) else None
    return _deed(event, OWNERSHIP, data.ownership_id, moment, standing=not ended)


def _sale(event: Event) -> dict[str, Any]:
    """A car was sold, or a sale was taken back."""
    data = _told(event)
    reversed_ = event.type == _VEHICLE + "SaleReversed" or getattr(data, "state", 0) == sale_pb2.SALE_STATE_REVERSED
    return _deed(event, SALE, data.sale_id, _noon(data), standing=not reversed_)


def _visit(event: Event) -> dict[str, Any]:
    """A car was checked in, or a visit was taken back."""
    data = _told(event)
    gone = event.type == _VEHICLE + "RepairOrderReversed"
    gone = gone or getattr(data, "state", 0) == repair_order_types_pb2.REPAIR_ORDER_STATE_REVERSED
    moment = data.open_time.ToDatetime(UTC) if hasattr(data, "open_time") and data.HasField("open_time") else None
    return _deed(event, VISIT, data.repair_order_id, moment, standing=not gone)


def _case(event: Event) -> dict[str, Any]:
    """A case was opened, closed, opened again, or found to be about somebody."""
    data = _told(event)
    closed = event.type == _COMPLAINT + "CaseClosed" or getattr(data, "state", 0) == case_types_pb2.CASE_STATE_CLOSED
    moment = (
        data.receive_time.ToDatetime(UTC) if hasattr(data, "receive_time") and data.HasField("receive_time") else None
    )
    return _deed(event, CASE, data.case_id, moment, standing=not closed)


_READ: dict[str, Callable[[Event], dict[str, Any] | None]] = {
    **dict.fromkeys((f"{_VEHICLE}Ownership{done}" for done in ("Started", "Ended", "Snapshot")), _ownership),
    **dict.fromkeys((f"{_VEHICLE}Sale{done}" for done in ("Recorded", "Reversed", "Snapshot")), _sale),
    **dict.fromkeys((f"{_VEHICLE}RepairOrder{done}" for done in ("Opened", "Reversed", "Snapshot")), _visit),
    **dict.fromkeys(
        (f"{_COMPLAINT}Case{done}" for done in ("Received", "Closed", "Reopened", "Linked", "Snapshot")), _case
    ),
}
"""How what is told of a deed is read, by the type of the event; None for what is none."""


async def on_deeds(uow: UnitOfWork, events: Sequence[Event]) -> None:
    """Something happened: ownerships, sales, visits, cases."""
    deeds = [deed for event in events if (deed := _READ[event.type](event)) is not None]
    former = {getattr(event.data, "former_customer_id", "") for event in events}
    await audience.note_deeds(uow=uow, deeds=deeds, also=former)


async def on_scored(uow: UnitOfWork, event: Event) -> None:
    """Somebody's answers were scored: the first measure of them counts, which is the one that the questionnaire puts first."""
    data: Any = event.data
    if data.customer_id and data.scores:
        values = {
            "invitation_id": uuid.UUID(data.invitation_id),
            "customer_id": uuid.UUID(data.customer_id),
            "score": data.scores[0].value,
            "moment": (data.finish_time if event.type == _SCORES else data.occur_time).ToDatetime(UTC),
            "version": event.version,
        }
        # When weights are added, answers of long ago are told again with an index alone, which is another scale.
        index = all(one.measure == survey_answer_pb2.SURVEY_MEASURE_INDEX for one in data.scores)
        await audience.note_score(uow=uow, values=values, only_new=index)


def _deed(event: Event, kind: int, key: str, moment: datetime | None, *, standing: bool) -> dict[str, Any]:
    data = _told(event)
    ids = {
        name: uuid.UUID(found) if (found := getattr(data, name, "")) else None for name in ("customer_id", "dealer_id")
    }
    return {
        "kind": kind,
        "deed_id": uuid.UUID(key),
        "vin": data.vin,
        "moment": moment,
        "standing": standing,
        "heard_version": event.version,
        **ids,
    }


def _told(event: Event) -> Any:
    return event.data


def _noon(data: Any) -> datetime | None:
    """When a car was delivered, else invoiced: noon of that day, which is the same day almost everywhere."""
    for name in ("delivery_date", "invoice_date"):
        if hasattr(data, name) and (day := getattr(data, name)).day:
            return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return None


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
            _alias_handlers(),
            CONSTRAINTS,
            lane=aliases.LANE,
            groups=dict.fromkeys((_CUSTOMER + name for name in (*person, *values)), on_people),
            rebuilds={
                **aliases.REBUILDS,
                **dict.fromkeys(("audience_people", "audience_holdings"), _CUSTOMER + "CustomerSnapshot"),
            },
            effects=_MARKS | letters.EFFECTS,
        ),
        Subscription(
            "campaign_vehicle",
            "vehicle",
            {_VEHICLE + "RecallClosed": on_recall_closed},
            CONSTRAINTS,
            lane="vin",
            groups={
                **dict.fromkeys((_VEHICLE + name for name in cars), on_cars),
                **dict.fromkeys((name for name in _READ if name.startswith(_VEHICLE)), on_deeds),
            },
            rebuilds={
                "audience_deeds": _VEHICLE + "SaleSnapshot",
                "audience_cars": _VEHICLE + "VehicleSnapshot",
            },
            effects=_MARKS,
        ),
        Subscription(
            "campaign_complaint",
            "complaint",
            {},
            CONSTRAINTS,
            groups=dict.fromkeys((name for name in _READ if name.startswith(_COMPLAINT)), on_deeds),
            rebuilds={"audience_deeds": _COMPLAINT + "CaseSnapshot"},
            effects=_MARKS,
        ),
        Subscription(
            "campaign_survey",
            "survey",
            dict.fromkeys((_SURVEY + "SurveyScored", _SCORES), on_scored),
            CONSTRAINTS,
            rebuilds={"audience_scores": _SCORES},
            effects=_MARKS,
        ),
    ]
